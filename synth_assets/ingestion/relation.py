"""A source as SQL: what to scan, and how each column becomes one of a few plain types.

What belongs here: opening files of each kind and the expressions that turn their columns into booleans, numbers,
dates, times and text. What does not: hashing, setting rows aside, writing.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import duckdb

from synth_assets.errors import SourceError
from synth_assets.ingestion.delimited import Delimited, read_dialects
from synth_assets.ingestion.inference import FIRST, SAMPLE, TEXT, Form, declared, infer
from synth_assets.ingestion.location import Location, SourceFormat, glob_free, locate, suggestion
from synth_assets.storage import ROW, columns_of, literal, quote

_OWN = ("__unit", "__control", "__female", "__home", "__shift")  # what tables of rows carry beside the source's columns
RESERVED = (*_OWN, "__misfit", "__content", "__rank", "__hash", "__source_row", "__aside", ROW)
"""Names that ingestion, or SQL over a row as a whole, uses; matched without regard to case, as DuckDB does."""

_PLAIN = {
    *("BOOLEAN", "TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT"),
    *("FLOAT", "DOUBLE", "DATE", "TIME", "TIMESTAMP", "VARCHAR"),
}
_ATTACHED = "source_database"
_SMALL_TEXT = 1 << 27  # bytes of text that are read once and kept, as text is slow to read several times
_FEW_HOLDERS = 5  # records; a key of JSON that fewer hold is no column


@dataclass(frozen=True)
class Column:
    """One column: its name, its type, SQL of its value over the scan, and SQL that is false where a cell is refused."""

    name: str
    type: str
    value: str
    fits: str


@dataclass(frozen=True)
class Opened:
    """A source that can be scanned.

    Attributes:
        location: the files.
        columns: in the order of the source.
        scan: FROM-able SQL; records that cannot be read are passed over.
        recording: the same, storing what is passed over in the temporary tables :data:`REJECTS` and their scans.
        readable: SQL that is false for rows that hold nothing readable.
        stable: whether the scan stays possible after the source is closed.
        swallowed: SQL of whether a row holds, in a cell of text, what looks like other rows.
        notes: sentences for the user about what was decided in doubt; they hold no cell.
    """

    location: Location
    columns: tuple[Column, ...]
    scan: str
    recording: str
    readable: str = "true"
    stable: bool = True
    swallowed: str = "false"
    notes: tuple[str, ...] = ()

    def select(self) -> str:
        """SQL of all rows that can be read; cells that do not fit their column are NULL."""
        cells = ", ".join(f"{column.value} AS {quote(column.name)}" for column in self.columns)
        return f"SELECT {cells} FROM {self.scan} AS __source_row WHERE {self.readable}"


REJECTS = "source_rejects"
_RECORDING = "store_rejects=true, rejects_table='source_rejects', rejects_scan='source_rejects_scan'"


@contextmanager
def readable(location: Location) -> Iterator[None]:
    """Turn what DuckDB says about a file that it cannot read into a sentence without cells.

    Raises:
        SourceError: the file is damaged, locked, encrypted, or not what its suffix says.
    """
    failure = ""
    try:
        yield
    except (duckdb.OutOfMemoryException, duckdb.InterruptException):
        raise
    except duckdb.Error as error:
        if "No space left" in str(error):
            raise
        failure = _reason(str(error), type(error).__name__, location)
    if failure:
        raise SourceError(f"{location.text} cannot be read as {location.kind}: {failure}")


def _reason(text: str, name: str, location: Location) -> str:
    known = {
        "lock": "another process is writing it; close that process, or export the table to Parquet",
        "handle conflict": "this process has it open for writing; close it first, or export the table to Parquet",
        "encrypted": "it is encrypted; export the table to Parquet, or decrypt it first",
        "not a valid DuckDB": "it is not a DuckDB database; export the table to Parquet or CSV",
    }
    if location.kind == "duckdb":
        return next(
            (reason for sign, reason in known.items() if sign in text), f"{name}; open it with DuckDB to see why"
        )
    if location.kind == "csv":
        return f"{name}; its quoting or its line endings are not the same throughout; write it again with one of each"
    return f"{name}; it is damaged, or not what its suffix says; write `format: {{format: ...}}` or bring it again"


@contextmanager
def opened(
    con: duckdb.DuckDBPyConnection,
    text: str,
    base: Path,
    options: SourceFormat,
    sample: int = SAMPLE,
    known: Collection[str] = (),
) -> Iterator[Opened]:
    """Open a source for scanning.

    Args:
        con: a connection.
        text: see :func:`synth_assets.ingestion.location.locate`.
        base: the folder that relative paths start from.
        options: how to read it.
        sample: rows of a CSV that settle the types of its columns.
        known: names of columns that a person has decided; they tell a header from a row.

    Raises:
        SourceError: it is missing, unreadable or empty, a declared type names no column, or a name is reserved.
    """
    location = locate(text, base, options)
    with ExitStack() as stack:
        with readable(location):
            source = _open(con, location, options, stack, sample, {*known, *options.types, *RESERVED})
        _check_names(source, options)
        yield source


def _check_names(source: Opened, options: SourceFormat) -> None:
    names = [column.name for column in source.columns]
    if taken := [name for name in names if name.lower() in RESERVED]:
        raise SourceError(f"{source.location.text} has a column {taken[0]}, a name that is reserved; rename it")
    known = {name.lower() for name in names}
    for name in options.types:
        if name.lower() not in known:
            raise SourceError(
                f"{source.location.text} has no column `{name}`, which `types` declares{suggestion(name, names)}; "
                f"correct `types`{remarks(source)}"
            )


def remarks(source: Opened) -> str:
    """The notes on a source as the end of a message."""
    return "".join(f"; {note}" for note in source.notes)


def _open(
    con: duckdb.DuckDBPyConnection,
    location: Location,
    options: SourceFormat,
    stack: ExitStack,
    sample: int,
    known: Collection[str],
) -> Opened:
    match location.kind:
        case "csv":
            return _open_csv(con, location, options, read_dialects(location, options, stack, known), sample)
        case "parquet":
            return _typed(con, location, options, f"read_parquet([{_paths(location)}], union_by_name=true)")
        case "json":
            return _open_json(con, location, options, known)
        case "duckdb":
            return _open_duckdb(con, location, options, stack)


def _open_csv(
    con: duckdb.DuckDBPyConnection, location: Location, options: SourceFormat, files: Delimited, sample: int
) -> Opened:
    settled = {name.lower(): declared(type_, options) for name, type_ in options.types.items()}
    open_names = [name for name in files.names if name.lower() not in settled]
    found = infer(con, files.sample(min(FIRST, sample)), files.sample(sample), open_names, options)
    columns = tuple(_column(name, settled.get(name.lower()) or found[name]) for name in files.names)
    swallowed = [files.swallowed(column.name) for column in columns if column.type == "VARCHAR"]
    return Opened(
        location,
        columns,
        files.scan(),
        files.scan(_RECORDING),
        stable=files.stable,
        swallowed=" OR ".join(part for part in swallowed if part != "false") or "false",
        notes=files.notes,
    )


def _column(name: str, form: Form, value: str = "") -> Column:
    value = value or quote(name)
    return Column(name, form.type, form.cast(value), form.check(value))


def _open_json(
    con: duckdb.DuckDBPyConnection, location: Location, options: SourceFormat, known: Collection[str]
) -> Opened:
    lines = all(file.name.lower().removesuffix(".gz").endswith(("l", ".ndjson")) for file in location.files)
    files = f"[{_paths(location)}]" + (", format='newline_delimited', ignore_errors=true" if lines else "")
    scan = f"read_json({files}, sample_size=-1, union_by_name=true)"
    columns = [name for name, _ in columns_of(con, scan)]
    if columns == ["json"] and con.execute(f"SELECT count(*) FROM {scan}").fetchall() == [(0,)]:
        raise SourceError(f"{location.text} holds no record; a JSON source needs one object for each row")
    rare, holders = _rare_keys(con, f"read_json_objects({files})", known)
    rare &= set(columns)
    if rare:
        kept = ", ".join(quote(name) for name in columns if name not in rare)
        scan = f"(SELECT {kept} FROM {scan})"
    some = " OR ".join(f"{quote(name)} IS NOT NULL" for name in columns if name not in rare)
    source = _typed(con, location, options, scan, some)
    return replace(source, notes=_about_keys(location, len(rare), holders)) if rare else source


def _rare_keys(con: duckdb.DuckDBPyConnection, objects: str, known: Collection[str]) -> tuple[set[str], int]:
    """Keys that too few records hold for their names to be anything but those records' own, and how many hold one."""
    decided = {name.lower() for name in known}
    keys = f"(SELECT json_keys(json) AS keys FROM {objects} WHERE json_type(json) = 'OBJECT')"
    found = con.execute(f"SELECT key, count(*) FROM (SELECT unnest(keys) AS key FROM {keys}) GROUP BY key").fetchall()
    records = con.execute(f"SELECT count(*) FROM {keys}").fetchall()[0][0]
    few = min(records / 2, max(_FEW_HOLDERS, records / 1000))
    rare = {str(key): int(holders) for key, holders in found if holders < few and key.lower() not in decided}
    return set(rare), max(rare.values(), default=0)


def _about_keys(location: Location, keys: int, holders: int) -> tuple[str, ...]:
    return (
        f"{location.text}: {keys} keys that at most {holders} records hold each are left out, as a name that few "
        "records have may be about a person; to keep one, name it in `columns` or in `format: {types: ...}`",
    )


def _open_duckdb(con: duckdb.DuckDBPyConnection, location: Location, options: SourceFormat, stack: ExitStack) -> Opened:
    con.execute(f"ATTACH {literal(str(location.files[0]))} AS {_ATTACHED} (READ_ONLY)")
    stack.callback(con.execute, f"DETACH {_ATTACHED}")
    rows = con.execute(
        "SELECT table_schema, table_name FROM information_schema.tables WHERE table_catalog = ?", [_ATTACHED]
    ).fetchall()
    tables = {(name if schema == "main" else f"{schema}.{name}"): (schema, name) for schema, name in rows}
    if location.table not in tables:
        raise SourceError(f"{location.text} has no table `{location.table}`{suggestion(str(location.table), tables)}")
    schema, name = tables[location.table]
    attached = _typed(con, location, options, f"{_ATTACHED}.{quote(schema)}.{quote(name)}")
    return replace(attached, stable=False)


def _typed(
    con: duckdb.DuckDBPyConnection, location: Location, options: SourceFormat, scan: str, some: str = "true"
) -> Opened:
    """A source that knows the types of its columns."""
    settled = {name.lower(): type_ for name, type_ in options.types.items()}
    columns = []
    for name, type_ in columns_of(con, scan):
        plain, value = _plain(type_, quote(name))
        wanted = settled.get(name.lower())
        form = declared(wanted, options, plain) if wanted else Form(plain, TEXT.value, TEXT.fits)
        columns.append(_column(name, form, value))
    return Opened(location, tuple(columns), scan, scan, f"({some})")


def _plain(type_: str, cell: str) -> tuple[str, str]:
    """The plain type that a type of DuckDB becomes, and SQL of the value."""
    if type_ in _PLAIN or type_.startswith("DECIMAL"):
        return type_, cell
    if type_.endswith("]") or type_.startswith(("STRUCT", "MAP", "UNION")):
        return "VARCHAR", f"CAST(to_json({cell}) AS VARCHAR)"
    special = {
        "JSON": ("VARCHAR", f"({cell} ->> '$')"),
        "BLOB": ("VARCHAR", f"hex({cell})"),
        "TIMESTAMP WITH TIME ZONE": ("TIMESTAMP", f"({cell} AT TIME ZONE 'UTC')"),
        "TIMESTAMP_S": ("TIMESTAMP", f"CAST({cell} AS TIMESTAMP)"),
        "TIMESTAMP_MS": ("TIMESTAMP", f"CAST({cell} AS TIMESTAMP)"),
        "TIMESTAMP_NS": ("TIMESTAMP", f"CAST({cell} AS TIMESTAMP)"),
    }
    return special.get(type_, ("VARCHAR", f"CAST({cell} AS VARCHAR)"))


def _paths(location: Location) -> str:
    return ", ".join(literal(glob_free(str(file))) for file in location.files)


def read_columns(
    con: duckdb.DuckDBPyConnection, location: str, base: Path, options: SourceFormat | None = None
) -> list[tuple[str, str]]:
    """Names and DuckDB types of a source's columns, from 20,000 rows at most.

    Raises:
        SourceError: as :func:`opened`.
    """
    with opened(con, location, base, options or SourceFormat(), sample=20_000) as source:
        return [(column.name, column.type) for column in source.columns]


def open_relation(
    con: duckdb.DuckDBPyConnection,
    location: str,
    base: Path,
    options: SourceFormat | None = None,
    name: str = "source",
) -> tuple[list[tuple[str, str]], tuple[str, ...]]:
    """Make a source queryable as the temporary view ``name``; what cannot be read is passed over.

    Files are scanned again by each query. Small files of text are copied into a temporary table instead, and tables of
    a DuckDB file and files that had to be transcoded always, as they cannot stay open.

    Returns:
        Names and DuckDB types of the columns, and notes for the user.

    Raises:
        SourceError: as :func:`opened`.
    """
    with opened(con, location, base, options or SourceFormat()) as source, readable(source.location):
        slow = source.location.kind in {"csv", "json"} and source.location.size < _SMALL_TEXT
        kind = "VIEW" if source.stable and not slow else "TABLE"
        con.execute(f"CREATE OR REPLACE TEMP {kind} {quote(name)} AS {source.select()}")
        return [(column.name, column.type) for column in source.columns], source.notes
