"""The methods on tables whose answers are known: exactly with the noise off, statistically with it on."""

from __future__ import annotations

from itertools import combinations
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
import pytest

from synth_assets.domain import Domain
from synth_assets.mechanisms import NoNoise
from synth_assets.synthesis import MST, Independent, Random
from synth_assets.synthesis.assembly import MOST_ROWS
from synth_assets.synthesis.attributes import Categorical
from synth_assets.synthesis.compression import compress
from synth_assets.synthesis.learning import Measured
from synth_assets.synthesis.schema import Field

ADULT = Path(__file__).parents[2] / "../shared/data/adult_raw.csv"


def test_random_is_uniform_and_reads_nothing() -> None:
    domain = Domain.from_spec({"n": {"bounds": [1, 4]}, "c": {"categories": ["x", "y"]}})
    frame = pd.DataFrame({"n": [1] * 9, "c": ["x"] * 9, "free": [7.0] * 9, "b": [True] * 9})
    model = Random(rows=400).fit(frame, domain)
    sampled = model.sample(rng=np.random.default_rng(1))
    assert sampled["n"].value_counts().sort_index().index.tolist() == [1, 2, 3, 4]
    assert sampled["c"].value_counts().to_dict() == {"x": 200, "y": 200}
    assert sampled["b"].value_counts().to_dict() == {True: 200, False: 200}
    assert sampled["free"].between(0, 1).all()
    assert sampled["n"].value_counts().min() > 50
    assert (model.charge.epsilon, model.charge.delta, model.charge.events) == (0, 0, ())
    empty = Random(rows=400).fit(frame.iloc[:0], domain)
    assert empty.attributes == model.attributes
    pd.testing.assert_frame_equal(empty.sample(rng=np.random.default_rng(1)), sampled)


def test_independent_reproduces_marginals_without_noise() -> None:
    frame = pd.DataFrame({"c": ["a"] * 30 + ["b"] * 60 + [None] * 10, "n": [3] * 25 + [5] * 75})
    model = Independent(epsilon=1e5, delta=1e-6).fit(frame, rng=NoNoise())
    sampled = model.sample(rng=np.random.default_rng(1))
    assert model.rows == 100
    assert sampled["c"].value_counts(dropna=False).to_dict() == pytest.approx({"a": 30, "b": 60, np.nan: 10}, abs=1)
    assert sampled["n"].value_counts().to_dict() == pytest.approx({3: 25, 5: 75}, abs=1)
    assert model.edges == []


def test_mst_reproduces_a_tree_without_noise() -> None:
    """b copies a, c the parity of n, a and n are unrelated: the tree needs the two copies and a link between."""
    rows = [(i % 3, i % 3, n % 2, n) for i in range(30) for n in range(10)]
    frame = pd.DataFrame(rows, columns=["a", "b", "c", "n"])
    model = MST(epsilon=1e5, delta=1e-6).fit(frame, rng=NoNoise())
    edges = {frozenset(edge) for edge in model.edges}
    assert {frozenset("ab"), frozenset("cn")} <= edges
    assert len(edges) == 3
    sampled = model.sample(rng=np.random.default_rng(1))
    assert (sampled["a"] == sampled["b"]).mean() > 0.99
    assert (sampled["c"] == sampled["n"] % 2).mean() > 0.99
    pd.testing.assert_frame_equal(
        pd.crosstab(sampled["a"], sampled["b"]).astype(float),
        pd.crosstab(frame["a"], frame["b"]).astype(float),
        atol=2,
        check_names=False,
    )


@pytest.mark.parametrize("delta", [0.0, 1e-9])
def test_mst_finds_dependence_through_noise(delta: float) -> None:
    """Two copied pairs among 5,000 rows at epsilon 2: a wrong tree is a chance of less than e^-100."""
    rng = np.random.default_rng(1)
    a, c = rng.integers(0, 4, 5000), rng.integers(0, 3, 5000)
    frame = pd.DataFrame({"a": a, "b": a, "c": c, "d": c})
    domain = Domain.from_spec({name: {"bounds": [0, 3]} for name in "abcd"})
    model = MST(epsilon=2, delta=delta).fit(frame, domain)
    assert {frozenset("ab"), frozenset("cd")} <= {frozenset(edge) for edge in model.edges}
    sampled = model.sample()
    assert (sampled["a"] == sampled["b"]).mean() > 0.9
    assert abs(model.rows - 5000) < 200


def test_one_column_gets_the_whole_budget() -> None:
    model = MST(epsilon=1).fit(pd.DataFrame({"a": range(100)}))
    assert model.edges == []
    assert sum(event.share for event in model.charge.events) == pytest.approx(1)


def test_a_pair_too_wide_is_no_candidate(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("synth_assets.synthesis.mst.MAX_CELLS", 8)
    frame = pd.DataFrame({"a": list(range(8)) * 100, "b": list(range(8)) * 100, "c": [True, False] * 400})
    model = MST(epsilon=1e5, delta=1e-6).fit(frame, rng=NoNoise())
    assert model.edges == []
    assert len(model.sample(20)) == 20


def _measured(counts: list[float], deviation: float, ordered: bool) -> Measured:
    from synth_assets.synthesis.attributes import Numeric

    field = Field(label="c", type="BIGINT" if ordered else "VARCHAR", nullable=not ordered)
    size = len(counts)
    attribute = (
        Numeric(field=field, edges=tuple(float(i) for i in range(size + 1)))
        if ordered
        else Categorical(field=field, values=tuple("abcdefgh"[: size - 2]))
    )
    return Measured(attribute, np.array(counts), np.full(size, deviation**2))


def test_neighbours_are_merged_until_they_stand_out() -> None:
    groups = compress(_measured([5, 6, 7, 100, 2, 3, 50], 2, ordered=True), target=10)
    assert groups.group_of.tolist() == [0, 0, 1, 2, 3, 3, 4]
    assert groups.counts.tolist() == [11, 7, 100, 5, 50]
    assert groups.variances.tolist() == [8, 4, 4, 8, 4]


def test_slight_remains_join_the_interval_before_them() -> None:
    groups = compress(_measured([9, 9, 0, 1, 100], 2, ordered=True), target=15)
    assert groups.group_of.tolist() == [0, 0, 0, 0, 1]


def test_rare_categories_are_pooled() -> None:
    groups = compress(_measured([100, 3, 50, 1, 20, 30], 2, ordered=False), target=0)
    assert groups.group_of.tolist() == [0, 1, 2, 1, 3, 4]
    assert groups.within == pytest.approx([1, 0.75, 1, 0.25, 1, 1])


def test_other_and_null_within_the_noise_are_never_sampled() -> None:
    groups = compress(_measured([40, 100, 5, 4], 2, ordered=False), target=0)
    assert groups.group_of.tolist() == [0, 1, 1, 1]
    assert groups.within.tolist() == [1, 1, 0, 0]
    empty = compress(_measured([-3, 0, 1, 1], 2, ordered=False), target=0)
    assert empty.within.tolist() == [0.5, 0.5, 0, 0]
    nothing = compress(_measured([1, 1], 2, ordered=False), target=0)
    assert nothing.within.tolist() == [1, 1]


@pytest.mark.skipif(not ADULT.exists(), reason="the table adult_raw.csv is not beside the repository")
def test_mst_on_adult_is_near_the_real_pairs() -> None:
    """Mean two-way total variation distance over eight text columns at epsilon 1.

    Ten seeds gave 0.042 to 0.049, columns sampled independently 0.122. The seed is fixed: no false alarm.
    """
    frame = pd.read_csv(ADULT, keep_default_na=False)
    texts = [c for c in frame if frame[c].dtype == "str" and c != "native-country"]
    sampled = MST(epsilon=1).fit(frame, rng=np.random.default_rng(1)).sample(rng=np.random.default_rng(1))
    distances = []
    for pair in combinations(texts, 2):
        real, made = (t.groupby(list(pair)).size() / len(t) for t in (frame, sampled))
        distances.append(real.sub(made, fill_value=0).abs().sum() / 2)
    assert np.mean(distances) < 0.055


def test_ten_thousand_rows_of_a_relation_are_left_alone() -> None:
    con = duckdb.connect()
    con.execute("CREATE TABLE t AS SELECT i % 10 AS a, 'k' || i % 5 AS b FROM range(10000) AS s(i)")
    before = con.sql("SELECT bit_xor(hash(t)) FROM t").fetchall()
    sampled = MST(epsilon=5).fit(con.table("t")).sample()
    assert abs(len(sampled) - 10_000) < 300
    assert con.sql("SELECT bit_xor(hash(t)) FROM t").fetchall() == before


def test_a_count_that_is_all_noise_asks_for_no_more_rows_than_fit() -> None:
    """At epsilon 1e-9 the noise of the count is of the order of 1e11 rows, on either side of zero."""
    frame = pd.DataFrame({"a": [True, False] * 20})
    rows = {Independent(epsilon=1e-9, delta=1e-9).fit(frame, rng=np.random.default_rng(seed)).rows for seed in range(8)}
    assert rows == {0, MOST_ROWS}
