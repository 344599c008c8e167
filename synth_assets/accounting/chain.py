"""The file of the ledger: one append-only table in SQLite whose entries are chained by their hashes.

Each entry carries ``link = SHA-256(link of the entry before, its own content)``, so that an edited, inserted or
removed entry shows in :func:`find_problems`; entries removed at the end show in SQLite's own sequence, which never
steps back. Triggers refuse UPDATE and DELETE. This makes edits evident; it does not stop somebody who may write the
file and rewrites all of it, nor the return of an older copy: keep the file's folder to the platform's own account.

What belongs here: opening, creating and appending, and proof of integrity. What does not: what entries mean.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from synth_assets.errors import LedgerError

APPLICATION_ID = 0x53594E4C  # "SYNL"
BUSY_SECONDS = 120.0
_BUSY_CODES = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
_START = hashlib.sha256(b"synth-assets ledger 1").hexdigest()
_SCHEMA = {
    "entries": (
        "CREATE TABLE entries (seq INTEGER PRIMARY KEY AUTOINCREMENT, kind TEXT NOT NULL, source TEXT NOT NULL, "
        "consumer TEXT NOT NULL, subject TEXT NOT NULL, at TEXT NOT NULL, run_id TEXT NOT NULL, "
        "body TEXT NOT NULL, link TEXT NOT NULL)"
    ),
    "by_subject": "CREATE INDEX by_subject ON entries (kind, subject)",
    "by_source": "CREATE INDEX by_source ON entries (kind, source)",
    "by_consumer": "CREATE INDEX by_consumer ON entries (kind, source, consumer)",
    "no_update": (
        "CREATE TRIGGER no_update BEFORE UPDATE ON entries BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END"
    ),
    "no_delete": (
        "CREATE TRIGGER no_delete BEFORE DELETE ON entries BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END"
    ),
}
_COLUMNS = "seq, kind, source, consumer, subject, at, run_id, body, link"


class Problem(NamedTuple):
    """A finding of :meth:`Ledger.verify`; ``entry`` is the number of the entry, None for the file as a whole."""

    entry: int | None
    what: str

    def __str__(self) -> str:
        return self.what if self.entry is None else f"entry {self.entry}: {self.what}"


class Entry(NamedTuple):
    """One row of the file; ``body`` is JSON text."""

    seq: int
    kind: str
    source: str
    consumer: str
    subject: str
    at: str
    run_id: str
    body: str
    link: str

    def facts(self) -> Any:
        """Return the body, read."""
        return json.loads(self.body)

    def linked_to(self, before: str) -> str:
        """Return the link that this content has after an entry whose link is ``before``."""
        content = json.dumps([before, *self[:-1]], ensure_ascii=False, separators=(",", ":"))
        return hashlib.sha256(content.encode()).hexdigest()


def _remedy(path: Path) -> str:
    return (
        f"restore {path} and its -journal file, if there is one, from a backup, and check it with `synth-assets budget "
        "verify`; never start an empty ledger for sources that were released before"
    )


@contextmanager
def connect(path: Path) -> Iterator[sqlite3.Connection]:
    """Open an existing ledger for one piece of work.

    Raises:
        LedgerError: the file is missing, is not a ledger, is damaged, or stays locked for two minutes.
    """
    if not path.is_file():
        raise LedgerError(
            f"there is no ledger at {path}; what was spent is not known without it: restore it from a backup, or, if "
            "nothing was ever released from these sources, create it with `Ledger.open(path, create=True)`"
        )
    try:
        uri = f"{path.absolute().as_uri()}?mode=rw"  # never creates a file
        with closing(sqlite3.connect(uri, uri=True, timeout=BUSY_SECONDS, isolation_level=None)) as con:
            con.execute("PRAGMA synchronous = EXTRA")
            _require_whole(con, path)
            yield con
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode & 0xFF in _BUSY_CODES:
            raise LedgerError(
                f"{path} stayed locked for {BUSY_SECONDS:.0f} seconds; find the process that holds it, then try again"
            ) from None
        raise LedgerError(f"{path} cannot be read or written ({error}); {_remedy(path)}") from None
    except sqlite3.DatabaseError as error:
        raise LedgerError(f"{path} is damaged ({error}); {_remedy(path)}") from None


def _require_whole(con: sqlite3.Connection, path: Path) -> None:
    """Refuse another file, and one that lost its end; a reader's lock keeps writers from growing it meanwhile."""
    con.execute("BEGIN")
    if con.execute("PRAGMA application_id").fetchone() != (APPLICATION_ID,):
        raise LedgerError(f"{path} is empty or not a ledger of this platform; {_remedy(path)}")
    (pages,), (size,) = con.execute("PRAGMA page_count").fetchone(), con.execute("PRAGMA page_size").fetchone()
    con.execute("SELECT count(*) FROM sqlite_sequence").fetchone()  # takes the lock, and rolls back what a crash left
    if path.stat().st_size < pages * size:
        raise LedgerError(f"{path} lost its end; {_remedy(path)}")
    con.execute("COMMIT")


@contextmanager
def writing(path: Path) -> Iterator[sqlite3.Connection]:
    """Hold the only write transaction of the file; committed, on disk, when the block ends without an error."""
    with connect(path) as con:
        con.execute("BEGIN IMMEDIATE")
        yield con  # an error closes the connection, which rolls back
        con.execute("COMMIT")


def create_file(path: Path) -> None:
    """Make an empty ledger that only the owner may read, unless one is there; whole or not at all."""
    if path.exists():
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    os.close(os.open(draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    try:
        with closing(sqlite3.connect(draft, isolation_level=None)) as con:
            con.execute("PRAGMA synchronous = EXTRA")
            con.execute("BEGIN")
            con.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            for statement in _SCHEMA.values():
                con.execute(statement)
            con.execute("COMMIT")
        try:
            path.hardlink_to(draft)  # fails where another process was first, whose ledger then stands
        except FileExistsError:
            return
    finally:
        draft.unlink()
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def append(
    con: sqlite3.Connection,
    kind: str,
    body: dict[str, Any],
    *,
    source: str = "",
    consumer: str = "",
    subject: str = "",
    at: str,
    run_id: str = "",
) -> Entry:
    """Add an entry at the end; call it within :func:`writing`.

    Raises:
        LedgerError: the entry before does not match its own link.
    """
    before = latest(con, "true", ())
    (highest,) = con.execute("SELECT coalesce(max(seq), 0) FROM sqlite_sequence").fetchone()
    if (before.seq if before else 0) != highest:
        raise LedgerError("entries are missing at the end of the ledger; run `synth-assets budget verify`")
    if before:
        require_link(con, before)
    text = json.dumps(body, ensure_ascii=False, sort_keys=True)
    draft = Entry(highest + 1, kind, source, consumer, subject, at, run_id, text, "")
    entry = draft._replace(link=draft.linked_to(before.link if before else _START))
    con.execute(f"INSERT INTO entries ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", entry)
    return entry


def select(con: sqlite3.Connection, where: str, parameters: tuple[Any, ...] = ()) -> Iterator[Entry]:
    """Yield the entries that satisfy a condition on ``e``, in the order asked for after it."""
    columns = ", ".join(f"e.{column.strip()}" for column in _COLUMNS.split(","))
    for row in con.execute(f"SELECT {columns} FROM entries AS e WHERE {where}", parameters):
        yield Entry(*row)


def latest(con: sqlite3.Connection, where: str, parameters: tuple[Any, ...]) -> Entry | None:
    """Return the newest entry that satisfies a condition on ``e``."""
    return next(select(con, f"{where} ORDER BY e.seq DESC LIMIT 1", parameters), None)


def require_link(con: sqlite3.Connection, entry: Entry) -> None:
    """Check one entry against the one before it.

    Raises:
        LedgerError: the entry, or the one before it, was edited.
    """
    before = con.execute("SELECT link FROM entries WHERE seq = ?", (entry.seq - 1,)).fetchone()
    if entry.linked_to(before[0] if before else _START) != entry.link:
        raise LedgerError(
            f"entry {entry.seq} of the ledger was edited after it was written; run `synth-assets budget verify`, and "
            "restore the ledger from a backup"
        )


def find_problems(con: sqlite3.Connection) -> Iterator[Problem]:
    """Yield what is wrong with the file and the chain; reads every entry."""
    for (finding,) in con.execute("PRAGMA integrity_check").fetchall():
        if finding != "ok":
            yield Problem(None, f"SQLite finds: {finding}")
    present = dict(con.execute("SELECT name, sql FROM sqlite_master WHERE name NOT LIKE 'sqlite_%'"))
    for name in sorted(_SCHEMA.keys() | present.keys()):
        if present.get(name) != _SCHEMA.get(name):
            yield Problem(None, f"the schema was changed: `{name}`")
    link, expected = _START, 1
    for entry in select(con, "true ORDER BY e.seq"):
        if entry.seq != expected:
            yield Problem(expected, f"removed (the next one present is {entry.seq})")
        elif entry.linked_to(link) != entry.link:
            yield Problem(entry.seq, "its content does not match its link; it was edited, or the one before replaced")
        link, expected = entry.link, entry.seq + 1
    (highest,) = con.execute("SELECT coalesce(max(seq), 0) FROM sqlite_sequence").fetchone()
    if highest != expected - 1:
        yield Problem(expected, f"removed from the end (entries were written up to {highest})")
