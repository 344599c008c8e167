"""Attributes: a column together with the cells that its values are coded as.

Categorical cells are the categories in their order, then ``other``, then null; numeric cells are those of a grid, then
null. Codes are what the engine counts and what a model samples; an attribute turns them into values again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict
from pydantic import Field as Setting

from synth_assets.domain import OTHER
from synth_assets.synthesis.grids import equal
from synth_assets.synthesis.schema import Field

if TYPE_CHECKING:
    import pandas as pd

Codes = NDArray[np.int64]


class Categorical(BaseModel):
    """A column of categories; ``values`` are their texts as DuckDB casts them."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    form: Literal["categorical"] = "categorical"
    field: Field
    values: tuple[str, ...]
    has_other: bool = True

    @property
    def ordered(self) -> bool:
        """Whether neighbouring cells hold neighbouring values."""
        return False

    @property
    def cells(self) -> int:
        """How many codes there are."""
        return len(self.values) + self.has_other + self.field.nullable

    @property
    def other(self) -> int | None:
        """The code of values outside the categories."""
        return len(self.values) if self.has_other else None

    @property
    def null(self) -> int | None:
        """The code of missing values."""
        return self.cells - 1 if self.field.nullable else None

    def decode(self, codes: Codes, rng: np.random.Generator) -> tuple[NDArray[Any], NDArray[np.bool_]]:
        """Units of the column's kind and the mask of missing values.

        ``other`` becomes the text "other" in a text column and null in one of another type; where that type has no
        null, one of the categories, uniformly.
        """
        text = self.field.kind == "text"
        texts = (*self.values, OTHER) if text else (self.values or _ANY[self.field.kind])
        units = self.field.units_of(texts)
        missing = codes == self.null if self.field.nullable else np.zeros(len(codes), dtype=np.bool_)
        if not text and self.has_other:
            outside = codes == self.other
            missing = missing | outside if self.field.nullable else missing
            codes = np.where(outside, rng.integers(0, len(units), len(codes)), codes)
        return units[np.where(missing, 0, codes)], missing

    def series(self, codes: NDArray[np.integer], rng: np.random.Generator) -> pd.Series[Any]:
        """The values of ``codes`` as a column of the right type, as :meth:`decode` tells."""
        if self.field.kind == "text":
            return self.field.chosen((*self.values, OTHER), np.where(codes == self.null, -1, codes.astype(np.int64)))
        return self.field.series(*self.decode(codes.astype(np.int64), rng))


class Numeric(BaseModel):
    """A column on a scale; ``edges`` cut it (see :mod:`~synth_assets.synthesis.grids`), in steps of its grid.

    ``pinned`` are those that a coarser grid keeps.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    form: Literal["numeric"] = "numeric"
    field: Field
    edges: tuple[float, ...]
    pinned: tuple[float, ...] = ()

    @property
    def ordered(self) -> bool:
        """Whether neighbouring cells hold neighbouring values."""
        return True

    def coarser(self, cells: int) -> Numeric:
        """The same column in about so many cells, if it has more."""
        if len(self.edges) - 1 <= cells or self.edges == self.pinned:
            return self
        even = equal(self.edges[0], self.edges[-1], cells, self.field.whole)
        return self.model_copy(update={"edges": tuple(sorted({*even, *self.pinned}))})

    def cut(self, *places: float) -> Numeric:
        """The same column with edges where it is told to have them, for good."""
        inner = {place for place in places if self.edges[0] < place < self.edges[-1]}
        edges, pinned = (tuple(sorted({*known, *inner})) for known in (self.edges, self.pinned))
        return self.model_copy(update={"edges": edges, "pinned": pinned})

    @property
    def cells(self) -> int:
        """How many codes there are."""
        return len(self.edges) - 1 + self.field.nullable

    @property
    def other(self) -> int | None:
        """Values outside the bounds are clamped, so there is no such code."""
        return None

    @property
    def null(self) -> int | None:
        """The code of missing values."""
        return len(self.edges) - 1 if self.field.nullable else None

    def decode(self, codes: Codes, rng: np.random.Generator) -> tuple[NDArray[Any], NDArray[np.bool_]]:
        """Units of the column's kind, drawn uniformly within each cell, and the mask of missing values."""
        missing = codes == self.null if self.field.nullable else np.zeros(len(codes), dtype=np.bool_)
        inside = np.where(missing, 0, codes)
        edges = np.array(self.edges)
        low, high = edges[inside], edges[inside + 1]
        drawn = low + rng.random(len(codes)) * (high - low)
        drawn = np.minimum(drawn, np.nextafter(high, low))
        if self.field.whole:
            drawn = np.floor(drawn) * self.field.grain
        return drawn, missing

    def series(self, codes: NDArray[np.integer], rng: np.random.Generator) -> pd.Series[Any]:
        """The values of ``codes`` as a column of the right type, as :meth:`decode` tells."""
        return self.field.series(*self.decode(codes.astype(np.int64), rng))


_ANY: dict[str, tuple[str, ...]] = {
    "boolean": ("false",),
    "integer": ("0",),
    "decimal": ("0",),
    "real": ("0",),
    "date": ("1970-01-01",),
    "timestamp": ("1970-01-01 00:00:00",),
    "uuid": ("00000000-0000-0000-0000-000000000000",),
    "time": ("00:00:00",),
}
"""What stands under the mask of a column that has no category at all."""

Attribute = Annotated[Categorical | Numeric, Setting(discriminator="form")]
