"""The method ``independent``: every column by itself."""

from __future__ import annotations

from fractions import Fraction
from typing import ClassVar, Literal

from synth_assets.domain import Domain
from synth_assets.mechanisms import NoiseSource
from synth_assets.synthesis.assembly import assemble, compressed_columns, independent_model
from synth_assets.synthesis.base import Delta, Epsilon, Guarantee, Synthesizer, allowance_for
from synth_assets.synthesis.learning import declared, learn
from synth_assets.synthesis.model import Model
from synth_assets.synthesis.table import Rows


class Independent(Synthesizer):
    """Noisy marginals of single columns, sampled independently (DataSynthesizer's independent mode: Ping et al. 2017).

    The whole budget goes to the columns in equal shares, one fiftieth to the number of rows; see
    :mod:`~synth_assets.synthesis.learning`. With ``delta`` 0 noise is geometric and every text column must have its
    categories declared; with more, noise is Gaussian and categories are found.
    """

    guarantee: ClassVar[Guarantee] = "differential_privacy"
    method: Literal["independent"] = "independent"
    epsilon: Epsilon
    delta: Delta = 0.0

    def cost(self) -> tuple[float, float]:
        """Its parameters."""
        return self.epsilon, self.delta

    def _fit(self, rows: Rows, domain: Domain, source: NoiseSource, rows_per_unit: int) -> Model:
        known = declared(rows, domain)
        allowance = allowance_for(self.cost(), rows, known, source, rows_per_unit)
        learned = learn(rows, known, allowance, Fraction(1))
        compressed = compressed_columns(learned, 0, ())
        return assemble(self.method, learned, compressed, independent_model(learned, compressed, ()), allowance)
