"""Treatments: what de-identification does with one column, as the spec's ``treatment:`` says it.

A treatment is a frozen model; the YAML value *is* the object. Its parameters are fixed before the data are seen.
What belongs here: their parameters and the types that they lead to. What does not: their YAML forms, SQL.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from datetime import date
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, StrictFloat, StrictInt, model_validator

from synth_assets.accounting.budget import check_cost
from synth_assets.errors import SpecError

FakeKind = Literal[
    "name",
    "first_name",
    "last_name",
    "middle_name",
    "email",
    "username",
    "phone",
    "national_id",
    "address",
    "street_address",
    "city",
    "postcode",
    "region",
    "country",
    "company",
    "job",
    "iban",
    "credit_card",
    "ip_address",
    "au_tfn",
    "br_cpf",
    "ca_sin",
    "de_idnr",
    "es_dni",
    "fr_nir",
    "gb_nino",
    "nl_bsn",
    "pl_pesel",
]
"""What Faker-like values can be made of; ``national_id`` has the form of a US social security number, those of other
countries are in ``national_ids``."""

VALUE_KINDS: frozenset[FakeKind] = frozenset(
    {"city", "postcode", "region", "country", "company", "job", "iban", "credit_card", "ip_address"}
)
"""Kinds that never stand for a person: the same city stays the same city, and a person may have several cards."""

Identity = Literal["auto", "unit", "value"]
"""What a fake stands for: the person (the privacy unit) or the value; ``auto`` is explained in ``deidentify``."""

Number = StrictInt | StrictFloat
MOST_ANSWERS = 1000
"""How many values a randomized answer may have; of more, hardly any would be the truth."""
TEXT = "VARCHAR"
_INTEGERS = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT")
_UNSIGNED = ("UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT", "UHUGEINT")


def is_integer(data_type: str) -> bool:
    """Whether a DuckDB type holds whole numbers."""
    return data_type.upper() in _INTEGERS + _UNSIGNED


def is_number(data_type: str) -> bool:
    """Whether a DuckDB type holds numbers."""
    return is_integer(data_type) or data_type.upper().startswith(("DOUBLE", "FLOAT", "REAL", "DECIMAL", "NUMERIC"))


def is_temporal(data_type: str) -> bool:
    """Whether a DuckDB type holds dates or times of day on dates."""
    return data_type.upper().startswith(("DATE", "TIMESTAMP"))


class _Rule(BaseModel):
    """What all treatments share."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    @property
    def fixed_rule(self) -> bool:
        """Whether a treated value depends on its own unit's rows alone, so that the rule needs no privacy budget."""
        return True

    def output_type(self, data_type: str) -> str:
        """The DuckDB type of a treated column.

        Raises:
            SpecError: the treatment does not suit the type.
        """
        return data_type

    def describe(self) -> str:
        """One phrase for people, without values of the data."""
        return self.__class__.__name__.lower()

    def to_spec(self) -> Any:
        """The value to write in YAML; :func:`parse_treatment` reads it back."""
        return self.describe()


class Keep(_Rule):
    """Leave the values as they are."""

    kind: Literal["keep"] = "keep"


class Suppress(_Rule):
    """Withhold the column: every value becomes NULL."""

    kind: Literal["suppress"] = "suppress"


class Pseudonymize(_Rule):
    """Replace each value by a keyed pseudonym: the same in every table for ids of one type, so that joins hold."""

    kind: Literal["pseudonymize"] = "pseudonymize"

    def output_type(self, data_type: str) -> str:  # noqa: ARG002 - text, whatever it was
        """Pseudonyms are text whatever the key was, so that keys of different types still meet."""
        return TEXT


class Fake(_Rule):
    """Replace each value by an invented one that looks alike; the same person or value gets the same one everywhere.

    Attributes:
        fake: what to invent.
        identity: whether the fake stands for the privacy unit or for the value.
    """

    kind: Literal["fake"] = "fake"
    fake: FakeKind
    identity: Identity = "auto"

    @property
    def fixed_rule(self) -> bool:
        """Not with ``auto``, where the choice between person and value looks at all rows."""
        return self.identity != "auto" or self.fake in VALUE_KINDS

    def output_type(self, data_type: str) -> str:  # noqa: ARG002 - text, whatever it was
        """Invented values are text."""
        return TEXT

    def describe(self) -> str:
        """As ``fake name``."""
        return f"fake {self.fake}" + ("" if self.identity == "auto" else f" by {self.identity}")

    def to_spec(self) -> Any:
        """As ``{fake: name}``."""
        return {"fake": self.fake} | ({} if self.identity == "auto" else {"identity": self.identity})


class FakeText(_Rule):
    """Free text: what identifies becomes the row's own fakes, what is uncertain is hidden. Heuristic."""

    kind: Literal["text"] = "text"

    @property
    def fixed_rule(self) -> bool:
        """No: which words are common is counted over all rows."""
        return False

    def output_type(self, data_type: str) -> str:
        """Text stays text."""
        _require(data_type == TEXT, self, data_type, "text")
        return TEXT

    def describe(self) -> str:
        """As ``fake text``."""
        return "fake text"

    def to_spec(self) -> Any:
        """As ``{fake: text}``."""
        return {"fake": "text"}


class Mask(_Rule):
    """Hide characters. Partial masks keep the ends and the length; a uniform mask makes all values look the same.

    A value that is not longer than the kept ends together is hidden whole. Characters are Unicode code points.
    """

    kind: Literal["mask"] = "mask"
    keep_first: int = Field(default=0, ge=0, le=64)
    keep_last: int = Field(default=0, ge=0, le=64)
    character: str = Field(default="*", min_length=1, max_length=1)

    @property
    def uniform(self) -> bool:
        """Whether nothing of a value remains, not even its length."""
        return self.keep_first == self.keep_last == 0

    def output_type(self, data_type: str) -> str:  # noqa: ARG002 - text, whatever it was
        """Masks are text."""
        return TEXT

    def describe(self) -> str:
        """As ``mask, keeps the last 4``."""
        kept = [f"the {end} {n}" for end, n in (("first", self.keep_first), ("last", self.keep_last)) if n]
        return f"mask, keeps {' and '.join(kept)}" if kept else "mask"

    def to_spec(self) -> Any:
        """As ``{mask: {keep_last: 4}}``."""
        given = self.model_dump(exclude={"kind"}, exclude_defaults=True)
        return {"mask": given} if given else "mask"


class Generalize(_Rule):
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
            _require(is_temporal(data_type) or data_type == TEXT, self, data_type, "dates")
            return "DATE"
        _require(is_number(data_type) or data_type == TEXT, self, data_type, "numbers")
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


Bound = StrictInt | StrictFloat | date
"""Where a top or bottom code cuts: a number, or a date."""


class Code(_Rule):
    """Top and bottom coding: what lies beyond a bound becomes the bound."""

    kind: Literal["code"] = "code"
    top_code: Bound | None = None
    bottom_code: Bound | None = None

    @model_validator(mode="after")
    def _sensible(self) -> Self:
        bounds = [bound for bound in (self.bottom_code, self.top_code) if bound is not None]
        if not bounds:
            raise ValueError("needs `top_code` or `bottom_code`")
        if any(isinstance(bound, float) and not math.isfinite(bound) for bound in bounds):
            raise ValueError("top_code and bottom_code must be finite")
        if len({isinstance(bound, date) for bound in bounds}) > 1:
            raise ValueError("top_code and bottom_code must both be numbers or both be dates")
        if len(bounds) == 2 and not bounds[0] < bounds[1]:  # type: ignore[operator]  # both of one sort by now
            raise ValueError("bottom_code must be below top_code")
        return self

    @property
    def dates(self) -> bool:
        """Whether the bounds are dates."""
        return any(isinstance(bound, date) for bound in (self.top_code, self.bottom_code))

    def output_type(self, data_type: str) -> str:
        """The column's own type; text that holds numbers becomes a number."""
        if self.dates:
            _require(is_temporal(data_type) or data_type == TEXT, self, data_type, "dates")
            return data_type if is_temporal(data_type) else "DATE"
        _require(is_number(data_type) or data_type == TEXT, self, data_type, "numbers")
        whole = not any(isinstance(bound, float) for bound in (self.top_code, self.bottom_code))
        return data_type if is_number(data_type) and (whole or not is_integer(data_type)) else "DOUBLE"

    def describe(self) -> str:
        """As ``top code at 90``."""
        given = (("bottom", self.bottom_code), ("top", self.top_code))
        return ", ".join(f"{end} code at {bound}" for end, bound in given if bound is not None)

    def to_spec(self) -> Any:
        """As ``{top_code: 90}``."""
        return self.model_dump(exclude={"kind"}, exclude_none=True)


class Shift(_Rule):
    """Move dates by a keyed number of days that all dates of a unit share, so that what lies between them survives.

    Attributes:
        days: the offset is one of -days to days, each as likely, and never none at all.
    """

    kind: Literal["shift"] = "shift"
    days: StrictInt = Field(ge=1, le=36_500)

    def output_type(self, data_type: str) -> str:
        """Dates stay dates; text that holds dates becomes one."""
        _require(is_temporal(data_type) or data_type == TEXT, self, data_type, "dates")
        return data_type if is_temporal(data_type) else "DATE"

    def describe(self) -> str:
        """As ``shift within 180 days``."""
        return f"shift within {self.days} days"

    def to_spec(self) -> Any:
        """As ``{shift: {days: 180}}``."""
        return {"shift": {"days": self.days}}


class Randomize(_Rule):
    """Local differential privacy: each unit's value is answered at random, the truth more often than any other.

    Attributes:
        epsilon: whatever the value is, an answer is at most exp(epsilon) times as likely as under another value.
        categories, bounds, bins: the declared domain of the column, of which the answers are; the spec fills them in.
    """

    kind: Literal["randomize"] = "randomize"
    epsilon: Number
    categories: tuple[bool | int | float | str, ...] | None = None
    bounds: tuple[Number, Number] | None = None
    bins: int | None = Field(default=None, ge=1, le=MOST_ANSWERS)

    @model_validator(mode="after")
    def _affordable(self) -> Self:
        if self.epsilon <= 0:
            raise ValueError(f"epsilon ({self.epsilon}) must be positive; write `epsilon: 2`")
        check_cost("randomize", self.epsilon, 0.0)
        return self

    def over(self, categories: Any, bounds: Any, bins: int | None) -> Randomize:
        """The treatment with the declared domain of its column.

        Raises:
            ValueError: nothing suitable is declared.
        """
        if categories is None and bounds is None:
            raise ValueError("randomize needs the column's declared `categories` or `bounds`; no domain is learned")
        if bounds is not None and not all(_is_plain_number(bound) for bound in bounds):
            raise ValueError("randomize needs `bounds` of numbers; for dates, declare `categories`")
        whole = bounds is not None and all(isinstance(bound, int) for bound in bounds)
        if bounds is not None and bins is None and not whole:
            raise ValueError("randomize needs `bins` beside `bounds` that are no whole numbers; write `bins: 10`")
        cells = len(categories) if categories is not None else bins or bounds[1] - bounds[0] + 1
        if cells > MOST_ANSWERS:
            raise ValueError(f"randomize answers with {MOST_ANSWERS} values at the most, not {cells}; declare `bins`")
        return Randomize(epsilon=self.epsilon, categories=categories, bounds=bounds, bins=bins)

    def output_type(self, data_type: str) -> str:
        """The column's own type."""
        if self.bounds is not None:
            _require(is_number(data_type), self, data_type, "numbers")
            _require(self.bins is not None or is_integer(data_type), self, data_type, "whole numbers, or `bins`")
            inside = math.floor(self.bounds[1]) - math.ceil(self.bounds[0]) + 1
            _require(not is_integer(data_type) or inside >= (self.bins or 1), self, data_type, "numbers, or fewer bins")
        return data_type

    def describe(self) -> str:
        """As ``randomize, epsilon 2``."""
        return f"randomize, epsilon {self.epsilon:g}"

    def to_spec(self) -> Any:
        """As ``{randomize: {epsilon: 2}}``."""
        return {"randomize": {"epsilon": self.epsilon}}


def _is_plain_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


AnyTreatment = Keep | Suppress | Pseudonymize | Fake | FakeText | Mask | Generalize | Code | Shift | Randomize


class RecordCondition(BaseModel):
    """Which rows no one shall see: rows of which ``column`` meets the condition are left out.

    Attributes:
        op: ``equals``, ``in``, ``is_null``, ``above`` or ``below``; the last two leave the value itself alone.
        value: what to compare with; a list for ``in``, absent for ``is_null``.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    column: str
    op: Literal["equals", "in", "is_null", "above", "below"]
    value: bool | int | float | date | str | tuple[bool | int | float | date | str, ...] | None = None

    @model_validator(mode="after")
    def _value_suits(self) -> Self:
        if (self.value is None) != (self.op == "is_null"):
            raise ValueError(f"`op: {self.op}` {'takes no' if self.op == 'is_null' else 'needs a'} `value`")
        if isinstance(self.value, tuple) != (self.op == "in"):
            raise ValueError(f"`op: {self.op}` needs {'a list' if self.op == 'in' else 'one value, not a list'}")
        if self.op in ("above", "below") and (isinstance(self.value, bool | str)):
            raise ValueError(f"`op: {self.op}` needs a number or a date")
        return self


def _increasing(edges: Sequence[Number]) -> bool:
    finite = all(math.isfinite(edge) for edge in edges)
    return bool(edges) and finite and all(low < high for low, high in itertools.pairwise(edges))


def _require(suits: bool, treatment: _Rule, data_type: str, what: str) -> None:
    if not suits:
        raise SpecError(
            f"the treatment `{treatment.describe()}` needs a column of {what}, this one is {data_type}; choose another"
        )
