"""Bringing small files into a connection of their own; shared by the tests of ingestion."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import duckdb

from synth_assets.ingestion import (
    Snapshot,
    SourceFormat,
    ingest,
)
from synth_assets.storage import install_keys

DATA = Path(__file__).parents[2] / "../shared/data"


def connect() -> duckdb.DuckDBPyConnection:
    con = duckdb.connect()
    install_keys(con, b"a secret of thirty-two bytes....")
    con.execute("ATTACH ':memory:' AS out")
    return con


def bring(
    con: duckdb.DuckDBPyConnection, base: Path, location: str, unit: str | None = None, control: float = 0.1, **how: Any
) -> Snapshot:
    """Ingest into out.data, replacing what a test brought before; the first record is a header unless it says else."""
    con.execute("DROP TABLE IF EXISTS out.data; DROP TABLE IF EXISTS out.rejects")
    return ingest(con, location, base, unit, SourceFormat(**{"header": True, **how}), "out.data", control)


def rows(con: duckdb.DuckDBPyConnection) -> list[tuple[Any, ...]]:
    return con.execute("SELECT * EXCLUDE (__unit, __control) FROM out.data ORDER BY ALL").fetchall()


def types(snapshot: Snapshot) -> dict[str, str]:
    return dict(snapshot.columns)


def write(folder: Path, name: str, text: str, encoding: str = "utf-8") -> str:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text.encode(encoding))
    return name
