"""Locations, kinds of files, real tables and any table."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import duckdb
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from synth_assets.errors import SourceError
from synth_assets.ingestion import (
    SourceFormat,
    ingest,
    open_relation,
    read_columns,
)
from synth_assets.storage import quote
from tests.ingestion.tables import DATA, bring, connect, rows, types, write


def test_globs_unite_by_name(con: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    write(tmp_path, "d/1.csv", "a,b\n1,x\n")
    write(tmp_path, "d/deep/2.csv", "B;A;c\ny;2;z\n")
    write(tmp_path, "d/deep/3.csv", "a,b\n")
    snapshot = bring(con, tmp_path, "d/**/*.csv")
    assert types(snapshot) == {"a": "BIGINT", "b": "VARCHAR", "c": "VARCHAR"}
    assert rows(con) == [(1, "x", None), (2, "y", "z")]
    duckdb.execute(f"COPY (SELECT 1 AS a) TO '{tmp_path}/p1.parquet'; COPY (SELECT 2 AS b) TO '{tmp_path}/p2.parquet'")
    bring(con, tmp_path, "p*.parquet")
    assert rows(con) == [(1, None), (None, 2)]
    with pytest.raises(SourceError, match="several kinds"):
        bring(con, tmp_path, "**/*[1-2].*")


def test_locations_that_cannot_be_read(con: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    write(tmp_path, "patients.csv", "a\n1\n")
    write(tmp_path, "a.xyz", "a\n1\n")
    write(tmp_path, "bad.parquet", "a\n1\n")
    write(tmp_path, "bad.duckdb", "a\n1\n")
    write(tmp_path, "bad.json", '[{"a": "secret"}, {bro')
    for location, message in {
        "patient.csv": "does not exist.*did you mean `patients.csv`",
        "*.tsv": "matches no file",
        "../" + tmp_path.name: r"is a folder; name the files in it",
        "a.xyz": "no suffix that says",
        "bad.parquet": "cannot be read as parquet",
        "bad.duckdb": "needs a table",
        "bad.duckdb::t": "not a DuckDB database",
        "patients.csv::t": "no DuckDB database",
        "postgres://host/db?table=t": "postgres:// sources cannot be read",
        "bad.json": "cannot be read as json",
        "": "is empty",
    }.items():
        with pytest.raises(SourceError, match=message) as caught:
            bring(con, tmp_path, location)
        assert "secret" not in str(caught.value)


def test_json_lines(con: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    text = '{"a":1,"b":{"k":[1,2]},"z":"01234"}\nbroken{\n{"a":2,"c":"x"}\n'
    snapshot = bring(con, tmp_path, write(tmp_path, "a.jsonl", text), reject_limit=0.5)
    assert snapshot.rejected == 1
    assert [(row[0], row[1] and json.loads(row[1]), *row[2:]) for row in rows(con)] == [
        (1, {"k": [1, 2]}, "01234", None),
        (2, None, None, "x"),
    ]
    bring(con, tmp_path, write(tmp_path, "b.json", '[{"a":1},{"a":2}]'))
    assert rows(con) == [(1,), (2,)]
    with pytest.raises(SourceError, match="no record"):
        bring(con, tmp_path, write(tmp_path, "c.json", "[]"))


def test_a_key_of_few_records_is_no_column(con: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    """A key may be written by a person; a name that few records have would tell of them."""
    records = [{"id": i, "town": "n", **({"nick": "x"} if i < 7 else {})} for i in range(60)]
    text = "".join(
        json.dumps(record) + "\n" for record in [*records, {"id": 99, "town": "s", "Jane Roe": 1, "died": 2}]
    )
    name = write(tmp_path, "a.jsonl", text)
    snapshot = bring(con, tmp_path, name)
    assert [column for column, _ in snapshot.columns] == ["id", "town", "nick"]
    assert (99, "s", None) in rows(con)
    (note,) = snapshot.notes
    assert "2 keys that at most 1 records" in note
    assert "Jane" not in note
    assert "died" in types(bring(con, tmp_path, name, types={"Died": "BIGINT"}))
    write(tmp_path, "b.json", json.dumps([*records, {"Jane Roe": 1}]))
    snapshot = bring(con, tmp_path, "b.json", reject_limit=0.1)
    assert (snapshot.rows, snapshot.rejected, len(snapshot.columns)) == (60, 1, 3)


def make_database(path: Path) -> duckdb.DuckDBPyConnection:
    database = duckdb.connect(str(path))
    database.execute(
        "CREATE SCHEMA s; CREATE TABLE s.\"my t\" AS SELECT 1 AS id, [1, 2] AS l, {'a': 1} AS s, 'q'::BLOB AS b, "
        "'x'::ENUM('x', 'y') AS e, 1.50::DECIMAL(5, 2) AS d, TIMESTAMPTZ '2020-01-01 00:00:00+01' AS z; "
        "CREATE TABLE visits AS SELECT 1 AS id"
    )
    return database


def test_duckdb_tables(con: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    make_database(tmp_path / "x.duckdb").close()
    bring(con, tmp_path, "x.duckdb::s.my t")
    row = con.execute("SELECT l, s, b, e, CAST(d AS VARCHAR), CAST(z AS VARCHAR) FROM out.data").fetchall()
    assert row == [("[1,2]", '{"a":1}', "71", "x", "1.50", "2019-12-31 23:00:00")]
    bring(con, tmp_path, "duckdb:///x.duckdb?table=visits")
    assert rows(con) == [(1,)]
    bring(con, tmp_path, f"duckdb:///{tmp_path}/x.duckdb?table=visits")
    with pytest.raises(SourceError, match="did you mean `visits`"):
        bring(con, tmp_path, "x.duckdb::visit")
    assert bring(con, tmp_path, "x.duckdb::visits", types={"id": "VARCHAR"}).columns == (("id", "VARCHAR"),)


def test_an_open_duckdb_file_is_explained(con: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    writer = make_database(tmp_path / "x.duckdb")
    with pytest.raises(SourceError, match="has it open for writing"):
        bring(con, tmp_path, "x.duckdb::visits")
    writer.close()


def test_columns_and_relation(con: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    name = write(tmp_path, "a.csv", "id,zip\n1,01234\n2,99999\n")
    assert read_columns(con, name, tmp_path) == [("id", "BIGINT"), ("zip", "VARCHAR")]
    assert open_relation(con, name, tmp_path, name='a "view"') == ([("id", "BIGINT"), ("zip", "VARCHAR")], ())
    assert con.execute('SELECT * FROM "a ""view""" ORDER BY id').fetchall() == [(1, "01234"), (2, "99999")]
    make_database(tmp_path / "x.duckdb").close()
    write(tmp_path, "b.csv", "name\n5 €\n", "cp1252")
    for location, expected in (("x.duckdb::visits", 1), ("b.csv", "5 €"), ("x.duckdb::visits", 1)):
        open_relation(con, location, tmp_path, SourceFormat(header=True), name="again")
        assert con.execute("FROM again").fetchall() == [(expected,)]


@pytest.mark.parametrize(
    ("name", "unit", "units", "expected"),
    [
        ("census_extended.csv", "id", 32_561, {"dob": "TIMESTAMP", "address": "VARCHAR", "age": "BIGINT"}),
        ("nist_acs_national2019.csv", None, 27_253, {"PUMA": "VARCHAR", "AGEP": "BIGINT", "PINCP": "DOUBLE"}),
        ("synthea/patients.csv", "Id", 543, {"BIRTHDATE": "DATE", "SSN": "VARCHAR", "LAT": "DOUBLE"}),
        ("synthea/conditions.csv", "PATIENT", 528, {"STOP": "DATE", "CODE": "BIGINT"}),
        ("compas_two_years.csv", "id", 7_214, {"dob": "DATE", "c_jail_in": "TIMESTAMP", "c_case_number": "VARCHAR"}),
    ],
)
def test_real_tables(
    con: duckdb.DuckDBPyConnection, name: str, unit: str | None, units: int, expected: dict[str, str]
) -> None:
    if not (DATA / name).exists():
        pytest.skip(f"{name} is not beside this checkout")
    with (DATA / name).open(newline="", encoding="utf-8") as file:
        records = list(csv.reader(file))
    snapshot = bring(con, DATA, name, unit=unit, null_values=("", "N") if "nist" in name else ("",))
    assert (snapshot.rows, snapshot.units, snapshot.rejected) == (len(records) - 1, units, 0)
    assert [column for column, _ in snapshot.columns] == records[0]
    assert expected.items() <= types(snapshot).items()


cell = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r\0"), max_size=8)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(table=st.lists(st.tuples(cell, cell, cell), min_size=1, max_size=6))
def test_any_text_comes_back_as_it_was(tmp_path: Path, table: list[tuple[str, str, str]]) -> None:
    out = io.StringIO()
    csv.writer(out, quoting=csv.QUOTE_ALL, lineterminator="\n").writerows([("a", "b", "c"), *table])
    con = connect()
    name = write(tmp_path, "any.csv", out.getvalue())
    as_text = dict.fromkeys("abc", "VARCHAR")
    snapshot = bring(con, tmp_path, name, header=True, delimiter=",", encoding="utf-8", types=as_text)
    assert sorted(tuple(c or "" for c in row) for row in rows(con)) == sorted(table)
    assert snapshot.units == snapshot.rows == len(table)
    con.close()


def test_quote_is_used_for_targets(con: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    name = write(tmp_path, "a.csv", "a,b\n1,x\n")
    target = "out." + quote('my "table"')
    ingest(con, name, tmp_path, None, SourceFormat(header=True), target, 0.1, rejects="out.aside")
    assert con.execute(f"SELECT count(*) FROM {target}").fetchall() == [(1,)]
    assert con.execute("SELECT count(*) FROM out.aside").fetchall() == [(0,)]
