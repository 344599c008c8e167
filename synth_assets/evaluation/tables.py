"""The three tables of an evaluation side by side in one comparable temporary table.

``real`` holds the rows that were fitted, ``control`` rows of units that were held out, ``synthetic`` the product. They
may differ in types: a generalized product has text where the source has numbers. Each column becomes either *ordered*
(a DOUBLE: a number, or seconds since 1970 for dates and times) or a *category* (an INTEGER code; equal texts share a
code). Everything later reads this one table, and no value leaves the engine but for the few rows that attacks sample.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Literal

import duckdb

from synth_assets.errors import DomainError
from synth_assets.evaluation.labels import is_integer, is_number, is_time, parse, position, read_labels, read_sets
from synth_assets.storage import quote

UNIT = "__unit"
SOURCES = ("real", "control", "synthetic")
REAL, CONTROL, SYNTHETIC = range(3)
ROWS = "evaluation_rows"
"""The temporary table: ``src`` (0 real, 1 control, 2 synthetic), ``r`` row number, ``u`` unit, ``v0``, ``v1``, ...;
for a generalized column also ``lo0``, ``hi0``, ... on synthetic rows: an interval, or twice
the code of a label where there are sets."""

OTHER = "(other)"
"""What a product calls the rare categories that it gathers."""

MISSING = -1
"""The code of a missing value among those that a set allows."""

CODES_AT_MOST = 20
"""A numeric column of at most this many distinct values, each met five times on average, holds codes, not amounts."""


@dataclass(frozen=True)
class Column:
    """How one column is compared."""

    index: int
    name: str
    kind: Literal["number", "time", "category"]
    real_type: str
    synthetic_type: str
    generalized: bool = False
    codes: bool = False
    reach: float = 0.0
    """How far a synthetic value may lie from that of the row it was made of (of times in seconds)."""
    sets: Mapping[int, frozenset[int]] = field(default_factory=dict, hash=False)
    """Where the product has sets of words: the codes that each of its labels allows, :data:`MISSING` among them."""

    @property
    def bounded(self) -> bool:
        """Whether synthetic cells stand for several values."""
        return bool(self.sets) or (self.ordered and (self.generalized or self.reach > 0))

    @property
    def ordered(self) -> bool:
        """Whether values lie on the number line."""
        return self.kind != "category"

    @property
    def continuous(self) -> bool:
        """Whether scores treat it as an amount (else as categories)."""
        return self.ordered and not self.codes

    @property
    def v(self) -> str:
        """Its name in the temporary table."""
        return f"v{self.index}"


@dataclass(frozen=True)
class Tables:
    """The comparable table and what is known about it: rows and units by source (real, control, synthetic)."""

    con: duckdb.DuckDBPyConnection
    columns: tuple[Column, ...]
    rows: tuple[int, int, int]
    units: tuple[int, int, int]

    @property
    def generalized(self) -> bool:
        """Whether some column of the product is a coarser form of the source's."""
        return any(column.generalized for column in self.columns)


@contextmanager
def side_by_side(
    con: duckdb.DuckDBPyConnection,
    real: str,
    control: str,
    synthetic: str,
    columns: Sequence[tuple[str, str]],
    reach: Mapping[str, float] | None = None,
) -> Iterator[Tables]:
    """Build the comparable table; it is dropped at the end of the block.

    ``real``, ``control`` and ``synthetic`` stand after FROM; ``columns`` are (name, DuckDB type of the source).
    A column ``__unit`` of ``real`` and ``control`` says which rows belong together; without it each row is a unit.
    ``reach`` is that of columns whose synthetic values were moved.

    Raises:
        DomainError: no column is given, one is given twice, or a table lacks one.
    """
    sources = (real, control, synthetic)
    types = [_types(con, source) for source in sources]
    _check(columns, types)
    made: list[str] = []
    try:
        compared = [_describe(con, sources, types, i, *column, made) for i, column in enumerate(columns)]
        described = tuple(replace(column, reach=(reach or {}).get(column.name, 0.0)) for column in compared)
        made.append(ROWS)
        _fill(con, sources, types, described)
        counts = con.execute(f"SELECT src, count(*), count(DISTINCT u) FROM {ROWS} GROUP BY src").fetchall()
        rows, units = ({src: row[k] for src, *row in counts} for k in (0, 1))
        tables = Tables(
            con,
            tuple(_find_codes(con, column) for column in described),
            (rows.get(0, 0), rows.get(1, 0), rows.get(2, 0)),
            (units.get(0, 0), units.get(1, 0), units.get(2, 0)),
        )
        yield tables
    finally:
        for name in made:
            con.execute(f"DROP TABLE IF EXISTS temp.{name}")


def _types(con: duckdb.DuckDBPyConnection, source: str) -> dict[str, str]:
    return {row[0]: row[1] for row in con.execute(f"DESCRIBE SELECT * FROM {source}").fetchall()}


def _check(columns: Sequence[tuple[str, str]], types: Sequence[dict[str, str]]) -> None:
    names = [name for name, _ in columns]
    if not names or len(set(names)) < len(names):
        raise DomainError("an evaluation needs at least one column and each only once; name the product's columns")
    for source, known in zip(SOURCES, types, strict=True):
        for name in names:
            if name not in known:
                raise DomainError(
                    f"the {source} table of an evaluation lacks the column {name!r}; give all three tables the "
                    "product's columns"
                )


def _describe(
    con: duckdb.DuckDBPyConnection,
    sources: Sequence[str],
    types: Sequence[dict[str, str]],
    index: int,
    name: str,
    declared: str,
    made: list[str],
) -> Column:
    """Decide how to compare a column, and make its table of labels or of codes."""
    real_type, product_type = types[REAL][name], types[SYNTHETIC][name]
    truth = real_type
    if real_type == "VARCHAR" and (is_number(declared) or is_time(declared)):
        truth = declared
    if is_number(truth) or is_time(truth):
        kind: Literal["number", "time"] = "time" if is_time(truth) else "number"
        same = is_number(product_type) if kind == "number" else is_time(product_type)
        if same:
            return Column(index, name, kind, truth, product_type)
        labels = f"SELECT DISTINCT CAST({quote(name)} AS VARCHAR) FROM {sources[SYNTHETIC]}"
        made.append(f"evaluation_labels{index}")
        if read_labels(con, made[-1], labels, truth):
            return Column(index, name, kind, truth, product_type, generalized=product_type != truth)
    text = f"CAST({quote(name)} AS VARCHAR)"
    codes, listed = f"evaluation_codes{index}", f"evaluation_sets{index}"
    made += [codes, listed]
    real, product = (f"SELECT DISTINCT {text} FROM {sources[src]}" for src in (REAL, SYNTHETIC))
    has_sets = read_sets(con, listed, product if product_type == "VARCHAR" else f"{product} LIMIT 0", real)
    _make_codes(con, codes, sources, name, listed)
    generalized = product_type == "VARCHAR" and _map_patterns(con, codes, sources, name, listed)
    sets = {}
    if has_sets:
        made.append(f"evaluation_members{index}")
        sets = _list_members(con, (codes, listed, made[-1]), real, product)
    return Column(index, name, "category", real_type, product_type, generalized=generalized or has_sets, sets=sets)


def _make_codes(con: duckdb.DuckDBPyConnection, table: str, sources: Sequence[str], name: str, listed: str) -> None:
    """One code for each distinct text over the three tables and in sets, the most frequent first and sets last."""
    text = f"CAST({quote(name)} AS VARCHAR)"
    parts = " UNION ALL ".join(f"SELECT {text} AS t, count(*) AS n FROM {s} GROUP BY 1" for s in sources)
    parts += f" UNION ALL SELECT member, 0 FROM {listed}"
    con.execute(
        f"CREATE OR REPLACE TEMP TABLE {table} AS "
        f"SELECT t, CAST(row_number() OVER (ORDER BY t IN (SELECT label FROM {listed}), sum(n) DESC, t) - 1 AS INTEGER)"
        f" AS code FROM ({parts}) WHERE t IS NOT NULL GROUP BY t"
    )


def _map_patterns(con: duckdb.DuckDBPyConnection, table: str, sources: Sequence[str], name: str, listed: str) -> bool:
    """Give real texts the code of the prefix (``12***``) that stands for them in a generalized product.

    A pattern is a text of the product that ends in ``*`` and is none of the real table's. A cell of stars alone is
    suppressed: it loses its code and counts as missing. Where the product has :data:`OTHER`, texts that it does not
    have are among those. What stands in a set (``listed``) the product has. Returns whether there was any pattern.
    """
    text = f"CAST({quote(name)} AS VARCHAR)"
    shown = f"SELECT {text} FROM {sources[SYNTHETIC]} WHERE {text} IS NOT NULL"
    shown += f" UNION SELECT member FROM {listed} WHERE member IS NOT NULL"
    con.execute(
        f"CREATE OR REPLACE TEMP TABLE evaluation_patterns AS SELECT t, code, rtrim(t, '*') AS prefix FROM {table} "
        f"WHERE t LIKE '%*' AND t NOT IN (SELECT {text} FROM {sources[REAL]} WHERE {text} LIKE '%*')"
    )
    con.execute(
        f"UPDATE {table} SET code = m.code "
        f"FROM (SELECT c.t, arg_max(p.code, length(p.prefix)) AS code FROM {table} AS c "
        f"JOIN evaluation_patterns AS p ON starts_with(c.t, p.prefix) AND p.prefix <> '' WHERE c.t NOT IN "
        f"({shown}) GROUP BY c.t) AS m WHERE {table}.t = m.t"
    )
    con.execute(
        f"UPDATE {table} SET code = NULL WHERE t IN (SELECT t FROM evaluation_patterns WHERE trim(prefix) = '')"
    )
    con.execute(
        f"UPDATE {table} SET code = (SELECT code FROM {table} WHERE t = ?) WHERE code IS NOT NULL "
        f"AND EXISTS (SELECT 1 FROM {table} WHERE t = ?) "
        f"AND NOT EXISTS (SELECT 1 FROM {sources[REAL]} WHERE {text} = ?) "
        f"AND code NOT IN (SELECT code FROM {table} WHERE code IS NOT NULL AND t IN "
        f"({shown}))",
        [OTHER] * 3,
    )
    found = con.execute("SELECT count(*) FROM evaluation_patterns").fetchone()
    con.execute("DROP TABLE evaluation_patterns")
    return bool(found and found[0])


def _list_members(
    con: duckdb.DuckDBPyConnection, names: tuple[str, str, str], real: str, product: str
) -> dict[int, frozenset[int]]:
    """The codes that each label of a product with sets allows.

    A word allows itself, a prefix all texts that it begins, :data:`OTHER` those that do not stand alone, a set what its
    members do. Who is missing from a set may have a word that the product does not show at all: rare ones are withheld.

    ``names`` are those of the tables of codes, of sets and of the one that is made (label, member, spread), where
    ``spread`` marks the members that the rows of a label are dealt to. ``real`` and ``product`` query the texts.
    """
    codes, listed, table = names
    sets = f"(SELECT label FROM {listed})"
    con.execute(f"""
        CREATE OR REPLACE TEMP TABLE {table} AS
        WITH product AS (SELECT t FROM ({product}) AS p(t) WHERE t IS NOT NULL),
        real AS (SELECT t FROM ({real}) AS q(t) WHERE t IS NOT NULL),
        words AS (SELECT t, code, t IN (SELECT t FROM real) AS spread FROM {codes}
            WHERE code IS NOT NULL AND t NOT IN {sets}),
        parts AS (SELECT label, member FROM {listed}
            UNION ALL SELECT t, t FROM product WHERE t NOT IN {sets}),
        shown AS (SELECT code FROM words JOIN (SELECT DISTINCT member FROM parts) ON member = t WHERE t <> '{OTHER}'),
        found AS (SELECT label, code, spread OR t NOT LIKE '%*' AS spread FROM parts JOIN words ON t = member
            UNION ALL SELECT label, code, spread FROM parts JOIN words ON starts_with(t, rtrim(member, '*'))
                WHERE member LIKE '%*' AND member NOT IN (SELECT t FROM real)
            UNION ALL SELECT label, code, spread FROM parts, words
                WHERE member = '{OTHER}' AND t NOT IN (SELECT t FROM product) AND member NOT IN (SELECT t FROM real)
            UNION ALL SELECT label, {MISSING}, TRUE FROM parts WHERE member IS NULL
            UNION ALL SELECT label, code, FALSE FROM parts, words
                WHERE member IS NULL AND code NOT IN (SELECT code FROM shown))
        SELECT c.code AS label, f.code AS member, bool_or(spread) AS spread FROM found AS f
        JOIN {codes} AS c ON c.t = f.label WHERE c.code IS NOT NULL GROUP BY ALL""")
    rows = con.execute(f"SELECT label, list(member) FROM {table} GROUP BY label").fetchall()
    return {label: frozenset(members) for label, members in rows}


def _fill(
    con: duckdb.DuckDBPyConnection, sources: Sequence[str], types: Sequence[dict[str, str]], columns: Sequence[Column]
) -> None:
    """Create :data:`ROWS`."""
    parts = []
    for src, source in enumerate(sources):
        has_unit = UNIT in types[src] and src != SYNTHETIC
        unit = "hash(s.unit)" if has_unit else "CAST(s.r AS UBIGINT)"
        given = ", ".join(f"{quote(column.name)} AS s{column.index}" for column in columns)
        numbered = (
            f"(SELECT row_number() OVER () AS r, {quote(UNIT) if has_unit else 0} AS unit, {given} FROM {source})"
        )
        cells = ", ".join(_cells(src, column, types[src][column.name]) for column in columns)
        joins = " ".join(filter(None, (_join(src, column) for column in columns)))
        parts.append(f"SELECT CAST({src} AS UTINYINT) AS src, s.r, {unit} AS u, {cells} FROM {numbered} AS s {joins}")
    con.execute(f"CREATE OR REPLACE TEMP TABLE {ROWS} AS {' UNION ALL BY NAME '.join(parts)}")
    for column in columns:
        if column.sets:
            _deal(con, column)
        elif column.ordered and column.generalized:
            _spread(con, column)
            _widen(con, column)


def _cells(src: int, column: Column, data_type: str) -> str:
    """SQL for one column of one source."""
    i = column.index
    if column.sets and src == SYNTHETIC:
        return f"CAST(NULL AS INTEGER) AS v{i}, c{i}.code AS lo{i}, c{i}.code AS hi{i}"
    if not column.ordered:
        return f"c{i}.code AS v{i}"
    if column.generalized and src == SYNTHETIC:
        return f"CAST(NULL AS DOUBLE) AS v{i}, l{i}.low AS lo{i}, l{i}.high AS hi{i}, l{i}.label AS t{i}"
    place = parse(f"s.s{i}", column.real_type) if data_type == "VARCHAR" else position(f"s.s{i}", data_type)
    if column.bounded and src == SYNTHETIC:
        return f"{place} AS v{i}, {place} - {column.reach!r} AS lo{i}, {place} + {column.reach!r} AS hi{i}"
    return f"{place} AS v{i}"


def _join(src: int, column: Column) -> str:
    i, text = column.index, f"CAST(s.s{column.index} AS VARCHAR)"
    if not column.ordered:
        return f"LEFT JOIN temp.evaluation_codes{i} AS c{i} ON c{i}.t = {text}"
    if column.generalized and src == SYNTHETIC:
        return f"LEFT JOIN temp.evaluation_labels{i} AS l{i} ON l{i}.label = {text}"
    return ""


def _spread(con: duckdb.DuckDBPyConnection, column: Column) -> None:
    """Place the rows of a label evenly over its interval; a suppressed cell stays missing.

    That generalized rows lie evenly in their interval is the usual reading of anonymized tables (LeFevre, DeWitt,
    Ramakrishnan: Mondrian, ICDE 2006, section 5). Open ends stop at the real table's extremes.
    """
    i, whole = column.index, is_integer(column.real_type)
    con.execute(
        f"UPDATE {ROWS} SET lo{i} = coalesce(lo{i}, least(e.a, hi{i})), hi{i} = coalesce(hi{i}, greatest(e.b, lo{i})) "
        f"FROM (SELECT min(v{i}) AS a, max(v{i}) AS b FROM {ROWS} WHERE src < {SYNTHETIC}) AS e WHERE src = {SYNTHETIC}"
    )
    width = f"(hi{i} - lo{i} + {1 if whole else 0})"
    place = f"lo{i} + {width} * (row_number() OVER w - 0.5) / count(*) OVER (PARTITION BY t{i})"
    value = f"floor({place})" if whole else place
    con.execute(
        f"UPDATE {ROWS} SET v{i} = p.v FROM (SELECT r, CASE WHEN regexp_matches(t{i}, '[^*\\s]') THEN {value} END AS v "
        f"FROM {ROWS} WHERE src = {SYNTHETIC} WINDOW w AS (PARTITION BY t{i} ORDER BY hash(r, {i}), r)) AS p "
        f"WHERE {ROWS}.r = p.r AND src = {SYNTHETIC}"
    )


def _widen(con: duckdb.DuckDBPyConnection, column: Column) -> None:
    """Let a label stand for all values that may have been moved into it."""
    i = column.index
    if column.reach:
        moved = f"lo{i} = lo{i} - {column.reach!r}, hi{i} = hi{i} + {column.reach!r}"
        con.execute(f"UPDATE {ROWS} SET {moved} WHERE src = {SYNTHETIC}")


def _deal(con: duckdb.DuckDBPyConnection, column: Column) -> None:
    """Deal the rows of a set evenly to its members, as :func:`_spread` does in an interval."""
    i = column.index
    con.execute(
        f"UPDATE {ROWS} SET v{i} = nullif(p.v, {MISSING}) FROM (SELECT r, m.members[1 + CAST(floor("
        f"len(m.members) * (row_number() OVER w - 0.5) / count(*) OVER (PARTITION BY lo{i})) AS INTEGER)] AS v "
        f"FROM {ROWS} JOIN (SELECT label, "
        "coalesce(list(member ORDER BY member) FILTER (spread), list(member ORDER BY member)) AS members "
        f"FROM evaluation_members{i} GROUP BY label) AS m ON m.label = lo{i} WHERE src = {SYNTHETIC} "
        f"WINDOW w AS (PARTITION BY lo{i} ORDER BY hash(r, {i}), r)) AS p WHERE {ROWS}.r = p.r AND src = {SYNTHETIC}"
    )


def _find_codes(con: duckdb.DuckDBPyConnection, column: Column) -> Column:
    """Mark an ordered column whose few real values repeat: it holds codes."""
    if not column.ordered or column.bounded:
        return column
    row = con.execute(
        f"SELECT approx_count_distinct({column.v}), count({column.v}) FROM {ROWS} WHERE src = {REAL}"
    ).fetchone()
    distinct, present = row or (0, 0)
    if distinct <= 2 * CODES_AT_MOST:
        exact = con.execute(f"SELECT count(DISTINCT {column.v}) FROM {ROWS} WHERE src = {REAL}").fetchone()
        distinct = exact[0] if exact else 0
    codes = 0 < distinct <= CODES_AT_MOST and present >= 5 * distinct
    return Column(column.index, column.name, column.kind, column.real_type, column.synthetic_type, codes=codes)
