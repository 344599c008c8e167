"""What a ``statistics:`` block may ask for."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import pytest
from pydantic import ValidationError

from synth_assets.statistics import Count, KMeans, Mean, Quantiles, Statistics


def test_the_block_of_the_design_is_read() -> None:
    block = Statistics.model_validate(
        {"count": {"by": ["sex", "diagnosis"]}, "mean": {"of": "age", "by": ["diagnosis"]}, "epsilon": 0.5}
    )
    assert block.count == (Count(by=("sex", "diagnosis")),)
    assert block.mean == (Mean(of="age", by=("diagnosis",)),)
    assert block.cost() == (0.5, 0.0)
    assert block.columns == ("sex", "diagnosis", "age")
    assert block.group_columns == ("sex", "diagnosis")


def test_several_entries_of_one_kind_are_a_list_and_one_name_is_a_list() -> None:
    block = Statistics.model_validate(
        {"count": [{}, {"by": "sex"}], "kmeans": {"of": "age", "clusters": 2}, "epsilon": 1, "delta": 1e-9}
    )
    assert block.count == (Count(), Count(by=("sex",)))
    assert block.kmeans == (KMeans(of=("age",), clusters=2),)
    assert block.cost() == (1.0, 1e-9)


def test_weights_split_and_the_default_is_one() -> None:
    block = Statistics.model_validate({"count": {}, "sum": {"of": "x"}, "epsilon": 1, "weights": {"sum": 3}})
    assert (block.weight("count"), block.weight("sum")) == (Fraction(1), Fraction(3))


def test_quantiles_are_the_quartiles_unless_told() -> None:
    assert Quantiles(of="age").at == (0.25, 0.5, 0.75)


@pytest.mark.parametrize(
    ("block", "told"),
    [
        ({"epsilon": 1}, "asks for no figure"),
        ({"count": {}, "epsilon": 0}, "must be positive"),
        ({"count": {}, "epsilon": float("inf")}, "must be positive and finite"),
        ({"count": {}, "epsilon": 1, "delta": 1}, "below 1"),
        ({"count": [{}, {}], "epsilon": 1}, "the same figures twice"),
        ({"count": {"by": ["a", "a"]}, "epsilon": 1}, "by names a column twice"),
        ({"mean": {"of": "a", "by": ["a"]}, "epsilon": 1}, "is also in `by`"),
        ({"count": {}, "epsilon": 1, "weights": {"sum": 1}}, "weighs nothing"),
        ({"count": {}, "epsilon": 1, "weights": {"count": 0}}, "greater than 0"),
        ({"quantiles": {"of": "a", "at": [0.5, 0.25]}, "epsilon": 1}, "at must rise"),
        ({"quantiles": {"of": "a", "at": [1.0]}, "epsilon": 1}, "less than 1"),
        ({"kmeans": {"of": [], "clusters": 2}, "epsilon": 1}, "at least 1"),
        ({"median": {"of": "a"}, "epsilon": 1}, "not permitted"),
    ],
)
def test_what_is_wrong_is_told(block: dict[str, Any], told: str) -> None:
    with pytest.raises(ValidationError, match=told):
        Statistics.model_validate(block)


def test_a_block_is_frozen() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        Statistics(count=({},), epsilon=1).epsilon = 2  # type: ignore[misc]
