"""Treatments that leave less of a value: masks, bins, codes at a bound, whether it is above one.

What belongs here: their parameters and the types that they lead to. What does not: their YAML forms, SQL.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from datetime import date
from functools import lru_cache
from typing import Any, Literal, Self

import duckdb
from pydantic import BaseModel, ConfigDict, Field, StrictFloat, StrictInt, model_validator

from synth_assets.deidentification.rule import TEXT, Number, Rule, is_integer, is_number, is_temporal, require

CharacterClass = Literal["digits", "letters", "uppercase", "lowercase", "punctuation", "symbols", "spaces"]
CLASSES: dict[CharacterClass, str] = {
    "digits": r"\pN",
    "letters": r"\pL\pM",
    "uppercase": r"\p{Lu}\p{Lt}",
    "lowercase": r"\p{Ll}",
    "punctuation": r"\pP",
    "symbols": r"\pS",
    "spaces": r"\pZ\s",
}
"""Classes of Unicode characters, as they stand between the brackets of a regular expression."""


@lru_cache(maxsize=256)
def is_pattern(text: str) -> bool:
    """Whether the engine takes a text for a regular expression."""
    with duckdb.connect() as con:
        try:
            con.execute("SELECT regexp_matches('', $1)", [text])
        except duckdb.Error:
            return False
    return True


class Mask(Rule):
    """Hide characters. Partial masks keep the ends and the length; a uniform mask makes all values look the same.

    A value that is not longer than the kept ends together is hidden whole. Characters are Unicode code points.

    Attributes:
        pattern: instead of the ends, each match of this regular expression (RE2) becomes one character.
        classes: instead of the ends, each character of these classes is hidden.
    """

    kind: Literal["mask"] = "mask"
    keep_first: int = Field(default=0, ge=0, le=64)
    keep_last: int = Field(default=0, ge=0, le=64)
    character: str = Field(default="*", min_length=1, max_length=1)
    pattern: str | None = Field(default=None, min_length=1, max_length=500)
    classes: tuple[CharacterClass, ...] = ()

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        ways = [self.pattern is not None, bool(self.classes), bool(self.keep_first or self.keep_last)]
        if sum(ways) > 1:
            raise ValueError("mask takes a `pattern`, `classes`, or the ends to keep; write one of them")
        if self.pattern is not None and not is_pattern(self.pattern):
            raise ValueError(f"pattern ({self.pattern}) is no regular expression of RE2; write one such as `[0-9]`")
        return self

    @property
    def uniform(self) -> bool:
        """Whether nothing of a value remains, not even its length."""
        return self.keep_first == self.keep_last == 0 and self.expression is None

    @property
    def expression(self) -> str | None:
        """What is hidden wherever it stands, as a regular expression."""
        return self.pattern or (f"[{''.join(CLASSES[name] for name in self.classes)}]" if self.classes else None)

    def output_type(self, data_type: str) -> str:  # noqa: ARG002 - text, whatever it was
        """Masks are text."""
        return TEXT

    def describe(self) -> str:
        """As ``mask, keeps the last 4``."""
        if self.pattern is not None:
            return f"mask, what matches {self.pattern}"
        if self.classes:
            return f"mask, {' and '.join(self.classes)}"
        kept = [f"the {end} {n}" for end, n in (("first", self.keep_first), ("last", self.keep_last)) if n]
        return f"mask, keeps {' and '.join(kept)}" if kept else "mask"

    def to_spec(self) -> Any:
        """As ``{mask: {keep_last: 4}}``."""
        given = self.model_dump(mode="json", exclude={"kind"}, exclude_defaults=True)
        return {"mask": given} if given else "mask"


class Generalize(Rule):
    """Coarsen values; exactly one of the four ways.

    Attributes:
        width: numbers become the lower edge of their bin ``[n * width, (n + 1) * width)``.
        date: dates become the first day of their year, quarter or month.
        prefix: texts keep this many characters.
        edges: numbers become the label of their interval, such as ``[18, 65)``, ``< 18`` or ``>= 65``.
    """

    kind: Literal["generalize"] = "generalize"
    width: Number | None = None
    date: Literal["year", "quarter", "month"] | None = None
    prefix: int | None = Field(default=None, ge=1, le=64)
    edges: tuple[Number, ...] | None = None

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        ways = [name for name in ("width", "date", "prefix", "edges") if getattr(self, name) is not None]
        if len(ways) != 1:
            raise ValueError("needs exactly one of `width`, `date`, `prefix`, `edges`")
        if self.width is not None and not (math.isfinite(self.width) and self.width > 0):
            raise ValueError(f"width ({self.width}) must be a positive number; write `width: 10`")
        if self.edges is not None and not _increasing(self.edges):
            raise ValueError("edges must be increasing, finite and without repetition; write `edges: [18, 65]`")
        return self

    def output_type(self, data_type: str) -> str:
        """Bins keep being numbers, dates stay dates, prefixes and intervals are text."""
        if self.prefix is not None:
            return TEXT
        if self.date is not None:
            require(is_temporal(data_type) or data_type == TEXT, self, data_type, "dates")
            return "DATE"
        require(is_number(data_type) or data_type == TEXT, self, data_type, "numbers")
        if self.edges is not None:
            return TEXT
        return data_type if is_integer(data_type) and isinstance(self.width, int) else "DOUBLE"

    def describe(self) -> str:
        """As ``generalize to width 10``."""
        if self.edges is not None:
            return f"generalize at {len(self.edges)} edges"
        way, value = next((k, v) for k, v in self._given().items())
        return f"generalize to {way} {value}"

    def to_spec(self) -> Any:
        """As ``{generalize: {width: 10}}``."""
        return {"generalize": self._given()}

    def _given(self) -> dict[str, Any]:
        return self.model_dump(mode="json", exclude={"kind"}, exclude_none=True)


class Quantile(BaseModel):
    """A place among all values of the column: of so large a share of them, none is greater."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    quantile: float = Field(gt=0, lt=1, strict=True)

    def __str__(self) -> str:
        return f"quantile {self.quantile:g}"


Bound = StrictInt | StrictFloat | date | Quantile
"""Where a top or bottom code cuts: a number, a date, or a quantile of the column."""


class Code(Rule):
    """Top and bottom coding: what lies beyond a bound becomes the bound."""

    kind: Literal["code"] = "code"
    top_code: Bound | None = None
    bottom_code: Bound | None = None

    @model_validator(mode="after")
    def _sensible(self) -> Self:
        bounds = [bound for bound in (self.bottom_code, self.top_code) if bound is not None]
        if not bounds:
            raise ValueError("needs `top_code` or `bottom_code`")
        if any(isinstance(bound, Quantile) for bound in bounds):
            shares = [bound.quantile for bound in bounds if isinstance(bound, Quantile)]
            if len(shares) < len(bounds) or sorted(set(shares)) != shares:
                raise ValueError("top_code and bottom_code must both be quantiles, the lower one below")
            return self
        if any(isinstance(bound, float) and not math.isfinite(bound) for bound in bounds):
            raise ValueError("top_code and bottom_code must be finite")
        if len({isinstance(bound, date) for bound in bounds}) > 1:
            raise ValueError("top_code and bottom_code must both be numbers or both be dates")
        if len(bounds) == 2 and not bounds[0] < bounds[1]:  # type: ignore[operator]  # both of one sort by now
            raise ValueError("bottom_code must be below top_code")
        return self

    @property
    def fixed_rule(self) -> bool:
        """Not with quantiles, which are those of all rows."""
        return not self.quantiles

    @property
    def quantiles(self) -> bool:
        """Whether the bounds are quantiles."""
        return any(isinstance(bound, Quantile) for bound in (self.top_code, self.bottom_code))

    @property
    def dates(self) -> bool:
        """Whether the bounds are dates."""
        return any(isinstance(bound, date) for bound in (self.top_code, self.bottom_code))

    def output_type(self, data_type: str) -> str:
        """The column's own type; text that holds numbers becomes a number."""
        if self.quantiles:
            require(is_number(data_type) or is_temporal(data_type), self, data_type, "numbers or dates")
            return data_type
        if self.dates:
            require(is_temporal(data_type) or data_type == TEXT, self, data_type, "dates")
            return data_type if is_temporal(data_type) else "DATE"
        require(is_number(data_type) or data_type == TEXT, self, data_type, "numbers")
        whole = not any(isinstance(bound, float) for bound in (self.top_code, self.bottom_code))
        return data_type if is_number(data_type) and (whole or not is_integer(data_type)) else "DOUBLE"

    def describe(self) -> str:
        """As ``top code at 90``."""
        given = (("bottom", self.bottom_code), ("top", self.top_code))
        return ", ".join(f"{end} code at {bound}" for end, bound in given if bound is not None)

    def to_spec(self) -> Any:
        """As ``{top_code: 90}``."""
        return self.model_dump(exclude={"kind"}, exclude_none=True)


class Binary(Rule):
    """Whether a number is above a threshold, or above the mean of all."""

    kind: Literal["binary"] = "binary"
    above: Number | Literal["mean"]

    @property
    def fixed_rule(self) -> bool:
        """Not with the mean, which is that of all rows."""
        return self.above != "mean"

    def output_type(self, data_type: str) -> str:
        """True or false."""
        require(is_number(data_type) or data_type == TEXT, self, data_type, "numbers")
        return "BOOLEAN"

    def describe(self) -> str:
        """As ``above 50``."""
        return f"whether above {'the mean' if self.above == 'mean' else self.above}"

    def to_spec(self) -> Any:
        """As ``{binary: {above: 50}}``."""
        return {"binary": {"above": self.above}}


def _increasing(edges: Sequence[Number]) -> bool:
    finite = all(math.isfinite(edge) for edge in edges)
    return bool(edges) and finite and all(low < high for low, high in itertools.pairwise(edges))
