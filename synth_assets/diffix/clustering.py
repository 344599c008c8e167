"""Clusters: which columns of a wide table share a tree.

Trees stay small and overlap: one cluster of columns that depend on each other comes first, then each further column has
a tree of its own with the known columns that tell most about it, and its values are put beside theirs. That is how a
Bayesian network is made of conditional tables (Zhang et al. 2017, "PrivBayes"), and measures better than the few large
clusters of the paper, in which every bucket is small. Dependence and entropy are measured on noisy counts of buckets
that are shown, so that the choice of clusters tells nothing that the buckets do not.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from pydantic import BaseModel, ConfigDict

from synth_assets.diffix.dependence import dependence, entropy
from synth_assets.diffix.intervals import Floats
from synth_assets.diffix.parameters import Clustering

if TYPE_CHECKING:
    from synth_assets.diffix.forest import Forest

WHOLE = 4
"""A table of so many columns is one cluster."""


class Cluster(BaseModel):
    """Columns that share a tree, ascending; ``stitch``: those that clusters before it hold too, the plainest first.

    The values of the latter stay as they are there, and the rows of the cluster are put beside them.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    columns: tuple[int, ...]
    stitch: tuple[int, ...] = ()


def choose_clusters(forest: Forest, rule: Clustering, target: int | None) -> tuple[Cluster, ...]:
    """The clusters of a table; the first stands alone, each other is stitched to those before it.

    With a ``target``, every cluster holds it.
    """
    columns = forest.columns
    if columns <= WHOLE:
        return (Cluster(columns=tuple(range(columns))),)
    entropies = np.array([entropy(forest.tree((i,))) for i in range(columns)])
    links = np.eye(columns)
    for a in range(columns):
        for b in range(a + 1, columns):
            links[a, b] = links[b, a] = dependence(forest, a, b)
    return _Plan(links, 1 + np.sqrt(np.maximum(entropies, 1)), entropies, rule).clusters(target)


@dataclass(frozen=True)
class _Plan:
    """What clusters are judged by: the dependence of each pair, the weight and the entropy of each column."""

    links: Floats
    weights: Floats
    entropies: Floats
    rule: Clustering

    def clusters(self, target: int | None) -> tuple[Cluster, ...]:
        """The first cluster, and one for each further column, those that depend most on a known column first."""
        known = self._first(target)
        found = [Cluster(columns=tuple(sorted(known)))]
        while left := [column for column in range(len(self.weights)) if column not in known]:
            column = max(left, key=lambda c: float(self.links[c, known].max()))
            found.append(self._beside(column, known, target))
            known.append(column)
        return tuple(found)

    def _first(self, target: int | None) -> list[int]:
        """The target, or the column that others depend on most, and what depends most on all that is chosen."""
        chosen = [int(np.argmax(self.links.sum(axis=1))) if target is None else target]
        while fitting := self._fitting(chosen, range(len(self.weights))):
            column = max(fitting, key=lambda c: float(self.links[c, chosen].mean()))
            if self.links[column, chosen].max() < self.rule.merge:
                break
            chosen.append(column)
        return chosen

    def _fitting(self, chosen: list[int], columns: range | list[int]) -> list[int]:
        """Columns that there is room for beside those chosen."""
        room = self.rule.weight - float(self.weights[chosen].sum())
        return [column for column in columns if column not in chosen and self.weights[column] <= room]

    def _beside(self, column: int, known: list[int], target: int | None) -> Cluster:
        """The cluster of a column and the known ones that tell most about it, and least of what others tell already."""
        chosen: list[int] = [] if target is None else [target]
        while fitting := [
            k for k in self._fitting([column, *chosen], known) if self.links[k, column] >= self.rule.merge
        ]:
            chosen.append(max(fitting, key=lambda k: self._news(k, column, chosen)))
        chosen = chosen or [max(known, key=lambda k: float(self.links[k, column]))]
        plainest = tuple(sorted(chosen, key=lambda k: (self.entropies[k], k)))
        return Cluster(columns=tuple(sorted([column, *chosen])), stitch=plainest)

    def _news(self, candidate: int, column: int, chosen: list[int]) -> float:
        """What a candidate tells of a column, less what it can tell through a column that is chosen."""
        told = self.links[candidate, chosen] * self.links[chosen, column]
        return float(self.links[candidate, column] - self.rule.overlap * told.max(initial=0.0))
