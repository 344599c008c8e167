"""From names, values and context to a verdict for every column.

A column's name proposes; its values confirm, contradict or propose themselves; the table decides whether a place, an
age or a sex is somebody's. Where what remains is too weak a verdict is ``undecided``, and its column is suppressed
until a person decides.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

import duckdb
from pydantic import BaseModel, ConfigDict, Field

from synth_assets.classification import calibration
from synth_assets.classification.context import in_context
from synth_assets.classification.evidence import DECIDED, judge
from synth_assets.classification.singling import count_singled_out
from synth_assets.classification.tables import Table, employs, somebodys
from synth_assets.classification.values import Profile, profile, sample
from synth_assets.classification.vocabulary import EntityType, Role, role_of
from synth_assets.storage import quote

_SAMPLE = "temp.classified_sample"

_TELLING = 0.05  # share of units that a combination must single out to make a date or an employer a quasi-identifier
_FIRST_ROWS = 200_000  # in them nearly every column that repeats itself does so
_FEW, _SOME, _MANY_ROWS = 4, 5, 50_000  # columns whose combinations are counted


class ColumnVerdict(BaseModel):
    """What a column holds and what that does to people.

    Attributes:
        confidence: 0 to 1; below ``DECIDED`` the role is ``undecided``.
        evidence: what spoke, the strongest first, with counts and shares, never with values.
        rule: how the verdict came about, in a few words.
        subtype: a finer kind, such as which country's number.
        unique: whether no two rows hold the same value (counted over all rows).
        distinct_share: different values as a share of the sampled ones.
        decided_by: the classifier, or a person in the spec.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    column: str
    entity_type: EntityType
    role: Role
    confidence: float = Field(ge=0, le=1)
    evidence: tuple[str, ...] = ()
    rule: str = ""
    subtype: str | None = None
    data_type: str
    unique: bool = False
    distinct_share: float = 0.0
    decided_by: Literal["spec", "classifier"] = "classifier"

    @property
    def strongest(self) -> tuple[str, ...]:
        """The first two pieces of evidence, and the last, which is what the table says or what was measured."""
        return self.evidence if len(self.evidence) <= 3 else (*self.evidence[:2], self.evidence[-1])


def classify(
    con: duckdb.DuckDBPyConnection,
    relation_sql: str,
    columns: Sequence[tuple[str, str]],
    *,
    table_name: str = "",
    unit: str | None = None,
) -> list[ColumnVerdict]:
    """Say for every column what it holds and what it does to the people in the table.

    Args:
        con: a connection that can read the relation.
        relation_sql: a FROM-able text.
        columns: names and DuckDB types, in order.
        table_name: the name of the table, as weak evidence about what it is about.
        unit: the column that says whose row it is; None: the first key of persons with several rows, or each row.

    Returns:
        one verdict a column, in their order.
    """
    if not columns:
        return []
    rows = sample(con, relation_sql, [name for name, _ in columns], _SAMPLE)
    profiles = profile(con, _SAMPLE, columns)
    con.execute(f"DROP TABLE {_SAMPLE}")
    names = [name for name, _ in columns]
    found = [judge(name, seen) for name, seen in zip(names, profiles, strict=True)]
    settled = in_context(Table(table_name, names, profiles, found))
    table = Table(table_name, names, profiles, settled)
    unique = _unique_columns(con, relation_sql, rows, columns, profiles)
    verdicts = [_verdict(table, index, name in unique) for index, name in enumerate(names)]
    return _measured(con, relation_sql, rows, verdicts, unit) if table.about_people else verdicts


def _measured(
    con: duckdb.DuckDBPyConnection,
    relation_sql: str,
    rows: int,
    verdicts: list[ColumnVerdict],
    unit: str | None,
) -> list[ColumnVerdict]:
    """The verdicts with what the columns do together: the share of units that they single out."""
    owners = [v.column for v in verdicts if v.entity_type == "person_id" and not v.unique and v.role != "undecided"]
    candidates = [v for v in verdicts if v.column != unit and not v.unique and _may_single_out(v)]
    candidates.sort(key=lambda v: (v.role != "quasi_identifier", -v.distinct_share))
    chosen = [v.column for v in candidates[: _FEW if rows > _MANY_ROWS else _SOME]]
    found = count_singled_out(con, relation_sql, chosen, rows, unit or next(iter(owners), None))
    shares = {frozenset(singling.columns): singling.share for singling in found}
    return [_with_measure(verdict, shares) for verdict in verdicts]


def _may_single_out(verdict: ColumnVerdict) -> bool:
    return verdict.role in {"quasi_identifier", "undecided"} or _measured_too(verdict)


def _measured_too(verdict: ColumnVerdict) -> bool:
    """A day or an employer may be a detail of the row or of the person: what it does decides."""
    a_day = verdict.entity_type == "date" and verdict.data_type.startswith(("DATE", "TIMESTAMP"))
    return verdict.role == "insensitive" and (a_day or verdict.entity_type == "organization")


def _with_measure(verdict: ColumnVerdict, shares: Mapping[frozenset[str], float]) -> ColumnVerdict:
    """A verdict with the strongest combination of its column."""
    mine = [columns for columns in shares if verdict.column in columns]
    if not mine:
        return verdict
    strongest = max(mine, key=lambda columns: (round(shares[columns], 2), -len(columns)))
    others = strongest - {verdict.column}
    together = f"with {' and '.join(sorted(others))} " if others else "alone "
    note = f"measured: {together}it singles out {shares[strongest]:.1%} of the units"
    update: dict[str, object] = {"evidence": (*verdict.evidence, note)}
    if _measured_too(verdict) and shares[strongest] - shares.get(others, 0.0) >= _TELLING:
        update |= {"role": "quasi_identifier", "rule": "measured: it helps to single units out"}
    return verdict.model_copy(update=update)


def _verdict(table: Table, index: int, unique: bool) -> ColumnVerdict:
    finding, found = table.findings[index], table.profiles[index]
    evidence, role = finding.evidence, role_of(finding.entity_type)
    if nobodys := somebodys(table, index):
        role, evidence = "insensitive", (*evidence, nobodys)
    elif employs(table, index):
        role, evidence = "quasi_identifier", (*evidence, "whom the people of the table work for")
    sure = calibration.confidence(table, index)
    if sure < DECIDED:
        role = "undecided"
    return ColumnVerdict(
        column=table.columns[index],
        entity_type=finding.entity_type,
        role=role,
        confidence=round(min(sure, 0.99), 3),
        evidence=tuple(dict.fromkeys(evidence)),
        rule=finding.rule,
        subtype=finding.subtype,
        data_type=found.data_type,
        unique=unique,
        distinct_share=round(found.distinct_share, 4),
    )


def _unique_columns(
    con: duckdb.DuckDBPyConnection,
    relation_sql: str,
    rows: int,
    columns: Sequence[tuple[str, str]],
    profiles: Sequence[Profile],
) -> set[str]:
    """The columns whose values all differ; only those are counted in full whose sample already does."""
    if rows < 2:
        return set()
    candidates = [
        name
        for (name, _), found in zip(columns, profiles, strict=True)
        if found.values > 1 and found.distinct == found.values and not found.fractional
    ]
    if rows > _FIRST_ROWS:
        first = f"(SELECT * FROM {relation_sql} LIMIT {_FIRST_ROWS})"
        candidates = [name for name in candidates if _unique(con, first, name)]
    return {name for name in candidates if _unique(con, relation_sql, name)}


def _unique(con: duckdb.DuckDBPyConnection, relation_sql: str, name: str) -> bool:
    counted = f"SELECT count({quote(name)}) = count(DISTINCT {quote(name)}) FROM {relation_sql}"
    return bool(con.execute(counted).fetchall()[0][0])
