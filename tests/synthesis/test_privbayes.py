"""PrivBayes on tables whose networks are known."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from pydantic import ValidationError

from synth_assets.domain import Domain
from synth_assets.mechanisms import NoNoise
from synth_assets.synthesis import PrivBayes

BITS = Domain.from_spec({name: {"bounds": [0, 1]} for name in "abcd"})


def _parity(rows: int = 4000) -> pd.DataFrame:
    """d is the parity of a, b and c: fewer than three of them tell nothing of it."""
    rng = np.random.default_rng(1)
    frame = pd.DataFrame(rng.integers(0, 2, (rows, 3)), columns=list("abc"))
    frame["d"] = frame.sum(axis=1) % 2
    return frame


def test_as_many_parents_as_it_takes() -> None:
    """Whichever column comes last is given by the three others; with two parents it is a coin."""
    for degree, least, most in ((2, 0.4, 0.6), (3, 0.99, 1.0)):
        model = PrivBayes(epsilon=1e4, degree=degree).fit(_parity(), BITS, rng=NoNoise())
        sampled = model.sample(4000, rng=np.random.default_rng(1))
        assert max(len(error["columns"]) for error in model.errors) == degree + 1
        assert least <= (sampled[["a", "b", "c"]].sum(axis=1) % 2 == sampled["d"]).mean() <= most


@pytest.mark.parametrize("delta", [0.0, 1e-9])
def test_dependence_is_found_through_noise(delta: float) -> None:
    """Two copied pairs among 5,000 rows at epsilon 2: a wrong network is a chance of less than e^-50."""
    rng = np.random.default_rng(1)
    a, c = rng.integers(0, 2, 5000), rng.integers(0, 2, 5000)
    frame = pd.DataFrame({"a": a, "c": c, "b": a, "d": c})
    sampled = PrivBayes(epsilon=2, delta=delta).fit(frame, BITS).sample()
    assert (sampled["a"] == sampled["b"]).mean() > 0.9
    assert (sampled["c"] == sampled["d"]).mean() > 0.9


def test_every_column_but_one_has_a_family_and_all_is_spent() -> None:
    model = PrivBayes(epsilon=1).fit(_parity(500), BITS)
    assert sum(event.share for event in model.charge.events) == pytest.approx(1)
    families = [event for event in model.charge.events if event.purpose.startswith("marginal")]
    assert len(families) == 3
    assert [f.share for f in families] == pytest.approx([0.7 / 3 * 0.9] * 3)


def test_tables_too_wide_leave_columns_alone() -> None:
    frame = pd.DataFrame({"a": range(100), "b": range(100)})
    domain = Domain.from_spec({"a": {"bounds": [0, 99]}, "b": {"bounds": [0, 99]}})
    model = PrivBayes(epsilon=1e5, model_size=0.001).fit(frame, domain, rng=NoNoise())
    assert model.edges == []
    assert len(model.sample(10)) == 10


@pytest.mark.parametrize("block", [{"degree": 0}, {"degree": 5}, {"model_size": -1}])
def test_wrong_settings_are_refused(block: dict[str, float]) -> None:
    with pytest.raises(ValidationError, match=next(iter(block))):
        PrivBayes.model_validate({"epsilon": 1, **block})
