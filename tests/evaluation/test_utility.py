from __future__ import annotations

import duckdb
import pytest

from synth_assets.evaluation.tables import side_by_side
from synth_assets.evaluation.utility import Utility, train_and_test
from tests.evaluation.tables import PEOPLE, people


def train(con: duckdb.DuckDBPyConnection, product: str, target: str | None) -> Utility:
    real, control = people(con, "r", 300, 1), people(con, "c", 100, 2)
    with side_by_side(con, real, control, product, PEOPLE) as tables:
        return train_and_test(tables, target, rows=200, seed=1)


def test_a_copy_has_no_gap_and_a_shuffled_target_is_worth_nothing() -> None:
    con = duckdb.connect()
    people(con, "r", 300, 1)
    same = train(con, "r", "income")
    assert (same.task, same.rows) == ("regression", (200, 100, 200))
    assert same.real is not None
    assert same.real.r2 is not None
    assert same.real.r2 > 0.7
    assert same.gap is not None
    assert same.gap.r2 == 0
    shuffled = (
        "(SELECT age, city, i.income, ill FROM (SELECT *, row_number() OVER () AS k FROM r) AS t JOIN "
        "(SELECT income, row_number() OVER (ORDER BY hash(income, age)) AS k FROM r) AS i USING (k))"
    )
    worse = train(con, shuffled, "income")
    assert worse.gap is not None
    assert worse.gap.r2 is not None
    assert worse.gap.r2 > 0.5


def test_classes_are_scored_by_accuracy_and_auc() -> None:
    con = duckdb.connect()
    people(con, "r", 300, 1)
    found = train(con, "r", "ill")
    assert found.task == "classification"
    assert found.gap is not None
    assert (found.gap.accuracy, found.gap.auc, found.gap.r2) == (0, 0, None)


def test_a_product_of_one_class_guesses() -> None:
    con = duckdb.connect()
    people(con, "r", 300, 1)
    found = train(con, "(SELECT age, city, income, false AS ill FROM r)", "ill")
    assert found.synthetic is not None
    assert found.synthetic.auc == 0.5


@pytest.mark.parametrize(
    ("product", "target", "reason"),
    [
        ("r", None, "names no target"),
        ("r", "nope", "not a column"),
        ("(SELECT * FROM r LIMIT 5)", "ill", "5 synthetic rows"),
        ("(SELECT * FROM r LIMIT 0)", "income", "0 synthetic rows"),
    ],
)
def test_what_cannot_be_measured_says_why(product: str, target: str | None, reason: str) -> None:
    con = duckdb.connect()
    people(con, "r", 300, 1)
    found = train(con, product, target)
    assert found.real is None
    assert reason in (found.reason or "")


def test_a_constant_target_says_why() -> None:
    con = duckdb.connect()
    real = f"(SELECT * REPLACE (true AS ill) FROM {people(con, 'r', 100, 1)})"
    with side_by_side(con, real, real, real, PEOPLE) as tables:
        assert "the same in all" in (train_and_test(tables, "ill", seed=1).reason or "")
