"""Twin sources through the whole graph: what a consumer finds must not tell them apart, but for the time of day."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import pytest

from synth_assets.mechanisms import NoiseSource
from synth_assets.statistics import figures
from synth_assets.synthesis import Model, base
from tests.audit.games import Recorder, Replayer
from tests.workspace import PEOPLE, run, write_people

STRANGERS = {
    "never seen": "P99999," + "Q" * 3000 + ",X,1000," + "Atlantis " * 500 + ",2000000000\n",
    "unknown": "P99999,,,-3,,\n",
}
FORM = "format: {delimiter: ',', encoding: utf-8, header: true, types: {age: INTEGER, pay: INTEGER}}"
ACCEPT = "accept: {column_shapes: 0, pair_trends: 0, singling_out: 1, linkability: 1, inference: 1, relative_error: 99}"
BLOCKS = {
    "fitted": "columns: [sex, age, town, pay]\n        synthesizer: {method: mst, epsilon: 1, delta: 1.0e-9}",
    "told": "statistics: {count: {by: [sex, town]}, mean: {of: pay, by: sex}, epsilon: 1, delta: 1.0e-9}",
}

_CLOCK = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d")


def _write(folder: Path, more: str = "") -> Path:
    """A source whose towns nobody declared, and two products of it."""
    folder.mkdir()
    with write_people(folder).open("a") as file:
        file.write(more)
    source = PEOPLE.format(ceiling=4).replace("control: 0.2", f"control: 0.2\n    {FORM}")
    source = source.replace(", categories: [North, South, East, West]", "")
    products = "".join(
        f"      - name: {name}\n        source: people\n        {block}\n        {ACCEPT}\n"
        for name, block in BLOCKS.items()
    )
    path = folder / "synth.yaml"
    path.write_text(f"{source}consumers:\n  - name: team\n    products:\n{products}", "utf-8")
    return path


def _release(path: Path, sources: Iterator[NoiseSource], patch: pytest.MonkeyPatch) -> dict[str, Any]:
    """All that the consumer finds of a run whose noise comes from ``sources``, one for each fit; without the time."""
    drawn = Model.sample

    def sample(self: Model, n: int | None = None) -> pd.DataFrame:
        return drawn(self, n, rng=np.random.default_rng(1))

    with patch.context() as here:
        here.setattr(Model, "sample", sample)
        here.setattr(base, "noise_source", lambda _: next(sources))
        here.setattr(figures, "noise_source", lambda _: next(sources))
        outcome = run(path)
    assert outcome.success, outcome.failures
    tables = path.parent / "warehouse/published/team/tables"
    found: dict[str, Any] = {file.name: _CLOCK.sub("", file.read_text("utf-8")) for file in tables.glob("*.[jm]*")}
    return found | {f.name: duckdb.sql(f"FROM '{f}'").fetchall() for f in tables.glob("*.parquet")}


@pytest.mark.audit
@pytest.mark.parametrize("stranger", STRANGERS)
def test_a_consumer_finds_the_same(stranger: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the same answers, and with one person more whose values nobody has seen."""
    monkeypatch.setenv("SYNTH_ASSETS_KEY", "k" * 40)
    recorders: list[Recorder] = []
    replayers: list[Replayer] = []

    def record() -> Iterator[Recorder]:
        while True:
            recorders.append(Recorder())
            yield recorders[-1]

    def replay() -> Iterator[Replayer]:
        for recorder in recorders:
            replayers.append(Replayer(recorder.answers, 1, recorder.seeded))
            yield replayers[-1]

    before = _release(_write(tmp_path / "without"), record(), monkeypatch)
    after = _release(_write(tmp_path / "with", STRANGERS[stranger]), replay(), monkeypatch)
    assert len(before) == 3 * len(BLOCKS)
    assert [replayer.parted for replayer in replayers] == [""] * len(recorders)
    assert any((answer.asked != asked).any() for r in replayers for answer, asked in r.pairs)
    assert after == before
