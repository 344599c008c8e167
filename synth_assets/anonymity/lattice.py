"""Search for the generalization that loses least, over counts of groups of equal rows; no row is seen here.

A node of the lattice gives every quasi-identifier a level. Raising a level merges classes, which never makes a class
that passes fail: the rows that must be left out only become fewer, so that one infeasible node rules out all below it
(predictive tagging; Samarati 2001, El Emam et al. 2009, Kohlmayer et al. 2012). A loss has a floor for a node and all
above it: nodes are visited in its order, those above a node whose floor is too high are passed over, and the search
ends, with the best node proved, when no node is left whose floor is below the best loss found.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from synth_assets.anonymity.classes import Classes, Demand
from synth_assets.anonymity.diversity import BoolArray, FloatArray, IntArray
from synth_assets.anonymity.losses import Entropy, Loss, Node, places
from synth_assets.anonymity.together import Ties

MOST_EVALUATIONS = 3_000
MOST_VISITS = 200_000
_MOST_CACHED = 2_000_000  # classes, or twice the base classes if that is more


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

    ``loss`` is what is to be least; left out, non-uniform entropy. ``ties`` to earlier tables are kept in every node
    that is chosen, but a node above a safe one need not be safe, so that nothing is proved beside them.
    """

    base: Classes
    levels: Sequence[Sequence[IntArray]]
    counts: Sequence[IntArray]
    demand: Demand
    loss: Loss | None = None
    ties: Ties | None = None
    evaluations: int = 0
    proved: bool = False
    _measure: Loss = field(init=False)
    _cache: dict[Node, Classes] = field(default_factory=dict)
    _known: dict[Node, Outcome | None] = field(default_factory=dict)
    _infeasible: IntArray = field(init=False)
    _floors: FloatArray = field(init=False)  # one row a node whose floor is above its bound: the node, and the floor

    def __post_init__(self) -> None:
        self._cache[self.bottom] = self.base
        self._infeasible = np.empty((0, len(self.levels)), dtype=np.int64)
        self._floors = np.empty((0, len(self.levels) + 1))
        self.entropy = Entropy(self.levels, self.counts, int(self.base.rows.sum()))
        self._measure = self.loss or self.entropy

    @property
    def measured(self) -> str:
        """The name of what is kept small."""
        return self._measure.name

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
            if self._ruled_out(node) or self._surpassed(node, best.loss):
                continue
            found = self._evaluate(node)
            if found is None and not self._surpassed(node, best.loss):
                found = self._descend(self._climb(node))
            if found is not None and found.loss < best.loss:
                best = found
        else:
            self.proved = True
        self.proved &= self.ties is None
        return self._descend(best)  # of nodes that lose the same, one that generalizes no more than it must

    def bound(self, node: Node) -> float:
        """No node at or above this one loses less."""
        return self._measure.bound(node)

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
        floor = self._measure.floor(node, classes)
        if floor > self.bound(node):
            self._floors = np.vstack([self._floors, [*node, floor]])
        good = self.accepts(node, classes)
        if not self.demand.permits(classes, good):
            return None
        if self.ties is not None and not self.ties.hides(places(self.base, self.levels, node), good):
            return None
        suppressed = int(classes.rows[~good].sum())
        return Outcome(node, self._measure.of(node, classes, good), suppressed, int(good.sum()))

    def accepts(self, node: Node, classes: Classes) -> BoolArray:
        """Say of each class of a node whether its rows may be shown."""
        good = self.demand.passes(classes)
        if self.ties is not None:
            good &= self.ties.safe(places(self.base, self.levels, node), classes.size)
        return good

    def _surpassed(self, node: Node, loss: float) -> bool:
        """Whether the node lies at or above one whose floor is no better than a loss."""
        high = self._floors[:, -1] >= loss
        return bool((high & np.all(self._floors[:, :-1] <= np.array(node), axis=1)).any())

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
        """Lower single columns while that stays feasible and loses no more."""
        while True:
            lowered = [self._moved(outcome.node, column, -1) for column in range(len(outcome.node))]
            tried = [self._evaluate(n) for n in lowered if n is not None and not self._ruled_out(n)]
            better = [found for found in tried if found is not None and found.loss <= outcome.loss]
            if not better:
                return outcome
            outcome = min(better, key=lambda found: found.loss)
