"""Bring a source into the restricted zone: rows with their unit and control flag, and what was set aside.

``__unit`` is a keyed hash of the privacy unit, ``__control`` says whether the unit belongs to the control sample. Both
depend on the unit alone, so a person has the same in every table, and a new row never moves an old one.
"""

from __future__ import annotations

import json
from collections.abc import Collection
from pathlib import Path
from typing import Literal

import duckdb
from pydantic import BaseModel, ConfigDict

from synth_assets.errors import SourceError
from synth_assets.ingestion.delimited import count_records
from synth_assets.ingestion.location import SourceFormat, suggestion
from synth_assets.ingestion.relation import REJECTS, Column, Opened, opened, readable, remarks
from synth_assets.storage import columns_of, literal, quote

_BOOKKEEPING = ("__unit", "__control")
_MANY = 0.01  # share of rows; more of them do not hold other rows by mistake
_FLOATS = ("FLOAT", "DOUBLE", "DECIMAL")


class Snapshot(BaseModel):
    """What was ingested, in counts.

    Attributes:
        snapshot_id: 32 hexadecimal digits, a keyed hash of content: names and types of columns, the rows whatever
            their order, the unit and the control share. Without the key it confirms no guess about the rows.
        columns: names and DuckDB types, without the bookkeeping columns.
        rows: rows that products may be made of.
        units: distinct privacy units among them.
        rejected: rows set aside because they cannot be read or a cell does not fit its column.
        without_unit: rows set aside because the unit is missing: there is no one to protect them by.
        bytes_read: size of the files.
        notes: sentences for the user about what was decided in doubt.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    snapshot_id: str
    columns: tuple[tuple[str, str], ...]
    rows: int
    units: int
    rejected: int
    without_unit: int
    bytes_read: int
    notes: tuple[str, ...] = ()


class SchemaChange(BaseModel):
    """One difference between the columns of two snapshots."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    column: str
    kind: Literal["gone", "new", "retyped"]
    before: str | None = None
    after: str | None = None

    @property
    def text(self) -> str:
        """One sentence for the user."""
        if self.kind == "gone":
            return f"column `{self.column}` ({self.before}) is gone"
        if self.kind == "new":
            return f"column `{self.column}` ({self.after}) is new"
        return f"column `{self.column}` was {self.before} and is {self.after}"


def schema_changes(before: Snapshot, after: Snapshot) -> tuple[SchemaChange, ...]:
    """What changed between the columns of two snapshots: gone, then new, then retyped, each in its table's order."""
    old, new = dict(before.columns), dict(after.columns)
    gone = [SchemaChange(column=name, kind="gone", before=old[name]) for name in old if name not in new]
    added = [SchemaChange(column=name, kind="new", after=new[name]) for name in new if name not in old]
    retyped = [
        SchemaChange(column=name, kind="retyped", before=old[name], after=new[name])
        for name in old
        if name in new and old[name] != new[name]
    ]
    return (*gone, *added, *retyped)


def ingest(
    con: duckdb.DuckDBPyConnection,
    location: str,
    base: Path,
    unit: str | None,
    options: SourceFormat,
    target: str,
    control_fraction: float,
    rejects: str = "out.rejects",
    known: Collection[str] = (),
) -> Snapshot:
    """Create the tables ``target`` and ``rejects`` from a source, in one streaming pass over it.

    Args:
        con: a connection with the macros of :func:`synth_assets.storage.install_keys`.
        location: a file, a glob, ``file.duckdb::table`` or ``duckdb:///file?table=name``.
        base: the folder that relative paths start from.
        unit: the column of the privacy unit. None: each row is a unit, known by its content and, among exact
            duplicates, by a number.
        options: how to read the source.
        target: qualified SQL name of the table to create: the source's columns, ``__unit``, ``__control``.
        control_fraction: expected share of units in the control sample, in [0, 1).
        rejects: qualified SQL name of the table of rows set aside: ``reason``, ``line``, ``content``. Personal data.
        known: names of columns that a person has decided, besides ``unit``; they tell a header from a row.

    Raises:
        SourceError: the source cannot be read, the unit is no column of it, or too many rows were set aside.
    """
    if not 0 <= control_fraction < 1:
        raise SourceError(f"the control share ({control_fraction}) must be at least 0 and below 1; correct it")
    decided = {*known, *([] if unit is None else [unit])}
    with opened(con, location, base, options, known=decided) as source:
        unit_column = None if unit is None else _unit_column(source, unit)
        _drop_records(con)
        try:
            with readable(source.location):
                con.execute(f"CREATE TABLE {target} AS {_rows(source, unit_column, control_fraction)}")
            rejected, without_unit = _set_aside(con, source, target, rejects)
        finally:
            _drop_records(con)
    rows, units = con.execute(f"SELECT count(*), count(DISTINCT __unit) FROM {target}").fetchall()[0]
    _check_rejects(location, rows + without_unit, rejected, options)
    columns = tuple(pair for pair in columns_of(con, target) if pair[0] not in _BOOKKEEPING)
    return Snapshot(
        snapshot_id=_snapshot_id(con, target, columns, unit, control_fraction),
        columns=columns,
        rows=rows,
        units=units,
        rejected=rejected,
        without_unit=without_unit,
        bytes_read=source.location.size,
        notes=source.notes,
    )


def _unit_column(source: Opened, unit: str) -> Column:
    by_name = {column.name.lower(): column for column in source.columns}
    if unit.lower() not in by_name:
        names = [column.name for column in source.columns]
        raise SourceError(
            f"{source.location.text} has no column `{unit}` for the privacy unit{suggestion(unit, names)}; "
            f"name one of its columns in `unit`{remarks(source)}"
        )
    return by_name[unit.lower()]


def _rows(source: Opened, unit: Column | None, control_fraction: float) -> str:
    """SQL of the rows with their unit, control flag and, where a row is to be set aside, why and what it was."""
    names = ", ".join(quote(column.name) for column in source.columns)
    cells = ", ".join(f"{column.value} AS {quote(column.name)}" for column in source.columns)
    unreadable, reason = _misfit(source)
    hashed, rank = _unit_hash(source, unit)
    return f"""
        SELECT {names}, {_number(1)} AS __unit, {_control(control_fraction)} AS __control, __misfit, __content
        FROM (SELECT *, {hashed} AS __hash
              FROM (SELECT *, {rank} AS __rank
                    FROM (SELECT {cells}, {reason} AS __misfit,
                                 CASE WHEN {unreadable} THEN CAST(to_json(__source_row) AS VARCHAR) END AS __content
                          FROM {source.recording} AS __source_row)))
    """


def _misfit(source: Opened) -> tuple[str, str]:
    """SQL of whether a row is to be set aside, and of the reason."""
    checked = [column for column in source.columns if column.fits != "true"]
    misfit = " OR ".join(f"NOT {column.fits}" for column in checked) or "false"
    culprits = ", ".join(f"CASE WHEN NOT {column.fits} THEN {literal(column.name)} END" for column in checked) or "''"
    return (
        f"(NOT {source.readable} OR {misfit})",
        f"CASE WHEN NOT {source.readable} THEN 'holds nothing that can be read' "
        f"WHEN {misfit} THEN 'does not fit the type of ' || concat_ws(', ', {culprits}) END",
    )


def _number(place: int) -> str:
    """SQL of the first or second 64 bits of a unit's hash; they tell nothing of each other."""
    return f"CAST('0x' || substr(__hash, {16 * place - 15}, 16) AS UBIGINT)"


def _control(control_fraction: float) -> str:
    drawn = f"CAST({_number(2)} AS DOUBLE) / 18446744073709551616"
    return f"coalesce({drawn} < CAST({control_fraction!r} AS DOUBLE), false)"


def _unit_hash(source: Opened, unit: Column | None) -> tuple[str, str]:
    """SQL of the keyed hash of the unit, and of the number of a row among exact duplicates where rows are units."""
    if unit is not None:
        return f"keyed_hex('unit', {_unit_text(unit)})", "1"
    row = f"md5({row_text([(column.name, column.type) for column in source.columns])})"
    rank = f"row_number() OVER (PARTITION BY {row}, __misfit IS NULL)"
    return f"keyed_hex('unit', {row} || '#' || CAST(__rank AS VARCHAR))", rank


def _unit_text(unit: Column) -> str:
    """SQL of the unit as text: 7, 7.0 and ' 7' are one person, whichever way a table happens to write them."""
    cell = quote(unit.name)
    if unit.type.startswith(_FLOATS):
        whole = f"{cell} = trunc({cell}) AND abs({cell}) < 9007199254740992"
        number = f"CASE WHEN {whole} THEN CAST(CAST({cell} AS BIGINT) AS VARCHAR) ELSE CAST({cell} AS VARCHAR) END"
        return number if unit.type.startswith("DECIMAL") else f"CASE WHEN NOT isnan({cell}) THEN {number} END"
    return f"nullif(trim(CAST({cell} AS VARCHAR)), '')"


def row_text(columns: list[tuple[str, str]]) -> str:
    """SQL of a row as one JSON text, exact for every plain type: decimals and wide numbers as text."""
    exact = [
        f"CAST({quote(name)} AS VARCHAR)" if type_.startswith(("DECIMAL", "HUGEINT")) else quote(name)
        for name, type_ in columns
    ]
    return f"CAST(json_array({', '.join(exact)}) AS VARCHAR)"


def _set_aside(con: duckdb.DuckDBPyConnection, source: Opened, target: str, rejects: str) -> tuple[int, int]:
    """Move rows that cannot be used from ``target`` to ``rejects``; how many cannot be read, and have no unit.

    A quote that is never closed swallows the lines after it: each of them counts.
    """
    con.execute(f"CREATE TABLE {rejects} (reason VARCHAR, line UBIGINT, content VARCHAR)")
    broken = 0
    if source.location.kind == "csv":
        broken = _broken_records(con, source, target, rejects) + _mark_swallowed(con, source, target)
    misfit, without_unit = con.execute(
        f"SELECT count(__misfit), count(*) FILTER (__misfit IS NULL AND __unit IS NULL) FROM {target}"
    ).fetchall()[0]
    if misfit or without_unit:
        con.execute(
            f"INSERT INTO {rejects} SELECT coalesce(__misfit, 'has no unit'), NULL, "
            f"coalesce(__content, CAST(to_json(__aside) AS VARCHAR)) FROM {target} AS __aside "
            "WHERE __misfit IS NOT NULL OR __unit IS NULL"
        )
        con.execute(f"DELETE FROM {target} WHERE __misfit IS NOT NULL OR __unit IS NULL")
    for helper in ("__misfit", "__content"):
        con.execute(f"ALTER TABLE {target} DROP COLUMN {helper}")
    return broken + misfit, without_unit


def _broken_records(con: duckdb.DuckDBPyConnection, source: Opened, target: str, rejects: str) -> int:
    """Keep what DuckDB could not read, and count it.

    DuckDB keeps only the head of a record that a quote made long. Where there is one, all lines that became no row
    are counted instead.
    """
    per_line = f"""
        SELECT lower(any_value(error_type)) AS reason, line, any_value(csv_line) AS content,
               bool_or(error_type = 'LINE SIZE OVER MAXIMUM'
                       OR contains(rtrim(csv_line, chr(10) || chr(13)), chr(10))) AS swallowing
        FROM temp.{REJECTS} GROUP BY scan_id, file_id, line
    """
    con.execute(f"INSERT INTO {rejects} SELECT reason, line, content FROM ({per_line})")
    broken, swallowing = con.execute(
        f"SELECT count(*), coalesce(bool_or(swallowing), false) FROM ({per_line})"
    ).fetchall()[0]
    if not swallowing:
        return int(broken)
    inside = " + ".join(_breaks(quote(column.name)) for column in source.columns if column.type == "VARCHAR") or "0"
    lines = con.execute(f"SELECT count(*) + coalesce(sum({inside}), 0) FROM {target}").fetchall()[0][0]
    return max(int(broken), count_records(source.location.files) - int(lines))


def _breaks(cell: str) -> str:
    return f"coalesce(len({cell}) - len(replace({cell}, chr(10), '')), 0)"


def _mark_swallowed(con: duckdb.DuckDBPyConnection, source: Opened, target: str) -> int:
    """Mark rows that hold what looks like other rows, and count those; where many rows do, it is a way of writing."""
    if source.swallowed == "false":
        return 0
    marked = f"FROM {target} WHERE __misfit IS NULL AND ({source.swallowed})"
    holders = con.execute(f"SELECT count(*) {marked}").fetchall()[0][0]
    rows = con.execute(f"SELECT count(*) FROM {target}").fetchall()[0][0]
    if not holders or holders > max(1, _MANY * rows):
        return 0
    breaks = ", ".join(_breaks(quote(column.name)) for column in source.columns if column.type == "VARCHAR")
    inside = con.execute(f"SELECT sum(greatest({breaks})) {marked}").fetchall()[0][0]
    con.execute(
        f"UPDATE {target} SET __misfit = 'holds what looks like rows that an open quote swallowed' "
        f"WHERE __misfit IS NULL AND ({source.swallowed})"
    )
    return int(inside)


def _drop_records(con: duckdb.DuckDBPyConnection) -> None:
    for name in (REJECTS, f"{REJECTS}_scan"):
        con.execute(f"DROP TABLE IF EXISTS temp.{name}")


def _check_rejects(location: str, usable: int, rejected: int, options: SourceFormat) -> None:
    if rejected > options.reject_limit * (usable + rejected):
        raise SourceError(
            f"{location}: {rejected:,} of {usable + rejected:,} rows cannot be read; `format: {{reject_limit: ...}}`"
            f" allows {options.reject_limit:.2%}; mend the file, or declare `delimiter`, `null_values` or `types`, or"
            " raise the limit"
        )


def _snapshot_id(
    con: duckdb.DuckDBPyConnection,
    target: str,
    columns: tuple[tuple[str, str], ...],
    unit: str | None,
    control_fraction: float,
) -> str:
    """A keyed hash of the table as a multiset of rows (MSet-Add-Hash, Clarke et al., ASIACRYPT 2003)."""
    row = "__unit" if unit is None else f"keyed_term('snapshot', {row_text(list(columns))})"
    count, total = con.execute(f"SELECT count(*), CAST(coalesce(sum({row}), 0) AS VARCHAR) FROM {target}").fetchall()[0]
    content = json.dumps([columns, count, total, unit, control_fraction])
    return str(con.execute("SELECT lower(left(hex(keyed_hash('snapshot', ?)), 32))", [content]).fetchall()[0][0])
