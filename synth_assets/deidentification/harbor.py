"""What HIPAA's Safe Harbor leaves of a postcode and of a date of birth (45 CFR 164.514(b)(2)(i), (B) and (C))."""

from __future__ import annotations

from datetime import date
from typing import Any, Literal, Self

from pydantic import model_validator

from synth_assets.deidentification.rule import TEXT, Rule, is_integer, is_temporal, require

SPARSE = (
    *("036", "059", "063", "102", "203", "205", "369", "556", "692", "790", "821", "823", "830", "831", "878", "879"),
    *("884", "890", "893"),
)
"""Beginnings of ZIP codes where 20,000 people or fewer live: the 17 of the 2000 census, which the guidance of the
Department of Health and Human Services (2012) lists, and two more of the 2010 census. Fewer remain of the first list in
the second; whoever was listed once stays listed here."""
OLD = 90
"""Ages from here on are one category."""


class SafeHarbor(Rule):
    """What may be shown of a postcode or a date of birth.

    Attributes:
        part: ``postcode``: the first three digits of a US ZIP code, ``000`` where few people live; what is no ZIP code
            is withheld. ``birth``: the first day of the year of birth, where all who turn 90 in the year of ``as_of``,
            or were born before them, have one year together.
    """

    kind: Literal["safe_harbor"] = "safe_harbor"
    part: Literal["postcode", "birth"]
    as_of: date | None = None

    @model_validator(mode="after")
    def _has_a_day(self) -> Self:
        if (self.part == "birth") != (self.as_of is not None):
            raise ValueError("as_of says when people are how old; `part: birth` needs it, `part: postcode` does not")
        return self

    def output_type(self, data_type: str) -> str:
        """Postcodes are text, years are dates."""
        if self.part == "birth":
            require(is_temporal(data_type) or data_type == TEXT, self, data_type, "dates")
            return "DATE"
        require(is_integer(data_type) or data_type == TEXT, self, data_type, "postcodes")
        return TEXT

    def describe(self) -> str:
        """As ``safe harbor: postcode``."""
        return f"safe harbor: {self.part}" + ("" if self.as_of is None else f" as of {self.as_of.year}")

    def to_spec(self) -> Any:
        """As ``{safe_harbor: {part: postcode}}``."""
        return {"safe_harbor": self.model_dump(mode="json", exclude={"kind"}, exclude_none=True)}

    def expression(self, column: str, data_type: str) -> str:
        """SQL of a treated value."""
        if self.as_of is not None:
            value = column if is_temporal(data_type) else f"TRY_CAST({column} AS DATE)"
            oldest = f"DATE '{self.as_of.year - OLD:04d}-01-01'"
            return f"CASE WHEN isfinite({value}) THEN greatest(date_trunc('year', {value})::DATE, {oldest}) END"
        text = f"trim({column}::VARCHAR)"
        if is_integer(data_type):  # a number has lost its leading zeros
            text = f"lpad({text}, CASE WHEN length({text}) <= 5 THEN 5 ELSE 9 END, '0')"
        sparse = ", ".join(f"'{prefix}'" for prefix in SPARSE)
        return (
            f"CASE WHEN NOT regexp_full_match({text}, '\\d{{5}}([- ]?\\d{{4}})?') THEN NULL "
            f"WHEN left({text}, 3) IN ({sparse}) THEN '000' ELSE left({text}, 3) END"
        )
