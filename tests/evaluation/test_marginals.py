from __future__ import annotations

from math import log
from typing import Any

import duckdb
import pytest

from synth_assets.evaluation.marginals import Marginals, measure_marginals
from synth_assets.evaluation.tables import side_by_side
from tests.evaluation.tables import make


def measure(
    columns: dict[str, str], real: list[tuple[Any, ...]], product: list[tuple[Any, ...]], control: Any = None
) -> Marginals:
    con = duckdb.connect()
    r, s = make(con, "r", columns, real), make(con, "s", columns, product)
    c = make(con, "c", columns, real if control is None else control)
    with side_by_side(con, r, c, s, list(columns.items())) as tables:
        return measure_marginals(tables, seed=1)


def test_categories_by_hand() -> None:
    found = measure({"x": "VARCHAR"}, [("a",), ("a",), ("b",), ("b",)], [("a",), ("b",), ("b",), ("b",)], [("b",)])
    (way,) = found.ways
    assert (way.width, way.tables, way.worst_columns) == (1, 1, ("x",))
    assert way.mean == pytest.approx(0.25)
    assert way.reference == pytest.approx(0.5)
    # With half a row in each cell: 2.5 and 2.5 of 5 against 1.5 and 3.5 of 5.
    assert found.columns[0].kl == pytest.approx(0.5 * log(0.5 / 0.3) + 0.5 * log(0.5 / 0.7))


def test_a_missing_value_is_a_cell() -> None:
    found = measure({"x": "VARCHAR"}, [("a",), (None,)], [("a",), ("a",)])
    assert found.ways[0].mean == pytest.approx(0.5)


def test_a_heavy_minimum_has_a_cell_of_its_own() -> None:
    # Three quarters are 0; spread thinly above it they must not hide among the real positive amounts.
    real = [(0.0,)] * 75 + [(float(i),) for i in range(1, 26)]
    smeared = [(0.01 + i / 1000,) for i in range(75)] + [(float(i),) for i in range(1, 26)]
    assert measure({"x": "DOUBLE"}, real, smeared).ways[0].mean == pytest.approx(0.75)


def test_shifts_are_in_real_standard_deviations() -> None:
    real = [(float(i),) for i in (0, 0, 2, 2)]
    found = measure({"x": "DOUBLE"}, real, [(i[0] + 3,) for i in real]).columns[0]
    assert found.mean_difference == pytest.approx(3)
    assert found.median_difference == pytest.approx(3)
    assert found.ks == pytest.approx(1)


def test_two_columns_that_say_the_same_lose_all_information_when_shuffled() -> None:
    real = [("a", "x"), ("a", "x"), ("b", "y"), ("b", "y")]
    shuffled = [("a", "x"), ("a", "y"), ("b", "x"), ("b", "y")]
    found = measure({"p": "VARCHAR", "q": "VARCHAR"}, real, shuffled)
    assert found.pairs[0].information_difference == pytest.approx(1)
    assert found.pairs[0].tvd == pytest.approx(0.5)
    assert [way.mean for way in found.ways] == pytest.approx([0, 0.5])


def test_combinations_are_sampled_beyond_the_limit_and_by_the_seed() -> None:
    columns = {f"c{i}": "INTEGER" for i in range(6)}
    con = duckdb.connect()
    r = make(con, "r", columns, [tuple(range(6))] * 3)
    with side_by_side(con, r, r, r, list(columns.items())) as tables:
        found = measure_marginals(tables, seed=4, pairs=5, triples=2)
        assert found == measure_marginals(tables, seed=4, pairs=5, triples=2)
    assert [way.tables for way in found.ways] == [6, 5, 2]


def test_without_rows_or_control() -> None:
    assert measure({"x": "INTEGER"}, [], [(1,)]) == Marginals()
    assert measure({"x": "INTEGER"}, [(1,)], []) == Marginals()
    assert measure({"x": "INTEGER"}, [(1,)], [(1,)], []).ways[0].reference is None
    assert measure({"x": "INTEGER"}, [(None,)] * 2, [(None,)]).ways[0].mean == 0
