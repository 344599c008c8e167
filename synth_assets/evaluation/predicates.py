"""Statements about people, and who they are true of.

A predicate joins clauses about columns. Thousands are tried on millions of rows, so rows are sorted once by each
column: a clause is then a slice of an order, and only the rows of the shortest slice are looked at.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache

import numpy as np
import numpy.typing as npt

from synth_assets.evaluation.sampling import Floats, Sample, fetch
from synth_assets.evaluation.tables import MISSING, ROWS, SYNTHETIC, Tables

ROWS_AT_ONCE = 1 << 20
MANY = 16
"""Beyond so many matching people the exact number no longer matters."""

Clause = tuple[int, str, float, float]
"""Position of a column, ``between``, ``outside`` or ``missing``, and the closed interval of values; ``among`` or ``not
among`` what a set of words allows, and twice the code of its label."""
Predicate = tuple[Clause, ...]
Units = npt.NDArray[np.uint64]
Places = npt.NDArray[np.intp]
Allowed = Callable[[tuple[int, float]], tuple[float, ...]]
"""What cells may hold that lie in a set, by the position of its column and the code of its label."""
NO_SETS: Mapping[tuple[int, float], tuple[float, ...]] = {}


@dataclass(frozen=True)
class Matches:
    """The distinct units that match each predicate, up to a limit."""

    units: list[Units]

    def counts(self) -> npt.NDArray[np.int64]:
        """How many units match each predicate."""
        return np.array([len(units) for units in self.units], dtype=np.int64)


@dataclass
class Lookup:
    """Rows in the order of each column (made when first asked for), missing values last.

    ``upper`` holds the upper ends of generalized cells, which must lie within a clause as the lower ends do.
    """

    values: tuple[Floats, ...]
    upper: tuple[Floats, ...]
    allowed: Allowed = NO_SETS.__getitem__
    _orders: dict[int, tuple[Places, Floats]] = field(default_factory=dict)

    def true_of(self, predicate: Predicate) -> Places:
        """The places of the rows that a predicate is true of."""
        slices = [(self._slice(clause), clause) for clause in predicate]
        found, least = min(slices, key=lambda pair: len(pair[0]))
        for _, clause in slices:
            if clause is not least and len(found):
                found = found[holds(clause, self.values[clause[0]][found], self.allowed)]
        for clause in predicate:
            if self.upper[clause[0]] is not self.values[clause[0]] and len(found):
                found = found[holds(clause, self.upper[clause[0]][found], self.allowed)]
        return found

    def _slice(self, clause: Clause) -> Places:
        """The rows that one clause is true of, in its column's order."""
        k, relation, low, high = clause
        if k not in self._orders:
            order = np.argsort(self.values[k], kind="stable")
            self._orders[k] = order, self.values[k][order]
        order, values = self._orders[k]
        present = np.searchsorted(values, np.inf, "right")
        if relation == "missing":
            return order[present:]
        if relation == "among":
            named = np.array(self.allowed((k, low)))
            ends = (np.searchsorted(values, named, side) for side in ("left", "right"))
            parts = [order[a:b] for a, b in zip(*ends, strict=True)]
            return np.concatenate([*parts, order[present:] if MISSING in named else order[:0]])
        if relation == "not among":
            return order[holds(clause, values, self.allowed)]
        begin, end = np.searchsorted(values, low, "left"), np.searchsorted(values, high, "right")
        if relation == "between":
            return order[begin:end]
        return np.concatenate([order[:begin], order[end:present]])


def holds(clause: Clause, values: Floats, allowed: Allowed = NO_SETS.__getitem__) -> npt.NDArray[np.bool_]:
    """Which values a clause is true of; a missing one is in no set that does not name it, and not outside either."""
    k, relation, low, high = clause
    if relation in {"among", "not among"}:
        named = allowed((k, low))
        inside, missing = np.isin(values, named), np.isnan(values)
        return np.asarray((inside | missing & (MISSING in named)) if relation == "among" else ~inside & ~missing)
    if relation == "missing":
        return np.isnan(values)
    if relation == "between":
        return np.asarray((values >= low) & (values <= high))
    return np.asarray((values < low) | (values > high))


def look_up(tables: Tables, src: int, rows: Sample) -> Lookup:
    """Rows of a source, to be looked up. A set holds people with its words, and cells that are a part of it."""

    @cache
    def allowed(label: tuple[int, float]) -> tuple[float, ...]:
        sets = tables.columns[label[0]].sets
        own = sets[int(label[1])]
        return tuple(sorted(own if src != SYNTHETIC else (code for code, part in sets.items() if part <= own)))

    return Lookup(rows.low, rows.high, allowed) if src == SYNTHETIC else Lookup(rows.values, rows.values, allowed)


def match(
    tables: Tables,
    src: int,
    predicates: Sequence[Predicate],
    *,
    people: int | None = None,
    seed: int = 0,
    limit: int = MANY,
) -> Matches:
    """Stream a source and collect the units that match each predicate: of ``people`` sampled units, if there are more.

    A generalized cell of the product matches where it lies within a clause, as it does in the one made of it.
    """
    units = [np.empty(0, dtype=np.uint64) for _ in predicates]
    for rows in _blocks(tables, src, people, seed):
        lookup = look_up(tables, src, rows)
        for p, predicate in enumerate(predicates):
            if len(units[p]) < limit:
                units[p] = _join(units[p], rows.units[lookup.true_of(predicate)], limit)
    return Matches(units)


def _join(known: Units, fresh: Units, limit: int) -> Units:
    """The distinct units of both, up to the limit; of very many the first few are likely to reach it."""
    for part in (fresh[: 64 * limit], fresh):
        joined = np.unique(np.concatenate([known, part]))
        if len(joined) >= limit or len(part) == len(fresh):
            break
    return joined[:limit]


def _blocks(tables: Tables, src: int, people: int | None, seed: int) -> Iterator[Sample]:
    chosen = f"src = {src}"
    if people is not None and tables.units[src] > people:
        every = f"SELECT u FROM {ROWS} WHERE src = {src} GROUP BY u ORDER BY hash(u, {seed}), u LIMIT {people}"
        chosen += f" AND u IN ({every})"
    for start in range(0, tables.rows[src], ROWS_AT_ONCE):
        block = f"r > {start} AND r <= {start + ROWS_AT_ONCE}"
        yield fetch(tables, f"SELECT * FROM {ROWS} WHERE {chosen} AND {block}")
