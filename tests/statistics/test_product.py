"""A product of figures through the whole chain: charged once, certified, published with its errors."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import duckdb
import pytest

from synth_assets.summary import summarize_run
from tests.workspace import publish, read, run, write_spec

FIGURES = """\
consumers:
  - name: team
    products:
      - name: figures
        source: people
        statistics:
          count: [{}, {by: [sex, town]}]
          mean: {of: pay, by: [town]}
          quantiles: {of: age, at: [0.5]}
          epsilon: 1
"""


@pytest.fixture(scope="module")
def ready(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return publish(tmp_path_factory.mktemp("figures"), FIGURES)


def test_the_table_is_published_with_an_error_beside_each_figure(ready: Path) -> None:
    with duckdb.connect(str(ready / "warehouse/published/team/team.duckdb"), read_only=True) as con:
        described = con.execute("SELECT column_name, column_type FROM (DESCRIBE figures)").fetchall()
        figures = con.execute(
            "SELECT count(*), count(value), min(error) FILTER (statistic <> 'quantile') FROM figures"
        ).fetchall()[0]
        ((people, error),) = con.execute(
            "SELECT value, error FROM figures WHERE statistic = 'count' AND sex IS NULL"
        ).fetchall()
    assert [name for name, _ in described] == ["statistic", "of", "at", "sex", "town", "value", "error"]
    assert dict(described)["value"] == "DOUBLE"
    assert figures[:2] == (1 + 4 * 6 + 6 + 1, 1 + 4 * 6 + 6 + 1)
    assert figures[2] > 0
    assert abs(people - 600) < 10 * error  # everybody: the control sample is read too


def test_the_card_states_the_promise_and_the_errors(ready: Path) -> None:
    card = json.loads((ready / "warehouse/published/team/tables/figures.json").read_text())
    assert card["privacy"]["epsilon"] == 1.0
    assert card["guarantee"] == "differential_privacy"
    assert card["left_out"] == []
    assert [error["statistic"] for error in card["expected_errors"]] == ["count", "count", "mean", "quantile 0.5"]
    text = (ready / "warehouse/published/team/tables/figures.md").read_text()
    assert "| mean | pay | town | 6 |" in text
    assert "the true figure lies within" in text


def test_the_certificate_says_why_no_attack_was_tried(ready: Path) -> None:
    ledger = read(ready / "synth.yaml")[2]
    card = json.loads((ready / "warehouse/published/team/tables/figures.json").read_text())
    certificate = ledger.certificate("team/figures", card["version"])
    assert certificate is not None
    assert certificate.passed
    criteria = {c["name"]: c for c in json.loads(certificate.criteria_json)["criteria"]}
    assert set(criteria) == {"figures_within_error", "relative_error", "singling_out", "linkability", "inference"}
    assert criteria["figures_within_error"]["value"] > 0.8
    assert "nothing to attack" in criteria["inference"]["reason"]
    (charge,) = [c for s in ledger.summary()["sources"] for c in s["charges"]]
    assert (charge["mechanism"], charge["epsilon"], charge["delta"]) == ("statistics", 1.0, 0.0)


def test_the_report_is_kept_in_the_restricted_zone(ready: Path) -> None:
    _, warehouse, _ = read(ready / "synth.yaml")
    document = json.loads(warehouse.read_document("reports/team/figures/report.json"))
    assert {entry["statistic"] for entry in document["review"]["entries"]} == {"count", "mean", "quantile"}
    assert "nothing to attack" in warehouse.read_document("reports/team/figures/report.html").decode()
    assert warehouse.read_document("reports/team/figures/scores.png").startswith(b"\x89PNG")
    published = ready / "warehouse" / "published"
    assert not [path for path in published.rglob("*") if path.is_file() and b"truth" in path.read_bytes()]


def test_again_costs_nothing_and_other_figures_are_another_release(ready: Path, tmp_path: Path) -> None:
    shutil.copytree(ready, tmp_path / "w")
    path = tmp_path / "w" / "synth.yaml"
    assert run(path).success
    assert read(path)[2].spent("people").epsilon == 1.0
    assert run(write_spec(tmp_path / "w", FIGURES.replace("of: pay", "of: age"))).success
    assert read(path)[2].spent("people").epsilon == 2.0


@pytest.mark.parametrize(
    ("old", "new", "error", "told"),
    [
        (
            "age: {role: quasi_identifier, type: age, bounds: [0, 99]}",
            "age: {role: quasi_identifier}",
            "DomainError",
            "bounds",
        ),
        ("type: city, categories: [North, South, East, West]", "type: city", "DomainError", "set `delta`"),
        ("type: salary,", "type: salary, treatment: suppress,", "SourceError", "its statistics need `pay`"),
    ],
)
def test_what_cannot_be_told_is_refused_before_the_charge(
    ready: Path, tmp_path: Path, old: str, new: str, error: str, told: str
) -> None:
    shutil.copytree(ready, tmp_path / "w")
    path = tmp_path / "w" / "synth.yaml"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))
    outcome = run(path)
    assert {step.error for step in outcome.failures} == {error}
    assert told in outcome.failures[0].text
    assert read(path)[2].spent("people").epsilon == 1.0


def test_a_table_whose_figures_are_too_far_off_is_not_published(ready: Path, tmp_path: Path) -> None:
    shutil.copytree(ready, tmp_path / "w")
    block = FIGURES.replace(
        "          epsilon: 1\n", "          epsilon: 0.001\n        accept: {relative_error: 0.01}\n"
    )
    outcome = run(write_spec(tmp_path / "w", block))
    assert [step.error for step in outcome.failures] == ["CertificateFailed"]
    assert "relative_error" in outcome.failures[0].text


def test_the_summary_tells_how_far_off_the_figures_are(ready: Path) -> None:
    spec, warehouse, ledger = read(ready / "synth.yaml")
    ((name, method, _, quality, risk, where),) = summarize_run(spec, warehouse, ledger, "another run")
    assert (name, method, risk) == ("team/figures", "statistics", "no rows")
    assert quality.endswith("% off")
    assert where == "published/team/team.duckdb: figures"
