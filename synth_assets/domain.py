"""What is publicly known about the columns of a table before anybody looks at it.

A :class:`Domain` is part of the spec: bounds, categories, bins. A differentially private synthesizer takes it as given
and learns the rest from its own budget. Values outside are never an error, as an error would tell that they exist:
numbers are clamped to the bounds, categories become :data:`OTHER`.

What belongs here: declarations and their rules. What does not: anything learned from rows.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from datetime import date, datetime
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, ValidationError, model_validator

from synth_assets.errors import DomainError

OTHER = "other"
"""What stands in a text column for a value that is rare, unseen or outside the declared categories.

Columns of other types hold null instead, as no public value of their type means "something else".
"""

MAX_BINS = 4096
MAX_CATEGORIES = 50_000

Bound = int | float | date | datetime | str
Category = bool | int | float | date | datetime | str


class Column(BaseModel):
    """The public knowledge of one column.

    ``bounds``: least and greatest value of a number, date or timestamp (ISO 8601 text will do), both included.
    ``categories``: every value there is, in the order that matters. ``bins``: how many cells of equal width the bounds
    are cut into (left out, the synthesizer decides).
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    bounds: tuple[Bound, Bound] | None = None
    categories: tuple[Category, ...] | None = None
    bins: int | None = None

    @model_validator(mode="after")
    def _follow_the_rules(self) -> Self:
        if self.bounds is not None and self.categories is not None:
            raise ValueError("a column has bounds or categories, not both; remove one of the two")
        if self.bins is not None and self.bounds is None:
            raise ValueError("bins cut declared bounds; declare bounds, or remove bins")
        if self.bins is not None and not 1 <= self.bins <= MAX_BINS:
            raise ValueError(f"bins ({self.bins}) must lie within 1 and {MAX_BINS}")
        if self.bounds is not None:
            _check_bounds(*self.bounds)
        if self.categories is not None:
            _check_categories(self.categories)
        return self


class Domain(BaseModel):
    """The declared columns of a table, by name; columns that nothing is known about are simply absent.

    A domain may describe more columns than a table has.

    >>> domain = Domain.from_spec({"age": {"bounds": [0, 120]}, "sex": {"categories": ["Female", "Male"]}})
    >>> domain["age"].bounds
    (0, 120)
    >>> domain["height"] == Column()
    True
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    columns: dict[str, Column] = {}

    @classmethod
    def from_spec(cls, columns: Mapping[str, Mapping[str, Any] | Column]) -> Self:
        """The domain of ``columns:`` in the spec, each with optional ``bounds``, ``categories`` and ``bins``.

        Raises DomainError that names the column, the key and the rule.
        """
        return cls(columns={name: _column(name, declared) for name, declared in columns.items()})

    def __getitem__(self, name: str) -> Column:
        """The declaration of a column; an empty one if there is none."""
        return self.columns.get(name, Column())

    def project(self, names: Iterable[str]) -> Self:
        """The domain of some columns only."""
        wanted = set(names)
        return type(self)(columns={name: c for name, c in self.columns.items() if name in wanted})


def _column(name: str, declared: Mapping[str, Any] | Column) -> Column:
    if isinstance(declared, Column):
        return declared
    try:
        return Column.model_validate(dict(declared))
    except ValidationError as error:
        first = error.errors()[0]
        key = next((str(part) for part in first["loc"] if isinstance(part, str)), "")
        place = f"columns.{name}.{key}".rstrip(".")
        rule = first["msg"].removeprefix("Value error, ")
        hint = "; a column knows bounds, categories and bins" if first["type"] == "extra_forbidden" else ""
    raise DomainError(f"{place}: {rule}{hint}")


def as_instant(bound: Bound) -> datetime | None:
    """The moment that a date, a timestamp or an ISO 8601 text names (without a zone: as written); None for a number.

    Raises ValueError on other text.
    """
    if isinstance(bound, str):
        return datetime.fromisoformat(bound).replace(tzinfo=None)
    if isinstance(bound, datetime):
        return bound.replace(tzinfo=None)
    if isinstance(bound, date):
        return datetime(bound.year, bound.month, bound.day)
    return None


def _check_bounds(low: Bound, high: Bound) -> None:
    try:
        first, last = as_instant(low), as_instant(high)
    except ValueError:
        raise ValueError(f"bounds ({low}, {high}) must be numbers, dates or ISO 8601 texts") from None
    if (first is None) != (last is None):
        raise ValueError(f"bounds ({low}, {high}) must both be numbers or both be dates")
    if first is not None and last is not None:
        ordered = first <= last
    else:
        assert isinstance(low, int | float) and isinstance(high, int | float)  # noqa: S101, PT018 - for the type checker
        if not (math.isfinite(low) and math.isfinite(high)):
            raise ValueError(f"bounds ({low}, {high}) must be finite")
        ordered = low <= high
    if not ordered:
        raise ValueError(f"bounds ({low}, {high}) must have the least value first")


def _check_categories(categories: tuple[Category, ...]) -> None:
    if not 1 <= len(categories) <= MAX_CATEGORIES:
        raise ValueError(f"categories must name between 1 and {MAX_CATEGORIES} values, not {len(categories)}")
    if len({(type(value), value) for value in categories}) < len(categories):
        raise ValueError("categories must differ from each other")
