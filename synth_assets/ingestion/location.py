"""Where a source lies: a file, a glob, or a table of a DuckDB file; and how it wants to be read.

What belongs here: the options of a source and the way from the text of the spec to files that exist. What does not:
opening or looking into those files.
"""

from __future__ import annotations

import codecs
import difflib
import glob
import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from urllib.parse import parse_qs, unquote, urlsplit

from pydantic import BaseModel, ConfigDict, Field, field_validator

from synth_assets.errors import SourceError

Kind = Literal["csv", "parquet", "json", "duckdb"]

_SUFFIXES: dict[str, Kind] = {
    ".csv": "csv",
    ".tsv": "csv",
    ".tab": "csv",
    ".psv": "csv",
    ".txt": "csv",
    ".parquet": "parquet",
    ".pq": "parquet",
    ".json": "json",
    ".jsonl": "json",
    ".ndjson": "json",
    ".duckdb": "duckdb",
    ".ddb": "duckdb",
    ".db": "duckdb",
}

_TYPE = re.compile(
    r"(BOOLEAN|BOOL|U?TINYINT|U?SMALLINT|U?INTEGER|INT|U?BIGINT|HUGEINT|FLOAT|REAL|DOUBLE|DATE|TIME|TIMESTAMP|VARCHAR"
    r"|TEXT|DECIMAL|DECIMAL\(\s*\d{1,2}\s*,\s*\d{1,2}\s*\))",
    re.IGNORECASE,
)


class SourceFormat(BaseModel):
    """How a source is to be read; everything left out is worked out from the file.

    Attributes:
        format: the kind of file; ``auto`` goes by the suffix.
        delimiter: CSV: the character between two cells.
        encoding: CSV: a name of Python's codecs; else a byte order mark, UTF-8 or Windows-1252, whichever fits.
        header: CSV: whether the first record names the columns; else only where that is certain.
        null_values: CSV: cells, quoted or not, that stand for a missing value.
        date_format: CSV: how dates are written, such as ``%d/%m/%Y``; ISO dates need none.
        reject_limit: share of rows that may be unreadable; they are set aside, and beyond it the source is refused.
        types: DuckDB types of columns that a person has settled; else the first 200,000 rows of a CSV tell.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: Literal["auto", "csv", "parquet", "json", "duckdb"] = "auto"
    delimiter: str | None = Field(default=None, min_length=1, max_length=1)
    encoding: str | None = None
    header: bool | None = None
    null_values: tuple[str, ...] = ("",)
    date_format: str | None = None
    reject_limit: float = Field(default=0.01, ge=0, le=1)
    types: Mapping[str, str] = {}

    @field_validator("types")
    @classmethod
    def _known_types(cls, value: Mapping[str, str]) -> Mapping[str, str]:
        for column, name in value.items():
            if not _TYPE.fullmatch(name.strip()):
                raise ValueError(
                    f"{column} ({name}) must be one of BOOLEAN, INTEGER, BIGINT, DOUBLE, DECIMAL(p, s), DATE, TIME, "
                    "TIMESTAMP, VARCHAR; write one of them"
                )
        return {column: name.strip().upper() for column, name in value.items()}

    @field_validator("encoding")
    @classmethod
    def _known_encoding(cls, value: str | None) -> str | None:
        try:
            return value if value is None else codecs.lookup(value).name
        except LookupError:
            raise ValueError(f"({value}) is not an encoding that Python knows; write utf-8 or cp1252") from None


@dataclass(frozen=True)
class Location:
    """Files of one kind that hold a source together; ``table`` names the one to read from a DuckDB file."""

    text: str
    kind: Kind
    files: tuple[Path, ...]
    table: str | None = None

    @property
    def size(self) -> int:
        """Bytes on disk."""
        return sum(file.stat().st_size for file in self.files)


def locate(text: str, base: Path, options: SourceFormat) -> Location:
    """The files that ``text`` means.

    Args:
        text: a path, a glob (``**`` descends into folders), ``file.duckdb::table`` or ``duckdb:///file?table=name``.
        base: the folder that relative paths start from.
        options: its ``format`` overrides the suffix.

    Raises:
        SourceError: there is no such file, it is a folder, cannot be read, or is of no known kind.
    """
    path, table = _split(text)
    files = _files(text, path, base)
    kinds = {_kind(file, options, table) for file in files}
    if len(kinds) > 1:
        raise SourceError(f"{text} matches files of several kinds ({', '.join(sorted(kinds))}); narrow it to one")
    kind = kinds.pop()
    if kind == "duckdb" and not table:
        raise SourceError(f"{text} is a database and needs a table; write `{path}::TABLE`")
    if kind == "duckdb" and len(files) > 1:
        raise SourceError(f"{text} matches {len(files)} databases; a table is read from one of them, so name it")
    if kind != "duckdb" and table:
        raise SourceError(f"{text} names a table of a file that is no DuckDB database; leave `::{table}` out")
    return Location(text, kind, files, table)


def _split(text: str) -> tuple[str, str | None]:
    """Path and table; ``duckdb:///relative`` and ``duckdb:////absolute`` as SQLAlchemy writes them."""
    if text.startswith("duckdb:"):
        url = urlsplit(text)
        tables = parse_qs(url.query).get("table", [])
        if not url.path.startswith("/") or url.netloc or len(tables) != 1:
            raise SourceError(f"{text} is no database URL that can be read; write `duckdb:///path?table=name`")
        return unquote(url.path[1:]), tables[0]
    if re.match(r"[A-Za-z][A-Za-z0-9+.-]+://", text):
        raise SourceError(
            f"{text.split('://', 1)[0]}:// sources cannot be read by this version; export the table to Parquet or CSV "
            "and name that file"
        )
    path, separator, table = text.rpartition("::")
    return (path, table) if separator else (text, None)


def _files(text: str, path: str, base: Path) -> tuple[Path, ...]:
    whole = base / path
    if not path.strip():
        raise SourceError("the path of the source is empty; name a file, a glob or `file.duckdb::table`")
    if whole.is_dir():
        raise SourceError(f"{text} is a folder; name the files in it, such as `{path.rstrip('/')}/*.csv`")
    if whole.exists():
        files = [whole]
    elif glob.has_magic(path):
        files = sorted(base / found for found in glob.glob(path, root_dir=base, recursive=True))
        files = [file for file in files if file.is_file()]
        if not files:
            raise SourceError(f"{text} matches no file below {base}; correct the pattern, or bring the files there")
    else:
        raise SourceError(
            f"{text} does not exist below {base}; correct the path, or bring the file there{_close(whole)}"
        )
    for file in files:
        if not file.is_file() or not os.access(file, os.R_OK):
            raise SourceError(f"{file.name} of {text} cannot be read by this user; change its permissions")
    return tuple(files)


def _close(path: Path) -> str:
    siblings = [item.name for item in path.parent.iterdir()] if path.parent.is_dir() else []
    return suggestion(path.name, siblings)


def _kind(file: Path, options: SourceFormat, table: str | None) -> Kind:
    if options.format != "auto":
        return options.format
    name = file.name.lower().removesuffix(".gz")
    kind = _SUFFIXES.get(Path(name).suffix) or ("duckdb" if table else None)
    if kind is None:
        raise SourceError(
            f"{file.name} has no suffix that says what it is; write `format: {{format: csv}}`, or parquet, json, duckdb"
        )
    return kind


def glob_free(path: str) -> str:
    """A path that DuckDB takes as it is, though it may hold characters of a pattern."""
    return "".join(f"[{character}]" if character in "*?[" else character for character in path)


def suggestion(word: str, known: Iterable[str]) -> str:
    """The end of a message: the nearest of the known words, or nothing."""
    lowered = {item.lower(): item for item in known}
    close = difflib.get_close_matches(word.lower(), lowered, n=1, cutoff=0.5)
    return f"; did you mean `{lowered[close[0]]}`?" if close else ""
