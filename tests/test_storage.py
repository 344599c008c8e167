from __future__ import annotations

import hashlib
import hmac
import multiprocessing
import os
import signal
import stat
import subprocess
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st

from synth_assets.errors import SourceError, SpecError
from synth_assets.storage import (
    PURPOSES,
    Warehouse,
    columns_of,
    derive_key,
    get_meta,
    install_keys,
    literal,
    load_secret,
    put_meta,
    quote,
    require_secret,
    table_digest,
)

SECRET = bytes(range(32))
MARKER = b"Zebulon-Marker-41"


@pytest.fixture
def warehouse(tmp_path: Path) -> Warehouse:
    return Warehouse(tmp_path / "wh", SECRET)


def write_rows(warehouse: Warehouse, key: str, rows: int = 100) -> None:
    with warehouse.write(key) as con:
        con.execute(f"CREATE TABLE out.data AS SELECT range AS a, '{MARKER.decode()}' AS b FROM range({rows})")
        put_meta(con, {"rows": rows, "note": ["x", None]})


@given(st.text(min_size=1).filter(lambda name: "\0" not in name))
def test_any_text_is_an_identifier_and_a_literal(name: str) -> None:
    with duckdb.connect() as con:
        relation = con.sql(f"SELECT {literal(name)} AS {quote(name)}")
        assert relation.columns == [name]
        assert relation.fetchall() == [(name,)]


def test_keyed_hash_is_hmac_sha256() -> None:
    with duckdb.connect() as con:
        install_keys(con, SECRET)
        for purpose in PURPOSES:
            key = derive_key(SECRET, purpose)
            for text in ("", "a", "Zoë 😀", "x" * 200):
                expected = hmac.digest(key, text.encode(), hashlib.sha256)
                found = con.execute(
                    f"SELECT keyed_hash('{purpose}', $1), keyed_int('{purpose}', $1), keyed_hex('{purpose}', $1), "
                    f"keyed_term('{purpose}', $1), keyed_number('{purpose}', $1)",
                    [text],
                ).fetchone()
                padded = bytes(byte ^ 0x36 for byte in key.ljust(64, b"\0"))
                term = hashlib.sha256(padded + text.encode()).digest()
                short = hashlib.sha256(key + text.encode()).digest()
                numbers = [int.from_bytes(digest[:8], "big") for digest in (expected, term, short)]
                assert found == (expected, numbers[0], expected.hex(), *numbers[1:])


def test_keyed_hash_of_null_is_null() -> None:
    with duckdb.connect() as con:
        install_keys(con, SECRET)
        names = ("keyed_hex", "keyed_hash", "keyed_int", "keyed_term", "keyed_number")
        asked = ", ".join(f"{name}('unit', NULL)" for name in names)
        assert con.execute(f"SELECT {asked}").fetchone() == (None,) * 5


def test_a_label_begins_what_is_hashed() -> None:
    with duckdb.connect() as con:
        install_keys(con, SECRET)
        query = (
            "SELECT keyed_number('fake', 'u:7'), keyed_number('fake', '7', label := 'u:'), keyed_number('fake', '7')"
        )
        whole, labelled, alone = con.execute(query).fetchall()[0]
        assert whole == labelled != alone


def test_purposes_have_keys_of_their_own() -> None:
    assert len({derive_key(SECRET, purpose) for purpose in PURPOSES}) == len(PURPOSES)


def test_the_key_file_is_made_once_and_private(tmp_path: Path) -> None:
    first, made = load_secret(tmp_path)
    again, made_again = load_secret(tmp_path)
    assert (made, made_again) == (True, False)
    assert first == again
    assert len(first) == 32
    assert stat.S_IMODE((tmp_path / "secret.key").stat().st_mode) == 0o600


def _load(root: str) -> bytes:
    return load_secret(Path(root))[0]


def test_processes_that_race_for_the_first_key_agree(tmp_path: Path) -> None:
    with ProcessPoolExecutor(8, multiprocessing.get_context("forkserver")) as pool:
        keys = set(pool.map(_load, [str(tmp_path)] * 16))
    assert len(keys) == 1


def test_a_key_file_that_others_can_read_is_refused(tmp_path: Path) -> None:
    load_secret(tmp_path)
    (tmp_path / "secret.key").chmod(0o644)
    with pytest.raises(SpecError, match="chmod 600"):
        load_secret(tmp_path)


def test_a_damaged_key_file_is_refused(tmp_path: Path) -> None:
    load_secret(tmp_path)
    (tmp_path / "secret.key").write_text("abc")
    with pytest.raises(SpecError, match="64 hexadecimal"):
        load_secret(tmp_path)


def test_a_lost_key_is_not_replaced_beside_its_tables(tmp_path: Path) -> None:
    secret, _ = load_secret(tmp_path)
    write_rows(Warehouse(tmp_path, secret), "raw/people")
    (tmp_path / "secret.key").unlink()
    with pytest.raises(SpecError, match=r"secret\.key is missing"):
        load_secret(tmp_path)


def test_the_environments_key_wins_and_must_be_long(tmp_path: Path) -> None:
    assert load_secret(tmp_path, "k" * 32)[0] == load_secret(tmp_path / "other", "k" * 32)[0]
    assert not (tmp_path / "secret.key").exists()
    with pytest.raises(SpecError, match="at least 32"):
        load_secret(tmp_path, "short")


def test_a_warehouse_is_opened_with_its_own_key_only(tmp_path: Path) -> None:
    require_secret(tmp_path, SECRET)
    require_secret(tmp_path, SECRET)
    with pytest.raises(SpecError, match="made with another key"):
        require_secret(tmp_path, bytes(32))
    assert stat.S_IMODE((tmp_path / "restricted/key.mark").stat().st_mode) == 0o600
    assert SECRET.hex() not in (tmp_path / "restricted/key.mark").read_text()


def test_what_is_written_can_be_read_and_is_encrypted(warehouse: Warehouse) -> None:
    write_rows(warehouse, "raw/people")
    with warehouse.connect() as con:
        warehouse.attach(con, "raw/people", "raw")
        assert con.execute("SELECT count(*), min(b) FROM raw.data").fetchone() == (100, MARKER.decode())
        assert get_meta(con, "raw") == {"rows": 100, "note": ["x", None]}
    assert stat.S_IMODE(warehouse.path("raw/people").stat().st_mode) == 0o600
    folders = [warehouse.restricted, *(path for path in warehouse.restricted.rglob("*") if path.is_dir())]
    assert len(folders) > 3
    assert {stat.S_IMODE(folder.stat().st_mode) for folder in folders} == {0o700}
    assert not any(MARKER in path.read_bytes() for path in warehouse.root.rglob("*") if path.is_file())


def test_another_key_opens_nothing(warehouse: Warehouse) -> None:
    write_rows(warehouse, "raw/people")
    with warehouse.connect() as con, pytest.raises(SourceError, match="cannot be opened with the key"):
        Warehouse(warehouse.root, bytes(32)).attach(con, "raw/people", "raw")


def test_what_was_never_made_is_named(warehouse: Warehouse) -> None:
    with warehouse.connect() as con, pytest.raises(SourceError, match=r"raw/people has not been materialized"):
        warehouse.attach(con, "raw/people", "raw")


def test_a_failed_writer_leaves_the_old_table(warehouse: Warehouse) -> None:
    write_rows(warehouse, "raw/people", 7)
    with pytest.raises(ZeroDivisionError), warehouse.write("raw/people") as con:
        con.execute("CREATE TABLE out.data AS SELECT 1 AS a")
        raise ZeroDivisionError
    with warehouse.connect() as con:
        warehouse.attach(con, "raw/people", "raw")
        assert con.execute("SELECT count(*) FROM raw.data").fetchone() == (7,)
    assert list(warehouse.path("raw/people").parent.iterdir()) == [warehouse.path("raw/people")]


WRITER = """
import sys, time
from pathlib import Path
from synth_assets.storage import Warehouse
with Warehouse(Path(sys.argv[1]), bytes(range(32))).write("raw/people") as con:
    con.execute("CREATE TABLE out.data AS SELECT 'Zebulon-Marker-41' AS b FROM range(100000)")
    print("writing", flush=True)
    time.sleep(60)
"""


def test_a_killed_writer_leaves_the_old_table_and_no_lock(warehouse: Warehouse) -> None:
    write_rows(warehouse, "raw/people", 7)
    process = subprocess.Popen([sys.executable, "-c", WRITER, str(warehouse.root)], stdout=subprocess.PIPE, text=True)
    with process:
        assert process.stdout is not None
        assert process.stdout.readline() == "writing\n"
        os.kill(process.pid, signal.SIGKILL)
    assert not any(MARKER in path.read_bytes() for path in warehouse.root.rglob("*") if path.is_file())
    with warehouse.connect() as con:
        warehouse.attach(con, "raw/people", "raw")
        assert con.execute("SELECT count(*) FROM raw.data").fetchone() == (7,)
    write_rows(warehouse, "raw/people", 8)
    assert [path.name for path in warehouse.path("raw/people").parent.iterdir()] == ["people.duckdb"]


def _rewrite(root: str, rows: int) -> None:
    write_rows(Warehouse(Path(root), SECRET), "raw/people", rows)


def test_writers_take_turns_and_readers_see_whole_tables(warehouse: Warehouse) -> None:
    write_rows(warehouse, "raw/people", 1)
    context = multiprocessing.get_context("forkserver")
    writers = [context.Process(target=_rewrite, args=(str(warehouse.root), n)) for n in (10, 20, 30)]
    for writer in writers:
        writer.start()
    deadline = time.monotonic() + 60
    while any(writer.is_alive() for writer in writers) and time.monotonic() < deadline:
        with warehouse.connect() as con:
            warehouse.attach(con, "raw/people", "raw")
            found = con.execute("SELECT count(*) FROM raw.data").fetchall()[0][0]
            assert found == get_meta(con, "raw")["rows"]
    for writer in writers:
        writer.join()
        assert writer.exitcode == 0


def test_what_spills_to_disk_is_encrypted_and_removed(warehouse: Warehouse) -> None:
    spilled: list[bytes] = []
    with warehouse.connect() as con:
        con.execute("SET memory_limit = '40MB'")
        con.execute("SET threads = 1")
        con.execute(f"CREATE TEMP TABLE t AS SELECT range AS a, repeat('{MARKER.decode()}', 6) AS b FROM range(900000)")
        spilled += [path.read_bytes() for path in (warehouse.restricted / "tmp").rglob("*") if path.is_file()]
    assert sum(map(len, spilled)) > 1_000_000
    assert not any(MARKER in content for content in spilled)
    assert not list((warehouse.restricted / "tmp").iterdir())


def test_documents_are_sealed_to_their_key(warehouse: Warehouse) -> None:
    warehouse.write_document("reports/a/r.html", MARKER)
    assert warehouse.read_document("reports/a/r.html") == MARKER
    sealed_path = warehouse.restricted / "reports/a/r.html.sealed"
    assert MARKER not in sealed_path.read_bytes()
    other = warehouse.restricted / "reports/b/r.html.sealed"
    other.parent.mkdir()
    other.write_bytes(sealed_path.read_bytes())
    with pytest.raises(SourceError, match="was changed"):
        warehouse.read_document("reports/b/r.html")
    view = warehouse.open_view("reports/a/r.html")
    assert view.read_bytes() == MARKER
    assert stat.S_IMODE(view.stat().st_mode) == 0o600


def digest_of(query: str) -> str:
    with duckdb.connect() as con:
        return table_digest(con, f"({query})")


def test_a_digest_ignores_the_order_of_rows_and_nothing_else() -> None:
    base = digest_of("SELECT * FROM (VALUES (1, 'a'), (2, 'b'), (2, 'b')) t(x, y)")
    assert base == digest_of("SELECT * FROM (VALUES (2, 'b'), (1, 'a'), (2, 'b')) t(x, y)")
    others = [
        "SELECT * FROM (VALUES (1, 'a'), (2, 'b')) t(x, y)",
        "SELECT * FROM (VALUES (1, 'a'), (1, 'a'), (2, 'b')) t(x, y)",
        "SELECT * FROM (VALUES (1, 'a'), (2, 'b'), (2, 'b')) t(x, z)",
        "SELECT * FROM (VALUES (1::BIGINT, 'a'), (2, 'b'), (2, 'b')) t(x, y)",
        "SELECT * FROM (VALUES (1, 'a'), (2, 'b'), (2, NULL)) t(x, y)",
        "SELECT 1 AS x, 'a' AS y WHERE false",
    ]
    assert len({base, *map(digest_of, others)}) == len(others) + 1


def test_columns_keep_any_name() -> None:
    with duckdb.connect() as con:
        con.execute('CREATE TABLE t ("a ""b"" 😀" INTEGER, "select" DATE)')
        assert columns_of(con, "t") == [('a "b" 😀', "INTEGER"), ("select", "DATE")]
