"""Treatments: what de-identification does with one column, as the spec's ``treatment:`` says it.

A treatment is a frozen model; the YAML value *is* the object. Its parameters are fixed before the data are seen.
What belongs here: their parameters and the types that they lead to; those that make values coarser are in
``coarsening``. What does not: their YAML forms, SQL.
"""

from __future__ import annotations

import math
from datetime import date
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, StrictInt, model_validator

from synth_assets.accounting.budget import check_cost
from synth_assets.deidentification.coarsening import Binary, Code, Generalize, Mask
from synth_assets.deidentification.harbor import SafeHarbor
from synth_assets.deidentification.rule import TEXT, Number, Rule, is_integer, is_number, is_temporal, require

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
    "it_cf",
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

Operator = Literal["equals", "in", "is_null", "above", "below"]
Operand = bool | int | float | date | str
MOST_ANSWERS = 1000
"""How many values a randomized answer may have; of more, hardly any would be the truth."""


class Keep(Rule):
    """Leave the values as they are."""

    kind: Literal["keep"] = "keep"


class Suppress(Rule):
    """Withhold the column: every value becomes NULL."""

    kind: Literal["suppress"] = "suppress"


class Pseudonymize(Rule):
    """Replace each value by a keyed pseudonym: the same in every table for ids of one type, so that joins hold."""

    kind: Literal["pseudonymize"] = "pseudonymize"

    def output_type(self, data_type: str) -> str:  # noqa: ARG002 - text, whatever it was
        """Pseudonyms are text whatever the key was, so that keys of different types still meet."""
        return TEXT


class Fake(Rule):
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


class FakeText(Rule):
    """Free text: what identifies becomes the row's own fakes, what is uncertain is hidden. Heuristic."""

    kind: Literal["text"] = "text"

    @property
    def fixed_rule(self) -> bool:
        """No: which words are common is counted over all rows."""
        return False

    def output_type(self, data_type: str) -> str:
        """Text stays text."""
        require(data_type == TEXT, self, data_type, "text")
        return TEXT

    def describe(self) -> str:
        """As ``fake text``."""
        return "fake text"

    def to_spec(self) -> Any:
        """As ``{fake: text}``."""
        return {"fake": "text"}


class Shift(Rule):
    """Move dates by a keyed number of days that all dates of a unit share, so that what lies between them survives.

    Attributes:
        days: the offset is one of -days to days, each as likely, and never none at all.
    """

    kind: Literal["shift"] = "shift"
    days: StrictInt = Field(ge=1, le=36_500)

    def output_type(self, data_type: str) -> str:
        """Dates stay dates; text that holds dates becomes one."""
        require(is_temporal(data_type) or data_type == TEXT, self, data_type, "dates")
        return data_type if is_temporal(data_type) else "DATE"

    def describe(self) -> str:
        """As ``shift within 180 days``."""
        return f"shift within {self.days} days"

    def to_spec(self) -> Any:
        """As ``{shift: {days: 180}}``."""
        return {"shift": {"days": self.days}}


class Randomize(Rule):
    """Local differential privacy: each unit's value is answered at random, the truth or what is near more often.

    Attributes:
        epsilon: whatever the value is, an answer is at most exp(epsilon) times as likely as under another value.
        mechanism: how answers are drawn: ``k_ary`` (the truth, or any other value alike) or, of numbers, ``geometric``
            (noise that keeps near).
        categories, bounds, bins: the declared domain of the column, of which the answers are; the spec fills them in.
    """

    kind: Literal["randomize"] = "randomize"
    epsilon: Number
    mechanism: Literal["k_ary", "geometric"] = "k_ary"
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
        if self.mechanism == "geometric" and (categories is not None or cells < 2):
            raise ValueError(
                "randomize with `mechanism: geometric` needs `bounds` of numbers with two cells at least, as "
                "categories have no order; leave `mechanism` out"
            )
        if cells > MOST_ANSWERS:
            raise ValueError(f"randomize answers with {MOST_ANSWERS} values at the most, not {cells}; declare `bins`")
        domain = {"categories": categories, "bounds": bounds, "bins": bins}
        return Randomize(epsilon=self.epsilon, mechanism=self.mechanism, **domain)

    def output_type(self, data_type: str) -> str:
        """The column's own type."""
        if self.bounds is not None:
            require(is_number(data_type), self, data_type, "numbers")
            require(self.bins is not None or is_integer(data_type), self, data_type, "whole numbers, or `bins`")
            inside = math.floor(self.bounds[1]) - math.ceil(self.bounds[0]) + 1
            require(not is_integer(data_type) or inside >= (self.bins or 1), self, data_type, "numbers, or fewer bins")
        return data_type

    def describe(self) -> str:
        """As ``randomize, epsilon 2``."""
        return f"randomize, epsilon {self.epsilon:g}" + ("" if self.mechanism == "k_ary" else f", {self.mechanism}")

    def to_spec(self) -> Any:
        """As ``{randomize: {epsilon: 2}}``."""
        how = {} if self.mechanism == "k_ary" else {"mechanism": self.mechanism}
        return {"randomize": {"epsilon": self.epsilon, **how}}


def _is_plain_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


class SuppressCells(Rule):
    """Withhold the cells of rows that meet a condition, and keep the others.

    Attributes:
        op, value: as of :class:`RecordCondition`.
        column: whose raw value is looked at; left out, the column's own.
    """

    kind: Literal["suppress_cells"] = "suppress_cells"
    op: Operator
    value: Operand | tuple[Operand, ...] | None = None
    column: str | None = None

    @model_validator(mode="after")
    def _value_suits(self) -> Self:
        _check_condition(self.op, self.value)
        return self

    def describe(self) -> str:
        """As ``suppress where it is above 90``."""
        told = "" if self.value is None else f" {self.value}"
        return f"suppress where {self.column or 'it'} {self.op}{told}"

    def to_spec(self) -> Any:
        """As ``{suppress: {op: above, value: 90}}``."""
        return {"suppress": self.model_dump(exclude={"kind"}, exclude_none=True)}


AnyTreatment = (
    Keep
    | Suppress
    | Pseudonymize
    | Fake
    | FakeText
    | Mask
    | Generalize
    | Code
    | Binary
    | SuppressCells
    | Shift
    | Randomize
    | SafeHarbor
)


class RecordCondition(BaseModel):
    """Which rows no one shall see: rows of which ``column`` meets the condition are left out.

    Attributes:
        op: ``equals``, ``in``, ``is_null``, ``above`` or ``below``; the last two leave the value itself alone.
        value: what to compare with; a list for ``in``, absent for ``is_null``.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    column: str
    op: Operator
    value: Operand | tuple[Operand, ...] | None = None

    @model_validator(mode="after")
    def _value_suits(self) -> Self:
        _check_condition(self.op, self.value)
        return self


def _check_condition(op: str, value: Any) -> None:
    if (value is None) != (op == "is_null"):
        raise ValueError(f"`op: {op}` {'takes no' if op == 'is_null' else 'needs a'} `value`")
    if isinstance(value, tuple) != (op == "in"):
        raise ValueError(f"`op: {op}` needs {'a list' if op == 'in' else 'one value, not a list'}")
    if op in ("above", "below") and (isinstance(value, bool | str)):
        raise ValueError(f"`op: {op}` needs a number or a date")
