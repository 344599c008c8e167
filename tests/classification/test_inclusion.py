"""Columns whose values lie in the key of another table, on tables whose answer is plain."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest

from synth_assets.classification import classify
from synth_assets.classification.inclusion import (
    Inclusion,
    Listing,
    find_inclusions,
    of_persons,
    with_inclusions,
)
from synth_assets.pipeline import classify_source, ingest_source
from synth_assets.storage import columns_of, get_meta, quote
from tests.workspace import platform_of

SPEC = """
sources:
  - {name: people, path: people.csv, unit: customer_id}
  - {name: calls, path: calls.csv, unit: caller, people: people}
consumers: []
"""

PEOPLE = (
    "SELECT 'K' || (i * 37) AS customer_id, 'Ann' AS first_name, DATE '1960-01-01' + i::INT AS dob FROM range(400) r(i)"
)
COUNTED = "SELECT i + 1 AS customer_id, 'Ann' AS first_name, DATE '1960-01-01' + i::INT AS dob FROM range(400) r(i)"


@pytest.fixture
def con() -> duckdb.DuckDBPyConnection:
    return duckdb.connect()


def listings(con: duckdb.DuckDBPyConnection, **tables: str) -> list[Listing]:
    found = []
    for name, query in tables.items():
        con.execute(f"CREATE TABLE {quote(name)} AS {query}")
        rows = int(con.execute(f"SELECT count(*) FROM {quote(name)}").fetchall()[0][0])
        verdicts = classify(con, quote(name), columns_of(con, quote(name)), table_name=name)
        found.append(Listing(name, quote(name), verdicts, rows))
    return found


def pointing(con: duckdb.DuckDBPyConnection, **tables: str) -> set[tuple[str, str]]:
    found = listings(con, **tables)
    return {(one.table, one.column) for one in of_persons(find_inclusions(con, found), found)}


def test_an_opaque_column_of_keys_is_a_key_of_persons(con: duckdb.DuckDBPyConnection) -> None:
    orders = "SELECT i AS order_id, 'K' || (i * 7 % 400 * 37) AS zz, i % 5 AS quantity FROM range(900) r(i)"
    found = listings(con, people=PEOPLE, orders=orders)
    told = of_persons(find_inclusions(con, found), found)
    assert told == [Inclusion("orders", "zz", "people", "customer_id", 400, 400)]
    before = {v.column: v for v in found[1].verdicts}
    after = {v.column: v for v in with_inclusions("orders", found[1].verdicts, told)}
    assert before["zz"].role == "undecided"
    assert (after["zz"].entity_type, after["zz"].role) == ("person_id", "direct_identifier")
    assert after["zz"].evidence[0] == "values: 400 of 400 distinct lie in `people.customer_id`, a key of persons"
    assert after["quantity"] == before["quantity"]


def test_strangers_keys_are_not_theirs(con: duckdb.DuckDBPyConnection) -> None:
    orders = "SELECT i AS order_id, 'S' || (i * 7 % 400) AS zz FROM range(900) r(i)"
    assert pointing(con, people=PEOPLE, orders=orders) == set()


def test_small_numbers_lie_in_any_key_that_counts_from_one(con: duckdb.DuckDBPyConnection) -> None:
    """A quantity, the numbers of orders and a few codes are no keys; what spreads as keys do and is called so is."""
    orders = (
        "SELECT 1 + i // 2 AS order_id, 1 + i % 5 AS zz1, 1 + i % 40 AS zz2, 1 + i * 7 % 400 AS ref, "
        "0.5 + i % 300 AS price FROM range(790) r(i)"
    )
    assert pointing(con, people=COUNTED, orders=orders) == {("orders", "ref")}


def test_numbers_are_the_same_however_a_file_wrote_them(con: duckdb.DuckDBPyConnection) -> None:
    numbers = PEOPLE.replace("'K' || (i * 37)", "100000 + i * 37")
    orders = "SELECT (100000 + i * 7 % 400 * 37)::DOUBLE AS zz FROM range(900) r(i)"
    assert pointing(con, people=numbers, orders=orders) == {("orders", "zz")}


def test_what_a_key_of_persons_points_at_is_one(con: duckdb.DuckDBPyConnection) -> None:
    master = "SELECT 'K' || (i * 37) AS zz, i % 9 AS grp FROM range(400) r(i)"
    orders = "SELECT 'K' || (i * 7 % 400 * 37) AS patient_id, i AS n FROM range(900) r(i)"
    found = listings(con, master=master, orders=orders)
    told = of_persons(find_inclusions(con, found), found)
    after = {v.column: v for v in with_inclusions("master", found[0].verdicts, told)}
    assert after["zz"].role == "direct_identifier"


@pytest.mark.parametrize("rows", [0, 1])
def test_empty_tables_and_odd_names(con: duckdb.DuckDBPyConnection, rows: int) -> None:
    odd = 'SELECT i::VARCHAR AS "e""x 😀", NULL AS "select" FROM range(' + f"{rows}) r(i)"
    assert pointing(con, people=PEOPLE, **{'o "dd': odd}) == set()
    assert con.execute("SELECT table_name FROM duckdb_tables() WHERE temporary").fetchall() == []


def test_the_asset_compares_a_source_with_its_people(con: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    """Beside the unit itself, a column of other people's keys is found in the table that `people` names."""
    keys = "'K' || (i % 400 * 37) AS caller, 'K' || (i * 7 % 400 * 37) AS zz"
    calls = f"SELECT {keys}, i % 60 AS minutes FROM range(900) r(i)"
    for name, query in (("people", PEOPLE), ("calls", calls)):
        con.execute(f"COPY ({query}) TO '{tmp_path / name}.csv'")
    (tmp_path / "synth.yaml").write_text(SPEC)
    platform = platform_of(tmp_path / "synth.yaml")
    warehouse = platform.warehouse
    for name in ("people", "calls"):
        ingest_source(platform, name)
        classify_source(platform, name)
    with warehouse.connect() as own:
        warehouse.attach(own, "classified/calls", "calls")
        found = {verdict["column"]: verdict for verdict in get_meta(own, "calls")["verdicts"]}
    assert (found["zz"]["entity_type"], found["zz"]["role"]) == ("person_id", "direct_identifier")
    assert "lie in `people.customer_id`" in found["zz"]["evidence"][0]
    assert found["minutes"]["role"] != "direct_identifier"
