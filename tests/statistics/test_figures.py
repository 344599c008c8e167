"""Releases: tables worked by hand with the noise off, and what must hold of any release."""

from __future__ import annotations

from functools import cache
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from synth_assets.domain import Domain
from synth_assets.errors import DomainError
from synth_assets.mechanisms import Integers, Noise, NoNoise
from synth_assets.statistics import Learned, Released, Statistics, check_figures, group_names, true_figures

PLENTY = 1e6
DOMAIN = Domain.from_spec(
    {
        "sex": {"categories": ["f", "m"]},
        "age": {"bounds": [0, 99]},
        "pay": {"bounds": [-10.0, 10.0]},
        "day": {"bounds": ["2024-01-01", "2024-12-31"], "bins": 2},
    }
)
ROWS = [
    ("f", 10, 1.5, True, "2024-01-05"),
    ("f", 20, -2.5, True, "2024-07-05"),
    ("f", 60, None, False, "2024-12-31"),
    ("m", 40, 50.0, False, None),
    ("m", -7, 0.0, None, "2030-01-01"),
    ("x", 30, float("nan"), True, "2024-01-01"),
    (None, None, 1.0, True, "2024-06-30"),
]


def table(rows: list[tuple[Any, ...]] | None = None) -> duckdb.DuckDBPyConnection:
    con = duckdb.connect()
    con.execute("CREATE TABLE t (sex VARCHAR, age INTEGER, pay DOUBLE, ill BOOLEAN, day DATE)")
    for row in ROWS if rows is None else rows:
        con.execute("INSERT INTO t VALUES (?, ?, ?, ?, ?)", row)
    return con


def block(epsilon: float = PLENTY, **figures: Any) -> Statistics:
    return Statistics.model_validate({**figures, "epsilon": epsilon})


def figures(frame: pd.DataFrame, *keys: str) -> dict[Any, Any]:
    """The values of a table under some of its columns."""
    found = {}
    for row in frame.to_dict("records"):
        key = tuple(row[k] for k in keys)
        found[key[0] if len(key) == 1 else key] = None if np.isnan(row["value"]) else row["value"]
    return found


def exact(asked: Statistics, con: duckdb.DuckDBPyConnection | None = None, learned: Learned | None = None) -> Any:
    return true_figures(asked, con or table(), "t", DOMAIN, learned or Learned(), rows_per_unit=1)


def released(asked: Statistics, con: duckdb.DuckDBPyConnection | None = None, rows_per_unit: int = 1) -> Released:
    return asked.release(con or table(), "t", DOMAIN, rows_per_unit=rows_per_unit, rng=NoNoise())


BY_HAND: list[tuple[dict[str, Any], tuple[str, ...], dict[Any, Any]]] = [
    ({"count": {}}, ("statistic",), {"count": 7}),
    ({"count": {"by": "sex"}}, ("sex",), {"f": 3, "m": 2, "other": 1, "(missing)": 1}),
    (
        {"count": {"by": ["ill", "day"]}},
        ("ill", "day"),
        {
            ("false", "2024-01-01 to 2024-07-01"): 0,
            ("false", "2024-07-02 to 2024-12-31"): 1,
            ("false", "(missing)"): 1,
            ("true", "2024-01-01 to 2024-07-01"): 3,
            ("true", "2024-07-02 to 2024-12-31"): 1,
            ("true", "(missing)"): 0,
            ("(missing)", "2024-01-01 to 2024-07-01"): 0,
            ("(missing)", "2024-07-02 to 2024-12-31"): 1,
            ("(missing)", "(missing)"): 0,
        },
    ),
    (
        {"histogram": {"of": "age", "bins": 2}},
        ("at",),
        {"0 to 49": 5, "50 to 99": 1, "(missing)": 1},
    ),
    ({"sum": {"of": "age", "by": "sex"}}, ("sex",), {"f": 90, "m": 40, "other": 30, "(missing)": 0}),
    ({"sum": {"of": "pay"}}, ("of",), {"pay": 10.0}),
    ({"mean": {"of": "age", "by": "sex"}}, ("sex",), {"f": 30, "m": 20, "other": 30, "(missing)": None}),
    ({"mean": {"of": "ill"}}, ("of",), {"ill": 4 / 6}),
    ({"variance": {"of": "age", "by": "sex"}}, ("sex",), {"f": 1400 / 3, "m": 400, "other": 0, "(missing)": None}),
    (
        {"quantiles": {"of": "age", "at": [0.4, 0.5, 0.99]}},
        ("at",),
        {"0.4": 20, "0.5": 20, "0.99": 60},
    ),
    (
        {"quantiles": {"of": "age", "by": "sex", "at": [0.5]}},
        ("sex",),
        {"f": 20, "m": 0, "other": 30, "(missing)": None},
    ),
]


@pytest.mark.parametrize(("asked", "keys", "answer"), BY_HAND, ids=lambda value: str(value)[:40])
def test_tables_worked_by_hand(asked: dict[str, Any], keys: tuple[str, ...], answer: dict[Any, Any]) -> None:
    """What lies outside the bounds is clamped, a category outside is ``other``, a missing number is of no figure."""
    got = figures(exact(block(**asked)), *keys)
    assert got == {k: v if v is None else pytest.approx(v, abs=1e-3) for k, v in answer.items()}


@pytest.mark.parametrize(("asked", "keys", "answer"), BY_HAND, ids=lambda value: str(value)[:40])
def test_a_release_without_noise_says_the_same_of_groups_with_rows(
    asked: dict[str, Any], keys: tuple[str, ...], answer: dict[Any, Any]
) -> None:
    frame = released(block(**asked)).frame
    got = figures(frame, *keys)
    assert set(got) == set(answer)
    for key, value in answer.items():
        if value is not None:
            assert got[key] == pytest.approx(value, abs=1e-2)
    assert frame["error"].ge(0).all()
    assert frame["error"].notna().all()


def test_the_table_is_tidy_and_in_the_order_of_the_kinds() -> None:
    asked = block(mean={"of": "age", "by": "sex"}, count=[{}, {"by": ["ill"]}], kmeans={"of": ["age"], "clusters": 1})
    frame = released(asked).frame
    assert list(frame) == ["statistic", "of", "at", "ill", "sex", "value", "error"]
    assert list(dict.fromkeys(frame["statistic"])) == ["count", "mean", "cluster size", "cluster centre"]
    assert frame["ill"].tolist()[:4] == [None, "false", "true", "(missing)"]


def test_an_empty_table_has_every_figure() -> None:
    asked = block(
        1.0,
        count={"by": "sex"},
        histogram={"of": "day"},
        sum={"of": "pay"},
        mean={"of": "age", "by": "sex"},
        variance={"of": "age"},
        quantiles={"of": "pay"},
        kmeans={"of": ["age", "pay"], "clusters": 3},
    )
    empty = asked.release(table([]), "t", DOMAIN, rows_per_unit=1).frame
    full = asked.release(table(), "t", DOMAIN, rows_per_unit=1).frame
    assert len(empty) == len(full)
    assert empty[["statistic", "at", "sex"]].equals(full[["statistic", "at", "sex"]])
    assert empty[["value", "error"]].notna().all().all()
    within = empty[empty["statistic"] == "mean"]
    assert within["value"].between(0, 99).all()


def test_columns_of_nulls_are_counted_as_missing() -> None:
    con = table([(None, None, None, None, None)] * 5)
    frame = exact(block(count={"by": ["sex", "ill", "day"]}, mean={"of": "age"}), con)
    assert frame[frame["value"] > 0][["sex", "ill", "day", "value"]].to_numpy().tolist() == [
        ["(missing)", "(missing)", "(missing)", 5.0]
    ]


STRANGE = ['gr"oup', "value", "Statistic", "of", "😀 select", "by value"]


def test_names_of_any_kind_pass_through() -> None:
    con = duckdb.connect()
    quoted = ", ".join('"' + name.replace('"', '""') + '" VARCHAR' for name in STRANGE)
    con.execute(f'CREATE TABLE t ({quoted}, "n\'um" DECIMAL(6, 2))')
    con.execute("INSERT INTO t VALUES ('a''b', 'other', '(missing)', NULL, '😀', 'x', 1.25)")
    domain = Domain.from_spec(
        {
            **{name: {"categories": ["a'b", "other", "(missing)", "😀"]} for name in STRANGE},
            "n'um": {"bounds": [-5, 5]},
        }
    )
    asked = block(count=[{"by": name} for name in STRANGE], mean={"of": "n'um"}, quantiles={"of": "n'um", "at": [0.5]})
    frame = true_figures(asked, con, "t", domain, Learned(), rows_per_unit=1)
    names = group_names(asked)
    assert list(names.values()) == ['gr"oup', "by value", "by Statistic", "by of", "😀 select", "by by value"]
    for name, holder in zip(STRANGE, ["a'b", "other", "(missing)", "((missing))", "😀", "(other)"], strict=True):
        counted = frame[(frame["statistic"] == "count") & frame[names[name]].notna()]
        assert dict(zip(counted[names[name]], counted["value"], strict=True))[holder] == 1.0
        assert counted["value"].sum() == 1.0
    assert frame.set_index("statistic").loc["mean", "value"] == pytest.approx(1.25, abs=1e-6)
    assert frame.set_index("statistic").loc["quantile", "value"] == 1.25


def test_categories_are_found_where_there_is_a_delta() -> None:
    con = duckdb.connect()
    con.execute(
        "CREATE TABLE t AS SELECT CASE WHEN i < 900 THEN 'often' WHEN i < 917 THEN 'rare' END AS w"
        " FROM range(1000) r(i)"
    )
    con.execute("INSERT INTO t VALUES ('only me')")
    asked = Statistics.model_validate({"count": {"by": "w"}, "epsilon": 1, "delta": 1e-6})
    made = asked.release(con, "t", Domain(), rows_per_unit=1, rng=NoNoise())
    assert made.learned.categories == {"w": ("often",)}
    assert figures(made.frame, "w") == {"often": 900, "other": 18, "(missing)": 83}
    assert "only me" not in made.frame.to_json() + made.charge.model_dump_json()


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ({"mean": {"of": "height"}}, "column height has no bounds.*declare `bounds"),
        ({"count": {"by": "height"}}, "column height .* declare `bounds`"),
        ({"count": {"by": "town"}}, "categories of town.*declare `categories` for each, or set `delta`"),
        ({"mean": {"of": "town"}}, "column town is of type VARCHAR"),
        ({"quantiles": {"of": "day"}}, "column day is of type DATE.*histogram"),
        ({"kmeans": {"of": ["height"], "clusters": 2}}, "column height has no bounds"),
        ({"histogram": {"of": "age", "by": ["day", "sex"], "bins": 4000}}, "100000 are the most"),
    ],
)
def test_what_cannot_be_told_is_refused_with_the_remedy_before_a_row_is_read(asked: dict[str, Any], told: str) -> None:
    con = duckdb.connect()
    con.execute("CREATE TABLE t (sex VARCHAR, age INTEGER, height DOUBLE, town VARCHAR, day DATE)")
    domain = Domain.from_spec(
        {
            "sex": {"categories": ["f", "m"]},
            "age": {"bounds": [0, 9999]},
            "day": {"bounds": ["2020-01-01", "2020-12-31"]},
        }
    )
    with pytest.raises(DomainError, match=told):
        check_figures(block(**asked), con, "t", domain)
    with pytest.raises(DomainError, match=told):
        block(**asked).release(con, "t", domain, rows_per_unit=1)


def test_a_check_passes_what_a_release_can_do() -> None:
    plain = block(count={"by": ["sex", "day"]}, kmeans={"of": ["age"], "clusters": 2}, variance={"of": "pay"})
    check_figures(plain, table(), "t", DOMAIN)
    check_figures(
        Statistics.model_validate({"count": {"by": "word"}, "epsilon": 1, "delta": 1e-9}), _words(), "t", Domain()
    )


def _words() -> duckdb.DuckDBPyConnection:
    con = duckdb.connect()
    con.execute("CREATE TABLE t (word VARCHAR)")
    return con


def test_the_whole_budget_and_no_more_is_spent() -> None:
    asked = Statistics.model_validate(
        {
            "count": [{}, {"by": "sex"}],
            "mean": {"of": "age"},
            "variance": {"of": "age"},
            "quantiles": {"of": "pay"},
            "sum": {"of": "pay"},
            "kmeans": {"of": ["age", "pay"], "clusters": 2},
            "histogram": {"of": "day"},
            "epsilon": 0.7,
            "delta": 1e-6,
            "weights": {"count": 3, "kmeans": 0.1},
        }
    )
    charge = asked.release(table(), "t", DOMAIN, rows_per_unit=3).charge
    assert (charge.epsilon, charge.delta, charge.rows_per_unit) == (0.7, 1e-6, 3)
    assert sum(event.share for event in charge.events) == pytest.approx(1.0)
    assert not charge.seeded
    assert released(asked).charge.seeded


class _Recorder(NoNoise):
    """Keeps what it was given and answers the same whatever that was, so that later steps do not differ."""

    def __init__(self) -> None:
        self.asked: list[tuple[Integers, Noise]] = []
        self.scores: list[Integers] = []

    def add(self, values: Integers, noise: Noise) -> Integers:
        self.asked.append((values.copy(), noise))
        return np.zeros_like(values)

    def choose(self, scores: Integers, epsilon: float, sensitivity: int) -> int:
        self.scores.append(scores.copy())
        assert sensitivity == 2 * 2**16
        return 0


EVERYTHING = {
    "count": {"by": ["sex", "ill"]},
    "histogram": {"of": "age", "by": "sex", "bins": 7},
    "sum": [{"of": "age", "by": "sex"}, {"of": "pay"}],
    "mean": [{"of": "age"}, {"of": "pay", "by": "sex"}],
    "variance": [{"of": "pay", "by": ["ill"]}, {"of": "age"}],
    "quantiles": {"of": "pay", "by": "sex"},
    "kmeans": {"of": ["age", "pay"], "clusters": 2},
}
PERSON = st.tuples(
    st.sampled_from(["f", "m", "x", "Jane Roe", None]),
    st.integers(-(2**31), 2**31 - 1) | st.none(),
    st.floats() | st.none(),
    st.booleans() | st.none(),
    st.just("2024-05-05"),
)


def _recorded(rows: list[tuple[Any, ...]], delta: float) -> tuple[_Recorder, Released]:
    asked = Statistics.model_validate({**EVERYTHING, "epsilon": 1.0, "delta": delta})
    recorder = _Recorder()
    return recorder, asked.release(table(rows), "t", DOMAIN, rows_per_unit=2, rng=recorder)


_without = cache(lambda delta: _recorded(ROWS, delta))


@settings(max_examples=10, deadline=None)
@given(st.lists(PERSON, min_size=1, max_size=2), st.sampled_from([0.0, 1e-6]))
def test_a_unit_moves_no_total_further_than_its_noise_hides(person: list[Any], delta: float) -> None:
    """Twin tables that differ by one unit with up to two rows of any content: totals, scores, schema, groups."""
    (less, without), (more, having) = _without(delta), _recorded(ROWS + person, delta)
    assert without.frame.equals(having.frame)
    assert without.charge == having.charge
    for (before, noise), (after, same), event in zip(
        less.asked, more.asked, [e for e in having.charge.events if e.mechanism != "exponential"], strict=True
    ):
        assert noise == same
        assert np.abs(after - before).sum() <= event.sensitivity
        assert event.sensitivity % 2 == 0  # twice what a row moves
        assert noise.scale >= event.sensitivity * (1 / event.share if delta == 0 else 1)
    for before, after in zip(less.scores, more.scores, strict=True):
        assert np.abs(after - before).max() <= 2 * 2**16


def test_centres_are_the_means_of_the_rows_nearest() -> None:
    con = duckdb.connect()
    con.execute(
        "CREATE TABLE t AS SELECT CASE WHEN i < 60 THEN 10 + i % 3 ELSE 80 + i % 5 END AS a, 1.0 AS b"
        " FROM range(160) s(i)"
    )
    domain = Domain.from_spec({"a": {"bounds": [0, 100]}, "b": {"bounds": [0, 2]}})
    asked = block(kmeans={"of": ["a", "b"], "clusters": 2})
    made = asked.release(con, "t", domain, rows_per_unit=1, rng=NoNoise())
    got = figures(made.frame, "statistic", "of", "at")
    assert got["cluster size", None, "1"] == pytest.approx(60, abs=0.1)
    assert got["cluster size", None, "2"] == pytest.approx(100, abs=0.1)
    assert got["cluster centre", "a", "1"] == pytest.approx(11, abs=0.1)
    assert got["cluster centre", "a", "2"] == pytest.approx(82, abs=0.1)
    assert got["cluster centre", "b", "1"] == pytest.approx(1, abs=0.01)
    truth = true_figures(asked, con, "t", domain, made.learned, rows_per_unit=1)
    assert truth["value"].to_numpy() == pytest.approx(made.frame["value"].to_numpy(), abs=0.1)


class _Low(NoNoise):
    """The lowest noise that is at all likely."""

    def add(self, values: Integers, noise: Noise) -> Integers:
        return values - 30 * int(np.ceil(noise.scale))


def test_a_count_is_never_negative_and_never_said_to_be_certain() -> None:
    frame = block(1.0, count={"by": "sex"}).release(table(), "t", DOMAIN, rows_per_unit=1, rng=_Low()).frame
    assert frame["value"].tolist() == [0.0] * 4
    assert frame["error"].nunique() == 1
    assert frame["error"][0] > 2
