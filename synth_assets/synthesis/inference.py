"""Exact inference over a clique tree of dense tables: beliefs, marginals, sampling.

Beliefs come from two passes over the tree (Lauritzen and Spiegelhalter 1988, in the form of Jensen: one table a clique,
divided by what was sent before). Tables are in linear space, scaled so that their greatest cell is one; what
underflows has a probability below 1e-300.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from synth_assets.synthesis.cliques import Clique, CliqueTree

Floats = NDArray[np.float64]
Codes = NDArray[np.int64]

_GOLDEN = (math.sqrt(5) - 1) / 2
_LEAST = -1e300
"""A table of nothing but zeros has no greatest cell."""
_RADIX = 2**16
"""Keys below this are sorted by their digits, which is faster by far."""


def spread(table: NDArray[Any], own: Clique, over: Clique) -> NDArray[Any]:
    """A table over the nodes ``own``, shaped to be broadcast over those of ``over`` (both rising)."""
    shape = iter(table.shape)
    return table.reshape([next(shape) if node in own else 1 for node in over])


def marginal(table: Floats, own: Clique, wanted: Clique) -> Floats:
    """The sums of a table over the nodes ``own`` that leave those of ``wanted`` (both rising)."""
    if own == wanted:
        return table
    summed: Floats = table.sum(axis=tuple(axis for axis, node in enumerate(own) if node not in wanted))
    return summed


def beliefs(tree: CliqueTree, potentials: Sequence[Floats]) -> tuple[list[Floats], float]:
    """The probability table of each clique under log-potentials of the cliques, and the log of the total mass."""
    tables, scales = [], 0.0
    for potential in potentials:
        top = max(float(potential.max()), _LEAST)
        tables.append(np.exp(potential - top))
        scales += top
    sent: list[Floats] = [np.ones(())] * len(tables)
    for i in range(len(tables) - 1, -1, -1):
        message = marginal(tables[i], tree.cliques[i], tree.separators[i])
        top = float(message.max())
        scales += math.log(top) if top > 0 else -math.inf
        sent[i] = message / top if top > 0 else message
        if tree.parents[i] >= 0:
            above = tree.parents[i]
            tables[above] *= spread(sent[i], tree.separators[i], tree.cliques[above])
        else:
            tables[i] /= top if top > 0 else 1.0
    for i, parent in enumerate(tree.parents):
        if parent >= 0:
            told = marginal(tables[parent], tree.cliques[parent], tree.separators[i])
            below = marginal(tables[i], tree.cliques[i], tree.separators[i])
            ratio = np.divide(told, below, out=np.zeros_like(told), where=below > 0)
            tables[i] *= spread(ratio, tree.separators[i], tree.cliques[i])
    return tables, scales


@dataclass(frozen=True)
class Joint:
    """A distribution over the nodes of a clique tree.

    ``conditionals[i]`` is P(the new nodes of clique i | its separator): a row for each cell of the separator, a column
    for each cell of the new nodes, both in the order of the nodes, the last one running fastest.
    """

    tree: CliqueTree
    conditionals: tuple[Floats, ...]

    @classmethod
    def of(cls, tree: CliqueTree, tables: Sequence[Floats]) -> Joint:
        """The distribution that calibrated ``tables`` describe."""
        rows = []
        for clique, separator, table in zip(tree.cliques, tree.separators, tables, strict=True):
            first = [clique.index(node) for node in separator]
            rest = [axis for axis in range(len(clique)) if axis not in first]
            flat = table.transpose([*first, *rest]).reshape(prod(tree.shape(separator)), -1)
            mass = flat.sum(axis=1, keepdims=True)
            even = np.full_like(flat, 1 / flat.shape[1])
            rows.append(np.divide(flat, mass, out=even, where=mass > 0))
        return cls(tree, tuple(rows))

    def sample(self, n: int, rng: np.random.Generator) -> list[Codes]:
        """``n`` joint draws, one array a node.

        Counts, not rows, are drawn: each cell gets its expected count rounded down or up at random, so that sampling
        adds no error of its own beyond rounding.
        """
        drawn: list[Codes] = [np.zeros(0, dtype=np.int64)] * len(self.tree.sizes)
        for clique, separator, conditional in zip(
            self.tree.cliques, self.tree.separators, self.conditionals, strict=True
        ):
            new = tuple(node for node in clique if node not in separator)
            given = _raveled([drawn[node] for node in separator], self.tree.shape(separator), n)
            values = expand(given, conditional, rng)
            for node, codes in zip(new, np.unravel_index(values, self.tree.shape(new)), strict=True):
                drawn[node] = codes
        return drawn


def _raveled(codes: Sequence[Codes], shape: Sequence[int], n: int) -> Codes:
    flat = np.zeros(n, dtype=np.int64)
    for column, size in zip(codes, shape, strict=True):
        flat = flat * size + column
    return flat


def expand(given: Codes, conditional: Floats, rng: np.random.Generator) -> Codes:
    """For each row a value drawn from its row of ``conditional``, with counts that are rounded expectations.

    Rounding is by one uniform offset for each row of ``conditional``; the offsets are spaced by the golden ratio, so
    that the roundings of different rows cancel while each is uniform.
    """
    if len(conditional) > _RADIX:
        present, given = np.unique(given, return_inverse=True)
        conditional = conditional[present]
    totals = np.bincount(given, minlength=len(conditional))
    running = np.cumsum(conditional, axis=1) * totals[:, None]
    last = conditional.shape[1] - 1 - np.argmax(conditional[:, ::-1] > 0, axis=1)
    running = np.where(np.arange(conditional.shape[1]) >= last[:, None], totals[:, None], running)
    steps = np.floor(np.minimum(running, totals[:, None]) + _offsets(len(totals), rng)[:, None]).astype(np.int64)
    counts = np.diff(np.minimum(steps, totals[:, None]), axis=1, prepend=0)
    return _dealt(given, np.tile(np.arange(conditional.shape[1]), len(totals)), counts.ravel(), rng)


def refine(coarse: Codes, groups: Codes, within: Floats, rng: np.random.Generator) -> Codes:
    """For each row a cell of its group, with counts that are rounded expectations.

    ``groups[i]`` is the group of cell i and ``within[i]`` its share of it.
    """
    size = int(groups.max(initial=0)) + 1
    if size == len(groups):
        return np.argsort(groups)[coarse]
    cells = np.argsort(groups, kind="stable")
    group = groups[cells]
    ends = np.searchsorted(group, np.arange(size), side="right") - 1
    totals = np.bincount(coarse, minlength=size)
    running = np.cumsum(within[cells])
    running -= np.r_[0.0, running[ends[:-1]]][group]
    steps = np.floor(np.minimum(running, 1) * totals[group] + _offsets(size, rng)[group]).astype(np.int64)
    steps = np.minimum(steps, totals[group])
    steps[ends] = totals
    counts = np.diff(steps + (np.cumsum(totals) - totals)[group], prepend=0)
    return _dealt(coarse, cells, counts, rng)


def _offsets(count: int, rng: np.random.Generator) -> Floats:
    offsets: Floats = np.mod(rng.random() + np.arange(count, dtype=np.float64) * _GOLDEN, 1.0)
    return offsets


def _dealt(keys: Codes, values: Codes, counts: Codes, rng: np.random.Generator) -> Codes:
    """Each value as often as ``counts`` says, dealt to the rows by rising key, at random among equals."""
    shuffled = rng.permutation(len(keys))
    small = keys.astype(np.uint16) if keys.max(initial=0) < _RADIX else keys
    order = shuffled[np.argsort(small[shuffled], kind="stable")]
    dealt = np.empty(len(keys), dtype=np.int64)
    dealt[order] = np.repeat(values, counts)
    return dealt


@dataclass(frozen=True)
class Calibrated:
    """A clique tree whose tables are its marginals: answers for any nodes, within one clique or not."""

    tree: CliqueTree
    tables: Sequence[Floats]

    def marginal(self, wanted: Clique) -> Floats:
        """The distribution of ``wanted`` (rising), by elimination of everything else below the clique that joins it."""
        holder = self.tree.holder(wanted)
        if holder is not None:
            return marginal(self.tables[holder], self.tree.cliques[holder], wanted)
        parts, nodes = [], []
        for root in self._roots(wanted):
            part, own = self._below(root, wanted, ())
            parts.append(part)
            nodes.append(own)
        return _product(parts, nodes, wanted)

    @cached_property
    def _children(self) -> list[list[int]]:
        near: list[list[int]] = [[] for _ in self.tree.cliques]
        for i, parent in enumerate(self.tree.parents):
            if parent >= 0:
                near[parent].append(i)
        return near

    @cached_property
    def _reach(self) -> list[set[int]]:
        """The nodes of each clique and of all cliques below it."""
        reach = [set(clique) for clique in self.tree.cliques]
        for i in range(len(reach) - 1, -1, -1):
            if self.tree.parents[i] >= 0:
                reach[self.tree.parents[i]] |= reach[i]
        return reach

    def _roots(self, wanted: Clique) -> list[int]:
        """The lowest clique of each tree of the forest with all that is wanted of that tree at it or below it."""
        found = []
        for i, parent in enumerate(self.tree.parents):
            here = self._reach[i] & set(wanted)
            if parent >= 0 or not here:
                continue
            at = i
            while lower := [child for child in self._children[at] if here <= self._reach[child]]:
                at = lower[0]
            found.append(at)
        return found

    def _below(self, at: int, wanted: Clique, separator: Clique) -> tuple[Floats, Clique]:
        """P(what is wanted at or below a clique | its separator) as a table over both, and its nodes."""
        clique = self.tree.cliques[at]
        parts, nodes = [], []
        for child in self._children[at]:
            if self._reach[child] & set(wanted) - set(clique):
                part, own = self._below(child, wanted, self.tree.separators[child])
                parts.append(part)
                nodes.append(own)
        needed = tuple(n for n in clique if n in wanted or n in separator or any(n in own for own in nodes))
        parts.append(self._given(at, needed, separator))
        nodes.append(needed)
        kept = tuple(sorted({*separator, *(n for own in nodes for n in own if n in wanted)}))
        return _product(parts, nodes, kept), kept

    def _given(self, at: int, needed: Clique, separator: Clique) -> Floats:
        table = marginal(self.tables[at], self.tree.cliques[at], needed)
        if not separator:
            return table
        base: Floats = spread(marginal(table, needed, separator), separator, needed)
        return np.divide(table, base, out=np.zeros_like(table), where=base > 0)


def _product(parts: Sequence[Floats], nodes: Sequence[Clique], kept: Clique) -> Floats:
    """The product of tables over their nodes, summed over all nodes but ``kept``."""
    labels = {node: k for k, node in enumerate(sorted({node for own in nodes for node in own}))}
    operands: list[Any] = []
    for part, own in zip(parts, nodes, strict=True):
        operands += [part, [labels[node] for node in own]]
    made: Floats = np.einsum(*operands, [labels[node] for node in kept], optimize=len(parts) > 1)
    return made
