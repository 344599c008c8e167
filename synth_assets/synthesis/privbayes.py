"""The method ``privbayes``: a Bayesian network of noisy marginals, each column with ``degree`` parents at the most.

Zhang, Cormode, Procopiuc, Srivastava and Xiao 2017, "PrivBayes: Private Data Release via Bayesian Networks" (ACM
Transactions on Database Systems 42:4), DataSynthesizer's correlated mode, with these departures: a parent set is scored
by what the model fitted so far says of it, less the error that measuring it would bring, so that wide tables are left
alone where they would be noise; conditionals come from one fit of all answers; the first column is not drawn.
"""

from __future__ import annotations

from fractions import Fraction
from itertools import combinations
from typing import ClassVar, Literal

from pydantic import Field as Setting

from synth_assets.domain import Domain
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
GROUP_NOISE = 8.0
"""A group of cells holds about this many standard deviations of a marginal's noise, at least."""
MAX_FAMILIES = 600
"""More columns with their parents than these are not compared at once."""


class PrivBayes(Synthesizer):
    """Every column given a few others, chosen and measured with noise.

    Of the budget (rho, or epsilon where ``delta`` is 0) three tenths measure single columns; the rest is divided among
    the other columns but one: a tenth of each part chooses a column and its parents among those that have theirs, by
    the exponential mechanism, and nine tenths measure the column together with its parents.

    Attributes:
        degree: how many parents a column has at the most.
        model_size: the most megabytes that the model's tables may take; time grows with them.
        zeros: combinations of declared values that cannot occur; see :mod:`~synth_assets.synthesis.zeros`.
    """

    guarantee: ClassVar[Guarantee] = "differential_privacy"
    method: Literal["privbayes"] = "privbayes"
    epsilon: Epsilon
    delta: Delta = 1e-9
    degree: int = Setting(default=2, ge=1, le=4)
    model_size: float = Setting(default=2.0, gt=0, le=4096)
    zeros: Zeros = ()

    def cost(self) -> tuple[float, float]:
        """Its parameters."""
        return self.epsilon, self.delta

    def _fit(self, rows: Rows, domain: Domain, source: NoiseSource, rows_per_unit: int) -> Model:
        known = declared_without(rows, domain, self.zeros)
        allowance = allowance_for(self.cost(), rows, known, source, rows_per_unit)
        links = len(known) - 1
        learned = learn(rows, known, allowance, SINGLES if links else Fraction(1))
        noise = first_deviation(allowance, allowance.left / links) if links else 0.0
        barred = barred_cells(rows, self.zeros, learned.columns)
        compressed = compressed_columns(learned, GROUP_NOISE * noise, barred)
        estimate = independent_model(learned, compressed, barred)
        self._grow(Table(learned, compressed), estimate, allowance)
        return assemble(self.method, learned, compressed, estimate, allowance)

    def _grow(self, table: Table, estimate: Estimate, allowance: Allowance) -> None:
        """Take up one column after the other; the first one is the first of the table."""
        estimate.fit(TOLERANCE)
        inside, outside = [0], set(range(1, len(estimate.sizes)))
        most = cells_of(self.model_size)
        while outside:
            families = fitting(estimate, table, self._families(inside, outside, estimate), most, most)
            if not families:
                return
            share = allowance.left / len(outside)
            family, _ = take_round(estimate, table, allowance, share, dict.fromkeys(families, 1.0))
            taken = outside.intersection(family)
            outside -= taken
            inside += taken

    def _families(self, inside: list[int], outside: set[int], estimate: Estimate) -> list[Clique]:
        """Every new column with every set of parents; of a wide table, fewer.

        Then several parents must have been measured together, and the new columns are the next ones of the table.
        """
        sizes = range(1, min(self.degree, len(inside)) + 1)
        parents = [chosen for size in sizes for chosen in combinations(sorted(inside), size)]
        if len(parents) * len(outside) > MAX_FAMILIES:
            held = {
                chosen
                for noisy in estimate.measured
                for size in range(2, self.degree + 1)
                for chosen in combinations(noisy.nodes, size)
            }
            parents = [*((node,) for node in sorted(inside)), *sorted(held)]
        children = sorted(outside)[: max(1, MAX_FAMILIES // len(parents))]
        return [tuple(sorted((child, *chosen))) for chosen in parents for child in children]
