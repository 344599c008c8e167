"""Clique trees: which columns must be held together so that exact inference is possible, and what that takes.

A graphical model whose marginals are over ``groups`` of nodes is exact on a clique tree: groups are joined by
triangulation (min-fill elimination: Koller and Friedman 2009, section 9.4.3), its maximal cliques by a spanning tree
of greatest separators. Structure only; numbers live in :mod:`~synth_assets.synthesis.inference`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import prod

Clique = tuple[int, ...]
"""Nodes in rising order."""


@dataclass(frozen=True)
class CliqueTree:
    """Cliques, parents before children; ``parents`` holds the place of each one's parent, -1 for a root.

    ``sizes[i]`` is the number of values of node i; every node is in some clique. The nodes that a clique shares with
    its parent are its separator; they hold everything that the clique shares with any clique before it.
    """

    sizes: tuple[int, ...]
    cliques: tuple[Clique, ...]
    parents: tuple[int, ...]

    @cached_property
    def separators(self) -> tuple[Clique, ...]:
        """What each clique shares with its parent; nothing for a root."""
        return tuple(
            tuple(sorted(set(clique) & set(self.cliques[parent]))) if parent >= 0 else ()
            for clique, parent in zip(self.cliques, self.parents, strict=True)
        )

    @cached_property
    def cells(self) -> int:
        """The cells of all cliques together."""
        return sum(prod(self.sizes[node] for node in clique) for clique in self.cliques)

    def shape(self, clique: Clique) -> tuple[int, ...]:
        """The shape of a table over some nodes."""
        return tuple(self.sizes[node] for node in clique)

    def holder(self, group: Iterable[int]) -> int | None:
        """The place of the smallest clique that holds all nodes of ``group``; None where there is none."""
        wanted = set(group)
        found = [i for i, clique in enumerate(self.cliques) if wanted <= set(clique)]
        return min(found, key=lambda i: prod(self.shape(self.cliques[i])), default=None)


def clique_tree(sizes: Sequence[int], groups: Iterable[Iterable[int]]) -> CliqueTree:
    """A clique tree over nodes 0 .. len(sizes) - 1 in which every group lies within one clique."""
    cliques = [tuple(i for i in range(len(sizes)) if mask >> i & 1) for mask in _triangulate(sizes, groups)]
    order, parents = _join(cliques)
    return CliqueTree(tuple(sizes), tuple(cliques[i] for i in order), parents)


def tree_cells(sizes: Sequence[int], groups: Iterable[Iterable[int]]) -> int:
    """The cells that the cliques of :func:`clique_tree` would have, without building it."""
    return sum(prod(sizes[i] for i in range(len(sizes)) if mask >> i & 1) for mask in _triangulate(sizes, groups))


def _triangulate(sizes: Sequence[int], groups: Iterable[Iterable[int]]) -> list[int]:
    """The maximal cliques of a min-fill triangulation, as bit masks; ties go to the smallest table."""
    near = [0] * len(sizes)
    for group in groups:
        mask = sum(1 << node for node in set(group))
        for node in group:
            near[node] |= mask
    near = [mask & ~(1 << node) for node, mask in enumerate(near)]
    left, cliques = set(range(len(sizes))), list[int]()
    costs: dict[int, tuple[int, int]] = {}
    while left:
        for node in left - costs.keys():
            costs[node] = (_fill(near, near[node]), prod(sizes[k] for k in _bits(near[node] | 1 << node)))
        node = min(left, key=lambda n: (*costs[n], n))
        around = near[node]
        clique = around | 1 << node
        if not any(clique & ~known == 0 for known in cliques):
            cliques.append(clique)
        touched = around
        for other in _bits(around):
            near[other] = (near[other] | around) & ~(1 << node | 1 << other)
            touched |= near[other]
        left.remove(node)
        for other in [node, *_bits(touched)]:
            costs.pop(other, None)
    return cliques


def _fill(near: Sequence[int], around: int) -> int:
    """How many pairs of neighbours are not neighbours of each other, twice."""
    return sum((around & ~near[node]).bit_count() - 1 for node in _bits(around))


def _bits(mask: int) -> list[int]:
    found = []
    while mask:
        low = mask & -mask
        found.append(low.bit_length() - 1)
        mask ^= low
    return found


def _join(cliques: Sequence[Clique]) -> tuple[list[int], tuple[int, ...]]:
    """An order of the cliques and each one's parent in it: a spanning forest of greatest separators (Prim)."""
    members = [set(clique) for clique in cliques]
    order: list[int] = []
    parents: list[int] = []
    best = dict.fromkeys(range(len(cliques)), (0, -1))
    while best:
        clique = max(best, key=lambda i: (best[i][0], len(members[i]), -i))
        parents.append(best.pop(clique)[1])
        for other, (shared, _) in best.items():
            common = len(members[other] & members[clique])
            if common > shared:
                best[other] = (common, len(order))
        order.append(clique)
    return order, tuple(parents)
