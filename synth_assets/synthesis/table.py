"""A table to be fitted, wherever it comes from: opened once, read by SQL and in blocks, closed without a trace."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import numpy as np
from numpy.typing import NDArray

from synth_assets.errors import DomainError, SourceError
from synth_assets.storage import literal, quote
from synth_assets.synthesis.schema import Field

if TYPE_CHECKING:
    import duckdb
    import pandas as pd

    Table = duckdb.DuckDBPyRelation | pd.DataFrame | str | Path

_VECTORS = 64
"""Vectors of 2,048 rows that one block holds; small enough to stay in the cache, large enough for numpy."""

_NO_COLUMN = "the table has no column; choose at least one"

BOOKKEEPING = ("__unit", "__control")


class Rows:
    """A snapshot of the rows under neutral column names: column i is ``c{i}``; lives in the connection's memory."""

    def __init__(self, relation: duckdb.DuckDBPyRelation, fields: tuple[Field, ...], name: str) -> None:
        self._relation = relation
        self.fields = fields
        self._name = name

    def query(self, sql: str) -> duckdb.DuckDBPyRelation:
        """The result of ``sql``, which names the snapshot as :attr:`source`."""
        return self._relation.query(f"{self._name}_view", sql)

    @property
    def source(self) -> str:
        """The name of the snapshot in SQL."""
        return f"temp.{self._name}"

    def kept(self, name: str, sql: str) -> str:
        """Keep the result of ``sql`` under a name of its own until it is dropped; returns that name."""
        full = f"temp.{self._name}_{name}"
        self.query(f"CREATE TEMP TABLE {full} AS {sql}")
        return full

    def dropped(self, full: str) -> None:
        """Drop what was kept."""
        self.query(f"DROP TABLE {full}")

    def numbers(self, sql: str) -> dict[str, NDArray[Any]]:
        """The columns of a result without nulls, as arrays."""
        return {name: np.asarray(values) for name, values in self.query(sql).fetchnumpy().items()}

    def blocks(self, sql: str) -> Iterator[pd.DataFrame]:
        """The result of ``sql`` in blocks of rows; nothing but the block is held."""
        result = self.query(sql)
        while len(block := result.fetch_df_chunk(_VECTORS)):
            yield block


@contextmanager
def opened(table: Table) -> Iterator[Rows]:
    """Open a DuckDB relation, a pandas DataFrame or the path of a CSV or Parquet file.

    Raises:
        SourceError: it is none of these, or the file cannot be read.
        DomainError: two columns share a name, or bookkeeping columns of the restricted zone are among them.
    """
    import duckdb

    if isinstance(table, duckdb.DuckDBPyRelation):
        with _snapshot(table, _fields(table)) as rows:
            yield rows
        return
    con = duckdb.connect()
    try:
        con.execute("SET temp_directory = ''")
        relation, fields = _from_path(con, Path(table)) if isinstance(table, str | Path) else _from_frame(con, table)
        with _snapshot(relation, fields) as rows:
            yield rows
    finally:
        con.close()


@contextmanager
def _snapshot(relation: duckdb.DuckDBPyRelation, fields: tuple[Field, ...]) -> Iterator[Rows]:
    """Copy the rows into a temporary table, so that every query sees the same rows and none is computed twice."""
    _check_names(fields)
    name = f"rows_{uuid4().hex}"
    chosen = ", ".join(f"{quote(column)} AS c{i}" for i, column in enumerate(relation.columns))
    view = f"{name}_view"
    relation.query(view, f"CREATE TEMP TABLE {name} AS SELECT {chosen} FROM {view}")
    snapshot = relation.query(view, f"SELECT * FROM temp.{name}")
    try:
        yield Rows(snapshot, fields, name)
    finally:
        snapshot.query(view, f"DROP TABLE temp.{name}")
        relation.query(view, f"DROP VIEW IF EXISTS temp.{view}")


def _fields(relation: duckdb.DuckDBPyRelation) -> tuple[Field, ...]:
    return tuple(
        Field(label=name, type="INTEGER" if str(kind) == '"NULL"' else str(kind))
        for name, kind in zip(relation.columns, relation.types, strict=True)
    )


def _from_path(con: duckdb.DuckDBPyConnection, path: Path) -> tuple[duckdb.DuckDBPyRelation, tuple[Field, ...]]:
    import duckdb

    readers: dict[str, Callable[[str], duckdb.DuckDBPyRelation]] = {
        ".csv": lambda p: con.sql(f"SELECT * FROM read_csv({literal(p)}, sample_size = -1)"),
        ".parquet": lambda p: con.sql(f"SELECT * FROM read_parquet({literal(p)})"),
    }
    if path.suffix.lower() not in readers:
        raise SourceError(f"table {path.name}: a path must end in .csv or .parquet; or pass a relation or a DataFrame")
    try:
        relation = readers[path.suffix.lower()](str(path))
    except duckdb.Error as error:
        raise SourceError(
            f"table {path.name} cannot be read as {path.suffix} ({type(error).__name__}); "
            "check that it exists and is whole"
        ) from None
    return relation, _fields(relation)


def _from_frame(con: duckdb.DuckDBPyConnection, table: Any) -> tuple[duckdb.DuckDBPyRelation, tuple[Field, ...]]:
    import pandas as pd

    if not isinstance(table, pd.DataFrame):
        raise SourceError(f"a table is a DuckDB relation, a pandas DataFrame or a path, not a {type(table).__name__}")
    if table.shape[1] == 0:
        raise DomainError(_NO_COLUMN)
    neutral = table.set_axis([f"c{i}" for i in range(table.shape[1])], axis=1)
    relation = con.from_df(neutral)
    fields = tuple(
        Field(
            label=label if isinstance(label, int) else str(label),
            type=field.type,
            dtype=str(dtype),
            nullable=_nullable(dtype),
        )
        for field, label, dtype in zip(_fields(relation), table.columns, table.dtypes, strict=True)
    )
    return relation, fields


def _nullable(dtype: Any) -> bool:
    """Whether a column of a pandas type can hold a missing value: numpy's integers and booleans cannot."""
    return not (isinstance(dtype, np.dtype) and dtype.kind in "iub")


def _check_names(fields: tuple[Field, ...]) -> None:
    names = [field.name for field in fields]
    if not names:
        raise DomainError(_NO_COLUMN)
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise DomainError(f"columns must have different names; rename one of each: {', '.join(twice)}")
    kept = [name for name in names if name in BOOKKEEPING]
    if kept:
        raise DomainError(
            f"columns {', '.join(kept)} are bookkeeping of the restricted zone; leave them out of the table"
        )
