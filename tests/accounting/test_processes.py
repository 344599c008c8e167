"""Many processes on one ledger, and processes that are killed: budgets hold, acknowledged charges stay."""

from __future__ import annotations

import multiprocessing
import random
import time
from collections.abc import Iterator
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerContext
from multiprocessing.synchronize import Barrier
from pathlib import Path

import pytest

from synth_assets.accounting import Budget, Event, Ledger, Share
from synth_assets.errors import BudgetExceeded


@pytest.fixture(scope="module")
def processes() -> ForkServerContext:
    """Real processes that share only the file."""
    return multiprocessing.get_context("forkserver")


def spend(path: Path, consumer: str, epsilon: float, share: Share | None = None) -> int:
    event = Event(mechanism="m", epsilon=epsilon)
    charge = Ledger(path).charge("s", "a", consumer, "p", "r", event, "2025", "run", consumer_share=share)
    return charge.id


def race(path: Path, barrier: Barrier, results: Connection, consumer: str, share: Share | None) -> None:
    """Try three times to spend a tenth, all processes at once; report how often it worked."""
    barrier.wait()
    won = 0
    for _ in range(3):
        try:
            spend(path, consumer, 0.1, share)
            won += 1
        except BudgetExceeded:
            pass
    results.send(won)


def run_race(processes: ForkServerContext, path: Path, consumers: list[str], share: Share | None) -> list[int]:
    barrier = processes.Barrier(len(consumers))
    ends, running = [], []
    for consumer in consumers:
        here, there = processes.Pipe(duplex=False)
        process = processes.Process(target=race, args=(path, barrier, there, consumer, share))
        process.start()
        there.close()
        ends.append(here)
        running.append(process)
    won = [int(end.recv()) for end in ends]
    for end, process in zip(ends, running, strict=True):
        end.close()
        process.join()
        process.close()
    return won


def test_sixteen_processes_never_pass_a_ceiling(processes: ForkServerContext, tmp_path: Path) -> None:
    ledger = Ledger.open(tmp_path / "ledger.db", create=True)
    ledger.set_ceiling("s", Budget(epsilon=1))
    won = run_race(processes, ledger.path, ["c"] * 16, None)
    assert sum(won) == 10  # 48 attempts; exactly ten tenths fit
    assert ledger.spent("s").epsilon == 1
    assert len(ledger.charges("s")) == 10
    assert ledger.verify() == []


def test_shares_hold_in_a_race_too(processes: ForkServerContext, tmp_path: Path) -> None:
    ledger = Ledger.open(tmp_path / "ledger.db", create=True)
    ledger.set_ceiling("s", Budget(epsilon=1))
    consumers = ["a", "b"] * 4
    won = run_race(processes, ledger.path, consumers, Share(epsilon=0.4))
    assert [sum(won[0::2]), sum(won[1::2])] == [4, 4]
    assert ledger.spent("s").epsilon == 0.8
    assert ledger.verify() == []


def create(path: Path, barrier: Barrier, results: Connection) -> None:
    barrier.wait()
    ledger = Ledger.open(path, create=True)
    ledger.set_ceiling("s", Budget(epsilon=1))
    spend(path, "c", 0.1)
    results.send(True)


def test_processes_that_create_at_once_end_with_one_ledger(processes: ForkServerContext, tmp_path: Path) -> None:
    path = tmp_path / "new" / "ledger.db"
    barrier = processes.Barrier(6)
    here, there = processes.Pipe(duplex=False)
    running = [processes.Process(target=create, args=(path, barrier, there)) for _ in range(6)]
    for process in running:
        process.start()
    for process in running:
        process.join()
        assert process.exitcode == 0
        process.close()
    there.close()
    here.close()
    assert Ledger(path).spent("s").epsilon == 0.6
    assert [file.name for file in path.parent.iterdir()] == ["ledger.db"]
    assert Ledger(path).verify() == []


def charge_for_ever(path: Path, acknowledged: Connection) -> None:
    while True:
        acknowledged.send(spend(path, "c", 0.001))


def test_a_killed_process_leaves_a_ledger_that_counts_what_it_acknowledged(
    processes: ForkServerContext, tmp_path: Path
) -> None:
    ledger = Ledger.open(tmp_path / "ledger.db", create=True)
    ledger.set_ceiling("s", Budget(epsilon=1000))
    moments = random.Random(7)
    seen: set[int] = set()
    for _ in range(16):
        here, there = processes.Pipe(duplex=False)
        process = processes.Process(target=charge_for_ever, args=(ledger.path, there))
        process.start()
        there.close()
        seen.add(here.recv())
        time.sleep(moments.uniform(0, 0.02))
        process.kill()  # SIGKILL
        process.join()
        process.close()
        seen.update(_drain(here))
        ids = {charge.id for charge in Ledger.open(ledger.path).charges("s")}
        assert seen <= ids
        assert ledger.verify() == []
        assert ledger.spent("s").epsilon == len(ids) / 1000


def _drain(end: Connection) -> Iterator[int]:
    with end:
        try:
            while end.poll(0):
                yield end.recv()
        except EOFError:
            return
