"""Search for the generalization that loses least, over counts of groups of equal rows; no row is seen here.

A node of the lattice gives every quasi-identifier a level. Raising a level merges classes, which never makes a class
that passes fail: the rows that must be left out only become fewer, so that one infeasible node rules out all below it
(predictive tagging; Samarati 2001, El Emam et al. 2009, Kohlmayer et al. 2012). The loss without any suppression is a
sum over columns that is known beforehand and bounds the loss of a node and of all above it from below: nodes are
visited in its order, and the search ends, with the best node proved, when the bound passes the best loss found.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from synth_assets.anonymity.diversity import SLACK, FloatArray, IntArray, Spread

Codes = npt.NDArray[np.uint16]
Node = tuple[int, ...]

MOST_EVALUATIONS = 3_000
MOST_VISITS = 200_000
_MOST_CACHED = 2_000_000  # classes, or twice the base classes if that is more
_LARGEST = 2**62


@dataclass(frozen=True)
class Incidence:
    """Which members (units that live in several classes, or values) occur in which class; pairs are distinct."""

    classes: IntArray
    members: IntArray

    def merged(self, into: IntArray) -> Incidence:
        """Return the incidence after class ``i`` has become class ``into[i]``."""
        if self.classes.size == 0:
            return self
        width = int(self.members.max()) + 1
        pairs = _distinct(into[self.classes] * width + self.members)
        return Incidence(*np.divmod(pairs, width))

    def per_class(self, classes: int) -> IntArray:
        """Count the members of each class."""
        return np.bincount(self.classes, minlength=classes).astype(np.int64)


@dataclass(frozen=True)
class Classes:
    """Classes of equal rows: ``codes`` (one row a column), rows, units found in no other base class, and incidences."""

    codes: Codes
    rows: IntArray
    settled: IntArray
    roaming: Incidence
    sensitive: tuple[Incidence, ...]
    spreads: tuple[Spread, ...] = ()

    @property
    def size(self) -> int:
        """How many classes there are."""
        return len(self.rows)

    def units(self) -> IntArray:
        """Count the distinct units of each class."""
        return self.settled + self.roaming.per_class(self.size)

    def merged(self, codes: Codes) -> Classes:
        """Merge the classes that have become equal under new, coarser codes."""
        into, size = _renumber(_combine(codes))
        one = np.empty(size, dtype=np.int64)
        one[into] = np.arange(len(into))  # any member of a class will do, all have its codes
        return Classes(
            codes[:, one],
            _sum(self.rows, into, size),
            _sum(self.settled, into, size),
            self.roaming.merged(into),
            tuple(incidence.merged(into) for incidence in self.sensitive),
            tuple(spread.merged(into) for spread in self.spreads),
        )


def _sum(values: IntArray, into: IntArray, size: int) -> IntArray:
    return np.bincount(into, weights=values, minlength=size).astype(np.int64)  # exact below 2^53


def _is_dense(keys: IntArray) -> bool:
    """Whether a table indexed by the keys is cheaper than sorting them."""
    return int(keys.max(initial=0)) < max(16 * len(keys), 2**16)


def _distinct(keys: IntArray) -> IntArray:
    """Return the distinct keys, rising."""
    if _is_dense(keys):
        present = np.zeros(int(keys.max(initial=-1)) + 1, dtype=np.bool_)
        present[keys] = True
        return np.flatnonzero(present)
    ordered = np.sort(keys)
    distinct: IntArray = ordered[np.concatenate([[True], ordered[1:] != ordered[:-1]])]
    return distinct


def _renumber(keys: IntArray) -> tuple[IntArray, int]:
    """Number the distinct keys from 0 in rising order; return each key's number, and how many there are."""
    distinct = _distinct(keys)
    if not _is_dense(keys):
        return np.searchsorted(distinct, keys).astype(np.int64), len(distinct)
    numbers = np.empty(int(keys.max(initial=-1)) + 1, dtype=np.int64)
    numbers[distinct] = np.arange(len(distinct))
    return numbers[keys], len(distinct)


def _combine(codes: Codes) -> IntArray:
    """Number the columns' combinations by one integer each, renumbering before it could overflow."""
    keys = np.zeros(codes.shape[1], dtype=np.int64)
    span = 1
    for column in codes:
        width = int(column.max(initial=0)) + 1
        if span > _LARGEST // width:
            keys, span = _renumber(keys)
        keys = keys * width + column
        span *= width
    return keys


@dataclass(frozen=True)
class Demand:
    """The privacy model in numbers: ``most_suppressed`` is in rows, ``recursive`` holds c and l."""

    k: int
    l: int | None  # noqa: E741 - the letter of the literature
    most_suppressed: int
    entropy_l: float | None = None
    recursive: tuple[float, int] | None = None
    t: float | None = None

    def passes(self, classes: Classes) -> npt.NDArray[np.bool_]:
        """Say of each class whether it satisfies the model."""
        good = classes.units() >= self.k
        for incidence in classes.sensitive if self.l else ():
            good &= incidence.per_class(classes.size) >= (self.l or 0)
        for spread in classes.spreads:
            if self.entropy_l is not None:
                good &= spread.entropy(classes.size) >= self.entropy_l - SLACK
            if self.recursive is not None:
                good &= spread.recursive(classes.size, *self.recursive)
            if self.t is not None:
                good &= spread.closeness(classes.size) <= self.t + SLACK
        return good


@dataclass(frozen=True)
class Outcome:
    """A node that satisfies the model, with its cost."""

    node: Node
    loss: float
    suppressed_rows: int
    classes: int


@dataclass
class Search:
    """One search; ``levels[column][level]`` maps base codes to that level's, ``counts[column]`` are rows a base code.

    Losses are bits of non-uniform entropy (Gionis and Tassa 2009), as a share of the bits lost when every
    quasi-identifier is suppressed.
    """

    base: Classes
    levels: Sequence[Sequence[IntArray]]
    counts: Sequence[IntArray]
    demand: Demand
    evaluations: int = 0
    proved: bool = False
    _bits: list[list[FloatArray]] = field(default_factory=list)
    _bounds: list[list[float]] = field(default_factory=list)
    _cache: dict[Node, Classes] = field(default_factory=dict)
    _known: dict[Node, Outcome | None] = field(default_factory=dict)
    _own_bits: float = 0.0
    _infeasible: IntArray = field(default_factory=lambda: np.empty((0, 0), dtype=np.int64))

    def __post_init__(self) -> None:
        self._cache[self.bottom] = self.base
        self._infeasible = np.empty((0, len(self.levels)), dtype=np.int64)
        for steps, counts in zip(self.levels, self.counts, strict=True):
            sizes = [np.bincount(codes, weights=counts) for codes in steps]
            own = float(counts @ np.log2(np.maximum(counts, 1)))
            self._own_bits += own
            self._bits.append([np.log2(np.maximum(size, 1)) for size in sizes])
            self._bounds.append([float(size @ np.log2(np.maximum(size, 1))) - own for size in sizes])
        self._row_bits = len(self.levels) * float(np.log2(max(int(self.base.rows.sum()), 1)))
        self._most_bits = max(self._row_bits * float(self.base.rows.sum()) - self._own_bits, 1e-9)

    @property
    def bottom(self) -> Node:
        """The node that changes nothing."""
        return (0,) * len(self.levels)

    @property
    def top(self) -> Node:
        """The node that generalizes most."""
        return tuple(len(steps) - 1 for steps in self.levels)

    def run(self) -> Outcome | None:
        """Return the feasible node that loses least; None where even the top does not satisfy the model."""
        best = self._evaluate(self.top)
        if best is None:
            return None
        visits = 0
        for bound, node in self._in_order():
            visits += 1
            if bound >= best.loss:
                self.proved = True
                break
            if visits > MOST_VISITS or self.evaluations > MOST_EVALUATIONS:
                break
            if self._ruled_out(node):
                continue
            found = self._evaluate(node)
            if found is None:
                found = self._descend(self._climb(node))
            best = min(best, found, key=lambda outcome: outcome.loss)
        else:
            self.proved = True
        return best

    def bound(self, node: Node) -> float:
        """Return the loss of a node that suppresses no row: no node above it loses less."""
        bits = sum(bounds[level] for bounds, level in zip(self._bounds, node, strict=True))
        return bits / self._most_bits

    def classes_at(self, node: Node) -> Classes:
        """Merge the base classes to those of a node, starting from the coarsest known node below it."""
        if node in self._cache:
            return self._cache[node]
        below = [n for n in self._cache if all(a <= b for a, b in zip(n, node, strict=True))]
        start = min(below, key=lambda n: self._cache[n].size)
        from_classes = self._cache[start]
        codes = from_classes.codes.copy()
        for column, (low, high) in enumerate(zip(start, node, strict=True)):
            if high > low:
                steps = self.levels[column]
                step = np.zeros(int(steps[low].max(initial=0)) + 1, dtype=np.uint16)
                step[steps[low]] = steps[high]
                codes[column] = step[codes[column]]
        merged = from_classes.merged(codes)
        self._cache[node] = merged
        room = max(_MOST_CACHED, 2 * self.base.size) - sum(classes.size for classes in self._cache.values())
        for oldest in [n for n in self._cache if n != self.bottom]:
            if room >= 0:
                break
            room += self._cache.pop(oldest).size
        return merged

    def _evaluate(self, node: Node) -> Outcome | None:
        if node not in self._known:
            self.evaluations += 1
            self._known[node] = outcome = self._judge(node)
            if outcome is None:
                below = np.all(self._infeasible <= np.array(node), axis=1)
                self._infeasible = np.vstack([self._infeasible[~below], np.array(node, dtype=np.int64)])
        return self._known[node]

    def _judge(self, node: Node) -> Outcome | None:
        classes = self.classes_at(node)
        good = self.demand.passes(classes)
        suppressed = int(classes.rows[~good].sum())
        if not good.any() or suppressed > self.demand.most_suppressed:
            return None
        lost = np.zeros(classes.size)
        for bits, level, codes in zip(self._bits, node, classes.codes, strict=True):
            lost += bits[level][codes]
        bits_lost = float(classes.rows @ np.where(good, lost, self._row_bits)) - self._own_bits
        return Outcome(node, max(bits_lost, 0.0) / self._most_bits, suppressed, int(good.sum()))

    def _ruled_out(self, node: Node) -> bool:
        return bool(np.all(self._infeasible >= np.array(node), axis=1).any())

    def _in_order(self) -> Iterator[tuple[float, Node]]:
        """Yield nodes by rising bound, each once: a node is made by raising its last raised column, or a later one."""
        heap = [(self.bound(self.bottom), self.bottom)]
        while heap:
            bound, node = heapq.heappop(heap)
            yield bound, node
            last = max((i for i, level in enumerate(node) if level), default=0)
            for column in range(last, len(node)):
                raised = self._moved(node, column, 1)
                if raised is not None:
                    heapq.heappush(heap, (self.bound(raised), raised))

    def _moved(self, node: Node, column: int, by: int) -> Node | None:
        level = node[column] + by
        if not 0 <= level < len(self.levels[column]):
            return None
        return (*node[:column], level, *node[column + 1 :])

    def _climb(self, node: Node) -> Outcome:
        """Find by bisection the first feasible node of a path to the top that raises the cheapest column each time."""
        path = [node]
        while path[-1] != self.top:
            raised = [self._moved(path[-1], column, 1) for column in range(len(node))]
            path.append(min((n for n in raised if n is not None), key=self.bound))
        low, high = 0, len(path) - 1  # low is infeasible, high (the top) feasible
        while high - low > 1:
            middle = (low + high) // 2
            if self._ruled_out(path[middle]) or self._evaluate(path[middle]) is None:
                low = middle
            else:
                high = middle
        outcome = self._evaluate(path[high])
        if outcome is None:
            raise ValueError("the top of the lattice must be feasible before a search")
        return outcome

    def _descend(self, outcome: Outcome) -> Outcome:
        """Lower single columns while that stays feasible and loses less."""
        while True:
            lowered = [self._moved(outcome.node, column, -1) for column in range(len(outcome.node))]
            tried = [self._evaluate(n) for n in lowered if n is not None and not self._ruled_out(n)]
            better = [found for found in tried if found is not None and found.loss < outcome.loss]
            if not better:
                return outcome
            outcome = min(better, key=lambda found: found.loss)
