"""Estimation: the distribution over a clique tree that fits noisy marginals best.

Entropy-regularized least squares in its dual form. Over distributions p = p0 exp(sum of potentials) / Z, where p0 has
independent columns, the potentials of the measured marginals are chosen to minimize

    log Z - sum over marginals of <theta, noisy / total> + (ridge / 2) |theta|^2,

with a ridge that grows with the marginal's own variance. Its solution is the least-squares fit of McKenna, Sheldon and
Miklau (2019) with a little pull towards p0; unlike mirror descent, the dual is smooth and strongly convex, so that
limited-memory BFGS (Nocedal and Wright 2006, Algorithm 7.4), scaled by the expected curvature, ends in a few dozen
steps at a gradient that is as small as we ask for.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import reduce

import numpy as np
from numpy.typing import NDArray

from synth_assets.errors import DomainError
from synth_assets.synthesis.cliques import Clique, CliqueTree, clique_tree
from synth_assets.synthesis.inference import Calibrated, Joint, beliefs, marginal, spread

Floats = NDArray[np.float64]

PULL = 0.3
"""The pull towards independence: so many standard deviations of noise per unit of log-potential."""
TOLERANCE = 5e-4
"""Estimation ends when no marginal is further than this from its optimum, in total variation."""
MAX_STEPS = 400
_MEMORY = 6


@dataclass(frozen=True)
class Noisy:
    """A noisy marginal over ``nodes`` (rising): counts in rows, of the marginal's shape, and one variance a cell."""

    nodes: Clique
    counts: Floats
    variances: Floats


@dataclass
class Estimate:
    """A model in the making: add measurements, fit, ask for marginals. Potentials are kept from fit to fit.

    ``zeros`` marks, over the nodes of each of its cliques, what has no probability. ``pull`` is that of :data:`PULL`.
    """

    sizes: tuple[int, ...]
    total: float
    measured: list[Noisy] = field(default_factory=list)
    base: list[Floats] = field(default_factory=list)
    zeros: Mapping[Clique, NDArray[np.bool_]] = field(default_factory=dict)
    theta: list[Floats] = field(default_factory=list)
    tree: CliqueTree = field(init=False)
    tables: list[Floats] = field(init=False)
    pull: float = PULL
    steps: int = 0
    fitted: bool = False

    def __post_init__(self) -> None:
        self.total = max(self.total, 1.0)

    @classmethod
    def of_singles(
        cls, singles: Sequence[Noisy], total: float, zeros: Mapping[Clique, NDArray[np.bool_]] | None = None
    ) -> Estimate:
        """The independent model of noisy single columns, in the order of the nodes."""
        model = cls(tuple(len(noisy.counts) for noisy in singles), total, zeros=zeros or {})
        model.base = [np.log(np.maximum(n.counts, 0.25 * np.sqrt(n.variances))) for n in singles]
        for noisy in singles:
            model.add(noisy)
        return model

    def add(self, noisy: Noisy) -> None:
        """Take a measurement on; :meth:`fit` makes it count. What noise put into zeros is left out."""
        for nodes, mask in self.zeros.items():
            if set(nodes) <= set(noisy.nodes):
                noisy = replace(noisy, counts=np.where(spread(mask, nodes, noisy.nodes), 0.0, noisy.counts))
        known = self._expected(noisy.nodes) * self.total
        slack = np.sqrt(noisy.variances)
        self.measured.append(noisy)
        self.theta.append(np.log((np.maximum(noisy.counts, 0) + slack) / (known + slack)))

    @property
    def groups(self) -> list[Clique]:
        """The columns that the model must hold together."""
        return [*(noisy.nodes for noisy in self.measured), *self.zeros]

    def _expected(self, nodes: Clique) -> Floats:
        """What the model says so far, so that the fit can start from potentials that correct it."""
        if self.fitted:
            return self.calibrated().marginal(nodes)
        shares = [_normalized(self.base[node]) for node in nodes]
        return reduce(np.multiply.outer, shares)

    def fit(self, tolerance: float = TOLERANCE, max_steps: int = MAX_STEPS) -> None:
        """Find the best distribution for all measurements, starting from the one before.

        Raises DomainError where nothing is left beside the zeros.
        """
        self.tree = clique_tree(self.sizes, self.groups)
        problem = _Dual(self)
        start = np.concatenate([t.ravel() for t in self.theta])
        if self.zeros and not math.isfinite(problem.value(start)[0]):
            raise DomainError("synthesizer.zeros: the combinations leave nothing that can occur; remove some")
        solution, self.steps = _minimize(problem, start, tolerance, max_steps)
        self.theta = problem.split(solution)
        self.tables = problem.tables(solution)
        self.fitted = True

    def calibrated(self) -> Calibrated:
        """The fitted distribution, ready to be asked."""
        return Calibrated(self.tree, self.tables)

    def joint(self) -> Joint:
        """The fitted distribution, ready to be sampled."""
        return Joint.of(self.tree, self.tables)


def _normalized(potential: Floats) -> Floats:
    mass = np.exp(potential - potential.max())
    shares: Floats = mass / mass.sum()
    return shares


class _Dual:
    """The dual objective and its gradient over the concatenated potentials."""

    def __init__(self, model: Estimate) -> None:
        self._model, self._tree = model, model.tree
        self._holders = [self._tree.holder(noisy.nodes) or 0 for noisy in model.measured]
        self._shares = [noisy.counts / model.total for noisy in model.measured]
        spreads = [math.sqrt(float(np.median(noisy.variances))) for noisy in model.measured]
        unit = model.pull / (model.total * max(float(np.median(spreads)), 1e-3))
        self._ridges = [np.maximum(unit * noisy.variances, 1e-9) for noisy in model.measured]
        self._flat = np.concatenate([ridge.ravel() for ridge in self._ridges])
        self._ends = np.cumsum([noisy.counts.size for noisy in model.measured])[:-1]
        self._base = self._base_potentials()
        self.scale = self._scale()

    def _base_potentials(self) -> list[Floats]:
        tables = [np.zeros(self._tree.shape(clique)) for clique in self._tree.cliques]
        for node, potential in enumerate(self._model.base):
            place = self._tree.holder((node,)) or 0
            tables[place] += spread(potential, (node,), self._tree.cliques[place])
        for nodes, mask in self._model.zeros.items():
            place = self._tree.holder(nodes) or 0
            tables[place] += spread(np.where(mask, -np.inf, 0.0), nodes, self._tree.cliques[place])
        return tables

    def _scale(self) -> Floats:
        """One over the square root of the expected curvature: that of a table with the noisy counts, and the ridge."""
        parts = []
        for noisy, ridge in zip(self._model.measured, self._ridges, strict=True):
            rows = np.maximum(noisy.counts, np.sqrt(noisy.variances) / 2)
            share = np.minimum(rows / self._model.total, 1)
            parts.append((1 / np.sqrt(share * (1 - share) + ridge)).ravel())
        return np.concatenate(parts)

    def split(self, flat: Floats) -> list[Floats]:
        parts = np.split(flat, self._ends)
        return [part.reshape(noisy.counts.shape) for part, noisy in zip(parts, self._model.measured, strict=True)]

    def _potentials(self, flat: Floats) -> list[Floats]:
        tables = [base.copy() for base in self._base]
        for noisy, place, theta in zip(self._model.measured, self._holders, self.split(flat), strict=True):
            tables[place] += spread(theta, noisy.nodes, self._tree.cliques[place])
        return tables

    def tables(self, flat: Floats) -> list[Floats]:
        return beliefs(self._tree, self._potentials(flat))[0]

    def value(self, flat: Floats) -> tuple[float, Floats]:
        """The objective and its gradient."""
        tables, log_mass = beliefs(self._tree, self._potentials(flat))
        loss, parts = log_mass, []
        for noisy, place, theta, share in zip(
            self._model.measured, self._holders, self.split(flat), self._shares, strict=True
        ):
            parts.append((marginal(tables[place], self._tree.cliques[place], noisy.nodes) - share).ravel())
            loss -= float((theta * share).sum())
        loss += float((self._flat * flat * flat).sum()) / 2
        return loss, np.concatenate(parts) + self._flat * flat

    def distance(self, gradient: Floats) -> float:
        """The greatest total variation by which a marginal misses its optimum."""
        starts = np.concatenate([[0], self._ends])
        return float(np.add.reduceat(np.abs(gradient), starts).max()) / 2


def _minimize(problem: _Dual, start: Floats, tolerance: float, max_steps: int) -> tuple[Floats, int]:
    """Limited-memory BFGS in coordinates scaled by ``problem.scale``, with a halving line search."""
    scale = problem.scale
    x = start / scale
    loss, raw = problem.value(start)
    gradient = raw * scale
    moves: list[tuple[Floats, Floats, float]] = []
    for step in range(max_steps):
        if problem.distance(raw) <= tolerance:
            return x * scale, step
        direction = _direction(gradient, moves)
        slope = float(direction @ gradient)
        length = 1.0
        while True:
            ahead = x + length * direction
            next_loss, raw = problem.value(ahead * scale)
            if next_loss <= loss + 1e-4 * length * slope:
                break
            length /= 2
            if length < 1e-10:
                return x * scale, step
        change = raw * scale - gradient
        curvature = float(change @ (ahead - x))
        if curvature > 1e-12 * float(change @ change):
            moves = [*moves[-_MEMORY + 1 :], (ahead - x, change, curvature)]
        x, loss, gradient = ahead, next_loss, raw * scale
    return x * scale, max_steps


def _direction(gradient: Floats, moves: Sequence[tuple[Floats, Floats, float]]) -> Floats:
    """The two-loop recursion."""
    q = gradient.copy()
    factors = []
    for move, change, curvature in reversed(moves):
        factor = float(move @ q) / curvature
        q -= factor * change
        factors.append(factor)
    if moves:
        _, change, curvature = moves[-1]
        q *= curvature / float(change @ change)
    for (move, change, curvature), factor in zip(moves, reversed(factors), strict=True):
        q += (factor - float(change @ q) / curvature) * move
    return -q
