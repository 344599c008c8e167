"""The ``statistics:`` block of the spec: which figures are asked for, and what they may cost together."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from fractions import Fraction
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from synth_assets.domain import MAX_BINS, Domain
from synth_assets.synthesis.base import Delta, Epsilon, Guarantee

if TYPE_CHECKING:
    import duckdb
    import numpy as np

    from synth_assets.mechanisms import NoiseSource
    from synth_assets.statistics.figures import Released


def _listed(value: Any) -> Any:
    """One text stands for a list of it."""
    return [value] if isinstance(value, str) else value


def _entries(value: Any) -> Any:
    """One entry stands for a list of it."""
    return [value] if isinstance(value, Mapping | BaseModel) else value


ColumnNames = Annotated[tuple[str, ...], BeforeValidator(_listed, json_schema_input_type=str | tuple[str, ...])]


class _Entry(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    @model_validator(mode="after")
    def _each_column_once(self) -> Self:
        for key in ("by", "of"):
            names = getattr(self, key, ())
            if isinstance(names, tuple) and len(set(names)) < len(names):
                raise ValueError(f"{key} names a column twice; name each once")
        if set(self.groups) & set(self.measured):
            raise ValueError(f"of ({self.measured[0]}) is also in `by`; a group is of one value there: remove one")
        return self

    @property
    def groups(self) -> tuple[str, ...]:
        """The columns whose values make the groups."""
        return tuple(getattr(self, "by", ()))

    @property
    def measured(self) -> tuple[str, ...]:
        """The columns that the figures are of."""
        of = getattr(self, "of", ())
        return (of,) if isinstance(of, str) else tuple(of)


class Count(_Entry):
    """How many rows there are in each group; without ``by``, in all."""

    by: ColumnNames = ()


class Histogram(_Entry):
    """How many rows of each group lie in each cell of ``of``: its categories, or ``bins`` equal cells of its bounds."""

    of: str
    by: ColumnNames = ()
    bins: int | None = Field(default=None, ge=1, le=MAX_BINS)


class Sum(_Entry):
    """The sum of a number over each group; a value that is missing adds nothing."""

    of: str
    by: ColumnNames = ()


class Mean(_Entry):
    """The mean of a number over each group, of those rows that have one. A boolean counts as 0 or 1."""

    of: str
    by: ColumnNames = ()


class Variance(_Entry):
    """The variance (over n) of a number over each group."""

    of: str
    by: ColumnNames = ()


Level = Annotated[float, Field(gt=0, lt=1)]


class Quantiles(_Entry):
    """The least value that a share ``at`` of the rows of each group does not exceed."""

    of: str
    by: ColumnNames = ()
    at: tuple[Level, ...] = Field(default=(0.25, 0.5, 0.75), min_length=1, max_length=99)

    @model_validator(mode="after")
    def _rising(self) -> Self:
        if list(self.at) != sorted(set(self.at)):
            raise ValueError("at must rise; write the least share first, and each once")
        return self


class KMeans(_Entry):
    """Centres of ``clusters`` groups of alike rows, and their sizes; every column weighs by the width of its bounds."""

    of: ColumnNames = Field(min_length=1, max_length=8)
    clusters: int = Field(ge=1, le=64)


Kind = Literal["count", "histogram", "sum", "mean", "variance", "quantiles", "kmeans"]
KINDS: tuple[Kind, ...] = ("count", "histogram", "sum", "mean", "variance", "quantiles", "kmeans")
"""In the order of the table."""

Weight = Annotated[float, Field(gt=0, le=1e6)]


class Statistics(BaseModel):
    """Figures over groups of rows, each with its error: one release of (epsilon, delta), differentially private.

    With ``delta`` 0 noise is geometric and every column's categories must be declared; with more, noise is Gaussian
    (zCDP inside) and categories of groups are found. Numbers need declared ``bounds``. ``weights`` say how the budget
    is split: each entry takes its kind's weight, 1 where none is given.

    >>> block = Statistics(count={"by": ["sex"]}, mean={"of": "age", "by": "sex"}, epsilon=0.5)
    >>> block.cost(), block.columns
    ((0.5, 0.0), ('sex', 'age'))
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    guarantee: ClassVar[Guarantee] = "differential_privacy"
    method: ClassVar[str] = "statistics"

    count: Annotated[
        tuple[Count, ...], BeforeValidator(_entries, json_schema_input_type=Count | tuple[Count, ...])
    ] = ()
    histogram: Annotated[
        tuple[Histogram, ...], BeforeValidator(_entries, json_schema_input_type=Histogram | tuple[Histogram, ...])
    ] = ()
    sum: Annotated[tuple[Sum, ...], BeforeValidator(_entries, json_schema_input_type=Sum | tuple[Sum, ...])] = ()
    mean: Annotated[tuple[Mean, ...], BeforeValidator(_entries, json_schema_input_type=Mean | tuple[Mean, ...])] = ()
    variance: Annotated[
        tuple[Variance, ...], BeforeValidator(_entries, json_schema_input_type=Variance | tuple[Variance, ...])
    ] = ()
    quantiles: Annotated[
        tuple[Quantiles, ...], BeforeValidator(_entries, json_schema_input_type=Quantiles | tuple[Quantiles, ...])
    ] = ()
    kmeans: Annotated[
        tuple[KMeans, ...], BeforeValidator(_entries, json_schema_input_type=KMeans | tuple[KMeans, ...])
    ] = ()
    epsilon: Epsilon
    delta: Delta = 0.0
    weights: Mapping[Kind, Weight] = {}

    @model_validator(mode="after")
    def _follow_the_rules(self) -> Self:
        asked = [kind for kind in KINDS if getattr(self, kind)]
        if not asked:
            raise ValueError(f"asks for no figure; write one of {', '.join(KINDS)}")
        idle = [kind for kind in self.weights if kind not in asked]
        if idle:
            raise ValueError(f"weights.{idle[0]} weighs nothing, as no {idle[0]} is asked for; remove it")
        for kind in asked:
            if len(set(getattr(self, kind))) < len(getattr(self, kind)):
                raise ValueError(f"{kind} asks for the same figures twice; remove one entry")
        return self

    def cost(self) -> tuple[float, float]:
        """The (epsilon, delta) that one release spends, known from the parameters alone."""
        return self.epsilon, self.delta

    def entries(self) -> Iterator[tuple[Kind, Any]]:
        """Every entry with its kind, in the order of the table."""
        for kind in KINDS:
            for entry in getattr(self, kind):
                yield kind, entry

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that the figures are made from, in the order they are named."""
        named = [name for _, entry in self.entries() for name in (*entry.groups, *entry.measured)]
        return tuple(dict.fromkeys(named))

    @property
    def group_columns(self) -> tuple[str, ...]:
        """The columns that any entry groups by, in the order they are named."""
        return tuple(dict.fromkeys(name for _, entry in self.entries() for name in entry.groups))

    def weight(self, kind: Kind) -> Fraction:
        """How much an entry of a kind weighs when the budget is split."""
        return Fraction(self.weights.get(kind, 1))

    def release(
        self,
        con: duckdb.DuckDBPyConnection,
        relation_sql: str,
        domain: Domain,
        *,
        rows_per_unit: int,
        rng: np.random.Generator | NoiseSource | None = None,
    ) -> Released:
        """Compute the figures of one table with noise: one release, which costs :meth:`cost`.

        Args:
            con: where the table can be read.
            relation_sql: what stands after FROM; its column names and types count as public.
            domain: public knowledge: bounds of numbers, categories.
            rows_per_unit: the most rows that one privacy unit has in the table; the caller has seen to it.
            rng: where noise comes from; left out, the operating system. With a numpy generator the charge is marked
                ``seeded`` and the figures must not be released.

        Raises:
            DomainError: a number has no bounds, categories are unknown and delta is 0, or there are too many figures.
            SealedError: anything else that fails while rows are at hand.
        """
        from synth_assets.statistics.figures import release_figures

        return release_figures(self, con, relation_sql, domain, rows_per_unit=rows_per_unit, rng=rng)
