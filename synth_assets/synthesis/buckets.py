"""Models made of buckets: intervals and how many rows each stands for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, TypeAdapter

from synth_assets.diffix.clustering import Cluster
from synth_assets.diffix.microdata import Decoder, Numbers
from synth_assets.diffix.stitching import Microtable, stitch
from synth_assets.synthesis.allowance import Charge
from synth_assets.synthesis.attributes import Attribute
from synth_assets.synthesis.model import Model
from synth_assets.synthesis.schema import Field

if TYPE_CHECKING:
    import pandas as pd

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Part:
    """The pieces of one cluster's tree, ``(pieces, columns)``, and the rows of each."""

    low: Floats
    high: Floats
    rows: NDArray[np.int64]

    def choose(self, size: int, rng: np.random.Generator) -> NDArray[np.int64]:
        """A piece for each of ``size`` rows, in proportion to their rows: exactly so for as many rows as there are."""
        ends = np.cumsum(self.rows)
        targets = (np.arange(size) + rng.random()) * (ends[-1] / max(size, 1))
        chosen = np.minimum(np.searchsorted(ends, targets, side="right"), len(ends) - 1)
        return rng.permutation(chosen)


class BucketFacts(BaseModel):
    """All of a bucket model that is not an array."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    method: str
    charge: Charge
    fields: tuple[Field, ...]
    decoders: tuple[Decoder, ...]
    clusters: tuple[Cluster, ...]
    roots: tuple[tuple[float, float], ...]

    @classmethod
    def of_nothing(cls, fields: list[Field], charge: Charge) -> Self:
        """The facts of a model that may tell nothing at all."""
        nothing = tuple(Numbers(null=0.0, whole=True) for _ in fields)
        roots = tuple((0.0, 1.0) for _ in fields)
        return cls(
            method=charge.mechanism, charge=charge, fields=tuple(fields), decoders=nothing, clusters=(), roots=roots
        )


class BucketModel(Model):
    """Buckets of one or more clusters of columns, stitched together when rows are drawn."""

    sign: ClassVar[str] = "buckets"

    def __init__(self, facts: BucketFacts, parts: tuple[Part, ...]) -> None:
        self._bucket_facts = facts
        self._parts = parts

    @property
    def method(self) -> str:
        """The method that was fitted."""
        return self._bucket_facts.method

    @property
    def charge(self) -> Charge:
        """A charge of nothing: the release is heuristic."""
        return self._bucket_facts.charge

    @property
    def errors(self) -> list[dict[str, Any]]:
        """Nothing: what the method knows of its error is no expectation that could be told."""
        return []

    @property
    def attributes(self) -> tuple[Attribute, ...]:
        """Nothing: there are no cells."""
        return ()

    @property
    def edges(self) -> list[tuple[str, str]]:
        """The pairs of columns that share a tree."""
        names = [field.name for field in self._bucket_facts.fields]
        pairs = {(a, b) for c in self._bucket_facts.clusters for a in c.columns for b in c.columns if a < b}
        return [(names[a], names[b]) for a, b in sorted(pairs)]

    @property
    def rows(self) -> int:
        """The noisy number of rows that the first cluster's buckets stand for."""
        return int(self._parts[0].rows.sum()) if self._parts else 0

    def sample(self, n: int | None = None, *, rng: np.random.Generator | None = None) -> pd.DataFrame:
        """As :meth:`Model.sample`. Columns that nothing may be told of are null, or zero where there is no null."""
        import pandas as pd

        size = self.rows if n is None else n
        if size < 0:
            raise ValueError(f"n ({size}) must not be negative")
        source = np.random.default_rng() if rng is None else rng
        facts = self._bucket_facts
        drawn = [self._draw(place, size, source) for place in range(len(self._parts))]
        whole = [not isinstance(d, Numbers) or d.whole for d in facts.decoders]
        table = stitch(facts.clusters, drawn, facts.roots, whole, size, source)
        columns = [self._series(i, table, size) for i in range(len(facts.fields))]
        frame = pd.concat(columns, axis=1)
        return frame.set_axis([field.label for field in facts.fields], axis=1)

    def _draw(self, place: int, size: int, rng: np.random.Generator) -> Microtable:
        """Rows of one cluster: positions, and texts where positions do not tell them."""
        part, facts = self._parts[place], self._bucket_facts
        if len(part.rows) == 0:
            return {}
        piece = part.choose(size, rng)
        table: Microtable = {}
        for k, column in enumerate(facts.clusters[place].columns):
            decoder = facts.decoders[column]
            low, high = part.low[piece, k], part.high[piece, k]
            if isinstance(decoder, Numbers):
                values = decoder.draw(low, high, rng)
                table[column] = (np.where(np.isnan(values), decoder.null, values), values)
            else:
                texts, ranks = decoder.draw(low, high, rng)
                table[column] = (np.where(np.isnan(ranks), decoder.null, ranks), texts)
        return table

    def _series(self, i: int, table: Microtable, size: int) -> pd.Series[Any]:
        field, decoder = self._bucket_facts.fields[i], self._bucket_facts.decoders[i]
        if i not in table:
            return _unknown(field, size)
        values = table[i][1]
        if isinstance(decoder, Numbers):
            missing = np.isnan(values.astype(np.float64))
            units = np.where(missing, 0, values.astype(np.float64))
            if field.whole or field.kind == "boolean":
                units = units * field.grain
                units = units.astype(np.int64) if np.all(np.abs(units) < 2.0**62) else units
            return field.series(units, missing)
        missing = np.array([value is None for value in values], dtype=np.bool_)
        return field.series(*_parsed(field, values, missing))

    def save(self, path: Any) -> None:
        """As :meth:`Model.save`."""
        arrays = {f"{name}_{i}": getattr(part, name) for i, part in enumerate(self._parts) for name in _ARRAYS}
        self._write(path, self._bucket_facts, {"buckets": np.zeros(0), **arrays})

    @classmethod
    def read(cls, arrays: Any) -> Self:
        """The model in the arrays that :meth:`save` wrote."""
        facts = TypeAdapter(BucketFacts).validate_json(bytes(arrays["facts"]))
        parts = (Part(*(arrays[f"{name}_{i}"] for name in _ARRAYS)) for i in range(len(facts.clusters)))
        return cls(facts, tuple(parts))


_ARRAYS = ("low", "high", "rows")


def _parsed(field: Field, texts: NDArray[Any], missing: NDArray[np.bool_]) -> tuple[NDArray[Any], NDArray[np.bool_]]:
    """Texts as values of the column's kind; what is no value of it (the beginning of a uuid) is missing."""
    if field.kind == "text":
        return texts, missing
    known, places = np.unique(np.where(missing, "", texts).astype(str), return_inverse=True)
    units = np.empty(len(known), dtype=object)
    wrong = np.zeros(len(known), dtype=np.bool_)
    for i, text in enumerate(known):
        try:
            units[i] = field.units_of((str(text),))[0]
        except ValueError:
            wrong[i] = True
    return units[places], missing | wrong[places]


def _unknown(field: Field, size: int) -> pd.Series[Any]:
    """A column about which nothing may be told."""
    dtype = np.float64 if field.kind == "real" else np.int64
    return field.series(np.zeros(size, dtype=dtype), np.full(size, field.nullable, dtype=np.bool_))
