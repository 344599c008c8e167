"""Dagster's own ways to run the graph: its loader, its multiprocess executor, its schedules."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import dagster as dg
import pytest

from resources.environment import child_environment, dagster_home
from synth_assets.definitions import build_defs
from synth_assets.spec import load_spec
from tests.workspace import one, product, read, write_people, write_spec

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("executors")
    write_people(folder, 300)
    write_spec(folder, product("towns", extra='schedule: "0 3 * * 1"') + one("ages", "age, sex"))
    return folder


def dagster(*arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    spec = load_spec(folder / "synth.yaml", {})
    environment = child_environment(folder / "synth.yaml", dagster_home(spec.root))
    return subprocess.run(
        [sys.executable, "-m", "dagster", *arguments],
        cwd=ROOT,
        env={**environment, "PYTHONWARNINGS": "ignore"},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )


def test_dagster_validates_the_workspace(workspace: Path) -> None:
    done = dagster("definitions", "validate", "-w", "workspace.yaml", folder=workspace)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_multiprocess_executor_makes_the_same_graph(workspace: Path) -> None:
    arguments = ["job", "execute", "-m", "synth_assets.definitions", "-j", "everything"]
    done = dagster(*arguments, folder=workspace)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    assert "multiprocess" in done.stdout + done.stderr
    ledger = read(workspace / "synth.yaml")[2]
    assert ledger.spent("people").epsilon == 2.0
    assert ledger.verify() == []
    assert (workspace / "warehouse/published/team/tables/ages.parquet").exists()
    assert (workspace / "warehouse/published/team/tables/towns.parquet").exists()


def test_the_graph_has_the_shape_of_the_spec(workspace: Path) -> None:
    defs = build_defs(load_spec(workspace / "synth.yaml", {}))
    graph = defs.resolve_asset_graph()
    keys = {
        key.to_user_string(): {p.to_user_string() for p in graph.get(key).parent_keys}
        for key in graph.get_all_asset_keys()
    }
    assert keys == {
        "raw/people": set(),
        "classified/people": {"raw/people"},
        "deidentified/people": {"raw/people", "classified/people"},
        **{
            key: parents
            for name in ("team/towns", "team/ages")
            for key, parents in {
                f"staged/{name}": {"deidentified/people"},
                f"report/{name}": {f"staged/{name}", "deidentified/people"},
                f"published/{name}": {f"staged/{name}", f"report/{name}"},
            }.items()
        },
    }
    node = graph.get(dg.AssetKey(["published", "team", "towns"]))
    assert node.group_name == "published"
    assert node.tags["guarantee"] == "differential_privacy"
    assert node.kinds == {"duckdb", "parquet"}


def test_each_product_has_a_job_and_its_schedule(workspace: Path) -> None:
    defs = build_defs(load_spec(workspace / "synth.yaml", {}))
    job = defs.resolve_job_def("team__towns")
    selected = {key.to_user_string() for key in job.asset_layer.executable_asset_keys}
    assert selected == {
        "raw/people", "classified/people", "deidentified/people",
        "staged/team/towns", "report/team/towns", "published/team/towns",
    }  # fmt: skip
    schedule = defs.resolve_schedule_def("team__towns__schedule")
    assert schedule.cron_schedule == "0 3 * * 1"
    assert schedule.default_status is dg.DefaultScheduleStatus.RUNNING


def test_telemetry_is_off(workspace: Path) -> None:
    spec = load_spec(workspace / "synth.yaml", {})
    assert "enabled: false" in (dagster_home(spec.root) / "dagster.yaml").read_text()
    assert child_environment(workspace / "synth.yaml", spec.root)["DAGSTER_DISABLE_TELEMETRY"] == "yes"
    assert os.environ.get("DAGSTER_HOME") is None


@pytest.mark.parametrize("consumer", ["raw", "classified", "deidentified"])
def test_a_job_may_have_the_name_of_a_stage_and_a_source(tmp_path: Path, consumer: str) -> None:
    defs = build_defs(load_spec(write_spec(tmp_path, product("people", consumer=consumer)), {}))
    assert f"{consumer}__people" in {job.name for job in defs.get_repository_def().get_all_jobs()}
