"""CSV as it comes: encodings, dialects and headers, settled before DuckDB reads the first row.

DuckDB's own sniffer is not used: it answers for the first file of a glob, reads ``#`` as a comment and settles on a
wrong delimiter when a file holds broken lines. Here the dialect comes from the head of every file and all cells are
read as text, in DuckDB's strict mode, which sets broken records aside instead of bending them. What does not belong
here: the types of columns.
"""

from __future__ import annotations

import codecs
import csv
import gzip
import io
import os
import re
import zlib
from collections.abc import Collection, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import IO, cast

from synth_assets.errors import SourceError
from synth_assets.ingestion.header import names_columns
from synth_assets.ingestion.location import Location, SourceFormat, glob_free
from synth_assets.storage import literal, quote

_HEAD = 1 << 20  # bytes of a file that settle its dialect
_CHUNK = 1 << 22
_MEMORY = "/proc"  # where files in memory have their paths
_RECORDS = 1000
_NO_DELIMITER = "\x1f"  # ASCII's unit separator: one column, whatever its cells hold
_NATIVE = {"utf-8": "utf-8", "ascii": "utf-8", "utf-16": "utf-16", "iso8859-1": "latin-1"}


@dataclass(frozen=True)
class Dialect:
    """How one CSV file is written; ``names`` are unique, also when case is ignored, as DuckDB ignores it."""

    delimiter: str
    encoding: str
    header: bool
    names: tuple[str, ...]


@dataclass(frozen=True)
class Delimited:
    """CSV files, grouped by dialect, and the union of their columns by name.

    ``files`` maps a dialect to paths that DuckDB can open while the stack that transcoded them is; ``doubtful`` are the
    names of files whose first record may be a header or not, and is a row.
    """

    files: dict[Dialect, list[str]]
    null_values: tuple[str, ...]
    doubtful: tuple[str, ...] = ()
    names: tuple[str, ...] = field(init=False)

    def __post_init__(self) -> None:
        union: dict[str, str] = {}
        for dialect in self.files:
            for name in dialect.names:
                union.setdefault(name.lower(), name)
        object.__setattr__(self, "names", tuple(union.values()))

    @property
    def notes(self) -> tuple[str, ...]:
        """Sentences for the user about what was decided in doubt."""
        if not self.doubtful:
            return ()
        more = f" and {len(self.doubtful) - 1} more" if len(self.doubtful) > 1 else ""
        return (
            f"{self.doubtful[0]}{more}: it is not certain that the first record names the columns, so it is read as a "
            "row and they are called column_1, column_2 and so on; if it does, write `format: {header: true}`, else "
            "`header: false`",
        )

    @property
    def stable(self) -> bool:
        """Whether every file is read where it lies."""
        return not any(file.startswith(_MEMORY) for files in self.files.values() for file in files)

    def scan(self, extra: str = "ignore_errors=true") -> str:
        """SQL of the union of all files, every column as text."""
        arms = [self._arm(dialect, files, extra) for dialect, files in self.files.items()]
        return f"({' UNION ALL '.join(arms)})"

    def sample(self, rows: int, most_files: int = 20) -> str:
        """SQL of at most ``rows`` rows, the same number from each of some evenly chosen files."""
        single = [(dialect, file) for dialect, files in self.files.items() for file in files]
        chosen = single[:: -(-len(single) // most_files)]
        share = -(-rows // len(chosen))
        arms = [f"({self._arm(d, [file], 'ignore_errors=true')} LIMIT {share})" for d, file in chosen]
        return f"({' UNION ALL '.join(arms)})"

    def swallowed(self, name: str) -> str:
        """SQL of whether a cell looks like records that a quote which was never closed has swallowed.

        Its first line then completes a record, its last line begins one, and those between are whole: they hold as
        many delimiters as that takes. In a table of two columns, a comma in a note of two lines would do.
        """
        found = []
        for dialect in self.files:
            names = [known.lower() for known in dialect.names]
            if len(names) > 2 and name.lower() in names:
                found.append(_looks_like_records(quote(name), dialect.delimiter, len(names), names.index(name.lower())))
        return f"(contains({quote(name)}, chr(10)) AND ({' OR '.join(dict.fromkeys(found))}))" if found else "false"

    def _arm(self, dialect: Dialect, files: list[str], extra: str) -> str:
        own = {name.lower(): name for name in dialect.names}
        cells = [
            f"{quote(own[name.lower()]) if name.lower() in own else 'NULL::VARCHAR'} AS {quote(name)}"
            for name in self.names
        ]
        columns = ", ".join(f"{literal(name)}: 'VARCHAR'" for name in dialect.names)
        paths = ", ".join(literal(glob_free(file)) for file in files)
        nulls = ", ".join(literal(value) for value in self.null_values)
        return (
            f"SELECT {', '.join(cells)} FROM read_csv([{paths}], auto_detect=false, header={dialect.header}, "
            f"delim={literal(dialect.delimiter)}, quote='\"', escape='\"', encoding={literal(dialect.encoding)}, "
            f"columns={{{columns}}}{f', nullstr=[{nulls}]' if nulls else ''}, {extra})"
        )


def _looks_like_records(cell: str, delimiter: str, columns: int, place: int) -> str:
    def count(text: str, sign: str) -> str:
        return f"(len({text}) - len(replace({text}, {sign}, '')))"

    mark = literal(delimiter)
    return (
        f"({count(cell, mark)} = {columns - 1} * {count(cell, 'chr(10)')}"
        f" AND {count(f'split_part({cell}, chr(10), 1)', mark)} = {columns - 1 - place}"
        f" AND {count(f'split_part({cell}, chr(10), -1)', mark)} = {place})"
    )


def count_records(files: Collection[Path]) -> int:
    """Lines of the files, those inside quotes too, without one for the header of each."""
    lines = 0
    for file in files:
        ends = {"\n": 0, "\r": 0}
        last = ""
        with _open(file) as stream:
            while chunk := stream.read(_CHUNK):
                ends = {end: known + chunk.count(end.encode()) for end, known in ends.items()}
                last = chunk[-1:].decode("latin-1")
        lines += (ends["\n"] or ends["\r"]) + (last not in ends) - 1
    return lines


@dataclass(frozen=True)
class _Head:
    """The head of a file as far as it settles the dialect: ``path`` is what DuckDB can open."""

    name: str
    path: str
    delimiter: str
    encoding: str
    records: list[list[str]]


def read_dialects(
    location: Location, options: SourceFormat, stack: ExitStack, known: Collection[str] = ()
) -> Delimited:
    """Look into every file and settle how it is written.

    Args:
        location: the CSV files.
        options: what a person has settled already.
        stack: keeps what had to be transcoded, in memory, until it is closed.
        known: names of columns that a person has decided.

    Raises:
        SourceError: a file is empty, or cannot be read or decoded.
    """
    heads = [_read_head(file, options, stack) for file in location.files]
    decided = {name.lower() for name in known}
    certain = [bool(options.header) or names_columns(head.records, decided) for head in heads]
    named = {
        cell.strip().lower() for head, sure in zip(heads, certain, strict=True) if sure for cell in head.records[0]
    }
    groups: dict[Dialect, list[str]] = {}
    doubtful = []
    for head, sure in zip(heads, certain, strict=True):
        # of many files, one with few rows or none has the header of another
        header = options.header if options.header is not None else sure or named.issuperset(_cells(head.records[0]))
        if options.header is None and not header:
            doubtful.append(head.name)
        groups.setdefault(_dialect(head, header), []).append(head.path)
    return Delimited(groups, options.null_values, tuple(doubtful))


def _cells(record: Sequence[str]) -> set[str]:
    return {cell.strip().lower() for cell in record}


def _read_head(file: Path, options: SourceFormat, stack: ExitStack) -> _Head:
    try:
        encoding = options.encoding or detect_encoding(file)
        path = str(file)
        if encoding not in _NATIVE:
            path, encoding = _transcode(file, encoding, stack), "utf-8"
        delimiter, records = _split(*_head_text(Path(path), encoding), options.delimiter)
        failed = ""
    except (OSError, EOFError, UnicodeError, zlib.error) as error:
        failed = type(error).__name__
    if failed:
        raise SourceError(
            f"{file.name} cannot be read ({failed}); check that it is whole, and set `format: {{encoding: ...}}` "
            "if it is neither UTF-8, UTF-16 nor Windows-1252"
        )
    if not records:
        raise SourceError(f"{file.name} is empty; a CSV needs at least one record that names its columns")
    return _Head(file.name, path, delimiter, encoding, records)


def detect_encoding(file: Path) -> str:
    """The encoding of a whole file, as a name of Python's codecs.

    A byte order mark decides; else UTF-8 if every byte fits, or if broken sequences are rare beside whole ones (the
    records that hold them are set aside later); else Windows-1252, which is Latin-1 where nothing needs more.
    """
    with _open(file) as stream:
        mark = stream.read(4)
        if mark.startswith((codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)):
            return "utf-32"
        if mark.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
            return "utf-16"
        decoder = codecs.getincrementaldecoder("utf-8")("replace")
        whole = broken = 0
        latin = True
        chunk = mark
        while chunk:
            if not chunk.isascii() or decoder.getstate()[0]:
                text = decoder.decode(chunk)
                marks = text.count("�")
                broken += max(marks - chunk.count("�".encode()), 0)
                whole += len(text) - len(text.encode("ascii", "ignore")) - marks
                latin = latin and not re.search(rb"[\x80-\x9f]", chunk)
            chunk = stream.read(_CHUNK)
        broken += len(decoder.decode(b"", final=True))
    if not broken or whole > 10 * broken:
        return "utf-8"
    return "iso8859-1" if latin else "cp1252"


def _open(file: Path) -> IO[bytes]:
    if file.suffix.lower() == ".gz":
        return cast("IO[bytes]", gzip.open(file, "rb"))
    return file.open("rb")


def _transcode(file: Path, encoding: str, stack: ExitStack) -> str:
    """A path to the text as UTF-8, in memory: what is encrypted at rest must not pass through a plain file."""
    if not hasattr(os, "memfd_create"):
        raise SourceError(f"{file.name} is written in {encoding}; convert it to UTF-8 first with iconv")
    memory = stack.enter_context(os.fdopen(os.memfd_create("source", os.MFD_CLOEXEC), "wb"))
    with io.TextIOWrapper(_open(file), encoding=encoding, errors="replace", newline="") as text:
        for block in iter(lambda: text.read(_CHUNK), ""):
            memory.write(block.encode())
    memory.flush()
    return f"{_MEMORY}/{os.getpid()}/fd/{memory.fileno()}"


def _head_text(path: Path, encoding: str) -> tuple[str, bool]:
    """The head of a file, and whether it is all of it."""
    with _open(path) as stream:
        head = stream.read(_HEAD)
        whole = not stream.read(1)
    return head.decode(encoding, "replace").removeprefix("\ufeff"), whole


def _dialect(head: _Head, header: bool) -> Dialect:
    first = head.records[0] if header else [""] * len(head.records[0])
    if any(mark in name for name in first for mark in "\r\n"):
        raise SourceError(
            f"{head.name} has a line break in the name of a column, and no row could be read; rename the column"
        )
    return Dialect(head.delimiter, _NATIVE[head.encoding], header, unique_names(first))


def _split(text: str, whole: bool, delimiter: str | None) -> tuple[str, list[list[str]]]:
    """The delimiter that cuts most records into as many cells as the first, and the records it makes."""
    best = (0.5, 0, _NO_DELIMITER)
    for candidate in (delimiter,) if delimiter else (",", ";", "\t", "|"):
        records = _records(text, whole, candidate)
        width = len(records[0]) if records else 0
        share = sum(len(record) == width for record in records) / max(len(records), 1)
        if width > 1 and (share, width) > best[:2]:
            best = (share, width, candidate)
    chosen = delimiter or best[2]
    return chosen, _records(text, whole, chosen)


def _records(text: str, whole: bool, delimiter: str) -> list[list[str]]:
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    records: list[list[str]] = []
    try:
        records.extend(islice((record for record in reader if record), _RECORDS))
        cut = not whole and len(records) < _RECORDS
    except csv.Error:  # a cell beyond the module's limit: what came before it is enough
        cut = False
    return records[:-1] if cut and len(records) > 1 else records


def unique_names(cells: Sequence[str]) -> tuple[str, ...]:
    """Names of columns from the cells of a header.

    Blanks around a name are cut; a column without a name is called ``column_<position>``; of names that are equal
    when case is ignored, the second is given the suffix ``_2``, the third ``_3``.
    """
    return tuple(_unique(name.strip() or f"column_{place}" for place, name in enumerate(cells, 1)))


def _unique(names: Iterator[str]) -> Iterator[str]:
    taken: set[str] = set()
    for name in names:
        new, count = name, 1
        while new.lower() in taken:
            count += 1
            new = f"{name}_{count}"
        taken.add(new.lower())
        yield new
