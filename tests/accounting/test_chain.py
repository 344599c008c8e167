"""The file: created whole, never replaced, and edits that show."""

import sqlite3
import stat
from contextlib import closing
from pathlib import Path

import pytest

from synth_assets.accounting import Budget, Event, Ledger
from synth_assets.errors import LedgerError

EDITS = {
    "lowered epsilon": "UPDATE entries SET body = replace(body, '\"epsilon\": 0.1', '\"epsilon\": 0.01') WHERE seq = 3",
    "lowered total": "UPDATE entries SET body = replace(body, '[\"2/5\"', '[\"1/5\"') WHERE seq = 5",
    "another consumer": "UPDATE entries SET consumer = 'other' WHERE seq = 3",
    "another time": "UPDATE entries SET at = '2024' WHERE seq = 3",
    "raised ceiling": "UPDATE entries SET body = replace(body, '1.0', '9.0') WHERE seq = 1",
    "deleted in the middle": "DELETE FROM entries WHERE seq = 3",
    "deleted at the start": "DELETE FROM entries WHERE seq = 1",
    "deleted at the end": "DELETE FROM entries WHERE seq = 6",
    "all deleted": "DELETE FROM entries",
    "swapped": "UPDATE entries SET seq = CASE seq WHEN 3 THEN -4 ELSE -3 END WHERE seq IN (3, 4);"
    "UPDATE entries SET seq = -seq WHERE seq < 0",
}


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    """One ceiling of 1.0, four charges of 0.1 (entries 2 to 5) and the completion of the last (6)."""
    ledger = Ledger.open(tmp_path / "warehouse" / "ledger.db", create=True)
    ledger.set_ceiling("s", Budget(epsilon=1), "2025")
    for _ in range(4):
        last = ledger.charge("s", "a", "c", "p", "r", Event(mechanism="m", epsilon=0.1), "2025", "run")
    ledger.complete(last.id, "digest")
    return ledger


def tamper(path: Path, script: str) -> None:
    with closing(sqlite3.connect(path)) as con:
        names = dict(con.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'"))
        con.executescript("".join(f"DROP TRIGGER {name};" for name in names) + script)
        con.executescript(";".join(names.values()) + ";")


def test_an_untouched_ledger_has_no_problems(ledger: Ledger) -> None:
    assert ledger.verify() == []
    tamper(ledger.path, "")
    assert ledger.verify() == []


@pytest.mark.parametrize("edit", EDITS)
def test_verify_finds_an_edit(ledger: Ledger, edit: str) -> None:
    before = ledger.path.read_bytes()
    tamper(ledger.path, EDITS[edit])
    assert ledger.path.read_bytes() != before
    assert ledger.verify() != []


def test_verify_names_the_edited_entry(ledger: Ledger) -> None:
    tamper(ledger.path, EDITS["lowered epsilon"])
    assert [problem.entry for problem in ledger.verify()] == [3]
    assert "edited" in str(ledger.verify()[0])


def test_a_charge_on_an_edited_total_is_refused(ledger: Ledger) -> None:
    tamper(ledger.path, EDITS["lowered total"])
    with pytest.raises(LedgerError, match="entry 5 of the ledger was edited"):
        ledger.charge("s", "a", "c", "p", "r", Event(mechanism="m", epsilon=0.1), "2025", "run")
    tamper(ledger.path, "DELETE FROM entries WHERE seq > 4")
    with pytest.raises(LedgerError, match="missing at the end"):
        ledger.charge("s", "a", "c", "p", "r", Event(mechanism="m", epsilon=0.1), "2025", "run")


def test_removed_triggers_show(ledger: Ledger) -> None:
    with closing(sqlite3.connect(ledger.path)) as con:
        con.execute("DROP TRIGGER no_delete")
    assert [str(problem) for problem in ledger.verify()] == ["the schema was changed: `no_delete`"]


@pytest.mark.parametrize("statement", ["UPDATE entries SET at = ''", "DELETE FROM entries"])
def test_entries_are_append_only(ledger: Ledger, statement: str) -> None:
    with closing(sqlite3.connect(ledger.path)) as con, pytest.raises(sqlite3.IntegrityError, match="append-only"):
        con.execute(statement)


def test_only_the_owner_may_read_it(ledger: Ledger) -> None:
    assert stat.S_IMODE(ledger.path.stat().st_mode) == 0o600
    assert [path.name for path in ledger.path.parent.iterdir()] == ["ledger.db"]


def test_opening_again_keeps_what_is_there(ledger: Ledger) -> None:
    again = Ledger.open(ledger.path, create=True)
    assert again.spent("s").epsilon == 0.4


def test_a_missing_ledger_is_never_replaced(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    with pytest.raises(LedgerError, match="restore it from a backup"):
        Ledger.open(path)
    with pytest.raises(LedgerError, match="restore it from a backup"):
        Ledger(path).set_ceiling("s", Budget(epsilon=1))
    assert not path.exists()


@pytest.mark.parametrize("kept", [0, 50, 4096, -4096, -1])
def test_a_truncated_ledger_is_refused_and_left_alone(ledger: Ledger, kept: int) -> None:
    content = ledger.path.read_bytes()[:kept]
    ledger.path.write_bytes(content)
    with pytest.raises(LedgerError, match="restore"):
        Ledger.open(ledger.path, create=True)
    with pytest.raises(LedgerError, match="restore"):
        ledger.charge("s", "a", "c", "p", "r", Event(mechanism="m", epsilon=0.1), "2025", "run")
    assert ledger.path.read_bytes() == content


def test_another_database_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "other.db"
    with closing(sqlite3.connect(path)) as con:
        con.execute("CREATE TABLE entries (seq INTEGER)")
    with pytest.raises(LedgerError, match="not a ledger"):
        Ledger.open(path, create=True)


def test_overwritten_pages_are_found(ledger: Ledger) -> None:
    content = bytearray(ledger.path.read_bytes())
    for place in range(4096, len(content), 4096):
        content[place : place + 16] = b"\xff" * 16
    ledger.path.write_bytes(content)
    with pytest.raises(LedgerError, match="restore"):
        ledger.verify()
