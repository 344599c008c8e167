"""Columns that refer to others: treated alike, so that a join that held still holds, and counted to prove it.

A column of a source that ``refers_to`` a column of another takes that one's type, role and treatment. Several columns
that refer to one source are a key together. What is counted: distinct keys, keys without a counterpart, joined rows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import duckdb

from synth_assets.storage import quote


class Decider(Protocol):
    """A source of the spec."""

    @property
    def name(self) -> str:
        """Its name."""

    @property
    def columns(self) -> Mapping[str, Any]:
        """Its decisions by column."""

    def is_unit(self, column: str) -> bool:
        """Whether a column says who is protected."""


@dataclass(frozen=True)
class Reference:
    """Columns of one source that refer, in this order, to columns of another."""

    source: str
    columns: tuple[str, ...]
    target: str
    keys: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.source}({', '.join(self.columns)}) -> {self.target}({', '.join(self.keys)})"


@dataclass(frozen=True)
class Tally:
    """Distinct keys of the referring rows, those of them that nothing answers to, and pairs of rows that join."""

    keys: int
    orphans: int
    pairs: int


def references_of(source: Decider) -> list[Reference]:
    """The references of a source, one for each source that it refers to."""
    found: dict[str, list[tuple[str, str]]] = {}
    for name, decision in source.columns.items():
        if decision.refers_to is not None:
            target, _, key = decision.refers_to.partition(".")
            found.setdefault(target, []).append((name, key))
    return [
        Reference(source.name, tuple(name for name, _ in pairs), target, tuple(key for _, key in pairs))
        for target, pairs in found.items()
    ]


def follow_references(sources: Sequence[Decider]) -> None:
    """Let every referring column have the type, role and treatment of the one it refers to.

    Raises:
        ValueError: there is no such column, nothing is decided on it, the two differ, or references run in a circle.
    """
    known = {source.name: source for source in sources}
    for source in _in_order(known):
        for name, decision in source.columns.items():
            if decision.refers_to is not None:
                _follow(f"sources.{source.name}.columns.{name}", decision, known)


def _follow(place: str, decision: Any, known: Mapping[str, Decider]) -> None:
    target, dot, key = decision.refers_to.partition(".")
    if not dot or target not in known or key not in known[target].columns:
        raise ValueError(
            f"{place}.refers_to ({decision.refers_to}) must be SOURCE.COLUMN, a column that the spec decides on; write "
            "`refers_to: patients.person_id`"
        )
    other = known[target].columns[key]
    if getattr(other.treatment, "kind", None) == "randomize":
        raise ValueError(
            f"{place}.refers_to ({decision.refers_to}) is randomized, and joins with nothing; leave it out"
        )
    for field in ("type", "role", "treatment"):
        own, theirs = getattr(decision, field), getattr(other, field)
        if field == "type" and known[target].is_unit(key):
            theirs = "person_id"
        if field == "type" and theirs is None:
            raise ValueError(f"sources.{target}.columns.{key}.type is needed, as {place} refers to it; write it")
        if own not in (None, theirs):
            raise ValueError(f"{place}.{field} must be that of {decision.refers_to}, to which it refers; leave it out")
        object.__setattr__(decision, field, theirs)


def _in_order(known: Mapping[str, Decider]) -> list[Decider]:
    """Sources after those that they refer to."""
    done: list[str] = []

    def visit(name: str, above: tuple[str, ...]) -> None:
        if name in above:
            raise ValueError(f"sources.{name}: references run in a circle; remove one `refers_to`")
        if name in known and name not in done:
            for reference in references_of(known[name]):
                if reference.target != name:
                    visit(reference.target, (*above, name))
            done.append(name)

    for name in known:
        visit(name, ())
    return [known[name] for name in done]


def tally(con: duckdb.DuckDBPyConnection, reference: Reference, rows: str, others: str) -> Tally:
    """Count a reference of ``rows`` to ``others`` (FROM-able texts); keys with a missing part refer to nothing."""
    parts = [f"k{i}" for i in range(len(reference.columns))]
    own, theirs = (
        ", ".join(f"{quote(name)}::VARCHAR AS {part}" for part, name in zip(parts, names, strict=True))
        for names in (reference.columns, reference.keys)
    )
    whole = " AND ".join(f"{part} IS NOT NULL" for part in parts)
    key = ", ".join(parts)
    query = (
        f"WITH mine AS (SELECT {key}, count(*) AS n FROM (SELECT {own} FROM {rows}) WHERE {whole} GROUP BY ALL), "
        f"theirs AS (SELECT {key}, count(*) AS m FROM (SELECT {theirs} FROM {others}) GROUP BY ALL) "
        "SELECT count(*), count(*) FILTER (m IS NULL), coalesce(sum(n * m), 0) "
        f"FROM mine LEFT JOIN theirs USING ({key})"
    )
    return Tally(*(int(figure) for figure in con.execute(query).fetchall()[0]))
