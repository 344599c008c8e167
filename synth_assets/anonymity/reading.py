"""What the names of groups in a finished table stand for, so that a report compares like with like.

A step of a hierarchy that a person wrote calls values by names of its own: `Asia` where the source has `Japan`. Where
every column has one step, the source's values are called by it too. Where each class has a set of its own (Mondrian), a
name is read as the set of the source's values that it may be.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import duckdb

from synth_assets.anonymity.labels import listed_set
from synth_assets.anonymity.model import Anonymization, Anonymize, Hierarchy
from synth_assets.storage import quote

_STEP = re.compile(r"groups, step (\d+)")


@dataclass(frozen=True)
class Reading:
    """SQL of a column's cells by its name, for rows of the source and for those of the finished table."""

    source: dict[str, str]
    finished: dict[str, str]

    def of_source(self, rows: str) -> str:
        """FROM-able rows of the source, as the finished table would call them."""
        return _replaced(rows, self.source)

    def of_finished(self, rows: str) -> str:
        """FROM-able rows of the finished table with what their names stand for."""
        return _replaced(rows, self.finished)


def read_groups_of(con: duckdb.DuckDBPyConnection, made: Anonymization, params: Anonymize, rows: str) -> Reading:
    """How the groups in a table that was ``made`` of ``rows`` (FROM-able, the source's own values) are to be read.

    Makes temporary tables on ``con``, which the SQL refers to.
    """
    reading = Reading({}, {})
    for place, (name, hierarchy) in enumerate(params.hierarchies.items()):
        if not hierarchy.groups or name not in made.levels:
            continue
        if params.method == "mondrian":
            text = f"CAST({quote(name)} AS VARCHAR)"
            found = con.execute(f"SELECT DISTINCT {text} FROM {rows} WHERE {text} IS NOT NULL").fetchall()
            pairs = list(sets_of(hierarchy, [word for (word,) in found]).items())
            reading.finished[name] = _looked_up(con, f"__named_{place}", name, pairs)
        elif step := _STEP.fullmatch(made.levels[name].meaning):
            pairs = list(hierarchy.called(int(step[1])).items())
            reading.source[name] = _looked_up(con, f"__named_{place}", name, pairs)
    return reading


def sets_of(hierarchy: Hierarchy, words: Sequence[str]) -> dict[str, str]:
    """For each name of a group of any step the set of ``words`` that it may be, as a finished table writes sets."""
    members: dict[str, set[str]] = {}
    for step in range(1, len(hierarchy.groups) + 1):
        called = hierarchy.called(step)
        for word in words:
            members.setdefault(called.get(word, word), set()).add(word)
    listed = {name: sorted(own) for name, own in members.items() if own != {name}}
    return {name: own[0] if len(own) == 1 else listed_set(own, words) or name for name, own in listed.items()}


def _looked_up(con: duckdb.DuckDBPyConnection, table: str, column: str, pairs: Sequence[tuple[str, str]]) -> str:
    """SQL of a cell after the table's pairs; what is in none stays."""
    con.execute(
        f"CREATE OR REPLACE TEMP TABLE {table} AS SELECT unnest(?::VARCHAR[]) AS said, unnest(?::VARCHAR[]) AS meant",
        [[said for said, _ in pairs], [meant for _, meant in pairs]],
    )
    text = f"CAST({quote(column)} AS VARCHAR)"
    return f"coalesce((SELECT meant FROM temp.{table} WHERE said = {text}), {text})"


def _replaced(rows: str, cells: dict[str, str]) -> str:
    if not cells:
        return rows
    return f"(SELECT * REPLACE ({', '.join(f'{sql} AS {quote(name)}' for name, sql in cells.items())}) FROM {rows})"


__all__ = ["Reading", "read_groups_of", "sets_of"]
