"""Singled-out units on tables whose answer is worked by hand."""

from __future__ import annotations

import duckdb
import pytest

from synth_assets.classification import classify
from synth_assets.classification.singling import count_singled_out
from synth_assets.storage import columns_of


@pytest.fixture
def con() -> duckdb.DuckDBPyConnection:
    con = duckdb.connect()
    con.execute("CREATE TABLE t (p VARCHAR, a INT, b INT)")
    con.execute("INSERT INTO t VALUES ('x', 1, 1), ('x', 1, 1), ('y', 1, 2), ('z', 2, 2), ('z', 1, 2)")
    return con


def shares(con: duckdb.DuckDBPyConnection, unit: str | None) -> dict[tuple[str, ...], float]:
    return {s.columns: s.share for s in count_singled_out(con, "t", ["a", "b"], 5, unit)}


def test_rows_alone(con: duckdb.DuckDBPyConnection) -> None:
    """Of five rows, a = 2 is alone; b nobody; together (2, 2)."""
    assert shares(con, None) == {("a",): 0.2, ("b",): 0.0, ("a", "b"): 0.2}


def test_units_with_several_rows(con: duckdb.DuckDBPyConnection) -> None:
    """b = 1 is x's twice, a = 2 is z's; (1, 2) is both y's and z's."""
    assert shares(con, "p") == {
        ("a",): pytest.approx(1 / 3),
        ("b",): pytest.approx(1 / 3),
        ("a", "b"): pytest.approx(2 / 3),
    }


def test_a_share_of_the_combinations_of_a_large_table() -> None:
    """A million rows, a quarter of which are alone: counted over a part, within a point."""
    con = duckdb.connect()
    con.execute("CREATE TABLE t AS SELECT if(i < 250000, i, i // 2 + 500000) AS a FROM range(1000000) r(i)")
    (found,) = count_singled_out(con, "t", ["a"], 1_000_000)
    assert found.share == pytest.approx(0.25, abs=0.01)


def test_nothing_to_count(con: duckdb.DuckDBPyConnection) -> None:
    assert count_singled_out(con, "t", [], 5) == []
    assert count_singled_out(con, "(FROM t LIMIT 1)", ["a"], 1) == []


def test_what_singles_out_is_said_and_makes_a_day_a_quasi_identifier() -> None:
    con = duckdb.connect()
    con.execute(
        "CREATE TABLE t AS SELECT 'P' || i AS patient_id, ['M', 'F'][1 + i % 2] AS sex, 20 + i % 50 AS age, "
        "DATE '2020-01-01' + (i // 50)::INT AS created_on, DATE '2020-01-01' AS printed_on FROM range(1000) r(i)"
    )
    found = {v.column: v for v in classify(con, "t", columns_of(con, "t"), table_name="patients")}
    assert found["created_on"].role == "quasi_identifier"
    assert found["printed_on"].role == "insensitive"
    assert any(line.startswith("measured: with") for line in found["age"].evidence)
