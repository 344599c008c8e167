"""Rows taken whole (hashed, counted, shuffled) are whole whatever their columns are called."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest

from synth_assets.deidentification import Keep, TreatedColumn
from synth_assets.errors import SourceError
from synth_assets.ingestion import SourceFormat, ingest
from synth_assets.ingestion.relation import RESERVED
from synth_assets.products import bounded_rows, without_rare_text
from synth_assets.storage import ROW, install_keys, table_digest

NAMES = ("t", "T", "d", "data", "row", "val", "hashed", "h")


def connected() -> duckdb.DuckDBPyConnection:
    con = duckdb.connect()
    install_keys(con, b"x" * 32)
    con.execute("ATTACH ':memory:' AS d")
    return con


@pytest.mark.parametrize("name", NAMES)
def test_a_digest_covers_every_column(name: str) -> None:
    con = connected()
    con.execute(f"CREATE TABLE one AS SELECT 'same' AS \"{name}\", 1 AS other")
    con.execute(f"CREATE TABLE two AS SELECT 'same' AS \"{name}\", 2 AS other")
    assert table_digest(con, "one") != table_digest(con, "two")


@pytest.mark.parametrize("name", NAMES)
def test_the_rows_of_a_unit_do_not_depend_on_where_they_lie(name: str) -> None:
    """Else another unit, by moving these rows, would change which of them are read: no sensitivity would hold."""
    chosen = []
    for order in ("ASC", "DESC"):
        con = connected()
        con.execute(
            f"CREATE TABLE d.data AS SELECT 'same' AS \"{name}\", i AS other, (i // 10)::UBIGINT AS __unit, "
            f"false AS __control FROM range(1000) AS r(i) ORDER BY i {order}"
        )
        chosen.append(sorted(con.execute(f"SELECT other FROM {bounded_rows([name, 'other'], 3)}").fetchall()))
    assert len(chosen[0]) == 300
    assert chosen[0] == chosen[1]


def test_no_source_has_a_column_that_would_hide_its_rows(tmp_path: Path) -> None:
    assert ROW in RESERVED
    for name in RESERVED:
        (tmp_path / "people.csv").write_text(f"id,{name.upper()}\n1,2\n")
        with pytest.raises(SourceError, match="reserved"):
            ingest(connected(), "people.csv", tmp_path, None, SourceFormat(), "raw", 0.0, "rejects")


def test_a_column_called_word_withholds_rare_words() -> None:
    con = connected()
    con.execute(
        "CREATE TABLE d.data AS SELECT CASE WHEN i = 7 THEN 'rare' ELSE 'often' END AS note, 'w' AS word, "
        "i::UBIGINT AS __unit, false AS __control FROM range(20) AS r(i)"
    )
    policy = [
        TreatedColumn(name=name, data_type="VARCHAR", entity_type="category", role="sensitive", treatment=Keep())
        for name in ("note", "word")
    ]
    rows = con.execute(f"SELECT note, word, count(*) FROM {without_rare_text(con, policy, 5)} GROUP BY ALL").fetchall()
    assert sorted(rows, key=str) == [("often", "w", 19), (None, "w", 1)]
