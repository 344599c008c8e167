from __future__ import annotations

import pickle
import traceback
from collections.abc import Callable

import duckdb
import pytest
from dagster._utils.error import serializable_error_info_from_exc_info
from pydantic import BaseModel

from synth_assets.errors import BudgetExceeded, SealedError, SourceError, sealed


def test_foreign_text_is_withheld() -> None:
    with pytest.raises(SealedError) as caught, sealed("raw/people"), duckdb.connect() as con:
        con.execute("SELECT 'Jane Roe'::INTEGER").fetchall()
    told = "".join(traceback.format_exception(caught.value))
    assert "ConversionException" in told
    assert "string 'Jane Roe'" not in told
    assert caught.value.__cause__ is None
    assert "Jane Roe" not in str(caught.value.__context__)


def test_our_own_errors_pass_without_their_causes() -> None:
    def fail() -> None:
        try:
            raise ValueError("Jane Roe")
        except ValueError as error:
            raise BudgetExceeded("no room") from error

    with pytest.raises(BudgetExceeded, match="no room") as caught, sealed("staged/a/b"):
        fail()
    assert "Jane Roe" not in "".join(traceback.format_exception(caught.value))


class Row(BaseModel):
    age: int


def duckdbs() -> None:
    with duckdb.connect() as con:
        con.execute("SELECT ['Jane', 'Roe'][1]::INTEGER").fetchall()


def pydantics() -> None:
    Row.model_validate({"age": "".join(["Ja", "ne"])})


def pydantics_behind_another() -> None:
    try:
        pydantics()
    except ValueError:
        raise KeyError("".join(["Ja", "ne"])) from None


def our_own_with_a_cause() -> None:
    try:
        pydantics()
    except ValueError as error:
        raise SourceError("an age is no number") from error


def our_own_with_a_context() -> None:
    try:
        duckdbs()
    except duckdb.Error:
        raise SourceError("an age is no number") from None


def in_an_inner_seal() -> None:
    with sealed("inner"):
        pydantics()


@pytest.mark.parametrize(
    "fail",
    [duckdbs, pydantics, pydantics_behind_another, our_own_with_a_cause, our_own_with_a_context, in_an_inner_seal],
)
def test_no_link_leads_from_what_is_told_to_a_value(fail: Callable[[], None]) -> None:
    """However the error is shown: printed with all that it is linked to, in Dagster's records, in a pickle."""
    with pytest.raises((SealedError, SourceError)) as caught, sealed("raw/people"):
        fail()
    error = caught.value
    assert error.__cause__ is None
    assert error.__context__ is None
    error.__suppress_context__ = False
    told = "".join(traceback.format_exception(error))
    recorded = serializable_error_info_from_exc_info((type(error), error, caught.tb))
    for text in (told, repr(recorded), repr(pickle.dumps(error)), repr(pickle.loads(pickle.dumps(error)))):
        assert "Jane" not in text.replace("['Jane', 'Roe']", "")  # but for the line of this file
