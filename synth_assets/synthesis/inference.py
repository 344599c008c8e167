"""Exact inference over a clique tree of dense tables: beliefs, marginals, sampling.

Beliefs come from two passes over the tree (Lauritzen and Spiegelhalter 1988, in the form of Jensen: one table a clique,
divided by what was sent before). Tables are in linear space, scaled so that their greatest cell is one; what
underflows has a probability below 1e-300.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import prod

import numpy as np
from numpy.typing import NDArray

from synth_assets.synthesis.cliques import Clique, CliqueTree

Floats = NDArray[np.float64]
Codes = NDArray[np.int64]

_GOLDEN = (math.sqrt(5) - 1) / 2


def spread(table: Floats, own: Clique, over: Clique) -> Floats:
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
        top = float(potential.max())
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
    present, places = np.unique(given, return_inverse=True) if len(conditional) > 1 else (np.zeros(1, np.int64), given)
    totals = np.bincount(places, minlength=len(present))
    running = np.cumsum(conditional[present], axis=1) * totals[:, None]
    running[:, -1] = totals
    offsets = (rng.random() + np.arange(len(totals)) * _GOLDEN) % 1
    steps = np.floor(np.minimum(running, totals[:, None]) + offsets[:, None]).astype(np.int64)
    steps[:, -1] = totals
    counts = np.diff(np.minimum(steps, totals[:, None]), axis=1, prepend=0)
    shuffled = rng.permutation(len(given))
    order = shuffled[np.argsort(places[shuffled], kind="stable")]
    values = np.empty(len(given), dtype=np.int64)
    values[order] = np.repeat(np.tile(np.arange(conditional.shape[1]), len(totals)), counts.ravel())
    return values


def pair_marginals(tree: CliqueTree, tables: Sequence[Floats], pairs: Iterable[Clique]) -> dict[Clique, Floats]:
    """The distribution of each pair of nodes, within one clique or not."""
    wanted = set(pairs)
    found: dict[Clique, Floats] = {}
    for first in range(len(tree.sizes)):
        others = {b for a, b in wanted if a == first}
        if others:
            found |= {(first, b): table for b, table in _from_node(tree, tables, first, others).items()}
    return found


def _from_node(tree: CliqueTree, tables: Sequence[Floats], first: int, others: set[int]) -> dict[int, Floats]:
    """P(first, other) for each other node: P(first, separator) is carried outwards from the clique of ``first``."""
    start = tree.holder((first,)) or 0
    near: list[list[int]] = [[] for _ in tree.cliques]
    for i, parent in enumerate(tree.parents):
        if parent >= 0:
            near[i].append(parent)
            near[parent].append(i)
    alone = marginal(tables[start], tree.cliques[start], (first,))
    found: dict[int, Floats] = {}
    queue: list[tuple[int, int, Clique, Floats]] = [(start, -1, (first,), np.diag(alone))]
    seen = {start}
    while queue and others - found.keys():
        at, came, separator, carried = queue.pop()
        clique, table = tree.cliques[at], tables[at]
        for other in others - found.keys():
            if other in clique:
                found[other] = _carry(carried, table, clique, separator, (other,))
        for step in near[at]:
            if step != came:
                seen.add(step)
                shared = tuple(sorted(set(clique) & set(tree.cliques[step])))
                queue.append((step, at, shared, _carry(carried, table, clique, separator, shared)))
    if others - found.keys():
        found |= {other: np.outer(alone, _single(tree, tables, other)) for other in others - found.keys()}
    return found


def _single(tree: CliqueTree, tables: Sequence[Floats], node: int) -> Floats:
    place = tree.holder((node,)) or 0
    return marginal(tables[place], tree.cliques[place], (node,))


def _carry(carried: Floats, table: Floats, clique: Clique, before: Clique, after: Clique) -> Floats:
    """P(first, after) = sum over ``before`` of P(first, before) P(after | before); rows are the values of ``first``."""
    union = tuple(sorted({*before, *after}))
    joint = marginal(table, clique, union)
    base = joint.sum(axis=tuple(k for k, node in enumerate(union) if node not in before))
    given = np.divide(
        joint, spread(base, before, union), out=np.zeros_like(joint), where=spread(base, before, union) > 0
    )
    shape = dict(zip(union, joint.shape, strict=True))
    labels = {node: k + 1 for k, node in enumerate(union)}
    rows = carried.reshape([carried.shape[0], *(shape[node] for node in before)])
    summed: Floats = np.einsum(
        rows,
        [0, *(labels[n] for n in before)],
        given,
        [labels[n] for n in union],
        [0, *(labels[n] for n in after)],
        optimize=True,
    )
    return summed.reshape(carried.shape[0], -1)
