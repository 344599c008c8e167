"""How much columns depend on each other, and how much they tell, from noisy counts."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from synth_assets.diffix.trees import NONE, Tree
from synth_assets.diffix.units import Flags, Integers

if TYPE_CHECKING:
    from synth_assets.diffix.forest import Forest


_TESTABLE = 5
"""Fewer expected rows tell nothing, whatever is there (the rule of thumb of chi-squared tests)."""

_BY_CHANCE = math.sqrt(2 / math.pi)
"""The mean absolute deviation of a count from its expectation, in square roots of it."""


def entropy(tree: Tree) -> float:
    """The entropy of a tree's leaves in bits."""
    share = tree.counts[~tree.branch] / tree.counts[0]
    return float(-(share * np.log2(share)).sum())


def dependence(forest: Forest, first: int, second: int) -> float:
    """How far the tree of two columns is from what their own trees predict: 0 for independence, 1 for the opposite.

    A walk through the three trees at once: at each pair of nodes the count of both is held against the product of their
    shares; the mean of the relative differences, weighted by that product, is the dependence (the method's variant of
    chi-squared), less the difference that independent columns would show by chance. The root, which always fits, is
    left out, and a node that is not shown counts nothing.
    """
    joint, left, right = forest.tree((first, second)), forest.tree((first,)), forest.tree((second,))
    total = max(int(left.counts[0]), 1)
    least = forest.rules.range_threshold
    both, x, y = (np.zeros(1, dtype=np.int64) for _ in range(3))
    scores = weights = 0.0
    level = 0
    while len(x):
        kept = (left.counts[x] >= least) & (right.counts[y] >= least)
        kept &= left.counts[x] * right.counts[y] >= _TESTABLE * total
        both, x, y = both[kept], x[kept], y[kept]
        expected = left.counts[x] * right.counts[y] / total
        actual = np.where(both == NONE, 0, joint.counts[both])
        if level:
            excess = np.abs(expected - actual) - _BY_CHANCE * np.sqrt(expected)
            scores += float((excess / np.maximum(expected, actual) * expected).sum())
            weights += float(expected.sum())
        both, x, y = _next(joint, left, right, both, x, y)
        level += 1
    return max(scores / weights, 0.0) if weights else 0.0


def _next(
    joint: Tree, left: Tree, right: Tree, both: Integers, x: Integers, y: Integers
) -> tuple[Integers, Integers, Integers]:
    """The triples one level down; a node that holds a single value stays where it is while the other one descends."""
    stays = left.lone[x, 0], right.lone[y, 0]
    found: list[tuple[Integers, Integers, Integers]] = []
    for half in range(4):
        sides = half >> 1, half & 1
        asked = ~(stays[0] & stays[1])
        asked &= ~(stays[0] & (sides[0] == 1)) & ~(stays[1] & (sides[1] == 1))
        a, b, c = both[asked], x[asked], y[asked]
        lower = np.where(stays[0][asked], b, left.children[b, sides[0]])
        other = np.where(stays[1][asked], c, right.children[c, sides[1]])
        halves = [
            np.where(stays[i][asked], _side(joint, a, i, tree, node), sides[i])
            for i, (tree, node) in enumerate(((left, b), (right, c)))
        ]
        child = np.where(a == NONE, NONE, joint.children[a, 2 * halves[0] + halves[1]])
        real = (lower != NONE) & (other != NONE)
        found.append((child[real], lower[real], other[real]))
    return tuple(np.concatenate(part) for part in zip(*found, strict=True))  # type: ignore[return-value]


def _side(joint: Tree, nodes: Integers, dimension: int, line: Tree, single: Integers) -> Flags:
    """Which half of the joint nodes the values of nodes that hold a single one lie in."""
    value = line.shown[0][single, 0]
    upper: Flags = value >= (joint.low[nodes, dimension] + joint.high[nodes, dimension]) / 2
    return upper
