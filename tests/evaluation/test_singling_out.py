from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import duckdb
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from synth_assets.evaluation.neighbours import Trial
from synth_assets.evaluation.predicates import Lookup, Predicate, holds, match
from synth_assets.evaluation.singling_out import common_ceiling, room_for_outsider, single_out
from synth_assets.evaluation.tables import REAL, SYNTHETIC, side_by_side
from tests.evaluation.tables import make

INFINITE = float("inf")


def matches(columns: dict[str, str], rows: Sequence[Sequence[Any]], predicates: list[Predicate]) -> list[int]:
    con = duckdb.connect()
    r = make(con, "r", columns, rows)
    names = [(name, data_type) for name, data_type in columns.items() if name != "__unit"]
    with side_by_side(con, r, r, f"(SELECT * FROM {r})", names) as tables:
        return [int(count) for count in match(tables, REAL, predicates).counts()]


def test_predicates_are_counted_by_people() -> None:
    rows = [(20, 1), (30, 1), (40, 2), (None, 3)]
    predicates: list[Predicate] = [
        ((0, "between", 20.0, 30.0),),  # both rows of person 1
        ((0, "between", 30.0, INFINITE),),  # persons 1 and 2
        ((0, "outside", 20.0, 30.0),),  # person 2; a missing value is not outside
        ((0, "missing", 0.0, 0.0),),  # person 3
        ((0, "between", 50.0, INFINITE),),  # nobody
    ]
    assert matches({"x": "INTEGER", "__unit": "UBIGINT"}, rows, predicates) == [1, 2, 1, 1, 0]


@given(
    st.lists(st.tuples(*[st.sampled_from([float("nan"), 0.0, 1.0, 2.0])] * 2), min_size=1, max_size=8),
    st.lists(
        st.tuples(
            st.integers(0, 1),
            st.sampled_from(["between", "outside", "missing"]),
            st.sampled_from([-INFINITE, 0.0, 1.0]),
            st.sampled_from([1.0, 2.0, INFINITE]),
        ),
        min_size=1,
        max_size=3,
    ),
)
def test_looking_up_finds_what_reading_every_row_finds(
    rows: list[tuple[float, ...]], clauses: list[tuple[int, str, float, float]]
) -> None:
    values = tuple(np.array(column) for column in zip(*rows, strict=True))
    found = Lookup(values, values).true_of(tuple(clauses))
    every = np.all([holds(clause, values[clause[0]]) for clause in clauses], axis=0)
    assert sorted(found) == list(np.flatnonzero(every))


def test_room_for_outsiders_by_enumeration() -> None:
    # Of four fitted people two are replaced: how often are all k matching ones among the two?
    for k in range(5):
        choices = list(itertools.combinations(range(4), 2))
        expected = np.mean([set(range(k)) <= set(replaced) for replaced in choices])
        assert room_for_outsider(np.array([k]), 4, 2)[0] == pytest.approx(expected)


def test_the_control_rate_is_that_of_a_table_of_full_size() -> None:
    # 400 fitted and 50 control people of one population, a predicate true of one in 400: the mean over many pairs of
    # tables of either estimate is 400 w (1 - w)^399. 20,000 pairs; false alarms at six standard errors: 2e-9.
    rng = np.random.default_rng(5)
    fitted, outsiders, w, rounds = 400, 50, 1 / 400, 20_000
    k_fitted, k_control = rng.binomial(fitted, w, rounds), rng.binomial(outsiders, w, rounds)
    estimates = (k_control == 1) * room_for_outsider(k_fitted, fitted, outsiders) * fitted / outsiders
    truth = fitted * w * (1 - w) ** (fitted - 1)
    assert abs(estimates.mean() - truth) < 6 * estimates.std() / rounds**0.5
    assert truth <= common_ceiling(fitted) + 1e-12


def attack(real: list[Any], control: list[Any], product: list[Any], columns: dict[str, str]) -> dict[str, Trial]:
    con = duckdb.connect()
    names = [make(con, name, columns, rows) for name, rows in (("r", real), ("c", control), ("s", product))]
    with side_by_side(con, names[0], names[1], names[2], list(columns.items())) as tables:
        trials = single_out(tables, range(len(columns)), predicates=50, width=3, seed=3)
    return {trial.kind: trial for trial in trials}


def test_a_copy_of_four_rows_is_singled_out_by_every_predicate_that_can_be_made() -> None:
    real = [("a", "x"), ("a", "y"), ("b", "x"), ("b", "y")]
    found = attack(real, [("a", "x")] * 4, real, {"p": "VARCHAR", "q": "VARCHAR"})
    # No value is alone in its column, so only pairs isolate: four predicates, all true of one person.
    assert set(found) == {"multivariate, 2 columns", "whole rows"}
    trial = found["whole rows"]
    assert (trial.main.successes, trial.main.attempts) == (4, 4)
    assert trial.control.successes == 0  # each control value is four people's


def test_predicates_are_found_where_few_columns_isolate() -> None:
    """Of ten rows one isolates, and only by its column of five. Half as many tries found 11 of 40."""
    columns = dict.fromkeys("pqrst", "VARCHAR")
    rows = [("b" if i == 0 else "a", "x", "x", "x", "x") for i in range(10)]
    con = duckdb.connect()
    table = make(con, "t", columns, rows)
    found = 0
    for seed in range(40):
        with side_by_side(con, table, table, table, list(columns.items())) as tables:
            kinds = {trial.kind for trial in single_out(tables, range(5), predicates=1, width=2, seed=seed)}
        found += "multivariate, 2 columns" in kinds
    assert found >= 20  # of 40: with two columns of five drawn twice for each row, 1 - (3/5)^2 of them


def test_the_extremes_and_the_values_of_one_row_are_univariate_predicates() -> None:
    found = attack([(1,), (5,), (5,), (9,)], [(5,)], [(1,), (5,), (5,), (9,)], {"x": "INTEGER"})
    trial = found["univariate"]
    # Equal to 1, at most 1, equal to 9, at least 9: each is true of one person. The person of 1 and the person of 9
    # are named twice each, so that the attempts are worth half.
    assert trial.main.successes == 4
    assert trial.main.effective == pytest.approx(4 / 2)


def test_a_lonely_missing_value_is_a_predicate() -> None:
    found = attack([("a",), ("a",), (None,)], [("a",)], [("a",), ("a",), (None,)], {"x": "VARCHAR"})
    assert found["univariate"].main.successes == 1


def test_rows_that_are_all_alike_isolate_nobody() -> None:
    same = [("a", 1)] * 5
    assert attack(same, same, same, {"p": "VARCHAR", "q": "INTEGER"}) == {}
    assert attack(same, same, [], {"p": "VARCHAR", "q": "INTEGER"}) == {}


def test_a_generalized_row_that_fits_one_person_singles_out() -> None:
    con = duckdb.connect()
    real = make(con, "r", {"x": "INTEGER", "c": "VARCHAR"}, [(31, "a"), (35, "b"), (52, "a"), (58, "b")])
    rows = [("[30, 40)", "a"), ("[30, 40)", "b"), ("[50, 60)", "a"), ("*", "b")]
    product = make(con, "s", {"x": "VARCHAR", "c": "VARCHAR"}, rows)
    with side_by_side(con, real, real, product, [("x", "INTEGER"), ("c", "VARCHAR")]) as tables:
        found = {trial.kind: trial for trial in single_out(tables, (0, 1), predicates=50, width=3, seed=1)}
    # [30, 40) with a, [30, 40) with b and [50, 60) with a are one person each; the suppressed age allows everybody,
    # and b alone is two people.
    assert found["whole rows"].main.successes == 3


def test_sets_are_looked_up_as_what_they_allow() -> None:
    # Four people in a, b, c and nowhere; the product shows {a, b} twice, a and {(missing), c}.
    con = duckdb.connect()
    real = make(con, "r", {"w": "VARCHAR"}, [("a",), ("b",), ("c",), (None,)])
    product = make(con, "s", {"w": "VARCHAR"}, [("{a, b}",), ("{a, b}",), ("a",), ("{(missing), c}",)])
    with side_by_side(con, real, real, product, [("w", "VARCHAR")]) as tables:
        codes = dict(con.execute("SELECT t, code::DOUBLE FROM evaluation_codes0").fetchall())
        labels = ("{a, b}", "a", "{(missing), c}")
        predicates: list[Predicate] = [
            ((0, relation, codes[label], codes[label]),) for relation in ("among", "not among") for label in labels
        ]
        people, rows = (list(match(tables, src, predicates).counts()) for src in (REAL, SYNTHETIC))
    assert people == [2, 1, 2, 1, 2, 2]  # a missing value is not outside
    assert rows == [3, 1, 1, 1, 3, 3]


def test_a_row_whose_sets_fit_one_person_singles_out() -> None:
    # Each person has a pair of words of their own, and each row of the product allows one pair only.
    real = [("a", "x"), ("a", "z"), ("c", "x"), ("c", "z"), ("b", "y")]
    product = [("{a, b}", "{x, y}"), ("{a, b}", "z"), ("c", "{x, y}"), ("c", "z"), ("{a, b}", "{x, y}")]
    found = attack(real, [("a", "x")] * 4, product, {"p": "VARCHAR", "q": "VARCHAR"})
    # (a or b, x or y) is true of two rows and of two people: it isolates nobody. The other three isolate one each.
    trial = found["whole rows"]
    assert (trial.main.successes, trial.main.attempts, trial.control.successes) == (3, 5, 0)
