"""Units, the control sample and the identity of a snapshot."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import duckdb
import pytest

from synth_assets.errors import SourceError
from synth_assets.ingestion import (
    SchemaChange,
    Snapshot,
    schema_changes,
)
from tests.ingestion.tables import bring, types, write


def test_units_are_people_in_every_table(con: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    text = "person,v\n" + "".join(f"{i},{i % 3}\n" for i in range(2000))
    visits = "v,person\n" + "".join(f"{i},{i % 2000}.0\n" for i in range(5000))
    bring(con, tmp_path, write(tmp_path, "a.csv", text), unit="person", control=0.2)
    con.execute("CREATE TABLE people AS SELECT person, __unit, __control FROM out.data")
    snapshot = bring(con, tmp_path, write(tmp_path, "b.csv", visits), unit="PERSON", control=0.2)
    assert (snapshot.rows, snapshot.units, types(snapshot)["person"]) == (5000, 2000, "DOUBLE")
    differing = con.execute(
        "SELECT count(*) FROM out.data d JOIN people p ON d.person = p.person "
        "WHERE d.__unit <> p.__unit OR d.__control <> p.__control"
    ).fetchall()
    assert differing == [(0,)]
    share = con.execute("SELECT avg(__control::INT), count(DISTINCT __unit) FROM people").fetchall()[0]
    assert abs(share[0] - 0.2) < 5 * (0.2 * 0.8 / 2000) ** 0.5  # fixed by the key; by chance once in 1.7 million keys
    assert share[1] == 2000


def test_rows_without_a_unit_are_set_aside(con: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    name = write(tmp_path, "a.csv", "id,v\n1,x\n,y\n2,z\n")
    snapshot = bring(con, tmp_path, name, unit="id")
    assert (snapshot.rows, snapshot.units, snapshot.rejected, snapshot.without_unit) == (2, 2, 0, 1)
    assert con.execute("SELECT reason FROM out.rejects").fetchall() == [("has no unit",)]


def test_a_new_row_never_moves_another(con: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    def units() -> set[tuple[Any, ...]]:
        return set(con.execute("SELECT * FROM out.data").fetchall())

    bring(con, tmp_path, write(tmp_path, "a.csv", "a,b\n1,x\n1,x\n2,y\n"))
    before = units()
    assert len({row[2] for row in before}) == 3
    bring(con, tmp_path, write(tmp_path, "a.csv", "a,b\n0,w\n2,y\n1,x\n1,x\n1,x\n"))
    assert before < units()
    assert len({row[2] for row in units()}) == 5


def test_unit_must_be_a_column(con: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    name = write(tmp_path, "a.csv", "person_id,v\n1,x\n")
    with pytest.raises(SourceError, match="did you mean `person_id`"):
        bring(con, tmp_path, name, unit="persn_id")
    for reserved in ("__unit", "__Control"):
        with pytest.raises(SourceError, match="reserved"):
            bring(con, tmp_path, write(tmp_path, "r.csv", f"a,{reserved}\n1,x\n"))


def test_snapshot_follows_content(con: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    def identify(text: str, **how: Any) -> str:
        return bring(con, tmp_path, write(tmp_path, "a.csv", text), **how).snapshot_id

    base = identify("a,b\n1,x\n2,y\n", unit="a")
    assert identify('a;b\n2;y\n1;"x"\n', unit="a") == base
    others = [
        identify("a,b\n1,x\n2,z\n", unit="a"),
        identify("a,b\n1,x\n2,y\n2,y\n", unit="a"),
        identify("a,c\n1,x\n2,y\n", unit="a"),
        identify("b,a\nx,1\ny,2\n", unit="a"),
        identify("a,b\n1,x\n2,y\n", unit="a", types={"a": "VARCHAR"}),
        identify("a,b\n1,x\n2,y\n", unit="b"),
        identify("a,b\n1,x\n2,y\n"),
        identify("a,b\n1,x\n2,y\n", unit="a", control=0.2),
    ]
    assert len({base, *others}) == 9
    assert len(base) == 32


def test_schema_changes() -> None:
    def snapshot(**columns: str) -> Snapshot:
        return Snapshot(
            snapshot_id="0" * 32,
            columns=tuple(columns.items()),
            rows=1,
            units=1,
            rejected=0,
            without_unit=0,
            bytes_read=1,
        )

    changes = schema_changes(snapshot(a="BIGINT", b="DATE", c="DATE"), snapshot(c="VARCHAR", a="BIGINT", d="TIME"))
    assert changes == (
        SchemaChange(column="b", kind="gone", before="DATE"),
        SchemaChange(column="d", kind="new", after="TIME"),
        SchemaChange(column="c", kind="retyped", before="DATE", after="VARCHAR"),
    )
    assert [change.text for change in changes] == [
        "column `b` (DATE) is gone",
        "column `d` (TIME) is new",
        "column `c` was DATE and is VARCHAR",
    ]
