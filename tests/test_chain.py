"""The whole chain: what a run makes, what it charges, and what it must never do."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import pytest

from synth_assets.release import current_release, release_key
from synth_assets.synthesis import Independent
from tests.workspace import one, product, publish, read, run, write_people, write_spec


@pytest.fixture(scope="module")
def ready(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace after one run of one product."""
    return publish(tmp_path_factory.mktemp("chain"), product("towns"))


@pytest.fixture
def workspace(ready: Path, tmp_path: Path) -> Path:
    shutil.copytree(ready, tmp_path / "w")
    return tmp_path / "w"


def published(folder: Path) -> dict[str, bytes]:
    root = folder / "warehouse" / "published"
    return {str(path.relative_to(root)): path.read_bytes() for path in sorted(root.rglob("*")) if path.is_file()}


def test_a_product_is_published_whole(ready: Path) -> None:
    assert set(published(ready)) == {
        "team/team.duckdb",
        "team/tables/towns.parquet",
        "team/tables/towns.json",
        "team/tables/towns.md",
    }
    with duckdb.connect(str(ready / "warehouse/published/team/team.duckdb"), read_only=True) as con:
        assert con.execute("SELECT column_name, column_type FROM (DESCRIBE towns)").fetchall() == [
            ("sex", "VARCHAR"),
            ("town", "VARCHAR"),
        ]
        rows = con.execute("SELECT count(*) FROM towns").fetchall()[0][0]
    assert 300 < rows < 700  # 480 of 600 units are not control; both the split and the count are random


def test_the_card_says_what_was_promised_and_no_score(ready: Path) -> None:
    card = json.loads((ready / "warehouse/published/team/tables/towns.json").read_text())
    assert card["privacy"]["epsilon"] == 1.0
    assert card["privacy"]["unit"] == "person_id"
    assert card["guarantee"] == "differential_privacy"
    assert {column["name"] for column in card["columns"]} == {"sex", "town"}
    assert card["expected_errors"]
    text = (ready / "warehouse/published/team/tables/towns.md").read_text()
    assert "add or remove all rows of one unit" in text
    certificate = read(ready / "synth.yaml")[2].certificate("team/towns", card["version"])
    assert certificate is not None
    measured = [c["value"] for c in json.loads(certificate.criteria_json)["criteria"] if c["value"]]
    assert measured
    assert not [value for value in measured if f"{value:.3f}" in text + json.dumps(card)]


def test_the_same_release_again_costs_nothing(workspace: Path) -> None:
    before = published(workspace)
    spent = read(workspace / "synth.yaml")[2].spent("people")
    assert run(workspace / "synth.yaml").success
    assert read(workspace / "synth.yaml")[2].spent("people") == spent
    assert published(workspace) == before


def test_going_back_to_an_older_version_costs_nothing(workspace: Path) -> None:
    first = published(workspace)["team/tables/towns.parquet"]
    path = write_spec(workspace, product("towns", epsilon=0.5))
    assert run(path).success
    assert published(workspace)["team/tables/towns.parquet"] != first
    assert published(workspace)["team/previous/towns.parquet"] == first
    assert run(write_spec(workspace, product("towns"))).success
    assert read(path)[2].spent("people").epsilon == 1.5
    assert published(workspace)["team/tables/towns.parquet"] == first


def test_a_new_snapshot_is_a_new_release(workspace: Path) -> None:
    with (workspace / "people.csv").open("a") as file:
        file.write("P99999,New Person,Female,44,East,50000\n")
    assert run(workspace / "synth.yaml").success
    assert read(workspace / "synth.yaml")[2].spent("people").epsilon == 2.0


def test_over_the_ceiling_nothing_changes_and_others_still_publish(workspace: Path) -> None:
    before = published(workspace)
    greedy = product("towns") + one("greedy", "age, town", 3.5) + one("modest", "age, sex", 0.5)
    outcome = run(write_spec(workspace, greedy))
    assert outcome.refused_by_budget
    (refusal,) = outcome.failures
    for word in ("spent (1,", "requested (3.5,", "remaining (3,", "source people"):
        assert word in refusal.text
    ledger = read(workspace / "synth.yaml")[2]
    assert ledger.spent("people").epsilon == 1.5
    assert ledger.verify() == []
    after = published(workspace)
    assert "team/tables/greedy.parquet" not in after
    assert "team/tables/modest.parquet" in after
    assert after["team/tables/towns.parquet"] == before["team/tables/towns.parquet"]


class _Copies:
    """A model that learned every row by heart."""

    def __init__(self, rows: pd.DataFrame, honest: Any) -> None:
        self.rows, self.charge, self.errors = rows, honest.charge, honest.errors

    def sample(self, n: int | None = None) -> pd.DataFrame:
        return self.rows


@pytest.fixture
def copying(monkeypatch: pytest.MonkeyPatch) -> None:
    honest = Independent.fit

    def fit(self: Independent, table: Any, domain: Any = None, **options: Any) -> Any:
        return _Copies(table.df(), honest(self, table, domain, **options))

    monkeypatch.setattr(Independent, "fit", fit)


@pytest.mark.usefixtures("copying")
def test_what_fails_its_report_is_published_by_no_route(workspace: Path) -> None:
    before = published(workspace)
    accept = "{column_shapes: 0.5, pair_trends: 0.5, singling_out: 0.2, linkability: 0.2, inference: 0.2}"
    block = product("towns") + one("copied", "sex, age, town, pay", 1.0).replace(
        "{column_shapes: 0.5, pair_trends: 0.5, singling_out: 0.5, linkability: 0.5, inference: 0.5}", accept
    )
    path = write_spec(workspace, block)
    outcome = run(path)
    assert not outcome.success
    assert [step.error for step in outcome.failures] == ["CertificateFailed"]
    alone = run(path, "published/team/copied")
    assert [step.error for step in alone.failures] == ["PublicationRefused"]
    assert "failed its report" in alone.failures[0].text
    both = run(path, "staged/team/copied", "published/team/copied")
    assert [step.error for step in both.failures] == ["PublicationRefused"]
    assert {k: v for k, v in published(workspace).items() if "copied" in k} == {}
    assert published(workspace)["team/tables/towns.parquet"] == before["team/tables/towns.parquet"]


def test_whoever_knows_a_column_of_deidentified_rows_singles_people_out(workspace: Path) -> None:
    """Nothing hides de-identified rows: the attacker is taken to know more than their quasi-identifiers."""
    path = workspace / "synth.yaml"
    text = path.read_text().replace("[sex, town]", "[sex, town, pay]")
    path.write_text(text.replace("synthesizer: {method: independent, epsilon: 1.0}", "rows: {}"))
    outcome = run(path)
    assert [step.error for step in outcome.failures] == ["CertificateFailed"]
    assert "singling_out" in outcome.failures[0].text


def test_stricter_thresholds_need_a_new_report(workspace: Path) -> None:
    path = workspace / "synth.yaml"
    path.write_text(path.read_text().replace("column_shapes: 0.5", "column_shapes: 0.6"))
    refused = run(path, "published/team/towns")
    assert [step.error for step in refused.failures] == ["PublicationRefused"]
    assert "no certificate under the present thresholds" in refused.failures[0].text
    assert run(path, "report/team/towns", "published/team/towns").success


def test_records_suppressed_later_leave_the_product(workspace: Path) -> None:
    path = workspace / "synth.yaml"
    rows = path.read_text().replace("synthesizer: {method: independent, epsilon: 1.0}", "rows: {}")
    rows = rows.replace(
        "singling_out: 0.5, linkability: 0.5, inference: 0.5", "singling_out: 1, linkability: 1, inference: 1"
    )
    path.write_text(rows)
    assert run(path).success
    parquet = workspace / "warehouse/published/team/tables/towns.parquet"
    assert towns(parquet) == {"North", "South", "East", "West"}
    path.write_text(
        rows.replace("    unit:", "    suppress_records: [{column: town, op: equals, value: North}]\n    unit:")
    )
    assert run(path).success
    assert towns(parquet) == {"South", "East", "West"}


def towns(parquet: Path) -> set[str]:
    with duckdb.connect() as con:
        return {row[0] for row in con.execute("SELECT DISTINCT town FROM read_parquet(?)", [str(parquet)]).fetchall()}


def test_an_older_ledger_does_not_pay_for_newer_tables(workspace: Path, ready: Path) -> None:
    path = write_spec(workspace, product("towns", epsilon=0.5))
    assert run(path).success
    shutil.copy2(ready / "warehouse/ledger.db", workspace / "warehouse/ledger.db")
    ledger = read(path)[2]
    for other in range(12):
        ledger.record_snapshot("people", "s", "p", "[]", str(other))
    outcome = run(path)
    assert {step.error for step in outcome.failures} == {"LedgerError"}
    assert read(path)[2].spent("people").epsilon == 1.0


def test_declared_categories_do_not_bind_what_a_treatment_made_of_them(workspace: Path) -> None:
    path = workspace / "synth.yaml"
    text = path.read_text().replace("type: city,", "type: city, treatment: {generalize: {prefix: 2}},")
    path.write_text(text.replace("epsilon: 1.0}", "epsilon: 1.0, delta: 1e-7}"))
    assert run(path).success
    assert {"No", "So"} <= towns(workspace / "warehouse/published/team/tables/towns.parquet")


@pytest.mark.parametrize(
    ("old", "new", "key", "told"),
    [
        (
            "{role: sensitive, type: salary",
            "{role: sensitive, treatment: suppress, type: salary",
            "staged",
            "decisions",
        ),
        ("control: 0.2", "control: 0.3", "deidentified", "reads source people otherwise"),
        ("epsilon: 1.0", "epsilon: 0.5", "report", "by other parameters"),
        ("epsilon: 1.0", "epsilon: 0.5", "published", "by other parameters"),
    ],
)
def test_a_changed_spec_holds_for_single_assets_too(workspace: Path, old: str, new: str, key: str, told: str) -> None:
    before = published(workspace)
    path = workspace / "synth.yaml"
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new))
    outcome = run(path, f"{key}/people" if key == "deidentified" else f"{key}/team/towns")
    assert told in outcome.failures[0].text
    assert published(workspace) == before


def test_a_staged_table_that_was_changed_is_not_published(workspace: Path) -> None:
    spec, warehouse, _ = read(workspace / "synth.yaml")
    name = "team/towns"
    key = release_key(name, current_release(warehouse, name))
    other = release_key(name, "f" * 64)
    with warehouse.write(other) as con:
        warehouse.attach(con, key, "old")
        con.execute("CREATE TABLE out.data AS SELECT * FROM old.data LIMIT 10")
        con.execute("INSERT INTO out.meta SELECT * FROM old.meta")
    warehouse.path(other).replace(warehouse.path(key))
    shutil.rmtree(spec.root / "published")
    refused = run(workspace / "synth.yaml", "published/team/towns")
    assert [step.error for step in refused.failures] == ["PublicationRefused"]
    staged = run(workspace / "synth.yaml", "staged/team/towns")
    assert "was changed after it was made" in staged.failures[0].text


def test_a_lost_ledger_is_not_replaced(workspace: Path) -> None:
    (workspace / "warehouse/ledger.db").unlink()
    outcome = run(workspace / "synth.yaml")
    assert {step.error for step in outcome.failures} == {"LedgerError"}
    assert "restore it from a backup" in outcome.failures[0].text


def test_a_column_nobody_decided_on_is_left_out(workspace: Path) -> None:
    lines = (workspace / "people.csv").read_text().splitlines()
    marked = [lines[0] + ",zz9", *(f"{line},{index * 7919 % 13}" for index, line in enumerate(lines[1:]))]
    (workspace / "people.csv").write_text("\n".join(marked) + "\n")
    path = workspace / "synth.yaml"
    path.write_text(path.read_text().replace("[sex, town]", "[sex, town, zz9]"))
    assert run(path).success
    card = json.loads((workspace / "warehouse/published/team/tables/towns.json").read_text())
    assert card["left_out"] == ["zz9"]


def test_names_with_quotes_and_emoji_pass_through(tmp_path: Path) -> None:
    strange = 'to"wn 😀; drop'
    text = write_people(tmp_path).read_text().replace(",town,", ',"to""wn 😀; drop",', 1)
    (tmp_path / "people.csv").write_text(text)
    path = write_spec(tmp_path, product("towns", f"sex, {json.dumps(strange, ensure_ascii=False)}"))
    path.write_text(path.read_text().replace("      town:", f"      {json.dumps(strange, ensure_ascii=False)}:"))
    assert run(path).success
    with duckdb.connect(str(tmp_path / "warehouse/published/team/team.duckdb"), read_only=True) as con:
        assert con.sql("FROM towns").columns == ["sex", strange]


@pytest.mark.parametrize("rows", [0, 1])
def test_tables_of_no_row_and_of_one_row_end_in_a_verdict(tmp_path: Path, rows: int) -> None:
    write_people(tmp_path, rows)
    outcome = run(write_spec(tmp_path, product("towns")))
    assert all(step.error in {"CertificateFailed", "SourceError", "DomainError"} for step in outcome.failures)
    assert "SealedError" not in {step.error for step in outcome.failures}
