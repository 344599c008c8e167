"""The method ``aim``: marginals are chosen, measured and fitted round by round, for the workload of the product.

McKenna, Mullins, Sheldon and Miklau 2022, "AIM: An Adaptive and Iterative Mechanism for Differentially Private
Synthetic Data" (PVLDB 15:11, Algorithms 4 and 5), with these departures: cells are first merged into groups that stand
out of the noise; columns keep a fixed share of the budget for their own fine marginals; fits are regularized (see
:mod:`~synth_assets.synthesis.estimation`); a new measurement is expected to err by less than its raw noise, as the fit
evens it out.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from itertools import combinations
from typing import Annotated, ClassVar, Literal

import numpy as np
from pydantic import AfterValidator
from pydantic import Field as Setting

from synth_assets.domain import Domain
from synth_assets.errors import DomainError
from synth_assets.mechanisms import NoiseSource
from synth_assets.synthesis.allowance import Allowance
from synth_assets.synthesis.assembly import assemble, compressed_columns, independent_model
from synth_assets.synthesis.base import Delta, Epsilon, Guarantee, Synthesizer, allowance_for
from synth_assets.synthesis.cliques import Clique
from synth_assets.synthesis.estimation import Estimate
from synth_assets.synthesis.learning import learn
from synth_assets.synthesis.model import Model
from synth_assets.synthesis.rounds import TOLERANCE, cells_of, first_deviation, fitting, take_round
from synth_assets.synthesis.selection import Table
from synth_assets.synthesis.table import Rows
from synth_assets.synthesis.zeros import Zeros, barred_cells, declared_without

SINGLES = Fraction(3, 10)
ROUNDS = 2.5
"""Rounds per column, unless the noise is lowered on the way."""
GROUP_NOISE = 12.0
TARGET_GROUP_NOISE = 4.0
"""A group of cells holds about this many standard deviations of the first round's noise, at least: coarse groups serve
the marginals themselves, fine ones a target, which a few rare values may tell much of."""
TARGET_WEIGHT = 2.0
MAX_TRIPLES = 1500
"""With more triples of columns than this, only those with the target are candidates, or none."""


def _weights(weights: Mapping[str, float]) -> Mapping[str, float]:
    for column, weight in weights.items():
        if not 0.01 <= weight <= 100:
            raise ValueError(f"weights.{column} ({weight:g}) must lie within 0.01 and 100; 1 is what others have")
    return weights


class AIM(Synthesizer):
    """The most accurate method for the columns of a product, where seconds to a minute of work are no matter.

    Of the budget (rho, or epsilon where ``delta`` is 0) three tenths measure single columns. The rest pays for rounds:
    each spends a tenth of its share to choose the marginal of two or three columns that the model is most wrong about,
    by the exponential mechanism, and nine tenths to measure it. When a measurement tells no more than noise, later
    rounds get four times the share.

    Attributes:
        target: the column that the consumer predicts; marginals with it count twice, and groups of cells are finer.
        degree: how many columns a candidate has at the most.
        weights: columns that matter more (or less) than 1; a marginal counts as much as the product of its columns.
        model_size: the most megabytes that the model's tables may take; time grows with them.
        zeros: combinations of declared values that cannot occur; see :mod:`~synth_assets.synthesis.zeros`.
    """

    guarantee: ClassVar[Guarantee] = "differential_privacy"
    method: Literal["aim"] = "aim"
    epsilon: Epsilon
    delta: Delta = 1e-9
    target: str | None = None
    degree: Literal[2, 3] = 3
    weights: Annotated[Mapping[str, float], AfterValidator(_weights)] = {}
    model_size: float = Setting(default=2.0, gt=0, le=4096)
    zeros: Zeros = ()

    def cost(self) -> tuple[float, float]:
        """Its parameters."""
        return self.epsilon, self.delta

    def _fit(self, rows: Rows, domain: Domain, source: NoiseSource, rows_per_unit: int) -> Model:
        names = [field.name for field in rows.fields]
        self._check(names)
        known = declared_without(rows, domain, self.zeros)
        allowance = allowance_for(self.cost(), rows, known, source, rows_per_unit)
        alone = len(names) == 1
        learned = learn(rows, known, allowance, Fraction(1) if alone else SINGLES)
        share = allowance.left / max(1, round(ROUNDS * len(names)))
        noise = 0.0 if alone else first_deviation(allowance, share)
        coarseness = GROUP_NOISE if self.target is None else TARGET_GROUP_NOISE
        barred = barred_cells(rows, self.zeros, learned.columns)
        compressed = compressed_columns(learned, coarseness * noise, barred)
        estimate = independent_model(learned, compressed, barred)
        if not alone:
            table = Table(learned, compressed)
            _Rounds(self._candidates(names), table, estimate, allowance, share, cells_of(self.model_size)).run()
        return assemble(self.method, learned, compressed, estimate, allowance)

    def _check(self, names: list[str]) -> None:
        missing = [name for name in (self.target, *self.weights) if name is not None and name not in names]
        if missing:
            raise DomainError(
                f"synthesizer {self.method}: there is no column `{missing[0]}` to be its target or to have a weight; "
                f"name one of {', '.join(f'`{name}`' for name in names)}"
            )

    def _candidates(self, names: list[str]) -> dict[Clique, float]:
        """Every pair and triple of columns with its weight, the greatest weight being 1."""
        weights = [self.weights.get(name, 1.0) * (TARGET_WEIGHT if name == self.target else 1.0) for name in names]
        nodes = range(len(names))
        groups: list[Clique] = [*combinations(nodes, 2)]
        if self.degree == 3:
            if math.comb(len(names), 3) <= MAX_TRIPLES:
                groups += combinations(nodes, 3)
            elif self.target is not None and math.comb(len(names) - 1, 2) <= MAX_TRIPLES:
                served = names.index(self.target)
                groups += [tuple(sorted((served, *p))) for p in groups if served not in p]
        found = {group: float(np.prod([weights[node] for node in group])) for group in groups}
        return {group: weight / max(found.values()) for group, weight in found.items()}


@dataclass
class _Rounds:
    """The rounds of AIM: what they may choose from, what they know, what they may spend."""

    weights: Mapping[Clique, float]
    table: Table
    estimate: Estimate
    allowance: Allowance
    share: Fraction
    most_cells: float

    def run(self) -> None:
        """Choose, measure and fit until the budget is spent or no candidate fits the model's size."""
        whole = self.allowance.left
        self.estimate.fit(TOLERANCE)
        while self.allowance.left > 0:
            if self.allowance.left < 2 * self.share:
                self.share = self.allowance.left
            spent = 1 - (self.allowance.left - self.share) / whole
            open_ = fitting(self.estimate, self.table, self.weights, self.most_cells * float(spent), self.most_cells)
            if not open_:
                return
            weights = {nodes: self.weights[nodes] for nodes in open_}
            _, learned = take_round(self.estimate, self.table, self.allowance, self.share, weights)
            if not learned:
                self.share = min(4 * self.share, self.allowance.left)
