"""The warehouse on disk: zones, keys, encrypted tables that appear whole or not at all.

DuckDB lets one process write a file at a time, so each table of the restricted zone is a file of its own. A writer
holds that table's lock, fills a temporary file and renames it over the old one; readers open files read-only and keep
the version they opened. What belongs here: paths, locks, encryption, keyed hashing, digests. What does not: any
knowledge of sources, products or budgets.
"""

from __future__ import annotations

import fcntl
import hashlib
import hmac
import json
import os
import secrets
import shutil
import stat
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb

from synth_assets.errors import SourceError, SpecError

PURPOSES = ("unit", "bound", "fake", "pseudonym", "randomize", "shuffle", "snapshot")
"""What the secret of a warehouse is used for in SQL; each purpose has a key of its own."""

_BLOCK = 64  # bytes; the block of SHA-256, to which HMAC pads its key


def quote(name: str) -> str:
    """An SQL identifier for any text."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """An SQL string literal for any text."""
    return "'" + text.replace("'", "''") + "'"


def derive_key(secret: bytes, purpose: str) -> bytes:
    """The 32-byte key for one purpose (HKDF with SHA-256, RFC 5869, one block)."""
    extracted = hmac.digest(b"synth-assets", secret, "sha256")
    return hmac.digest(extracted, purpose.encode() + b"\x01", "sha256")


def install_keys(con: duckdb.DuckDBPyConnection, secret: bytes, purposes: Sequence[str] = PURPOSES) -> None:
    """Create the macros ``keyed_hex``, ``keyed_hash``, ``keyed_int``, ``keyed_term``, ``keyed_number`` (purpose, text).

    The first three are HMAC-SHA256 (RFC 2104) over the UTF-8 text: its 64 lower-case digits, its bytes, and its first
    8 bytes as an unsigned number. ``keyed_term`` is for millions of terms of a sum that is hashed again: 64 bits of
    the inner hash alone, at half the price. HMAC's outer hash only keeps a known digest from being extended, and of
    these none is known. ``keyed_number`` is for millions of fakes: 64 bits of one SHA-256 over the 32 bytes of the key
    and the text, at a third of the price. What is cut to a quarter cannot be extended either (Coron et al., "Merkle-
    Damgard Revisited", CRYPTO 2005), and a keyed hash that is cut is as good a random function as its compression is
    (Bellare, Bernstein and Tessaro, "Hash-Function Based PRFs", EUROCRYPT 2016). Its ``label`` is put before the text,
    once for all rows. The keys live in session variables: they never stand in the text of a query.
    """
    for purpose in purposes:
        key = derive_key(secret, purpose)
        block = key.ljust(_BLOCK, b"\0")
        con.execute(f"SET VARIABLE key_{purpose} = $1", [key])
        con.execute(f"SET VARIABLE hmac_inner_{purpose} = $1", [bytes(b ^ 0x36 for b in block)])
        con.execute(f"SET VARIABLE hmac_outer_{purpose} = $1", [bytes(b ^ 0x5C for b in block)])
    inner = "sha256(getvariable('hmac_inner_' || purpose) || encode(v))"
    macros = {
        "keyed_hex": f"sha256(getvariable('hmac_outer_' || purpose) || unhex({inner}))",
        "keyed_hash": "unhex(keyed_hex(purpose, v))",
        "keyed_int": "('0x' || left(keyed_hex(purpose, v), 16))::UBIGINT",
        "keyed_term": f"('0x' || left({inner}, 16))::UBIGINT",
    }
    for name, body in macros.items():
        con.execute(f"CREATE OR REPLACE TEMP MACRO {name}(purpose, v) AS {body}")
    short = "sha256(getvariable('key_' || purpose) || encode(label) || encode(v))"
    number = f"('0x' || left({short}, 16))::UBIGINT"
    con.execute(f"CREATE OR REPLACE TEMP MACRO keyed_number(purpose, v, label := '') AS {number}")


def load_secret(root: Path, given: str | None = None) -> tuple[bytes, bool]:
    """The secret of the warehouse at ``root`` and whether it was made just now.

    ``given`` (from the environment) wins; else the file ``root/secret.key`` (mode 0600), made on first use.

    Raises:
        SpecError: the file can be read by others, is damaged, or is missing beside tables encrypted with it.
    """
    if given is not None:
        if len(given) < 32:
            raise SpecError("SYNTH_ASSETS_KEY must be at least 32 characters; make one with `openssl rand -hex 32`")
        return hashlib.sha256(given.encode()).digest(), False
    path = root / "secret.key"
    made = not path.exists()
    if made:
        if any((root / "restricted").glob("*/**/*.duckdb")):
            raise SpecError(
                f"{path} is missing although {root / 'restricted'} holds tables encrypted with it; restore the file "
                "or set SYNTH_ASSETS_KEY, or remove the restricted zone to start again"
            )
        _make_key_file(path)
    if stat.S_IMODE(path.stat().st_mode) & 0o077:
        raise SpecError(f"{path} must be readable by its owner alone; run `chmod 600` on it")
    try:
        secret = bytes.fromhex(path.read_text("ascii").strip())
    except ValueError:
        secret = b""
    if len(secret) != 32:
        raise SpecError(f"{path} must hold 64 hexadecimal digits; restore it from a backup")
    return secret, made


def require_secret(root: Path, secret: bytes) -> None:
    """Make sure that a warehouse is opened with the secret that it was made with.

    A mark that only this secret makes lies in the restricted zone. Without it, another key would write every table
    anew, and pay for releases that are already there.

    Raises:
        SpecError: the warehouse was made with another secret.
    """
    mark = derive_key(secret, "mark").hex()
    path = root / "restricted" / "key.mark"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        temporary = path.with_name(f".key.mark.{secrets.token_hex(4)}.part")
        temporary.write_text(mark)
        temporary.chmod(0o600)
        try:
            os.link(temporary, path)
        except FileExistsError:
            pass
        finally:
            temporary.unlink()
    if not hmac.compare_digest(path.read_text().strip(), mark):
        raise SpecError(
            f"{root} was made with another key; restore its secret.key or the SYNTH_ASSETS_KEY of that time, or remove "
            "the restricted zone to start again"
        )


def _make_key_file(path: Path) -> None:
    """Write a new secret; of several processes at once, one wins and all use its key."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".secret.{os.getpid()}.{secrets.token_hex(4)}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(secrets.token_hex(32) + "\n")
        file.flush()
        os.fsync(file.fileno())
    try:
        os.link(temporary, path)
    except FileExistsError:
        pass
    finally:
        temporary.unlink()


def sync_replace(temporary: Path, final: Path) -> None:
    """Rename ``temporary`` over ``final`` so that either the old or the new file survives a crash."""
    with temporary.open("rb+") as file:
        os.fsync(file.fileno())
    temporary.replace(final)
    folder = os.open(final.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


_verified = False


def _with_cryptography() -> duckdb.DuckDBPyConnection:
    """An in-memory DuckDB that can write encrypted files: httpfs, which comes with pip, has the cryptography for it.

    It opens no connection here. The first one of a process checks the signature of the library, which means hashing
    all of it; the others get the very library that is loaded already.
    """
    from duckdb_extensions import import_extension

    global _verified  # noqa: PLW0603 - what a process has loaded is a fact of the process
    con = duckdb.connect(config={"allow_unsigned_extensions": _verified})
    try:
        import_extension("httpfs", con=con)
        con.load_extension("httpfs")
    except BaseException:
        con.close()
        raise
    _verified = True
    return con


class Warehouse:
    """The three zones below ``root``; see the module's docstring for how its files stay whole.

    Args:
        root: the folder of the warehouse.
        secret: 32 bytes from :func:`load_secret`.
    """

    def __init__(self, root: Path, secret: bytes) -> None:
        self.root = root
        self.restricted = root / "restricted"
        self.published = root / "published"
        self.ledger_path = root / "ledger.db"
        self._secret = secret

    def key(self, purpose: str) -> bytes:
        """The 32-byte key of this warehouse for one purpose; it changes only with the secret."""
        return derive_key(self._secret, purpose)

    # -- connections -------------------------------------------------------------------------------------------

    @contextmanager
    def connect(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """An in-memory DuckDB with the keyed macros; what it spills is encrypted and removed with it."""
        spill = self.restricted / "tmp" / f"{os.getpid()}-{secrets.token_hex(4)}"
        self._private_folder(spill)
        con = _with_cryptography()
        try:
            con.execute("SET temp_file_encryption = true")
            con.execute(f"SET temp_directory = {literal(str(spill))}")
            con.execute("SET autoinstall_known_extensions = false")
            install_keys(con, self._secret)
            yield con
        finally:
            con.close()
            shutil.rmtree(spill, ignore_errors=True)

    @contextmanager
    def write(self, key: str) -> Iterator[duckdb.DuckDBPyConnection]:
        """A connection with an empty encrypted database attached as ``out``; it becomes ``key`` if the block ends well.

        ``key`` is a path of names such as ``raw/patients``. Writers of one key take turns.
        """
        final = self.path(key)
        self._private_folder(final.parent)
        with self.lock(key), self.connect() as con:
            for stale in final.parent.glob(f".{final.stem}.*.part*"):
                stale.unlink(missing_ok=True)
            temporary = final.with_name(f".{final.stem}.{secrets.token_hex(4)}.part")
            try:
                con.execute(f"ATTACH {literal(str(temporary))} AS out (ENCRYPTION_KEY {literal(self._file_key())})")
                temporary.chmod(0o600)
                con.execute("CREATE TABLE out.meta (key VARCHAR PRIMARY KEY, value VARCHAR)")
                yield con
                con.execute("DETACH out")
                sync_replace(temporary, final)
            finally:
                temporary.unlink(missing_ok=True)
                temporary.with_name(temporary.name + ".wal").unlink(missing_ok=True)

    def attach(self, con: duckdb.DuckDBPyConnection, key: str, alias: str) -> None:
        """Attach the table file ``key`` read-only as ``alias``.

        Raises:
            SourceError: it was never materialized, or another key encrypted it.
        """
        path = self.path(key)
        if not path.exists():
            raise SourceError(f"{key} has not been materialized yet; run `synth-assets run --select '+{key}'`")
        try:
            con.execute(
                f"ATTACH {literal(str(path))} AS {quote(alias)} (READ_ONLY, ENCRYPTION_KEY {literal(self._file_key())})"
            )
        except duckdb.Error:
            failed = True
        else:
            failed = False
        if failed:
            raise SourceError(
                f"{key} cannot be opened with the key of this warehouse; restore the key it was written with, or "
                "materialize it again from its source"
            )

    def path(self, key: str) -> Path:
        """Where the table ``key`` lies in the restricted zone."""
        return self.restricted / f"{key}.duckdb"

    def exists(self, key: str) -> bool:
        """Whether ``key`` was materialized."""
        return self.path(key).exists()

    @contextmanager
    def lock(self, name: str) -> Iterator[None]:
        """Let one process at a time into the block; a killed process leaves no lock behind."""
        folder = self.restricted / "locks"
        self._private_folder(folder)
        with (folder / (name.replace("/", ".") + ".lock")).open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

    # -- documents ---------------------------------------------------------------------------------------------

    def write_document(self, key: str, content: bytes) -> None:
        """Keep a document (a report) in the restricted zone, encrypted with AES-GCM and bound to its key."""
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        final = self.restricted / f"{key}.sealed"
        self._private_folder(final.parent)
        nonce = secrets.token_bytes(12)
        body = nonce + AESGCM(derive_key(self._secret, "document")).encrypt(nonce, content, key.encode())
        temporary = final.with_name(f".{final.name}.{secrets.token_hex(4)}.part")
        temporary.write_bytes(body)
        temporary.chmod(0o600)
        sync_replace(temporary, final)

    def read_document(self, key: str) -> bytes:
        """The document ``key``.

        Raises:
            SourceError: there is none, or it was written with another key or changed since.
        """
        from cryptography.exceptions import InvalidTag
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        path = self.restricted / f"{key}.sealed"
        if not path.exists():
            raise SourceError(f"{key} has not been made yet; materialize it with `synth-assets run`")
        body = path.read_bytes()
        try:
            return AESGCM(derive_key(self._secret, "document")).decrypt(body[:12], body[12:], key.encode())
        except InvalidTag:
            raise SourceError(f"{key} was changed or written with another key; materialize it again") from None

    def open_view(self, key: str) -> Path:
        """Decrypt a document into the private folder ``restricted/view`` for a person to look at; its path."""
        target = self.restricted / "view" / key
        self._private_folder(target.parent)
        content = self.read_document(key)
        temporary = target.with_name(f".{target.name}.{secrets.token_hex(4)}.part")
        temporary.touch(mode=0o600)
        temporary.write_bytes(content)
        sync_replace(temporary, target)
        return target

    # -- private -----------------------------------------------------------------------------------------------

    def _file_key(self) -> str:
        return derive_key(self._secret, "file").hex()

    def _private_folder(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        inside = len(folder.relative_to(self.restricted).parts)
        for part in [folder, *folder.parents][: inside + 1]:
            part.chmod(0o700)


def put_meta(con: duckdb.DuckDBPyConnection, facts: Mapping[str, Any], schema: str = "out") -> None:
    """Keep facts (JSON values) beside the table being written."""
    rows = [[key, json.dumps(value)] for key, value in facts.items()]
    con.executemany(f"INSERT OR REPLACE INTO {quote(schema)}.meta VALUES (?, ?)", rows)


def get_meta(con: duckdb.DuckDBPyConnection, schema: str) -> dict[str, Any]:
    """The facts kept beside an attached table."""
    rows = con.execute(f"SELECT key, value FROM {quote(schema)}.meta").fetchall()
    return {key: json.loads(value) for key, value in rows}


def columns_of(con: duckdb.DuckDBPyConnection, relation: str) -> list[tuple[str, str]]:
    """Names and DuckDB types of a FROM-able SQL text."""
    return [(row[0], row[1]) for row in con.execute(f"DESCRIBE SELECT * FROM {relation}").fetchall()]


ROW = "__row"
"""The alias of a row that is taken whole. No source may have such a column: it would be taken in the row's place."""


def whole_row() -> str:
    """SQL of all cells of a row as one text, where the rows' alias is :data:`ROW`."""
    return f"CAST(to_json({ROW}) AS VARCHAR)"


def table_digest(con: duckdb.DuckDBPyConnection, relation: str) -> str:
    """SHA-256 of a table as a schema and a multiset of rows: the order of rows does not matter, everything else does.

    Row hashes are sorted and hashed within 4,096 prefixes, then over the prefixes, so that memory stays bounded.
    """
    header = json.dumps(columns_of(con, relation))
    digest = con.execute(
        f"""
        WITH hashed AS (SELECT sha256({whole_row()}) AS h FROM (SELECT * FROM {relation}) AS {ROW}),
             blocks AS (SELECT left(h, 3) AS p, sha256(string_agg(h, '' ORDER BY h)) AS d FROM hashed GROUP BY p)
        SELECT coalesce(string_agg(p || d, '' ORDER BY p), '') FROM blocks
        """
    ).fetchall()[0][0]
    return hashlib.sha256((header + "\n" + digest).encode()).hexdigest()
