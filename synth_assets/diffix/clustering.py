"""Clusters: which columns of a wide table share a tree.

Columns that depend on each other belong together, as far as trees stay small. Dependence and entropy are measured on
noisy counts alone, so that the choice of clusters tells nothing that the buckets do not.
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

_DERIVED_FULL = 0.7
"""The share of the weight that a later cluster's own columns may take, so that there is room to stitch it."""
_DERIVED_LEAST = 0.5
_RESTARTS = 3


class Cluster(BaseModel):
    """Columns that share a tree, ascending.

    ``stitch``: those it has in common with the clusters before it, by which its rows are put beside theirs, the
    plainest first; ``keeps_left``: whether the values of those columns stay as they are there.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    columns: tuple[int, ...]
    stitch: tuple[int, ...] = ()
    keeps_left: bool = False


def choose_clusters(forest: Forest, rule: Clustering, target: int | None) -> tuple[Cluster, ...]:
    """The clusters of a table; the first stands alone, each other is stitched to those before it."""
    if forest.columns <= WHOLE:
        return (Cluster(columns=tuple(range(forest.columns))),)
    entropies = np.array([entropy(forest.tree((i,))) for i in range(forest.columns)])
    links = np.eye(forest.columns)
    for a in range(forest.columns):
        for b in range(a + 1, forest.columns):
            if target is None or target in (a, b):
                links[a, b] = links[b, a] = dependence(forest, a, b)
    plan = _Plan(links, 1 + np.sqrt(np.maximum(entropies, 1)), entropies, rule)
    return plan.around(target) if target is not None else plan.best(forest.encoded.people.salt.generator("clusters"))


@dataclass(frozen=True)
class _Plan:
    """What clusters are judged by: the dependence of each pair, the weight and the entropy of each column."""

    links: Floats
    weights: Floats
    entropies: Floats
    rule: Clustering

    def best(self, rng: np.random.Generator) -> tuple[Cluster, ...]:
        """Clusters that leave little dependence between columns that share none: swaps of an order while they help."""
        columns = len(self.weights)
        starts = [np.argsort(-self.links.sum(axis=1), kind="stable"), np.arange(columns)]
        starts += [rng.permutation(columns) for _ in range(_RESTARTS)]
        orders = [self._climb([int(c) for c in start]) for start in starts]
        _, order = min(orders, key=lambda found: found[0])
        return self._clusters(order)

    def _climb(self, order: list[int]) -> tuple[float, list[int]]:
        """Swap columns as long as a swap lowers the loss."""
        loss, improved = self._loss(self._clusters(order)), True
        while improved and loss > 1e-12:
            improved = False
            for i in range(len(order)):
                for j in range(i + 1, len(order)):
                    swapped = order.copy()
                    swapped[i], swapped[j] = order[j], order[i]
                    other = self._loss(self._clusters(swapped))
                    if other < loss - 1e-12:
                        loss, order, improved = other, swapped, True
        return loss, order

    def _loss(self, clusters: tuple[Cluster, ...]) -> float:
        """The dependence between columns that share no cluster."""
        left = self.links.copy()
        for cluster in clusters:
            left[np.ix_(cluster.columns, cluster.columns)] = 0
        return float(left.sum())

    def _clusters(self, order: list[int]) -> tuple[Cluster, ...]:
        """Put each column into the cluster that it depends on most, of those with room; then choose what stitches."""
        groups: list[list[int]] = []
        for column in order:
            fitting = [
                (float(self.links[column, group].mean()), -place)
                for place, group in enumerate(groups)
                if self._fits(column, group, place)
            ]
            if fitting:
                groups[-max(fitting)[1]].append(column)
            else:
                groups.append([column])
        return tuple(self._stitched(groups))

    def _fits(self, column: int, group: list[int], place: int) -> bool:
        room = self.rule.weight * (1.0 if place == 0 else _DERIVED_FULL)
        heavy = len(group) > 1 and float(self.weights[group].sum() + self.weights[column]) > room
        return not heavy and float(self.links[column, group].mean()) >= self.rule.merge

    def _stitched(self, groups: list[list[int]]) -> list[Cluster]:
        clusters = [Cluster(columns=tuple(sorted(groups[0])))]
        known = list(groups[0])
        for group in groups[1:]:
            weight = max(float(self.weights[group].sum()), _DERIVED_LEAST * self.rule.weight)
            between = self.links[np.ix_(known, group)]
            ranked = sorted(
                range(len(known)),
                key=lambda k: (
                    -np.floor(between[k].mean() / 0.05),
                    -np.floor(between[k].max() / 0.01),
                    -self.links[known[k]].sum(),
                ),
            )
            stitch = [known[ranked[0]]]
            weight += float(self.weights[stitch[0]])
            for k in ranked[1:]:
                if between[k].max() >= self.rule.merge and weight + self.weights[known[k]] <= self.rule.weight:
                    stitch.append(known[k])
                    weight += float(self.weights[known[k]])
            clusters.append(self._cluster(group, stitch))
            known += group
        return clusters

    def _cluster(self, own: list[int], stitch: list[int], keeps_left: bool = False) -> Cluster:
        plainest = tuple(sorted(stitch, key=lambda column: (self.entropies[column], column)))
        return Cluster(columns=tuple(sorted({*own, *stitch})), stitch=plainest, keeps_left=keeps_left)

    def around(self, target: int) -> tuple[Cluster, ...]:
        """Clusters that all hold the target: the columns that depend on it most share the first ones."""
        ranked = sorted((c for c in range(len(self.weights)) if c != target), key=lambda c: -self.links[target, c])
        groups: list[list[int]] = [[]]
        for column in (c for c in ranked if self.links[target, c] >= self.rule.merge):
            weight = float(self.weights[[target, *groups[-1], column]].sum())
            if groups[-1] and weight > self.rule.weight:
                groups.append([])
            groups[-1].append(column)
        clusters = [Cluster(columns=tuple(sorted([target, *groups[0]])))]
        clusters += [self._cluster(group, [target]) for group in groups[1:]]
        placed = {target, *(column for group in groups for column in group)}
        clusters += [self._cluster([column], [target], keeps_left=True) for column in ranked if column not in placed]
        return tuple(clusters)
