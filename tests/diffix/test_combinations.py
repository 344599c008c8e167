from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from synth_assets.errors import DomainError
from synth_assets.synthesis import Diffix, Model
from synth_assets.synthesis.buckets import BucketModel

from .tables import SALT

NUMBERS = np.random.default_rng(4)
FRAME = pd.DataFrame(
    {
        "age": NUMBERS.integers(18, 60, 2000),
        "sex": NUMBERS.choice(["f", "m"], 2000),
        "town": NUMBERS.choice(["north", "south", "west"], 2000),
    }
)
UNITS = FRAME.assign(who=range(2000))


def pieces(model: BucketModel, place: int) -> list[list[float]]:
    part = model._parts[place]
    return np.column_stack([part.low, part.high, part.rows]).tolist()  # type: ignore[no-any-return]


def test_every_pair_is_the_table_that_a_fit_of_its_columns_alone_makes() -> None:
    """The trees are shared, and noise sticks to buckets: who asks twice learns nothing more."""
    model = Diffix(combinations=2).fit(UNITS, units="who", salt=SALT)
    assert model.combinations == (("age", "sex"), ("age", "town"), ("sex", "town"))
    for place, columns in enumerate(model.combinations):
        alone = Diffix().fit(UNITS[[*columns, "who"]], units="who", salt=SALT)
        assert pieces(model, place) == pieces(alone, 0)


def test_rows_of_all_combinations_say_whose_they_are() -> None:
    rows = Diffix(combinations=2).fit(FRAME, salt=SALT).sample(50)
    assert list(rows.columns) == ["combination", "age", "sex", "town"]
    assert rows["combination"].value_counts().to_dict() == {"age x sex": 50, "age x town": 50, "sex x town": 50}
    pair = rows[rows["combination"] == "age x town"]
    assert pair["sex"].isna().all()
    assert pair[["age", "town"]].notna().all().all()


def test_a_combination_can_be_drawn_alone_as_often_as_its_buckets_say() -> None:
    model = Diffix(combinations=2).fit(FRAME, salt=SALT)
    table = model.sample_combination(2)
    assert list(table.columns) == ["sex", "town"]
    assert abs(len(table) - len(FRAME)) < 60


def test_combinations_are_kept_in_the_file_of_a_model(tmp_path: Path) -> None:
    for frame in (FRAME, FRAME.head(0)):
        model = Diffix(combinations=1).fit(frame, salt=SALT)
        model.save(tmp_path / "m.npz")
        read = Model.load(tmp_path / "m.npz")
        assert isinstance(read, BucketModel)
        assert read.combinations == (("age",), ("sex",), ("town",))
        assert len(read.sample()) == len(model.sample())
        assert read.sample_combination(1, 3).shape == (3, 1)


@pytest.mark.parametrize(
    ("columns", "width", "message"),
    [
        (["a"], 2, r"makes 0 tables of 1 columns"),
        ([f"c{i}" for i in range(46)], 2, r"makes 1035 tables of 46 columns"),
        (["a", "b x c", "a x b", "c"], 2, "would have the same name"),
    ],
)
def test_what_makes_no_sensible_tables_is_refused(columns: list[str], width: int, message: str) -> None:
    frame = pd.DataFrame({name: [1, 2] * 10 for name in columns})
    with pytest.raises(DomainError, match=message):
        Diffix(combinations=width).fit(frame, salt=SALT)
