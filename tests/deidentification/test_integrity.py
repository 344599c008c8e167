"""Three related tables about many people: no orphan, no collision, the same cardinalities, on single and joint keys."""

from __future__ import annotations

from typing import Any

import duckdb
import pytest

from synth_assets.classification import EntityType
from synth_assets.deidentification import TreatedColumn, deidentify

PEOPLE = 30_000
RELATED = [  # of the first table to the second, by these columns
    ("visits", "people", ("person",)),
    ("bills", "people", ("person",)),
    ("bills", "visits", ("clinic", "visit")),
    ("bills", "visits", ("person", "clinic", "visit")),
]
KEYS = [("people", ("person",)), ("people", ("name",)), ("people", ("email",)), ("people", ("ssn",)),
        ("visits", ("clinic", "visit")), ("visits", ("clinic",)), ("visits", ("visit",)),
        ("bills", ("clinic", "visit"))]  # fmt: skip
"""What different values must stay different in."""


def column(name: str, treatment: Any, kind: EntityType, data_type: str = "VARCHAR") -> TreatedColumn:
    return TreatedColumn(
        name=name,
        data_type=data_type,
        entity_type=kind,
        role="direct_identifier",
        treatment=treatment,
        unique=name in {"ssn", "name"},
    )


PERSON = column("person", "pseudonymize", "person_id")
CLINIC = column("clinic", "pseudonymize", "organization")
VISIT = column("visit", "pseudonymize", "record_id", "BIGINT")
NAME = column("name", {"fake": "name", "identity": "unit"}, "person_name")


@pytest.fixture(scope="module")
def tables(con: duckdb.DuckDBPyConnection) -> duckdb.DuckDBPyConnection:
    unit = "keyed_int('unit', 'P' || i) AS __unit, false AS __control"
    con.execute(
        f"CREATE TABLE people AS SELECT 'P' || i AS person, 'Name' || i AS name, 'm' || i || '@x.org' AS email, "
        f"(100000000 + i)::VARCHAR AS ssn, {unit} FROM range({PEOPLE}) AS r(i)"
    )
    con.execute(  # visits are numbered within a clinic: neither column is a key alone
        f"CREATE TABLE visits AS SELECT 'P' || i AS person, 'C' || i % 7 AS clinic, i // 7 * 3 + v AS visit, {unit} "
        f"FROM range({PEOPLE}) AS r(i), range(3) AS q(v) WHERE hash(i, v) % 3 > 0"
    )
    con.execute("CREATE TABLE bills AS SELECT * FROM visits WHERE hash(visit) % 2 = 0")
    email = column("email", {"fake": "email", "identity": "unit"}, "email")
    ssn = column("ssn", {"fake": "national_id", "identity": "unit"}, "national_id")
    deidentify(con, "people", [PERSON, NAME, email, ssn], "t_people", unit="person")
    for name in ("visits", "bills"):
        deidentify(con, name, [PERSON, CLINIC, VISIT], f"t_{name}", unit="person")
    return con


def one(con: duckdb.DuckDBPyConnection, query: str) -> Any:
    return con.execute(query).fetchall()[0][0]


@pytest.mark.parametrize(("many", "few", "on"), RELATED)
def test_no_orphan_appears(tables: duckdb.DuckDBPyConnection, many: str, few: str, on: tuple[str, ...]) -> None:
    using = f"USING ({', '.join(on)})"
    assert one(tables, f"SELECT count(*) FROM t_{many} ANTI JOIN t_{few} {using}") == 0
    joined = [one(tables, f"SELECT count(*) FROM {p}{many} JOIN {p}{few} {using}") for p in ("", "t_")]
    assert joined[0] == joined[1] >= one(tables, f"SELECT count(*) FROM {many}") > 20_000


@pytest.mark.parametrize(("table", "key"), KEYS)
def test_cardinalities_stay(tables: duckdb.DuckDBPyConnection, table: str, key: tuple[str, ...]) -> None:
    counts = "SELECT n, count(*) FROM (SELECT count(*) AS n FROM {} GROUP BY {}) GROUP BY n ORDER BY n"
    listed = ", ".join(key)
    raw, treated = (tables.execute(counts.format(p + table, listed)).fetchall() for p in ("", "t_"))
    assert raw == treated


def test_a_row_keeps_its_relations(tables: duckdb.DuckDBPyConnection) -> None:
    """The treated rows of a person are those of the same person, not only as many."""
    for name in ("people", "visits", "bills"):
        pairs = f"(SELECT DISTINCT person, __unit FROM t_{name})"
        assert one(tables, f"SELECT count(*) - count(DISTINCT person) FROM {pairs}") == 0
    same = "t_visits AS v JOIN t_people AS p USING (person) WHERE v.__unit <> p.__unit"
    assert one(tables, f"SELECT count(*) FROM {same}") == 0
