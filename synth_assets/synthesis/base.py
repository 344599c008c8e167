"""The contract of every synthesizer: frozen parameters in, a separate model out, cost known beforehand."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from synth_assets.domain import Domain
from synth_assets.errors import DomainError, sealed
from synth_assets.mechanisms import NoiseSource, noise_source
from synth_assets.synthesis.allowance import Allowance
from synth_assets.synthesis.attributes import Attribute
from synth_assets.synthesis.learning import unknown_categories
from synth_assets.synthesis.model import Model
from synth_assets.synthesis.table import Rows, opened

if TYPE_CHECKING:
    import numpy as np

    from synth_assets.synthesis.table import Table

Guarantee = Literal["differential_privacy", "heuristic"]


def _positive(epsilon: float) -> float:
    if not 0 < epsilon < math.inf:
        raise ValueError(f"epsilon ({epsilon:g}) must be positive and finite; write the budget it may spend")
    return epsilon


def _probability(delta: float) -> float:
    if not 0 <= delta < 1:
        raise ValueError(
            f"delta ({delta:g}) must be at least 0 and below 1; write a probability far below one in the number of rows"
        )
    return delta


Epsilon = Annotated[float, Field(strict=True), AfterValidator(_positive)]
Delta = Annotated[float, Field(strict=True), AfterValidator(_probability)]


class Synthesizer(BaseModel):
    """Parameters of a method; constructing one touches no data.

    A subclass sets ``method`` to its literal name, ``guarantee``, :meth:`cost` and ``_fit``.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    guarantee: ClassVar[Guarantee]
    method: str

    def cost(self) -> tuple[float, float]:
        """The (epsilon, delta) that one fit spends, known from the parameters alone."""
        raise NotImplementedError

    def fit(
        self,
        table: Table,
        domain: Domain | None = None,
        *,
        rng: np.random.Generator | NoiseSource | None = None,
        rows_per_unit: int = 1,
    ) -> Model:
        """Fit a table and return a model that holds nothing of it but differentially private answers.

        Args:
            table: a DuckDB relation, a pandas DataFrame or the path of a CSV or Parquet file; neither kept nor changed.
                Its column names and types count as public.
            domain: public knowledge of the columns; what it leaves open is learned out of the method's own budget.
            rng: where noise comes from; left out, the operating system. A numpy generator makes a repeatable model
                whose charge is marked ``seeded`` and which must not be released.
            rows_per_unit: the most rows that one privacy unit has in the table; the caller has seen to it.

        Raises:
            DomainError: the domain does not suit the table, or what is missing cannot be learned.
            SourceError: the table cannot be read.
            SealedError: anything else that fails while rows are at hand.
        """
        if rows_per_unit < 1:
            raise ValueError(f"rows_per_unit ({rows_per_unit}) must be at least 1")
        with sealed(f"fitting {self.method}"), opened(table) as rows:
            return self._fit(rows, domain or Domain(), noise_source(rng), rows_per_unit)

    def _fit(self, rows: Rows, domain: Domain, source: NoiseSource, rows_per_unit: int) -> Model:
        raise NotImplementedError


def allowance_for(
    cost: tuple[float, float], rows: Rows, known: list[Attribute | None], source: NoiseSource, rows_per_unit: int
) -> Allowance:
    """The budget of a fit. Raises DomainError where categories are unknown and there is no delta to find them."""
    epsilon, delta = cost
    strangers = unknown_categories(rows.fields, known)
    if strangers and delta == 0:
        raise DomainError(
            f"nobody declared the categories of {', '.join(strangers)}, and finding them needs a delta above 0; "
            "declare `categories` for each, or set `delta`"
        )
    return Allowance(epsilon, delta, rows_per_unit, source, hides_categories=bool(strangers))
