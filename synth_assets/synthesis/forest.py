"""Forests of marginals: exact inference, estimation from noisy counts, and sampling down the trees.

A forest is a graphical model over discrete nodes: the marginals of its nodes and edges determine it (Koller and
Friedman 2009, chapter 10). Estimation finds the forest whose marginals are nearest to noisy ones, by mirror descent
over its log-potentials (McKenna, Sheldon and Miklau 2019, Algorithm 1): marginals that come out are consistent,
non-negative and sum to one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Codes = NDArray[np.int64]
Edge = tuple[int, int]

MAX_STEPS = 1500
TOLERANCE = 1e-3
"""Estimation ends when ten steps together lower the loss by less than this share of it."""


@dataclass(frozen=True)
class Noisy:
    """A noisy marginal of one node or edge: counts and their variances, of the same shape, in rows."""

    counts: Floats
    variances: Floats


@dataclass(frozen=True)
class Forest:
    """Nodes 0 .. d - 1 in ``order``, parents before children; ``parents`` holds -1 for a root.

    ``conditionals[i]`` is P(node i | its parent), a row for each value of the parent; one row for a root.
    """

    order: tuple[int, ...]
    parents: tuple[int, ...]
    conditionals: tuple[Floats, ...]

    def sample(self, n: int, rng: np.random.Generator) -> list[Codes]:
        """``n`` joint draws, one array a node, in random order.

        Counts, not rows, are drawn: each cell gets its expected count rounded down or up at random, so that sampling
        adds no error of its own beyond rounding.
        """
        drawn: list[Codes] = [np.zeros(n, dtype=np.int64)] * len(self.order)
        for node in self.order:
            given = drawn[self.parents[node]] if self.parents[node] >= 0 else np.zeros(n, dtype=np.int64)
            drawn[node] = expand(given, self.conditionals[node], rng)
        return drawn


def expand(given: Codes, conditional: Floats, rng: np.random.Generator) -> Codes:
    """For each row a value drawn from its row of ``conditional``, with counts that are rounded expectations."""
    totals = np.bincount(given, minlength=len(conditional))
    running = np.cumsum(conditional, axis=1) * totals[:, None]
    running[:, -1] = totals
    steps = np.floor(np.minimum(running, totals[:, None]) + rng.random((len(totals), 1))).astype(np.int64)
    steps[:, -1] = totals
    counts = np.diff(np.minimum(steps, totals[:, None]), axis=1, prepend=0)
    shuffled = rng.permutation(len(given))
    places = shuffled[np.argsort(given[shuffled], kind="stable")]
    values = np.empty(len(given), dtype=np.int64)
    values[places] = np.repeat(np.tile(np.arange(conditional.shape[1]), len(totals)), counts.ravel())
    return values


def grow(nodes: int, edges: Sequence[Edge]) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """The order and parents of the forest with these edges, rooted at the best-connected node of each tree."""
    near: list[list[int]] = [[] for _ in range(nodes)]
    for a, b in edges:
        near[a].append(b)
        near[b].append(a)
    parents, order, seen = [-1] * nodes, [], [False] * nodes
    for root in sorted(range(nodes), key=lambda node: (-len(near[node]), node)):
        if seen[root]:
            continue
        seen[root], queue = True, [root]
        for node in queue:
            order.append(node)
            for child in near[node]:
                if not seen[child]:
                    seen[child], parents[child] = True, node
                    queue.append(child)
    return tuple(order), tuple(parents)


@dataclass(frozen=True)
class _Marginals:
    nodes: list[Floats]
    edges: dict[int, Floats]
    conditionals: list[Floats]


@dataclass
class _Estimation:
    """The noisy marginals, oriented along the forest, and what mirror descent needs of them."""

    order: tuple[int, ...]
    parents: tuple[int, ...]
    singles: Sequence[Noisy]
    pairs: dict[int, Noisy]
    total: float

    def marginals(self, theta: list[Floats], links: dict[int, Floats]) -> _Marginals:
        """Exact marginals by passing messages up and down (sum-product in the log domain)."""
        belief = [potential.copy() for potential in theta]
        upward: dict[int, Floats] = {}
        for node in reversed(self.order):
            if self.parents[node] >= 0:
                upward[node] = _log_sum(links[node] + belief[node])
                belief[self.parents[node]] += upward[node]
        nodes: list[Floats] = [np.zeros(0)] * len(theta)
        edges: dict[int, Floats] = {}
        conditionals: list[Floats] = [np.zeros((0, 0))] * len(theta)
        for node in self.order:
            parent = self.parents[node]
            if parent < 0:
                nodes[node] = np.exp(belief[node] - _log_sum(belief[node]))
                conditionals[node] = nodes[node][None, :]
                continue
            conditionals[node] = np.exp(links[node] + belief[node] - upward[node][:, None])
            edges[node] = nodes[parent][:, None] * conditionals[node]
            nodes[node] = edges[node].sum(axis=0)
        return _Marginals(nodes, edges, conditionals)

    def gaps(self, at: _Marginals) -> tuple[list[Floats], dict[int, Floats], float]:
        """The gradients with respect to nodes and edges, in units of rows, and the loss."""
        singles = [
            (self.total * p - noisy.counts) / noisy.variances for p, noisy in zip(at.nodes, self.singles, strict=True)
        ]
        pairs = {i: (self.total * at.edges[i] - noisy.counts) / noisy.variances for i, noisy in self.pairs.items()}
        loss = sum(float((g * g * m.variances).sum()) for g, m in zip(singles, self.singles, strict=True))
        loss += sum(float((g * g * self.pairs[i].variances).sum()) for i, g in pairs.items())
        return singles, pairs, loss / 2


def _log_sum(values: Floats) -> Floats:
    """log(sum(exp(values))) over the last axis."""
    top = values.max(axis=-1, keepdims=True)
    total: Floats = np.log(np.exp(values - top).sum(axis=-1)) + top[..., 0]
    return total


def estimate(singles: Sequence[Noisy], pairs: dict[Edge, Noisy], total: float) -> Forest:
    """The forest over the nodes of ``singles`` and the edges of ``pairs`` nearest to the noisy marginals.

    Distance is squared, weighted by the inverse variances; ``total`` is the number of rows. ``pairs`` must not close
    a cycle.
    """
    order, parents = grow(len(singles), list(pairs))
    along: dict[int, Noisy] = {}
    for (a, b), noisy in pairs.items():
        if parents[b] == a:
            along[b] = noisy
        else:
            along[a] = Noisy(noisy.counts.T, noisy.variances.T)
    problem = _Estimation(order, parents, singles, along, max(total, 1.0))
    return Forest(order, parents, tuple(_descend(problem).conditionals))


def _descend(problem: _Estimation) -> _Marginals:
    """Mirror descent with a step that grows while it helps and halves when it does not."""
    theta = [np.log(np.maximum(noisy.counts, 1.0)) for noisy in problem.singles]
    links = {i: np.zeros(noisy.counts.shape) for i, noisy in problem.pairs.items()}
    at = problem.marginals(theta, links)
    singles, pairs, loss = problem.gaps(at)
    smallest = min(float(noisy.variances.min()) for noisy in [*problem.singles, *problem.pairs.values()])
    step, history = smallest / problem.total, [loss]
    for _ in range(MAX_STEPS):
        next_theta = [t - step * g for t, g in zip(theta, singles, strict=True)]
        next_links = {i: links[i] - step * pairs[i] for i in links}
        ahead = problem.marginals(next_theta, next_links)
        next_singles, next_pairs, next_loss = problem.gaps(ahead)
        if next_loss > loss:
            step /= 2
            if step * problem.total < 1e-9 * smallest:
                break
            continue
        theta, links, at, singles, pairs, loss = next_theta, next_links, ahead, next_singles, next_pairs, next_loss
        step *= 1.2
        history.append(loss)
        if len(history) > 10 and history[-11] - loss <= TOLERANCE * loss:
            break
    return at
