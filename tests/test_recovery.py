"""A process killed at any step of a release leaves a ledger that counts what was done; the next run recovers."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest

from synth_assets.certification import evaluate_product
from synth_assets.pipeline import Platform, classify_source, deidentify_source, ingest_source
from synth_assets.publication import publish_product
from synth_assets.release import stage_product
from tests.workspace import product, read, write_people, write_spec

ROOT = Path(__file__).parent.parent
NOW = "2026-01-01T00:00:00+00:00"

KILLED = """
import os, signal, sys
from pathlib import Path
from synth_assets import certification, publication, release
from synth_assets.accounting import Ledger
from synth_assets.synthesis import Independent
from tests.test_recovery import walk

def die(*a, **k):
    os.kill(os.getpid(), signal.SIGKILL)

def die_after(function):
    def wrapped(*a, **k):
        function(*a, **k)
        die()
    return wrapped

def die_at(function, count):
    left = [count]
    def wrapped(*a, **k):
        left[0] -= 1
        if left[0] == 0:
            die()
        return function(*a, **k)
    return wrapped

point = sys.argv[2]
if point == "before the charge":
    Ledger.charge = die
elif point == "after the charge":
    Ledger.charge = die_after(Ledger.charge)
elif point == "while fitting":
    Independent.fit = die_at(Independent.fit, 2)  # the first is of no row, before the charge
elif point == "before the table is whole":
    release.put_meta = die
elif point == "table stored, not noted":
    Ledger.complete = die
elif point == "noted as released":
    Ledger.complete = die_after(Ledger.complete)
elif point == "before the certificate":
    Ledger.certify = die
elif point == "after the certificate":
    Ledger.certify = die_after(Ledger.certify)
elif point.startswith("renaming file"):
    publication.sync_replace = die_at(publication.sync_replace, int(point.split()[-1]))
elif point == "published, not noted":
    Ledger.record_publication = die
else:
    raise SystemExit(f"unknown point {point}")
walk(Path(sys.argv[1]))
raise SystemExit("nothing died")
"""

POINTS = {
    "before the charge": (0.0, 1.0),
    "after the charge": (1.0, 2.0),
    "while fitting": (1.0, 2.0),
    "before the table is whole": (1.0, 2.0),
    "table stored, not noted": (1.0, 1.0),
    "noted as released": (1.0, 1.0),
    "before the certificate": (1.0, 1.0),
    "after the certificate": (1.0, 1.0),
    "renaming file 1": (1.0, 1.0),
    "renaming file 2": (1.0, 1.0),
    "renaming file 4": (1.0, 1.0),
    "published, not noted": (1.0, 1.0),
}
"""Where the process dies, with what the ledger must count right then and after the next run."""


def platform(folder: Path) -> Platform:
    spec, warehouse, ledger = read(folder / "synth.yaml")
    return Platform(spec, warehouse, ledger, lambda: NOW, "run")


def walk(folder: Path) -> None:
    """The stages of the one product."""
    of = platform(folder)
    consumer, wanted = of.spec.product("team/towns")
    for stage in (stage_product, evaluate_product, publish_product):
        stage(of, consumer, wanted)


@pytest.fixture(scope="module")
def treated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace whose source is treated and whose product was never made."""
    folder = tmp_path_factory.mktemp("treated")
    write_people(folder, 200)
    write_spec(folder, product("towns"))
    of = platform(folder)
    for stage in (ingest_source, classify_source, deidentify_source):
        stage(of, "people")
    return folder


def killed(folder: Path, point: str) -> subprocess.CompletedProcess[str]:
    """A process that walks the stages and dies at ``point``."""
    command = [sys.executable, "-c", KILLED, str(folder), point]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)


@pytest.mark.parametrize("point", POINTS)
def test_a_killed_release_is_counted_and_recovered(treated: Path, tmp_path: Path, point: str) -> None:
    folder = tmp_path / "w"
    shutil.copytree(treated, folder)
    done = killed(folder, point)
    assert done.returncode == -signal.SIGKILL, done.stderr
    counted, finally_counted = POINTS[point]
    ledger = platform(folder).ledger
    assert ledger.verify() == []
    assert (ledger.spent("people").epsilon if counted else 0.0) == counted
    walk(folder)
    assert ledger.spent("people").epsilon == finally_counted
    assert ledger.verify() == []
    database = folder / "warehouse/published/team/team.duckdb"
    parquet = folder / "warehouse/published/team/tables/towns.parquet"
    with duckdb.connect(str(database), read_only=True) as con:
        assert con.execute(f"FROM towns EXCEPT ALL FROM read_parquet('{parquet}')").fetchall() == []
        assert con.execute("SELECT count(*) FROM towns").fetchall()[0][0] > 50
    assert not list((folder / "warehouse").rglob("*.part*"))


def test_a_spent_budget_after_a_crash_is_refused_not_refunded(treated: Path, tmp_path: Path) -> None:
    folder = tmp_path / "w"
    shutil.copytree(treated, folder)
    write_spec(folder, product("towns"), ceiling=1.0)
    done = killed(folder, "while fitting")
    assert done.returncode == -signal.SIGKILL
    of = platform(folder)
    consumer, wanted = of.spec.product("team/towns")
    from synth_assets.errors import BudgetExceeded

    with pytest.raises(BudgetExceeded, match=r"remaining \(0,"):
        stage_product(of, consumer, wanted)


@pytest.mark.parametrize("point", ["renaming file 2", "renaming file 5", "renaming file 7"])
def test_a_killed_replacement_keeps_the_previous_version(treated: Path, tmp_path: Path, point: str) -> None:
    folder = tmp_path / "w"
    shutil.copytree(treated, folder)
    walk(folder)
    tables = folder / "warehouse/published/team/tables"
    first = (tables / "towns.parquet").read_bytes()
    write_spec(folder, product("towns", epsilon=0.5))
    assert killed(folder, point).returncode == -signal.SIGKILL
    walk(folder)
    assert (tables / "towns.parquet").read_bytes() != first
    assert (folder / "warehouse/published/team/previous/towns.parquet").read_bytes() == first
