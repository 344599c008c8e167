"""The import rule of the house: the core knows nothing of Dagster, the environment, the clock or private noise."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
EDGE = {"synth_assets.definitions", "synth_assets.assets", "synth_assets.automation", "synth_assets.execution"}
MODULES = sorted([*ROOT.glob("synth_assets/**/*.py"), *ROOT.glob("resources/**/*.py")])

LAYERS = [
    {"errors", "storage"},
    {"accounting", "mechanisms", "domain"},
    {"ingestion", "classification", "deidentification", "anonymity", "diffix", "synthesis", "statistics", "evaluation"},
    {"spec", "loading", "messages"},
    {
        "attackers",
        "pipeline",
        "earlier",
        "products",
        "release",
        "certification",
        "publication",
        "planning",
        "starter",
        "summary",
        "demo",
    },
    {"resources"},
    {"assets", "automation", "definitions", "execution", "cli", "__main__"},
]
"""A module imports from its own layer or from those before it."""


def module_name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def layer(module: str) -> int | None:
    parts = module.split(".")
    room = "resources" if parts[0] == "resources" else (parts[1] if len(parts) > 1 else "")
    return next((index for index, rooms in enumerate(LAYERS) if room in rooms), None)


@pytest.mark.parametrize("path", MODULES, ids=module_name)
def test_each_module_keeps_to_its_layer(path: Path) -> None:
    own = module_name(path)
    if own in {"synth_assets", "resources"}:
        return
    mine = layer(own)
    assert mine is not None, f"{own} has no layer; give it one in LAYERS"
    for name in imports(path):
        if name.split(".")[0] not in {"synth_assets", "resources"} or name == "synth_assets.__version__":
            continue
        theirs = layer(name)
        assert theirs is not None, f"{own} imports {name}, which has no layer"
        assert theirs <= mine, f"{own} imports {name} from a later layer"


@pytest.mark.parametrize("path", MODULES, ids=module_name)
def test_dagster_stays_at_the_edge(path: Path) -> None:
    own = module_name(path)
    if own in EDGE or own.startswith("resources"):
        return
    assert not [name for name in imports(path) if name.split(".")[0].startswith("dagster")]


@pytest.mark.parametrize("path", MODULES, ids=module_name)
def test_the_core_reads_no_environment_and_no_clock(path: Path) -> None:
    own = module_name(path)
    if own in EDGE or own.startswith("resources") or own in {"synth_assets.cli", "synth_assets.__main__"}:
        return
    text = path.read_text()
    for forbidden in ("os.environ", "getenv(", "datetime.now(", "time.time(", "date.today("):
        assert forbidden not in text, f"{own} uses {forbidden}"


@pytest.mark.parametrize("path", MODULES, ids=module_name)
def test_no_module_is_a_drawer_for_everything(path: Path) -> None:
    assert path.stem not in {"utils", "helpers", "common", "manager", "other"}
    assert len(path.read_text().splitlines()) <= 500


@pytest.mark.parametrize("path", MODULES, ids=module_name)
def test_functions_stay_short(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = (node.end_lineno or node.lineno) - node.lineno + 1
            assert length <= 60, f"{path.name}:{node.name} has {length} lines"


def test_only_mechanisms_draws_noise_for_privacy() -> None:
    for path in MODULES:
        own = module_name(path)
        if own.startswith("synth_assets.mechanisms"):
            continue
        named = [name for name in imports(path) if name.startswith("diffprivlib.mechanisms")]
        assert not named, f"{own} imports {named[0]}"


def test_the_light_verbs_import_nothing_heavy() -> None:
    code = (
        "import sys, synth_assets.spec, synth_assets.cli, resources.environment;"
        "heavy = {'dagster', 'diffprivlib', 'sklearn', 'matplotlib', 'scipy.stats', 'pandas'};"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
