from __future__ import annotations

from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
import pytest
from pydantic import ValidationError

from synth_assets.errors import DomainError
from synth_assets.mechanisms import NoNoise
from synth_assets.synthesis import Diffix

from .tables import SALT

FRAME = pd.DataFrame({"age": [30, 31, 32, 33] * 25, "sex": ["f", "m"] * 50, "who": np.arange(100) // 2})


def test_parameters_can_only_be_stricter() -> None:
    for key, value in (("least_units", 2), ("noise", 0.5), ("noise", float("nan"))):
        with pytest.raises(ValidationError, match=key):
            Diffix.model_validate({key: value})


@pytest.mark.parametrize("key", ["units", "safe", "target"])
def test_columns_that_do_not_exist_are_named(key: str) -> None:
    method = Diffix(safe=("x",)) if key == "safe" else Diffix(target="x" if key == "target" else None)
    with pytest.raises(DomainError, match=f"{key} names the column x, which the table lacks"):
        method.fit(FRAME, units="x" if key == "units" else None, salt=SALT)


def test_units_are_no_column_of_the_model_and_may_have_reserved_names(tmp_path: Path) -> None:
    FRAME.to_csv(tmp_path / "t.csv", index=False)
    tables: list[pd.DataFrame | Path] = [FRAME, tmp_path / "t.csv"]
    models = [Diffix().fit(table, units="who", rows_per_unit=2, salt=SALT) for table in tables]
    relation = duckdb.from_df(FRAME).project('age, sex, who AS "__unit"')
    models.append(Diffix().fit(relation, units="__unit", rows_per_unit=2, salt=SALT))
    for model in models:
        assert list(model.sample(5).columns) == ["age", "sex"]
        assert model.rows == models[0].rows


def test_several_kinds_of_units_each_need_enough() -> None:
    frame = FRAME.assign(ward=["a"] * 100)
    one = Diffix().fit(frame, units="who", rows_per_unit=2, rng=NoNoise())
    both = Diffix().fit(frame, units=["who", "ward"], rows_per_unit=100, rng=NoNoise())
    assert one.rows == 100
    assert both.rows == 0  # all rows belong to one ward
    assert both.sample(3)["sex"].isna().all()


def test_stricter_thresholds_hide_more() -> None:
    frame = pd.DataFrame({"code": ["common"] * 60 + ["seldom"] * 8})
    assert set(Diffix().fit(frame, rng=NoNoise()).sample()["code"]) == {"common", "seldom"}
    assert set(Diffix(least_units=20).fit(frame, rng=NoNoise()).sample()["code"]) == {"common"}


def test_real_numbers_have_the_digits_of_the_table() -> None:
    frame = pd.DataFrame({"x": [round(i / 7, 2) for i in range(500)] + [0.123456]})
    made = Diffix().fit(frame, salt=SALT).sample()["x"]
    assert (made.round(2) == made).all()


def test_safe_columns_take_real_values_only() -> None:
    frame = pd.DataFrame({"x": [1.5, 2.5, 900.5] * 30 + [77.25]})
    made = Diffix(safe=("x",)).fit(frame, salt=SALT).sample(300)["x"]
    assert set(made) <= {1.5, 2.5, 77.25, 900.5}


def test_without_units_many_rows_of_one_may_be_one_unit() -> None:
    frame = pd.DataFrame({"code": ["common"] * 60 + ["seldom"] * 8})
    assert set(Diffix().fit(frame, rows_per_unit=4, rng=NoNoise()).sample()["code"]) == {"common"}
