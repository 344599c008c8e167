"""CSV as it comes: every odd file arrives whole, or is refused, or is set aside and counted."""

from __future__ import annotations

import csv
import gzip
import io
from pathlib import Path

import duckdb
import pytest

from synth_assets.errors import SourceError
from synth_assets.ingestion.delimited import unique_names
from tests.ingestion.tables import bring, rows, types, write


def test_quoted_newlines_delimiters_and_commas(con: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    text = 'a;b\r\n1;"x\ny; z"\r\n2;"say ""hi"""\r\n'
    snapshot = bring(con, tmp_path, write(tmp_path, "a.csv", text))
    assert rows(con) == [(1, "x\ny; z"), (2, 'say "hi"')]
    assert (snapshot.rows, snapshot.units, snapshot.rejected, snapshot.bytes_read) == (2, 2, 0, len(text))


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "latin-1", "utf-16"])
def test_encodings_are_found(con: duckdb.DuckDBPyConnection, tmp_path: Path, encoding: str) -> None:
    bring(con, tmp_path, write(tmp_path, "a.csv", "größe,n\nJürgen,1\nZoë,2\n", encoding))
    assert con.sql("FROM out.data").columns[:2] == ["größe", "n"]
    assert rows(con) == [("Jürgen", 1), ("Zoë", 2)]


def test_windows_encodings_are_transcoded(con: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    bring(con, tmp_path, write(tmp_path, "a.csv", "name,price\nO’Brien,5 €\n", "cp1252"))
    assert rows(con) == [("O’Brien", "5 €")]
    bring(con, tmp_path, write(tmp_path, "b.csv", "name,town\nŁukasz,Łódź\n", "cp1250"), encoding="cp1250")
    assert rows(con) == [("Łukasz", "Łódź")]


def test_rare_broken_bytes_in_utf8_set_their_rows_aside(con: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    good = "".join(f"{i},é\n" for i in range(500)).encode()
    (tmp_path / "a.csv").write_bytes(b"id,v\n" + good + b"900,\xe9\n")
    snapshot = bring(con, tmp_path, "a.csv")
    assert (snapshot.rows, snapshot.rejected) == (500, 1)
    assert {row[1] for row in rows(con)} == {"é"}


def test_gzip(con: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    (tmp_path / "a.csv.gz").write_bytes(gzip.compress(b"a,b\n1,x\n"))
    bring(con, tmp_path, "a.csv.gz")
    assert rows(con) == [(1, "x")]
    (tmp_path / "b.csv.gz").write_bytes(gzip.compress(b"a,b\n1,x\n" * 9)[:-9])
    with pytest.raises(SourceError, match=r"b\.csv\.gz cannot be read"):
        bring(con, tmp_path, "b.csv.gz")


def test_sparse_files(con: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    only_header = bring(con, tmp_path, write(tmp_path, "h.csv", "a,b"))
    assert (only_header.rows, types(only_header)) == (0, {"a": "VARCHAR", "b": "VARCHAR"})
    bring(con, tmp_path, write(tmp_path, "one.csv", "a,b\n7,x\n"))
    assert rows(con) == [(7, "x")]
    bring(con, tmp_path, write(tmp_path, "col.csv", 'note\nhello, world\n"a;b"\n'))
    assert rows(con) == [("a;b",), ("hello, world",)]
    nulls = bring(con, tmp_path, write(tmp_path, "n.csv", "a,b\n1,\n2,\n"))
    assert types(nulls) == {"a": "BIGINT", "b": "VARCHAR"}
    for text in ("", "\n\n"):
        with pytest.raises(SourceError, match="is empty"):
            bring(con, tmp_path, write(tmp_path, "e.csv", text))


def test_names_of_columns() -> None:
    assert unique_names(["a", "A", "a", "", " ", "a_2"]) == ("a", "A_2", "a_3", "column_4", "column_5", "a_2_2")


def test_odd_names_and_comment_signs(con: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    names = ['say "x"', "it's", "select", "😀 a", "raw", "{x}"]
    out = io.StringIO()
    csv.writer(out).writerows([names, ["#1", "b", "c", "d", "e", "f"]])
    bring(con, tmp_path, write(tmp_path, "a[1]*.csv", out.getvalue()))
    assert con.sql("FROM out.data").columns[:6] == names
    assert rows(con) == [("#1", "b", "c", "d", "e", "f")]


def test_a_person_settles_header_and_delimiter(con: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    name = write(tmp_path, "a.csv", "1~2\n3~4\n")
    assert bring(con, tmp_path, name, header=True, delimiter="~").columns == (("1", "BIGINT"), ("2", "BIGINT"))
    assert bring(con, tmp_path, name, header=False, delimiter="~").rows == 2
