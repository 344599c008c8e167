"""Sources that are no sources: tables that this warehouse made, and files of which no row could be read."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest

from resources.environment import open_ledger, open_warehouse
from synth_assets.errors import SourceError
from synth_assets.ingestion import SourceFormat, ingest
from synth_assets.pipeline import Platform, ingest_source
from synth_assets.spec import load_spec
from synth_assets.storage import install_keys


def platform(folder: Path, path: str, extra: str = "") -> Platform:
    spec = folder / "synth.yaml"
    spec.write_text(f"sources:\n  - {{name: again, path: {path}{extra}}}\n")
    read = load_spec(spec, {})
    warehouse = open_warehouse(read.root)[0]
    return Platform(read, warehouse, open_ledger(warehouse), lambda: "2026-01-01", "run")


@pytest.mark.parametrize(
    "path", ["warehouse/published/team/tables/x.parquet", "warehouse/**/*.parquet", "linked.parquet", "ok.parquet"]
)
def test_what_the_warehouse_made_is_no_source(tmp_path: Path, path: str) -> None:
    """Else a k-anonymous table could be fitted privately, and its people be charged under another name."""
    opened = platform(tmp_path, path)
    made = tmp_path / "warehouse/published/team/tables"
    made.mkdir(parents=True)
    for file in (made / "x.parquet", tmp_path / "ok.parquet"):
        duckdb.sql(f"COPY (SELECT range AS a FROM range(20)) TO '{file}'")
    (tmp_path / "linked.parquet").symlink_to(made / "x.parquet")
    if path == "ok.parquet":
        assert ingest_source(opened, "again").rows == 20
        return
    with pytest.raises(SourceError, match="lies in the warehouse"):
        ingest_source(opened, "again")


def test_the_key_of_the_warehouse_is_no_source(tmp_path: Path) -> None:
    opened = platform(tmp_path, "warehouse/secret.key", ", format: {format: csv, header: false}")
    with pytest.raises(SourceError, match="lies in the warehouse"):
        ingest_source(opened, "again")


def test_a_line_break_in_the_name_of_a_column_is_refused(tmp_path: Path) -> None:
    """DuckDB finds no row behind such a header: the source would be empty, and nobody would know."""
    (tmp_path / "people.csv").write_text('id,"new\nline"\n' + "".join(f"{i},x\n" for i in range(50)))
    con = duckdb.connect()
    install_keys(con, b"x" * 32)
    with pytest.raises(SourceError, match="line break"):
        ingest(con, "people.csv", tmp_path, None, SourceFormat(), "raw", 0.0, "rejects")
