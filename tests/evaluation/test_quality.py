from __future__ import annotations

from typing import Any

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from synth_assets.evaluation.quality import Quality, score_quality
from synth_assets.evaluation.tables import side_by_side
from tests.evaluation.tables import make

Rows = list[tuple[Any, ...]]


def score(columns: dict[str, str], real: Rows, product: Rows) -> Quality:
    con = duckdb.connect()
    r, s = make(con, "r", columns, real), make(con, "s", columns, product)
    with side_by_side(con, r, r, s, list(columns.items())) as tables:
        return score_quality(tables)


def test_largest_gap_of_two_amounts() -> None:
    # At 4 all real values are counted and three quarters of the synthetic ones.
    found = score({"x": "INTEGER"}, [(1,), (2,), (3,), (4,)], [(1,), (2,), (3,), (8,)])
    assert found.column_shapes == pytest.approx(0.75)
    assert found.pair_trends is None
    assert found.columns[0].validity == pytest.approx(0.75)  # 8 is beyond the real maximum


def test_half_the_summed_difference_of_two_categories() -> None:
    # a: 2/4 against 1/4; b: 2/4 against 2/4; c: 0 against 1/4.
    found = score({"x": "VARCHAR"}, [("a",), ("a",), ("b",), ("b",)], [("a",), ("b",), ("b",), ("c",)])
    assert found.column_shapes == pytest.approx(0.75)
    assert found.columns[0].validity == pytest.approx(0.75)
    assert found.diagnostic == pytest.approx((0.75 + 1) / 2)


def test_correlations_as_far_apart_as_can_be() -> None:
    up, down = [(1, 1), (2, 2), (3, 3), (4, 4)], [(1, 4), (2, 3), (3, 2), (4, 1)]
    found = score({"x": "INTEGER", "y": "INTEGER"}, up, down)
    assert found.pair_trends == pytest.approx(0)
    assert found.column_shapes == pytest.approx(1)


def test_a_correlation_that_does_not_exist_is_none() -> None:
    columns = {"x": "INTEGER", "y": "INTEGER"}
    line, constant = [(1, 1), (2, 2), (3, 3), (4, 4)], [(1, 5), (2, 5), (3, 5), (4, 5)]
    assert score(columns, line, constant).pair_trends == pytest.approx(0.5)
    assert score(columns, constant, constant).pair_trends == pytest.approx(1)


def test_tables_of_pairs() -> None:
    # (a, x): 2/4 against 1/4; (a, y): 0 against 1/4; (b, y): 2/4 against 2/4.
    real = [("a", "x"), ("a", "x"), ("b", "y"), ("b", "y")]
    found = score({"p": "VARCHAR", "q": "VARCHAR"}, real, [("a", "x"), ("a", "y"), ("b", "y"), ("b", "y")])
    assert found.pair_trends == pytest.approx(0.75)


def test_an_amount_beside_a_category_is_cut_into_ten_bins_of_the_real_range() -> None:
    # Real range 0..10: bins [0, 1), [1, 2), ..., [9, 10]; 0.5 stays in its bin, 3 leaves it, 99 joins the last.
    real = [(0.0, "a"), (10.0, "a"), (1.0, "a"), (9.5, "a")]
    product = [(0.5, "a"), (99.0, "a"), (3.0, "a"), (9.0, "a")]
    found = score({"x": "DOUBLE", "c": "VARCHAR"}, real, product)
    assert found.pairs[0].metric == "ContingencySimilarity"
    assert found.pair_trends == pytest.approx(0.75)


def test_missing_values_are_a_cell_of_pairs_only() -> None:
    real: Rows = [("a", "x"), ("a", None), ("b", "y"), ("b", "y")]
    product: Rows = [("a", "x"), ("a", "x"), ("b", "y"), ("b", "y")]
    found = score({"p": "VARCHAR", "q": "VARCHAR"}, real, product)
    assert found.pair_trends == pytest.approx(0.75)
    assert found.columns[1].missing_real == pytest.approx(0.25)
    assert found.columns[1].score == pytest.approx(1 - abs(1 / 3 - 1 / 2))


def test_columns_without_a_value() -> None:
    empty: Rows = [(None,)] * 3
    assert score({"x": "INTEGER"}, empty, empty).column_shapes == 1
    assert score({"x": "INTEGER"}, empty, [(1,)] * 3).column_shapes == 0
    assert score({"x": "VARCHAR"}, [("a",)], [(None,)]).column_shapes == 0


def test_tables_without_a_row_cannot_be_scored() -> None:
    columns = {"x": "INTEGER", "c": "VARCHAR"}
    for real, product in ([], [(1, "a")]), ([(1, "a")], []), ([], []):
        found = score(columns, real, product)
        assert (found.column_shapes, found.pair_trends, found.diagnostic) == (None, None, None)


def test_one_row() -> None:
    found = score({"x": "INTEGER", "c": "VARCHAR"}, [(1, "a")], [(1, "a")])
    assert (found.column_shapes, found.pair_trends, found.diagnostic) == (1, 1, 1)


def test_other_types_lower_the_structure() -> None:
    con = duckdb.connect()
    r = make(con, "r", {"x": "INTEGER", "y": "INTEGER"}, [(1, 1)])
    s = make(con, "s", {"x": "INTEGER", "y": "BIGINT"}, [(1, 1)])
    with side_by_side(con, r, r, s, [("x", "INTEGER"), ("y", "INTEGER")]) as tables:
        # One of three different (name, type) pairs is shared.
        assert score_quality(tables).diagnostic == pytest.approx((1 + 1 / 3) / 2)


CELLS = st.tuples(
    st.none() | st.integers(-5, 5),
    st.none() | st.floats(allow_nan=True, allow_infinity=True, width=32),
    st.none() | st.sampled_from(["a", "b*", "", "*", "(other)", "é"]),
    st.none() | st.booleans(),
)
COLUMNS = {"i": "INTEGER", "f": "DOUBLE", "s": "VARCHAR", "b": "BOOLEAN"}


@settings(max_examples=30, deadline=None)
@given(st.lists(CELLS, min_size=1, max_size=12), st.lists(CELLS, min_size=1, max_size=12))
def test_scores_lie_in_the_unit_interval_and_a_table_is_like_itself(real: Rows, product: Rows) -> None:
    found = score(COLUMNS, real, product)
    scores = [found.column_shapes, found.pair_trends, found.diagnostic]
    scores += [c.score for c in found.columns] + [p.score for p in found.pairs]
    assert all(value is not None and 0 <= value <= 1 for value in scores)
    same = score(COLUMNS, real, real)
    assert same.column_shapes == pytest.approx(1)
    assert same.pair_trends == pytest.approx(1)
