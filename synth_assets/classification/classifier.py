"""From names, values and context to a verdict for every column.

A column's name proposes; its values confirm, contradict or propose themselves; the table decides whether a place, an
age or a sex is somebody's. Where what remains is too weak a verdict is ``undecided``, and its column is suppressed
until a person decides.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import duckdb
from pydantic import BaseModel, ConfigDict, Field

from synth_assets.classification.context import Table, in_context, somebodys
from synth_assets.classification.evidence import DECIDED, judge
from synth_assets.classification.values import Profile, profile, sample
from synth_assets.classification.vocabulary import EntityType, Role, role_of
from synth_assets.storage import quote

_SAMPLE = "temp.classified_sample"


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


def classify(
    con: duckdb.DuckDBPyConnection,
    relation_sql: str,
    columns: Sequence[tuple[str, str]],
    *,
    table_name: str = "",
) -> list[ColumnVerdict]:
    """Say for every column what it holds and what it does to the people in the table.

    Args:
        con: a connection that can read the relation.
        relation_sql: a FROM-able text.
        columns: names and DuckDB types, in order.
        table_name: the name of the table, as weak evidence about what it is about.

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
    return [_verdict(table, index, name in unique) for index, name in enumerate(names)]


def _verdict(table: Table, index: int, unique: bool) -> ColumnVerdict:
    finding, found = table.findings[index], table.profiles[index]
    evidence, role = finding.evidence, role_of(finding.entity_type)
    if nobodys := somebodys(table, index):
        role, evidence = "insensitive", (*evidence, nobodys)
    if finding.confidence < DECIDED:
        role = "undecided"
    return ColumnVerdict(
        column=table.columns[index],
        entity_type=finding.entity_type,
        role=role,
        confidence=round(min(finding.confidence, 0.99), 3),
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
        for (name, data_type), found in zip(columns, profiles, strict=True)
        if found.values > 1 and found.distinct == found.values and not data_type.upper().startswith(("DOUBLE", "FLOAT"))
    ]
    if not candidates:
        return set()
    counts = ", ".join(f"count({quote(name)}) = count(DISTINCT {quote(name)})" for name in candidates)
    row = con.execute(f"SELECT {counts} FROM {relation_sql}").fetchall()[0]
    return {name for name, differs in zip(candidates, row, strict=True) if differs}
