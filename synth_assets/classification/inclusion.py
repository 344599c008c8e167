"""Columns whose values lie in the key of another table: what points to people is a key of persons, whatever its name.

Distinct values of a few thousand sampled rows are looked for, by hashes, in the whole key: one scan of each table.
Numbers that count from one lie in any such key, so that they need a name or a spread of a key besides.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import duckdb

from synth_assets.classification.classifier import ColumnVerdict
from synth_assets.classification.evidence import DECIDED, either
from synth_assets.classification.headers import kinds, parts
from synth_assets.storage import quote

_SAMPLED = 5000  # rows
_FEWEST, _ENOUGH = 5, 30  # distinct values: of which the keys say something, and of numbers that count from one
_SHARE = 0.98  # a few keys may be of people who have been deleted
_DENSE, _SPREAD = 0.2, 0.5
_KEY_WORDS = frozenset({"id", "ids", "nr", "no", "num", "number", "key", "ref", "code", "fk", "uid", "uuid", "guid"})
_SAMPLES = "temp.classified_values"


@dataclass(frozen=True)
class Listing:
    """A table that may hold keys of another, or be keyed itself.

    Attributes:
        relation_sql: a FROM-able text.
        rows: how many it has.
        key: the column that names its rows to others; None: the unique keys that the verdicts show.
    """

    name: str
    relation_sql: str
    verdicts: Sequence[ColumnVerdict]
    rows: int
    key: str | None = None


@dataclass(frozen=True)
class Inclusion:
    """Values of ``table.column`` that are found in ``to.key``.

    Attributes:
        found: distinct sampled values that are.
        distinct: those that were looked for.
    """

    table: str
    column: str
    to: str
    key: str
    found: int
    distinct: int


@dataclass(frozen=True)
class _Range:
    """A column of numbers: how many different ones in the sample, and where they lie; of texts only how many."""

    distinct: int
    low: float | None
    high: float | None


def find_inclusions(con: duckdb.DuckDBPyConnection, tables: Sequence[Listing]) -> list[Inclusion]:
    """Every column of one table whose values lie in a key of another, where chance does not explain it.

    Args:
        con: a connection that can read all relations.
    """
    found = []
    for table in tables:
        others = [(other, key) for other in tables if other.name != table.name for key in _keys(other)]
        columns = [verdict.column for verdict in table.verdicts if _may_point(verdict)]
        if not others or not columns or not table.rows:
            continue
        ranges = _draw(con, table, columns)
        try:
            for other, key in others:
                found += _within(con, table, columns, ranges, other, key)
        finally:
            con.execute(f"DROP TABLE {_SAMPLES}")
    return found


def with_inclusions(table: str, verdicts: Sequence[ColumnVerdict], found: Sequence[Inclusion]) -> list[ColumnVerdict]:
    """A table's verdicts with what the inclusions say: keys of persons on either side make the other side one."""
    return [_told(table, verdict, found) for verdict in verdicts]


def _keys(table: Listing) -> list[str]:
    if table.key is not None:
        return [table.key]
    return [v.column for v in table.verdicts if v.unique and (v.entity_type == "person_id" or _open(v))]


def _may_point(verdict: ColumnVerdict) -> bool:
    fractional = verdict.data_type.upper().startswith(("BOOL", "DATE", "TIME", "DECIMAL"))
    return not fractional and (_open(verdict) or verdict.entity_type == "person_id")


def _open(verdict: ColumnVerdict) -> bool:
    """Whether a column may turn out to be a key: it is one of things, a code, or nobody knows."""
    return verdict.role == "undecided" or verdict.entity_type in {"record_id", "code"}


def _text(name: str) -> str:
    """SQL of a value as text, the same whether a file wrote 7 or 7.0."""
    return f"regexp_replace(trim({quote(name)}::VARCHAR), '^([0-9]+)\\.0$', '\\1')"


def _draw(con: duckdb.DuckDBPyConnection, table: Listing, columns: Sequence[str]) -> dict[str, _Range]:
    """Put the distinct values of a sample of rows, hashed, into one table; returns what the numbers among them span."""
    texts = ", ".join(f"nullif({_text(name)}, '') AS c{i}" for i, name in enumerate(columns))
    step = max(1, table.rows // _SAMPLED)
    where = f"WHERE hash(t) % {step} = 0" if step > 1 else ""
    read = f"SELECT {texts} FROM (SELECT {', '.join(map(quote, columns))} FROM {table.relation_sql}) AS t {where}"
    con.execute(f"CREATE OR REPLACE TEMP TABLE classified_rows AS {read} LIMIT {2 * _SAMPLED}")
    each = [f"SELECT DISTINCT {i} AS i, hash(c{i}) AS h FROM temp.classified_rows WHERE c{i} IS NOT NULL"
            for i in range(len(columns))]  # fmt: skip
    con.execute(f"CREATE OR REPLACE TEMP TABLE classified_values AS {' UNION ALL '.join(each)}")
    facts = []
    for i in range(len(columns)):
        number = f"try_cast(c{i} AS BIGINT)"
        low = f"CASE WHEN count({number}) = count(c{i}) THEN min({number}) END"
        facts.append(f"count(DISTINCT c{i}), {low}, max({number})")
    row = con.execute(f"SELECT {', '.join(facts)} FROM temp.classified_rows").fetchall()[0]
    con.execute("DROP TABLE temp.classified_rows")
    return {name: _Range(*row[3 * i : 3 * i + 3]) for i, name in enumerate(columns)}


def _within(
    con: duckdb.DuckDBPyConnection,
    table: Listing,
    columns: Sequence[str],
    ranges: dict[str, _Range],
    other: Listing,
    key: str,
) -> list[Inclusion]:
    number = f"try_cast({_text(key)} AS BIGINT)"
    keys = f"SELECT hash({_text(key)}) AS h, {number} AS n, {quote(key)} IS NULL AS gone FROM {other.relation_sql}"
    counted = con.execute(
        f"WITH k AS ({keys}), m AS (SELECT DISTINCT i, s.h FROM {_SAMPLES} s JOIN k USING (h)) "
        "SELECT i, count(*), NULL, NULL FROM m GROUP BY i "
        "UNION ALL SELECT NULL, NULL, CASE WHEN count(n) = count(*) - count_if(gone) THEN min(n) END, max(n) FROM k"
    ).fetchall()
    hits = {columns[i]: n for i, n, _, _ in counted if i is not None}
    low, high = next((low, high) for i, _, low, high in counted if i is None)
    span = _Range(other.rows, low, high)
    known = {verdict.column: verdict for verdict in table.verdicts}
    return [
        Inclusion(table.name, name, other.name, key, hits[name], ranges[name].distinct)
        for name in columns
        if hits.get(name, 0) >= _SHARE * ranges[name].distinct and _no_chance(known[name], ranges[name], span, key)
    ]


def _no_chance(verdict: ColumnVerdict, mine: _Range, keys: _Range, key: str) -> bool:
    """Whether values that lie in a key are keys: numbers that count from one would lie in it anyway."""
    if mine.distinct < _FEWEST:
        return False
    if mine.low is None or mine.high is None or keys.low is None or keys.high is None:
        return True
    if keys.distinct < _DENSE * (keys.high - keys.low + 1):
        return True
    if verdict.unique:  # two tables that both count their rows
        return parts(verdict.column) == parts(key) and len(parts(key)) > 1
    if any("THING" in kinds(word) for word in parts(verdict.column)):  # orders are counted from one as people are
        return False
    spread = mine.high - mine.low >= _SPREAD * (keys.high - keys.low)
    named = bool(_KEY_WORDS & set(parts(verdict.column))) or verdict.entity_type == "person_id"
    return spread and mine.distinct >= _ENOUGH and (named or verdict.role == "undecided")


def _told(table: str, verdict: ColumnVerdict, found: Sequence[Inclusion]) -> ColumnVerdict:
    for one in found:
        if (one.table, one.column) == (table, verdict.column):
            note = f"values: {one.found} of {one.distinct} distinct lie in `{one.to}.{one.key}`"
            return _a_key_of_persons(verdict, f"{note}, a key of persons")
        if (one.to, one.key) == (table, verdict.column):
            note = f"`{one.table}.{one.column}`, a key of persons, holds its values ({one.found} of {one.distinct})"
            return _a_key_of_persons(verdict, note)
    return verdict


def _a_key_of_persons(verdict: ColumnVerdict, note: str) -> ColumnVerdict:
    known = verdict.entity_type == "person_id" and verdict.role != "undecided"
    update = {
        "entity_type": "person_id",
        "role": "direct_identifier",
        "confidence": round(min(either(verdict.confidence if known else 0.0, 0.9), 0.99), 3),
        "evidence": (note, *verdict.evidence),
        "rule": verdict.rule if known else "its values lie in a key of persons",
    }
    return verdict.model_copy(update=update)


def of_persons(found: Sequence[Inclusion], tables: Sequence[Listing]) -> list[Inclusion]:
    """Those inclusions of which one side is a key of persons."""
    known = {(table.name, v.column): v for table in tables for v in table.verdicts}
    return [
        one
        for one in found
        if any(
            (verdict := known[side]).entity_type == "person_id" and verdict.confidence >= DECIDED
            for side in ((one.table, one.column), (one.to, one.key))
        )
    ]
