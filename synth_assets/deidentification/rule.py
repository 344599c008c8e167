"""What all treatments share: that they are frozen models, and the sorts of columns that they suit."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, StrictFloat, StrictInt

from synth_assets.errors import SpecError

Number = StrictInt | StrictFloat
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


class Rule(BaseModel):
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


def require(suits: bool, treatment: Rule, data_type: str, what: str) -> None:
    """Refuse a column's type unless the treatment suits it. Raises SpecError."""
    if not suits:
        raise SpecError(
            f"the treatment `{treatment.describe()}` needs a column of {what}, this one is {data_type}; choose another"
        )
