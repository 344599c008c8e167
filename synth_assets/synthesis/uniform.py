"""The method ``random``: rows drawn uniformly from what is public. It reads no row and costs nothing."""

from __future__ import annotations

from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field as Setting

from synth_assets.domain import Domain
from synth_assets.mechanisms import NoiseSource
from synth_assets.synthesis.allowance import Charge
from synth_assets.synthesis.attributes import Attribute, Categorical, Numeric
from synth_assets.synthesis.base import Guarantee, Synthesizer
from synth_assets.synthesis.learning import declared
from synth_assets.synthesis.model import Facts, Model
from synth_assets.synthesis.schema import Field
from synth_assets.synthesis.table import Rows

Floats = NDArray[np.float64]

_DEFAULT_STEPS = {"integer": (0, 100), "decimal": (0, 100), "date": (0, 20_000), "timestamp": (0, 20_000 * 86_400)}
_DEFAULT_TEXTS = tuple(f"value_{i}" for i in range(10))


class Random(Synthesizer):
    """Rows drawn uniformly from the declared domain (DataSynthesizer's random mode: Ping et al. 2017).

    Columns that the domain leaves open take values that suit their type and tell nothing: whole numbers and decimals'
    last digits of 0 to 99, reals of [0, 1), days of 1970 to 2024, texts ``value_0`` to ``value_9``, null where nothing
    suits. No value is missing otherwise. ``rows`` is the model's own number of rows: a parameter, as the table's is
    not public.
    """

    guarantee: ClassVar[Guarantee] = "differential_privacy"
    method: Literal["random"] = "random"
    rows: int = Setting(default=1000, ge=0)

    def cost(self) -> tuple[float, float]:
        """Nothing: no row is read."""
        return 0.0, 0.0

    def _fit(self, rows: Rows, domain: Domain, source: NoiseSource, rows_per_unit: int) -> Model:
        known = [_public(field, known) for field, known in zip(rows.fields, declared(rows, domain), strict=True)]
        weights = [_weights(attribute) for attribute in known]
        charge = Charge(
            mechanism=self.method, epsilon=0, delta=0, rows_per_unit=rows_per_unit, sensitivity=0, seeded=source.seeded
        )
        facts = Facts(
            method=self.method,
            attributes=tuple(known),
            charge=charge,
            rows=self.rows,
            cliques=tuple((i,) for i in range(len(known))),
            parents=(-1,) * len(known),
        )
        cells = tuple(np.arange(len(w)) for w in weights)
        return Model(facts, tuple(w[None, :] for w in weights), cells, tuple(np.ones(len(w)) for w in weights))


def _public(field: Field, known: Attribute | None) -> Attribute:
    if known is not None:
        return known
    if field.kind == "real":
        return Numeric(field=field, edges=(0.0, 1.0))
    if field.ordered:
        low, high = _DEFAULT_STEPS[field.kind]
        return Numeric(field=field, edges=(float(low), float(high)))
    return Categorical(field=field, values=_DEFAULT_TEXTS if field.kind == "text" else ())


def _weights(attribute: Attribute) -> Floats:
    """Equal chances for equal stretches of a scale, and for categories; a reserved cell only where there is none."""
    weights = np.zeros(attribute.cells)
    if isinstance(attribute, Numeric):
        widths = np.diff(np.array(attribute.edges))
        weights[: len(widths)] = widths
    else:
        weights[: len(attribute.values) or 1] = 1.0
    shares: Floats = weights / weights.sum()
    return shares
