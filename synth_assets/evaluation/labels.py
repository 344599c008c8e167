"""Reading generalized cells: what interval a label such as ``[30, 40)`` stands for.

Anonymized rows carry text where the source has numbers or dates. Scores and attacks need the values that such a text
allows: the closed interval [low, high] on the number line (dates and times as seconds since 1970). Only the distinct
labels are read, in the engine.

Understood: ``[a, b)`` with any mix of brackets and with empty or infinite ends, ``a-b``, ``>= a``, ``> a``, ``a+``,
``<= b``, ``< b``, a plain value, of a date the month ``1985-03``, quarter ``1985-Q1``, year ``1985`` or years
``1985-1989``, and ``*`` for a suppressed cell (so are ``NaN`` and ``Infinity``, which have no place on the line).

Of words, ``{a, "b, c", (missing)}`` is a set: what holds a comma, a quotation mark or a brace is quoted as in CSV.
"""

from __future__ import annotations

import re

import duckdb

_INTEGER = re.compile(r"^U?(TINY|SMALL|BIG|HUGE)?INT(EGER)?$|^DECIMAL\(\d+,0\)$")
_NUMBER = re.compile(r"^(U?(TINY|SMALL|BIG|HUGE)?INT(EGER)?|DOUBLE|FLOAT|REAL|DECIMAL\(.*)$")
_TIME = re.compile(r"^(DATE|TIME|TIMESTAMP.*|TIME WITH.*)$")
_SHAPES = r"^\s*([\[(])\s*([^,]*?)\s*,\s*([^,]*?)\s*([\])])\s*$"
_RANGE = r"^\s*(\d+(?:\.\d+)?)\s*[-–]\s*(\d+(?:\.\d+)?)\s*$"
_HALF = r"^\s*(>=|>|<=|<|≥|≤)\s*(.+?)\s*$"
_MEMBER = r'(?:"(?:[^"]|"")*"|[^",{}]+)'
_SET = rf"\{{{_MEMBER}(?:, {_MEMBER})*\}}"
_PLUS = r"^\s*(.+?)\s*\+\s*$"


def is_integer(data_type: str) -> bool:
    """Whether a DuckDB type holds whole numbers only."""
    return bool(_INTEGER.match(data_type.upper()))


def is_number(data_type: str) -> bool:
    """Whether a DuckDB type is numeric."""
    return bool(_NUMBER.match(data_type.upper()))


def is_time(data_type: str) -> bool:
    """Whether a DuckDB type is a date, a time of day or a point in time."""
    return bool(_TIME.match(data_type.upper()))


def position(expression: str, data_type: str) -> str:
    """SQL for the place of a value on the number line, NULL where it has none (NaN and infinities included)."""
    number = f"epoch({expression})" if is_time(data_type) else f"CAST({expression} AS DOUBLE)"
    return f"CASE WHEN isfinite({number}) THEN {number} END"


def parse(text: str, data_type: str) -> str:
    """SQL for the place of a value written as text, NULL where the text is no value of the type."""
    if is_time(data_type):
        return position(f"TRY_CAST({text} AS {data_type})", data_type)
    return position(f"TRY_CAST({text} AS DOUBLE)", "DOUBLE")


def read_labels(con: duckdb.DuckDBPyConnection, name: str, labels: str, data_type: str) -> bool:
    """Create the temporary table ``name(label, low, high)`` for the distinct labels that the query ``labels`` yields.

    ``high`` is inclusive; a suppressed cell and an open end are NULL. ``data_type`` is the DuckDB type of the source's
    column. Returns whether every label was understood; only then is the table worth anything.
    """
    con.execute(f"CREATE OR REPLACE TEMP TABLE {name} AS {_query(labels, data_type)}")
    known = con.execute(f"SELECT coalesce(bool_and(understood), false) FROM {name}").fetchone()
    return bool(known and known[0])


def read_sets(con: duckdb.DuckDBPyConnection, name: str, labels: str, words: str) -> bool:
    """Create the temporary table ``name(label, member)`` of the labels that are sets of words; says if there are any.

    ``labels`` and ``words`` are queries of one column: the product's texts and those of the rows that it was made of.
    A set is none of these itself, and its members are, or begin some (``12*``), or are missing (NULL).
    """
    con.execute(
        f"CREATE OR REPLACE TEMP TABLE {name} AS WITH words AS (SELECT t FROM ({words}) AS w(t) WHERE t IS NOT NULL), "
        f"parts AS (SELECT label, unnest(regexp_extract_all(', ' || label[2:-2], ', ({_MEMBER})', 1)) AS part FROM "
        f"({labels}) AS g(label) WHERE regexp_full_match(label, '{_SET}') AND label NOT IN (SELECT t FROM words)), "
        "members AS (SELECT label, CASE WHEN part[1] = '\"' THEN replace(part[2:-2], '\"\"', '\"') "
        "WHEN part <> '(missing)' THEN part END AS member FROM parts) "
        "SELECT label, member FROM members WHERE label NOT IN (SELECT label FROM members WHERE member IS NOT NULL "
        "AND member NOT LIKE '%*' AND member NOT IN (SELECT t FROM words))"
    )
    found = con.execute(f"SELECT count(*) FROM {name}").fetchone()
    return bool(found and found[0])


def _query(labels: str, data_type: str) -> str:
    """The query behind :func:`read_labels`: each shape is one branch, tried in order."""
    step = "1" if is_integer(data_type) else "1e-9 * greatest(1, abs({x}))"
    below, above = f"{{x}} - {step}", f"{{x}} + {step}"
    group = {n: f"regexp_extract(label, '{_SHAPES}', {n})" for n in range(1, 5)}
    half = f"regexp_extract(label, '{_HALF}', 2)"
    a, b = parse(group[2], data_type), parse(group[3], data_type)
    r1, r2 = (parse(f"regexp_extract(label, '{_RANGE}', {n})", data_type) for n in (1, 2))
    h, p = parse(half, data_type), parse(f"regexp_extract(label, '{_PLUS}', 1)", data_type)
    day = "TRY_CAST(label || '{rest}' AS TIMESTAMP)"
    year, month = day.format(rest="-01-01"), day.format(rest="-01")
    quarter = "TRY_CAST(left(label, 4) || '-' || (3 * CAST(right(label, 1) AS INTEGER) - 2) || '-01' AS TIMESTAMP)"
    first, last = (f"TRY_CAST({end}(label, 4) || '-01-01' AS TIMESTAMP)" for end in ("left", "right"))
    timely = str(is_time(data_type))
    operator = f"regexp_extract(label, '{_HALF}', 1)"
    return f"""
        WITH shaped AS (
          SELECT label, CASE
              WHEN regexp_full_match(lower(label), '\\s*(\\**|nan|[-+]?inf|[-+]?infinity)\\s*') THEN 'suppressed'
              WHEN {parse("label", data_type)} IS NOT NULL THEN 'value'
              WHEN {timely} AND regexp_full_match(label, '\\d{{4}}') THEN 'year'
              WHEN {timely} AND regexp_full_match(label, '\\d{{4}}-\\d\\d') THEN 'month'
              WHEN {timely} AND regexp_full_match(label, '\\d{{4}}-Q[1-4]') THEN 'quarter'
              WHEN {timely} AND regexp_full_match(label, '\\d{{4}}-\\d{{4}}') THEN 'years'
              WHEN regexp_matches(label, '{_SHAPES}') THEN 'interval'
              WHEN regexp_matches(label, '{_RANGE}') THEN 'range'
              WHEN regexp_matches(label, '{_HALF}') THEN 'half'
              WHEN regexp_matches(label, '{_PLUS}') THEN 'plus' END AS shape
          FROM ({labels}) AS given(label) WHERE label IS NOT NULL)
        SELECT label, CASE shape
              WHEN 'value' THEN {parse("label", data_type)} WHEN 'range' THEN {r1} WHEN 'plus' THEN {p}
              WHEN 'year' THEN epoch({year}) WHEN 'month' THEN epoch({month})
              WHEN 'quarter' THEN epoch({quarter}) WHEN 'years' THEN epoch({first})
              WHEN 'interval' THEN CASE WHEN {group[1]} = '(' THEN {above.format(x=a)} ELSE {a} END
              WHEN 'half' THEN CASE {operator} WHEN '>' THEN {above.format(x=h)} WHEN '>=' THEN {h}
                   WHEN '≥' THEN {h} END
            END AS low, CASE shape
              WHEN 'value' THEN {parse("label", data_type)} WHEN 'range' THEN {r2}
              WHEN 'year' THEN epoch({year} + INTERVAL 1 YEAR) - 1
              WHEN 'month' THEN epoch({month} + INTERVAL 1 MONTH) - 1
              WHEN 'quarter' THEN epoch({quarter} + INTERVAL 3 MONTH) - 1
              WHEN 'years' THEN epoch({last} + INTERVAL 1 YEAR) - 1
              WHEN 'interval' THEN CASE WHEN {group[4]} = ')' THEN {below.format(x=b)} ELSE {b} END
              WHEN 'half' THEN CASE {operator} WHEN '<' THEN {below.format(x=h)} WHEN '<=' THEN {h}
                   WHEN '≤' THEN {h} END
            END AS high,
            coalesce(CASE shape WHEN 'interval' THEN {_end_known(group[2], data_type)} AND
                     {_end_known(group[3], data_type)} AND coalesce({a} <= {b}, true)
                 WHEN 'half' THEN {h} IS NOT NULL WHEN 'plus' THEN {p} IS NOT NULL
                 WHEN 'range' THEN {r1} <= {r2}
                 ELSE shape IS NOT NULL END, false) AS understood
        FROM shaped"""


def _end_known(text: str, data_type: str) -> str:
    """SQL: an end of an interval is a value, empty or infinite."""
    return f"({parse(text, data_type)} IS NOT NULL OR regexp_full_match(lower({text}), '[-+]?(inf|infinity|∞)?'))"
