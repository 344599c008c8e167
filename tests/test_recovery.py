"""A process killed at any step of a release leaves a ledger that counts what was done; the next run recovers."""

from __future__ import annotations

import multiprocessing
import os
import shutil
import signal
from collections.abc import Callable
from multiprocessing.context import ForkServerContext
from pathlib import Path
from typing import Any, NoReturn

import duckdb
import pytest

from synth_assets import publication, release
from synth_assets.accounting import Ledger
from synth_assets.certification import evaluate_product
from synth_assets.pipeline import Platform, classify_source, deidentify_source, ingest_source
from synth_assets.publication import publish_product
from synth_assets.release import stage_product
from synth_assets.storage import sync_replace
from synth_assets.summary import summarize_run
from synth_assets.synthesis import Independent
from tests.workspace import product, read, write_people, write_spec

NOW = "2026-01-01T00:00:00+00:00"
Step = Callable[..., Any]


def die(*_: object, **__: object) -> NoReturn:
    """Kill this process, as a power cut does."""
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError("a dead process goes on")


def die_after(function: Step) -> Step:
    def wrapped(*arguments: Any, **named: Any) -> None:
        function(*arguments, **named)
        die()

    return wrapped


def die_at(function: Step, count: int) -> Step:
    left = [count]

    def wrapped(*arguments: Any, **named: Any) -> Any:
        left[0] -= 1
        return function(*arguments, **named) if left[0] else die()

    return wrapped


def walk_and_die(folder: Path, point: str) -> None:
    """In a process of its own: the stages of the product, up to the point where it dies."""
    deaths: dict[str, tuple[object, str, Step]] = {
        "before the charge": (Ledger, "charge", die),
        "after the charge": (Ledger, "charge", die_after(Ledger.charge)),
        "while fitting": (Independent, "fit", die_at(Independent.fit, 2)),  # the first is of no row, before the charge
        "before the table is whole": (release, "put_meta", die),
        "table stored, not noted": (Ledger, "complete", die),
        "noted as released": (Ledger, "complete", die_after(Ledger.complete)),
        "before the certificate": (Ledger, "certify", die),
        "after the certificate": (Ledger, "certify", die_after(Ledger.certify)),
        "published, not noted": (Ledger, "record_publication", die),
    }
    if point.startswith("renaming file"):
        rename = die_at(sync_replace, int(point.rsplit(maxsplit=1)[-1]))
        deaths[point] = (publication, "sync_replace", rename)
    where, name, step = deaths[point]
    setattr(where, name, step)
    walk(folder)


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


@pytest.fixture(scope="module")
def processes() -> ForkServerContext:
    """Real processes; the server imports the platform once for all of them."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(
        ["__main__", "matplotlib.figure", "pandas", "scipy.stats", "sklearn.ensemble", __name__]
    )
    return context


def killed(processes: ForkServerContext, folder: Path, point: str) -> bool:
    """Whether a process that walks the stages was killed at ``point``."""
    process = processes.Process(target=walk_and_die, args=(folder, point))
    process.start()
    process.join(120)
    return process.exitcode == -signal.SIGKILL


@pytest.mark.parametrize("point", POINTS)
def test_a_killed_release_is_counted_and_recovered(
    treated: Path, tmp_path: Path, processes: ForkServerContext, point: str
) -> None:
    folder = tmp_path / "w"
    shutil.copytree(treated, folder)
    assert killed(processes, folder, point)
    counted, finally_counted = POINTS[point]
    of = platform(folder)
    ledger = of.ledger
    if point == "after the certificate":
        assert summarize_run(of.spec, of.warehouse, ledger, "run")[0][-1] == "not published"
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


def test_a_spent_budget_after_a_crash_is_refused_not_refunded(
    treated: Path, tmp_path: Path, processes: ForkServerContext
) -> None:
    folder = tmp_path / "w"
    shutil.copytree(treated, folder)
    write_spec(folder, product("towns"), ceiling=1.0)
    assert killed(processes, folder, "while fitting")
    of = platform(folder)
    consumer, wanted = of.spec.product("team/towns")
    from synth_assets.errors import BudgetExceeded

    with pytest.raises(BudgetExceeded, match=r"remaining \(0,"):
        stage_product(of, consumer, wanted)


@pytest.mark.parametrize("point", ["renaming file 2", "renaming file 5", "renaming file 7"])
def test_a_killed_replacement_keeps_the_previous_version(
    treated: Path, tmp_path: Path, processes: ForkServerContext, point: str
) -> None:
    folder = tmp_path / "w"
    shutil.copytree(treated, folder)
    walk(folder)
    tables = folder / "warehouse/published/team/tables"
    first = (tables / "towns.parquet").read_bytes()
    write_spec(folder, product("towns", epsilon=0.5))
    assert killed(processes, folder, point)
    walk(folder)
    assert (tables / "towns.parquet").read_bytes() != first
    assert (folder / "warehouse/published/team/previous/towns.parquet").read_bytes() == first
