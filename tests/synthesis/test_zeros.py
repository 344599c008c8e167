"""Structural zeros: never sampled, known to the estimate, free of charge, and refused where they make no sense."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from synth_assets.domain import Domain
from synth_assets.errors import DomainError, SpecError
from synth_assets.mechanisms import NoNoise
from synth_assets.synthesis import AIM, MST, PrivBayes, synthesizer
from synth_assets.synthesis.attributes import Categorical, Numeric
from synth_assets.synthesis.compression import compress
from synth_assets.synthesis.estimation import Estimate, Noisy
from synth_assets.synthesis.learning import Measured
from synth_assets.synthesis.schema import Field
from synth_assets.synthesis.zeros import kinds

WARDS: dict[str, Any] = {
    "sex": {"categories": ["Female", "Male"]},
    "diagnosis": {"categories": ["Flu", "Asthma", "Ovarian cancer", "Prostate cancer"]},
    "age": {"bounds": [0, 99]},
    "married": {"categories": [True, False]},
}
ZEROS: list[dict[str, list[Any]]] = [
    {"sex": ["Male"], "diagnosis": ["Ovarian cancer"]},
    {"sex": ["Female"], "diagnosis": ["Prostate cancer"]},
    {"age": [0, 15], "married": [True]},
]
METHODS = [MST, AIM, PrivBayes]


def _patients(rows: int = 1500) -> pd.DataFrame:
    rng = np.random.default_rng(1)
    sex = rng.choice(["Female", "Male"], rows)
    own = np.where(sex == "Female", "Ovarian cancer", "Prostate cancer")
    diagnosis = np.where(rng.random(rows) < 0.05, own, rng.choice(["Flu", "Asthma"], rows))
    age = rng.integers(0, 100, rows)
    return pd.DataFrame(
        {"sex": sex, "diagnosis": diagnosis, "age": age, "married": (age > 15) & (rng.random(rows) < 0.5)}
    )


def _forbidden(frame: pd.DataFrame) -> int:
    male, cancer = frame["sex"] == "Male", frame["diagnosis"]
    return int(
        (male & (cancer == "Ovarian cancer")).sum()
        + ((frame["sex"] == "Female") & (cancer == "Prostate cancer")).sum()
        + ((frame["age"] <= 15) & (frame["married"] == True)).sum()  # noqa: E712 - a nullable boolean
    )


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(("epsilon", "delta"), [(0.05, 1e-9), (1, 0.0), (5, 1e-9)])
def test_no_forbidden_combination_is_sampled(method: Any, epsilon: float, delta: float) -> None:
    """At epsilon 0.05 noise fills every cell, rare diagnoses are pooled and ages merged into wide groups."""
    frame, domain = _patients(), Domain.from_spec(WARDS)
    made = method(epsilon=epsilon, delta=delta, zeros=ZEROS).fit(frame, domain).sample(30_000)
    assert _forbidden(made) == 0
    assert made["sex"].nunique() == 2


def test_without_zeros_they_are_sampled() -> None:
    """So that the test above could fail."""
    assert _forbidden(MST(epsilon=0.05).fit(_patients(), Domain.from_spec(WARDS)).sample(30_000)) > 100


@given(st.data())
@settings(max_examples=15, deadline=None)
def test_any_combinations_are_kept(data: st.DataObject) -> None:
    names = [f"c{i}" for i in range(4)]
    values = ["a", "b", "c"]
    domain = Domain.from_spec({name: {"categories": values} for name in names})
    combination = st.dictionaries(
        st.sampled_from(names), st.lists(st.sampled_from(values), min_size=1, max_size=2, unique=True), min_size=2
    )
    zeros = data.draw(st.lists(combination, min_size=1, max_size=5))
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32)))
    frame = pd.DataFrame({name: rng.choice(values, 200) for name in names})
    made = MST(epsilon=0.2, zeros=zeros).fit(frame, domain).sample(2000)
    for zero in zeros:
        assert not np.logical_and.reduce([made[name].isin(listed) for name, listed in zero.items()]).any()


def test_the_charge_and_the_measurements_are_those_without_zeros() -> None:
    frame, domain = _patients(), Domain.from_spec(WARDS)
    plain, barred = (MST(epsilon=1, zeros=zeros).fit(frame, domain).charge for zeros in ([], ZEROS))
    assert (plain.epsilon, plain.delta, plain.rho) == (barred.epsilon, barred.delta, barred.rho)
    assert sum(event.share for event in barred.events) == pytest.approx(1)
    assert [event.mechanism for event in plain.events] == [event.mechanism for event in barred.events]


def test_the_estimate_gives_a_zero_to_its_neighbours() -> None:
    """Singles of (50, 50) and (50, 50), and no row with both second values: (0, 1) and (1, 0) share what is left.

    The distribution nearest to both singles is (0, 50; 50, 0).
    """
    singles = [Noisy((i,), np.array([50.0, 50]), np.ones(2)) for i in range(2)]
    model = Estimate.of_singles(singles, 100, {(0, 1): np.array([[False, False], [False, True]])})
    model.fit()
    assert model.calibrated().marginal((0, 1)) == pytest.approx(np.array([[0, 0.5], [0.5, 0]]), abs=0.02)
    assert model.calibrated().marginal((0, 1))[1, 1] == 0


def test_noise_in_a_zero_is_left_out() -> None:
    model = Estimate.of_singles(
        [Noisy((i,), np.array([60.0, 40]), np.ones(2)) for i in range(2)],
        100,
        {(0, 1): np.array([[False, False], [True, False]])},
    )
    model.add(Noisy((0, 1), np.array([[40.0, 20], [30, 40]]), np.ones((2, 2))))
    assert model.measured[-1].counts.tolist() == [[40, 20], [0, 40]]


def test_cells_of_different_kinds_are_never_merged() -> None:
    """Without kinds, the four rare ones would be one group; with them, two."""
    field = Field(label="x", type="VARCHAR")
    column = Measured(Categorical(field=field, values=tuple("abcde")), np.array([90.0, 1, 2, 1, 2, 0, 0]), np.ones(7))
    masks = [{0: np.array([0, 0, 1, 1, 0, 0, 0], dtype=bool)}]
    assert compress(column, 20).group_of[:5].tolist() == [0, 1, 1, 1, 1]
    assert compress(column, 20, kinds(masks, 0, 7)).group_of[:5].tolist() == [0, 1, 2, 2, 1]
    scale = Numeric(field=Field(label="x", type="BIGINT", nullable=False), edges=(0, 1, 2, 3, 4))
    ages = Measured(scale, np.full(4, 10.0), np.ones(4))
    assert compress(ages, 20).group_of.tolist() == [0, 0, 1, 1]
    cut = compress(ages, 20, kinds([{0: np.array([1, 0, 0, 0], dtype=bool)}], 0, 4))
    assert cut.group_of.tolist() == [0, 1, 1, 2]


def test_an_interval_cuts_a_coarse_grid() -> None:
    """Three bins of 0 to 299; nobody below 150 is married, which is in the middle of a bin."""
    frame = pd.DataFrame({"x": np.arange(3000) % 300, "married": np.arange(3000) % 300 >= 150})
    domain = Domain.from_spec({"x": {"bounds": [0, 299], "bins": 3}})
    zeros = [{"x": [0, 149], "married": [True]}, {"x": [150, 500], "married": [False]}]
    model = MST(epsilon=1e4, zeros=zeros).fit(frame, domain, rng=NoNoise())
    made = model.sample(3000)
    assert (made["married"] == (made["x"] >= 150)).all()


@pytest.mark.parametrize(
    ("zeros", "told"),
    [
        ([{"sex": ["Male"], "height": [1]}], "`height` is no column"),
        ([{"sex": ["Male"], "diagnosis": ["Gout"]}], "'Gout' is not a category of `diagnosis`"),
        ([{"sex": ["Male"], "age": [1, 2, 3]}], "least and the greatest"),
        ([{"sex": ["Male"], "age": [9, 3]}], "least value first"),
        ([{"sex": ["Male", "Female"], "married": [True, False]}], "leave nothing"),
    ],
)
def test_zeros_that_make_no_sense_are_refused(zeros: Any, told: str) -> None:
    domain = Domain.from_spec({**WARDS, "sex": {"categories": [True, False]}}) if told == "leave nothing" else None
    frame = _patients(50)
    if domain is not None:
        frame["sex"], zeros = frame["sex"] == "Male", [{"sex": [True, False], "married": [True, False]}]
    with pytest.raises(DomainError, match=told):
        MST(epsilon=1, zeros=zeros).fit(frame, domain or Domain.from_spec(WARDS))


def test_the_rules_of_the_spec() -> None:
    with pytest.raises(ValidationError, match="at least two columns"):
        AIM(epsilon=1, zeros=({"sex": ("Male",)},))
    with pytest.raises(SpecError, match="names no value"):
        synthesizer({"method": "aim", "epsilon": 1, "zeros": [{"sex": ["Male"], "diagnosis": []}]})
    block = synthesizer({"method": "aim", "epsilon": 1, "zeros": ZEROS})
    assert isinstance(block, AIM)
    assert len(block.zeros) == 3
