"""Small workspaces for tests of the whole chain: a spec, its sources, and ways to run it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from resources.environment import dagster_home, open_ledger, open_warehouse
from synth_assets.accounting import Ledger
from synth_assets.execution import Outcome, materialize
from synth_assets.pipeline import Platform
from synth_assets.spec import Spec, load_spec
from synth_assets.storage import Warehouse

PEOPLE = """\
warehouse: warehouse
sources:
  - name: people
    path: people.csv
    unit: person_id
    control: 0.2
    budget: {{epsilon: {ceiling}, delta: 1e-6}}
    columns:
      person_id: {{role: direct_identifier, type: person_id}}
      name: {{role: direct_identifier, type: person_name, treatment: {{fake: name}}}}
      sex: {{role: quasi_identifier, type: gender, categories: [Female, Male]}}
      age: {{role: quasi_identifier, type: age, bounds: [0, 99]}}
      town: {{role: quasi_identifier, type: city, categories: [North, South, East, West]}}
      pay: {{role: sensitive, type: salary, bounds: [0, 100000], bins: 20}}
"""


def write_people(folder: Path, rows: int = 600, seed: int = 7) -> Path:
    """A table of people with plain correlations; returns its path."""
    rng = np.random.default_rng(seed)
    age = rng.integers(18, 90, rows)
    sex = rng.choice(["Female", "Male"], rows)
    town = np.array(["North", "South", "East", "West"])[rng.choice(4, rows, p=[0.4, 0.3, 0.2, 0.1])]
    pay = np.clip(age * 600 + rng.normal(10_000, 8_000, rows) + (town == "North") * 12_000, 0, 99_999).astype(int)
    lines = ["person_id,name,sex,age,town,pay"]
    lines += [
        f"P{i:05d},Quirinus{i} Vandersloot{i},{s},{a},{t},{p}"
        for i, (s, a, t, p) in enumerate(zip(sex, age, town, pay, strict=True))
    ]
    path = folder / "people.csv"
    path.write_text("\n".join(lines) + "\n", "utf-8")
    return path


def write_spec(folder: Path, consumers: str, ceiling: float = 4.0) -> Path:
    """``synth.yaml`` over :func:`write_people` with the given ``consumers:`` block."""
    path = folder / "synth.yaml"
    path.write_text(PEOPLE.format(ceiling=ceiling) + consumers, "utf-8")
    return path


def product(
    name: str, columns: str = "sex, town", epsilon: float = 1.0, extra: str = "", consumer: str = "team"
) -> str:
    """A ``consumers:`` block of one consumer with one product by ``independent``."""
    return f"consumers:\n  - name: {consumer}\n    products:\n" + one(name, columns, epsilon, extra)


def one(name: str, columns: str = "sex, town", epsilon: float = 1.0, extra: str = "") -> str:
    """One product for the list of a consumer."""
    lines = [
        f"      - name: {name}",
        "        source: people",
        f"        columns: [{columns}]",
        f"        synthesizer: {{method: independent, epsilon: {epsilon}}}",
        "        accept: {column_shapes: 0.5, pair_trends: 0.5, singling_out: 0.5, linkability: 0.5, inference: 0.5}",
    ]
    return "\n".join(lines + ([f"        {extra}"] if extra else [])) + "\n"


def read(path: Path) -> tuple[Spec, Warehouse, Ledger]:
    """The spec with its warehouse and ledger, opened as the edge opens them."""
    spec = load_spec(path, {})
    warehouse = open_warehouse(spec.root)[0]
    return spec, warehouse, open_ledger(warehouse)


def platform_of(path: Path) -> Platform:
    """The platform on a spec, at a fixed time."""
    return Platform(*read(path), lambda: "2026-01-01T00:00:00+00:00", "test")


def command(
    *arguments: str, cwd: Path, environ: Mapping[str, str] | None = None, timeout: float = 240
) -> subprocess.CompletedProcess[str]:
    """The command line in a process of its own."""
    clean = {key: value for key, value in os.environ.items() if not key.startswith(("SYNTH_ASSETS", "DAGSTER"))}
    return subprocess.run(
        [sys.executable, "-m", "synth_assets", *arguments],
        cwd=cwd,
        env={**clean, "COLUMNS": "200", "PYTHONWARNINGS": "ignore", **(environ or {})},
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )


def run(path: Path, *select: str) -> Outcome:
    """Run the graph, or the assets named, in this process."""
    spec = load_spec(path, {})
    return materialize(spec, dagster_home(spec.root), select)


def publish(folder: Path, consumers: str) -> Path:
    """The folder after one run of everything over :func:`write_people`, which must succeed."""
    write_people(folder)
    outcome = run(write_spec(folder, consumers))
    assert outcome.success, outcome.failures
    return folder


def plain(text: str) -> str:
    """Terminal text without borders and with single spaces."""
    return re.sub(r"[\s│┃┏┓┗┛┡┩└┘├┤─━┳┻╇┴┬]+", " ", text)
