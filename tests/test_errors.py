from __future__ import annotations

import traceback

import duckdb
import pytest

from synth_assets.errors import BudgetExceeded, SealedError, sealed


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
