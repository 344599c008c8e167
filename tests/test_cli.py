from __future__ import annotations

import json
from pathlib import Path

import pytest

from synth_assets.cli import app
from tests.workspace import command, one, plain, product, write_people, write_spec


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("cli")
    write_people(folder, 300)
    write_spec(folder, product("towns"))
    return folder


def test_every_verb_is_documented() -> None:
    readme = (Path(__file__).parent.parent / "README.md").read_text()
    verbs = [c.name or (c.callback.__name__ if c.callback else "") for c in app.registered_commands]
    for verb in [*verbs, "budget"]:
        assert f"synth-assets {verb}" in readme, verb


def test_the_life_of_a_product(workspace: Path) -> None:
    """plan, run, run again, budget, verify, report: each as a person would call it."""
    planned = command("plan", "--format", "json", "--spec", "synth.yaml", cwd=workspace)
    assert planned.returncode == 0, planned.stderr
    document = json.loads(planned.stdout)
    assert document["releases"][0]["asset"] == "published/team/towns"
    assert document["releases"][0]["cached"] is False
    assert document["sources"][0]["planned"] == {"epsilon": 1.0, "delta": 0.0}
    assert not (workspace / "warehouse").exists()

    first = command("run", "--spec", "synth.yaml", cwd=workspace)
    assert first.returncode == 0, first.stderr
    assert "team/towns independent 1 " in plain(first.stdout)
    assert "published/team/team.duckdb" in first.stdout
    assert "Traceback" not in first.stderr

    second = command("run", cwd=workspace, environ={"SYNTH_ASSETS_SPEC": "synth.yaml"})
    assert second.returncode == 0
    assert "nothing was charged in this run" in second.stdout

    again = json.loads(command("plan", "--format", "json", "--spec", "synth.yaml", cwd=workspace).stdout)
    assert again["releases"][0]["cached"] is True
    assert again["sources"][0]["planned"]["epsilon"] == 0

    ledger = json.loads(command("budget", "--format", "json", "--spec", "synth.yaml", cwd=workspace).stdout)
    (source,) = ledger["sources"]
    assert source["spent"] == {"epsilon": 1.0, "delta": 0.0}
    assert source["remaining"]["epsilon"] == 3.0
    assert set(source["charges"][0]) == {
        "id", "asset", "consumer", "mechanism", "epsilon", "delta", "at", "run_id", "state",
    }  # fmt: skip
    assert command("budget", "verify", "--spec", "synth.yaml", cwd=workspace).returncode == 0

    report = command("report", "team/towns", "--spec", "synth.yaml", cwd=workspace)
    html, document_path = report.stdout.split()
    assert "<html" in Path(html).read_text()
    assert json.loads(Path(document_path).read_text())


def test_a_refusal_by_the_budget_is_exit_code_3(workspace: Path, tmp_path: Path) -> None:
    write_people(tmp_path, 300)
    write_spec(tmp_path, product("towns") + one("greedy", "age, town", 4.5))
    assert command("validate", "--spec", "synth.yaml", cwd=tmp_path).returncode == 1
    assert command("plan", "--spec", "synth.yaml", cwd=tmp_path).returncode == 3
    done = command("run", "--spec", "synth.yaml", cwd=tmp_path)
    assert done.returncode == 3
    for word in ("spent", "requested", "remaining"):
        assert word in done.stderr
    assert "Traceback" not in done.stderr + done.stdout
    assert (tmp_path / "warehouse/published/team/tables/towns.parquet").exists()


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["validate", "--spec", "missing.yaml"], "does not exist"),
        (["run", "--spec", "synth.yaml", "--select", "published/team/tows"], "did you mean `published/team/towns`"),
        (["report", "team/tows", "--spec", "synth.yaml"], "did you mean `team/towns`"),
        (["classify", "missing.csv"], "missing.csv"),
        (["init", "out", "--source", "missing.csv"], "missing.csv"),
    ],
)
def test_a_mistake_is_one_sentence_and_exit_code_1(workspace: Path, arguments: list[str], told: str) -> None:
    done = command(*arguments, cwd=workspace)
    assert done.returncode == 1
    assert told in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1, done.stderr


def test_a_lost_ledger_is_told_with_the_remedy(tmp_path: Path) -> None:
    write_people(tmp_path, 100)
    write_spec(tmp_path, product("towns"))
    (tmp_path / "warehouse/published/team").mkdir(parents=True)
    (tmp_path / "warehouse/published/team/team.duckdb").touch()
    done = command("run", "--spec", "synth.yaml", cwd=tmp_path)
    assert done.returncode == 1
    assert "restore it from a backup" in done.stderr
    assert "Traceback" not in done.stderr


def test_classify_prints_one_document(workspace: Path) -> None:
    done = command("classify", "people.csv", "--format", "json", cwd=workspace)
    verdicts = {verdict["column"]: verdict for verdict in json.loads(done.stdout)}
    assert set(verdicts["name"]) == {"column", "entity_type", "role", "confidence", "evidence"}
    assert verdicts["name"]["role"] == "direct_identifier"
    assert verdicts["age"]["role"] == "quasi_identifier"
    assert "Quirinus" not in done.stdout


def test_classify_explains_a_column(workspace: Path) -> None:
    said = command("classify", "people.csv", "--explain", "pay", cwd=workspace).stdout
    assert "salary" in said
    assert "name: `pay` covers 100%" in said
    done = command("classify", "people.csv", "--explain", "pey", cwd=workspace)
    assert done.returncode == 1
    assert "did you mean" in done.stderr or "pay" in done.stderr


def test_classify_writes_what_others_read_and_reads_it_back(workspace: Path) -> None:
    for kind, name in (("sdv", "meta.json"), ("smartnoise", "meta.yaml")):
        written = command("classify", "people.csv", "--format", kind, cwd=workspace).stdout
        (workspace / name).write_text(written)
        again = command("classify", "people.csv", "--format", kind, "--metadata", name, cwd=workspace)
        assert (again.returncode, again.stdout) == (0, written), again.stderr
    done = command("classify", "people.csv", "--metadata", "people.csv", cwd=workspace)
    assert done.returncode == 1
    assert "SDV" in done.stderr


def test_a_starter_runs_as_it_is(tmp_path: Path) -> None:
    write_people(tmp_path, 1500)
    made = command("init", "work", "--source", "people.csv", cwd=tmp_path)
    assert made.returncode == 0, made.stderr
    assert command("validate", "--spec", "work/synth.yaml", cwd=tmp_path).returncode == 0
    assert "bounds" not in (tmp_path / "work/synth.yaml").read_text()
    done = command("run", "--spec", "work/synth.yaml", cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert list((tmp_path / "work/warehouse/published").rglob("*.parquet"))
    again = command("init", "work", "--source", "people.csv", cwd=tmp_path)
    assert again.returncode == 1
    assert "exists already" in again.stderr


def test_a_doubtful_header_is_told_and_no_cell_shown(tmp_path: Path) -> None:
    (tmp_path / "staff.csv").write_text("".join(f"Quirinus {'abcdefghij'[i]},n,nurse\n" for i in range(10)))
    done = command("classify", "staff.csv", "--format", "json", cwd=tmp_path)
    assert [verdict["column"] for verdict in json.loads(done.stdout)] == ["column_1", "column_2", "column_3"]
    assert "run this again with `--header`" in done.stderr
    made = command("init", "work", "--source", "staff.csv", cwd=tmp_path)
    run = command("run", "--spec", "work/synth.yaml", "--select", "*/staff", cwd=tmp_path)
    assert run.returncode == 0, run.stderr
    assert "`format: {header: true}`" in run.stdout
    assert "Quirinus" not in made.stdout + made.stderr + run.stdout + run.stderr
    assert b"Quirinus" not in (tmp_path / "work/warehouse/ledger.db").read_bytes()
    assert command("classify", "staff.csv", "--header", cwd=tmp_path).stderr == ""
