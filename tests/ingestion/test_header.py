"""A first record becomes names only where that is certain: a person's cells are never names of columns."""

from __future__ import annotations

import csv
import random
from pathlib import Path

import duckdb
import pytest

from synth_assets.errors import SourceError
from synth_assets.ingestion import SourceFormat, ingest
from synth_assets.ingestion.header import names_columns
from tests.ingestion.tables import DATA, bring, rows, write

TOWNS = "".join(f"{'NS'[i % 2]},{'ABC'[i % 3]}\n" for i in range(40))


@pytest.mark.parametrize(
    ("text", "header"),
    [
        ("name,town\nBob,Ulm\nAl,Bonn\n", True),
        ("imię,miasto\nBob,Ulm\nAl,Bonn\n", True),
        ("a,b\n1,2\n2,3\n3,4\n", True),
        ("v1,v2,w\nno,1,3\nyes,2,4\nno,3,5\nyes,4,6\n", False),
        ("zz,qq\n" + TOWNS, True),
        ("first_name,last_name\n", True),
        ("1,Smith\n2,Jones\n3,Brown\n", False),
        ("Al,al@example.org\nBo,bo@example.org\n", False),
        ("Al,1990-01-02\nBo,1991-03-04\nCy,1991-03-05\nDi,1991-03-06\n", False),
        ("Jane Roe,n,nurse\nJo Doe,s,cook\nMo Poe,n,smith\n", False),
        ("Jane Roe,N/A,unknown\n" + "".join(f"Jo,{i},{i}\n" for i in range(9)), False),
        ("asthma,cancer\ndiabetes,hypertension\ndepression,covid\n", False),
        ("Jane Roe,asthma,cancer\nJo Doe,n,m\n", False),
        ("Q\n" + TOWNS, False),
        ("S,Q\n" + TOWNS, False),
        ("a,b\n", False),
        ("2019,2020\n1,2\n", False),
        ("a,a\n1,2\n2,3\n3,4\n", False),
    ],
)
def test_evidence(text: str, header: bool) -> None:
    assert names_columns(list(csv.reader(text.splitlines()))) is header


def test_a_decided_name_settles_it_unless_the_column_holds_it_too() -> None:
    table = [["Person", "zz"], ["Jane Roe", "n"], ["Jo Doe", "s"]]
    assert names_columns(table, {"person"})
    assert not names_columns(table, {"unit"})
    assert not names_columns([*table, ["Person", "n"]], {"person"})


def test_in_doubt_the_first_record_is_a_row_and_the_user_is_told(
    con: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    name = write(tmp_path, "a.csv", "Jane Roe,n,nurse\nJo Doe,s,cook\nMo Poe,n,smith\n")
    snapshot = bring(con, tmp_path, name, header=None)
    assert [column for column, _ in snapshot.columns] == ["column_1", "column_2", "column_3"]
    assert ("Jane Roe", "n", "nurse") in rows(con)
    (note,) = snapshot.notes
    assert "a.csv" in note
    assert "`format: {header: true}`" in note
    for how in ({"unit": "person"}, {"types": {"person": "VARCHAR"}}):
        with pytest.raises(SourceError, match=r"not certain.*header: true") as caught:
            bring(con, tmp_path, name, header=None, **how)
        assert not any(cell in str(caught.value) for cell in ("Jane", "nurse"))
    assert bring(con, tmp_path, name, header=False).notes == ()
    assert bring(con, tmp_path, name, header=True).notes == ()


def test_the_spec_tells_a_header_from_a_row(con: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    name = write(tmp_path, "a.csv", "zz,qq\nJane Roe,nurse\nJo Doe,cook\n")
    assert bring(con, tmp_path, name, unit="QQ", header=None).rows == 2
    assert bring(con, tmp_path, name, types={"zz": "VARCHAR"}, header=None).rows == 2
    con.execute("DROP TABLE out.data; DROP TABLE out.rejects")
    known = ingest(con, name, tmp_path, None, SourceFormat(), "out.data", 0.1, known={"Zz"})
    assert [column for column, _ in known.columns] == ["zz", "qq"]


def test_of_many_files_one_settles_the_header_of_the_others(con: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    write(tmp_path, "1.csv", "zz,id\nJo Doe,1\nMo Poe,2\nAl Roe,3\n")
    write(tmp_path, "2.csv", "id,zz\n")
    write(tmp_path, "3.csv", "zz\nJo\n")
    snapshot = bring(con, tmp_path, "*.csv", header=None)
    assert ([column for column, _ in snapshot.columns], snapshot.rows) == (["zz", "id"], 4)
    write(tmp_path, "4.csv", "Jane Roe,9\n")
    assert "4.csv" in bring(con, tmp_path, "*.csv", header=None).notes[0]


def test_real_tables_keep_their_headers_and_lend_no_row() -> None:
    if not DATA.is_dir():
        pytest.skip("the shared tables are not on this machine")
    rng = random.Random(1)
    for file in sorted(DATA.glob("**/*.csv")):
        if file.name == "labels.csv":
            continue
        with file.open(newline="", encoding="utf-8-sig") as lines:
            table = [record for record, _ in zip(csv.reader(lines), range(300), strict=False) if record]
        assert names_columns(table), file.name
        header, *people = (record for record in table if len(record) == len(table[0]))
        for _ in range(4):
            some = rng.sample(range(len(header)), min(len(header), 3))
            assert not names_columns([[record[place] for place in some] for record in people]), file.name
            rng.shuffle(people)
            assert not names_columns(people), file.name
