"""Models made of buckets: intervals and how many rows each stands for."""

from __future__ import annotations

from collections.abc import Sequence
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


COMBINATION = "combination"
"""The column that says of which combination of columns a row tells, where a model holds several."""


class BucketFacts(BaseModel):
    """All of a bucket model that is not an array.

    ``apart``: every cluster is a table of its own, and none is stitched to another.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    method: str
    charge: Charge
    fields: tuple[Field, ...]
    decoders: tuple[Decoder, ...]
    clusters: tuple[Cluster, ...]
    roots: tuple[tuple[float, float], ...]
    apart: bool = False

    @classmethod
    def of_nothing(cls, fields: list[Field], charge: Charge, clusters: tuple[Cluster, ...], apart: bool) -> Self:
        """The facts of a model that may tell nothing at all."""
        return cls(
            method=charge.mechanism,
            charge=charge,
            fields=tuple(fields),
            decoders=tuple(Numbers(null=0.0, whole=True) for _ in fields),
            clusters=clusters,
            roots=tuple((0.0, 1.0) for _ in fields),
            apart=apart,
        )


class BucketModel(Model):
    """Buckets of clusters of columns: stitched together when rows are drawn, or a table each."""

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
        return self._size(0)

    @property
    def combinations(self) -> tuple[tuple[str, ...], ...]:
        """The columns of each table, where the model holds several; else nothing."""
        facts = self._bucket_facts
        return tuple(tuple(facts.fields[i].name for i in c.columns) for c in facts.clusters) if facts.apart else ()

    def sample(self, n: int | None = None, *, rng: np.random.Generator | None = None) -> pd.DataFrame:
        """As :meth:`Model.sample`. Columns that nothing may be told of are null, or zero where there is no null.

        Of several tables, all stand below one another, ``n`` rows of each: a first column ``combination`` names the
        columns that a row tells of, and the others are missing.
        """
        import pandas as pd

        source = np.random.default_rng() if rng is None else rng
        if self.combinations:
            tables = [self.sample_combination(place, n, rng=source) for place in range(len(self.combinations))]
            named = [
                table.assign(**{COMBINATION: label_combination(columns)})
                for columns, table in zip(self.combinations, tables, strict=True)
            ]
            order = [COMBINATION, *(field.label for field in self._bucket_facts.fields)]
            return pd.concat(named, ignore_index=True)[order]
        facts, size = self._bucket_facts, _required(self.rows if n is None else n)
        drawn = [self._draw(place, size, source) for place in range(len(self._parts))]
        whole = [not isinstance(d, Numbers) or d.whole for d in facts.decoders]
        table = stitch(facts.clusters, drawn, facts.roots, whole, size, source)
        return self._frame(range(len(facts.fields)), table, size)

    def sample_combination(
        self, place: int, n: int | None = None, *, rng: np.random.Generator | None = None
    ) -> pd.DataFrame:
        """Rows of one table alone: that of ``combinations[place]``; as many as its buckets stand for without ``n``."""
        size = _required(self._size(place) if n is None else n)
        table = self._draw(place, size, np.random.default_rng() if rng is None else rng) if self._parts else {}
        return self._frame(self._bucket_facts.clusters[place].columns, table, size)

    def _size(self, place: int) -> int:
        return int(self._parts[place].rows.sum()) if self._parts else 0

    def _frame(self, columns: Sequence[int], table: Microtable, size: int) -> pd.DataFrame:
        import pandas as pd

        frame = pd.concat([self._series(i, table, size) for i in columns], axis=1)
        return frame.set_axis([self._bucket_facts.fields[i].label for i in columns], axis=1)

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
        known = [i for i in range(len(facts.clusters)) if f"{_ARRAYS[0]}_{i}" in arrays]
        return cls(facts, tuple(Part(*(arrays[f"{name}_{i}"] for name in _ARRAYS)) for i in known))


_ARRAYS = ("low", "high", "rows")


def label_combination(columns: Sequence[str]) -> str:
    """What the column ``combination`` holds for the rows of these columns."""
    return " x ".join(columns)


def _required(size: int) -> int:
    if size < 0:
        raise ValueError(f"n ({size}) must not be negative")
    return size


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
