"""Types keep what was written; rows that do not fit them are set aside and counted."""

from __future__ import annotations

import json
from pathlib import Path

import duckdb
import pytest
from pydantic import ValidationError

from synth_assets.errors import SourceError
from synth_assets.ingestion import (
    SourceFormat,
)
from tests.ingestion.tables import bring, rows, types, write


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        (["1", "-2", "30"], "BIGINT"),
        (["01234", "12345"], "VARCHAR"),
        (["+4915112345", "+4915112346"], "VARCHAR"),
        (["12345678901234567890", "12345678901234567891"], "VARCHAR"),
        (["1_000", "2"], "VARCHAR"),
        (["1.5", "2", "-0.25", "1e-3"], "DOUBLE"),
        (["1.5", "inf", "nan"], "DOUBLE"),
        (["00.5", "1.5"], "VARCHAR"),
        (["true", "False"], "BOOLEAN"),
        (["2020-02-29", "1999-01-01"], "DATE"),
        (["2021-02-29", "1999-01-01"], "VARCHAR"),
        (["2020-01-01 10:00:00", "2020-01-01T11:30"], "TIMESTAMP"),
        (["2011-08-17T02:31:33Z", "2011-08-17T02:31:33+02:00"], "TIMESTAMP"),
        (["10:30", "23:59:59"], "TIME"),
        (["13/04/2020", "03/04/2020"], "DATE"),
        (["03/04/2020", "05/06/2020"], "VARCHAR"),
        (["13.04.2020", "03.04.2020"], "DATE"),
        (["x", "1"], "VARCHAR"),
    ],
)
def test_types_keep_what_was_written(
    con: duckdb.DuckDBPyConnection, tmp_path: Path, cells: list[str], expected: str
) -> None:
    snapshot = bring(con, tmp_path, write(tmp_path, "a.csv", "k,v\n" + "".join(f"r,{cell}\n" for cell in cells)))
    assert types(snapshot)["v"] == expected
    if expected == "VARCHAR":
        assert sorted(row[1] for row in rows(con)) == sorted(cells)


def test_moments_with_an_offset_become_utc(con: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    bring(con, tmp_path, write(tmp_path, "a.csv", "k,v\na,2020-01-01T00:00:00+02:00\n"))
    assert con.execute("SELECT CAST(v AS VARCHAR) FROM out.data").fetchall() == [("2019-12-31 22:00:00",)]


def test_declared_types_formats_and_nulls(con: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    name = write(tmp_path, "a.csv", "Zip,n,d\n01234,N,03/04/2020\n12345,5,04/05/2020\n")
    snapshot = bring(
        con, tmp_path, name, types={"zip": "bigint", "d": "date"}, null_values=("", "N"), date_format="%d/%m/%Y"
    )
    assert types(snapshot) == {"Zip": "BIGINT", "n": "BIGINT", "d": "DATE"}
    assert [(row[0], row[1], str(row[2])) for row in rows(con)] == [
        (1234, None, "2020-04-03"),
        (12345, 5, "2020-05-04"),
    ]
    with pytest.raises(SourceError, match="did you mean `Zip`"):
        bring(con, tmp_path, name, types={"Zipp": "BIGINT"})
    with pytest.raises(ValidationError, match="must be one of"):
        SourceFormat(types={"a": "BIGINT); DROP TABLE x"})
    with pytest.raises(ValidationError, match="not an encoding"):
        SourceFormat(encoding="utf-9")


def test_a_declared_whole_number_is_not_rounded(con: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    name = write(tmp_path, "a.csv", "k,v\na,1\nb,1.5\n")
    assert bring(con, tmp_path, name, types={"v": "INTEGER"}, reject_limit=0.5).rejected == 1
    assert rows(con) == [("a", 1)]


def test_broken_rows_are_set_aside_and_counted(con: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    good = [f"{i},x{i}" for i in range(500)]
    bad = ["77", "1,2,3", '6,"bad"quote', "oops,y"]
    name = write(tmp_path, "a.csv", "\n".join(["id,v", *good, *bad]) + "\n")
    snapshot = bring(con, tmp_path, name, types={"id": "BIGINT"})
    assert (snapshot.rows, snapshot.rejected, snapshot.without_unit) == (500, 4, 0)
    aside = con.execute("SELECT reason, line, content FROM out.rejects ORDER BY line").fetchall()
    assert [row[:2] for row in aside] == [
        ("missing columns", 502),
        ("too many columns", 503),
        ("unquoted value", 504),
        ("does not fit the type of id", None),
    ]
    assert json.loads(aside[-1][2]) == {"id": "oops", "v": "y"}


def test_beyond_the_limit_only_counts_are_told(con: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    name = write(tmp_path, "a.csv", "id,v\n" + "1,x\n" * 10 + "secret-value,y\n")
    with pytest.raises(SourceError, match="1 of 11 rows cannot be read") as caught:
        bring(con, tmp_path, name, types={"id": "BIGINT"})
    assert "secret" not in str(caught.value)


def test_an_open_quote_counts_every_line_that_it_swallows(con: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    name = write(tmp_path, "a.csv", 'a,b\n1,x\n2,"open\n3,z\n4,w\n')
    assert bring(con, tmp_path, name, reject_limit=0.9).rejected == 3


def long(first: int, last: int) -> str:
    return "".join(f"{i},name {i},town {i}\n" for i in range(first, last))


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ('1,a,p\n2,"open,q\n3,z,r\n4,"",s\n5,y",t\n6,k,l\n', 2),
        ('1,a,p\n2,"open,q\n3,z,r\n4,5 ft 3",s\n5,y,t\n', 2),
        ('1,"open,q\n2,z,5 ft 3"\n3,y,t\n', 1),
        ('1,a,"open\n2,z,5 ft 3"\n3,y,t\n', 1),
        ('1,a,p\n2,"open,q\n3,z,r\n4,"w",s\n5,y,t\n', 2),
        ('1,a,p\n2,"open,q\n3,z,r\n', 1),
        (f'{long(0, 50)}50,"open,q\n{long(51, 3000)}', 50),
        (f'{long(0, 50)}50,"open,q\n{long(51, 99_000)}99000,5 ft 3",z\n{long(99_001, 99_101)}', 150),
    ],
)
def test_rows_that_an_open_quote_swallows_are_counted(
    con: duckdb.DuckDBPyConnection, tmp_path: Path, text: str, kept: int
) -> None:
    """Whether the quote ends with the file, at a stray quote, or at one that reads like its own; also beyond 2 MB."""
    snapshot = bring(con, tmp_path, write(tmp_path, "a.csv", "id,a,b\n" + text), reject_limit=1)
    assert (snapshot.rows, snapshot.rejected) == (kept, text.count("\n") - kept)


def test_cells_of_several_lines_are_no_swallowed_rows(con: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    cells = ["12 Main St\nLake, FL", "a,b\nc", "x\n\ny", "one,\ntwo,"]
    text = "id,address,note,town\n" + "".join(f'{i},"{cell}",n,t\n' for i, cell in enumerate(cells))
    assert bring(con, tmp_path, write(tmp_path, "a.csv", text)).rows == len(cells)
    usual = "".join(f'{i},"12 Main St, Apt {i}\nLake, FL",x\n' for i in range(50))
    assert bring(con, tmp_path, write(tmp_path, "b.csv", "id,address,phone\n" + usual)).rows == 50


def test_values_after_the_sample_do_not_change_in_silence(con: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    lines = ["id,v", *(f"{i},1" for i in range(1, 200_001)), "007,1", "8,x"]
    snapshot = bring(con, tmp_path, write(tmp_path, "a.csv", "\n".join(lines) + "\n"))
    assert types(snapshot)["id"] == "BIGINT"
    assert (snapshot.rows, snapshot.rejected) == (200_000, 2)


def test_mixed_line_endings_are_refused_not_bent(con: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="line endings"):
        bring(con, tmp_path, write(tmp_path, "a.csv", "a,b\r\n1,x\n2,z\r\n"))
