"""Randomized columns through the whole chain: charged before they are drawn, once, and told on plan and card."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from synth_assets.certification import evaluate_product
from synth_assets.errors import BudgetExceeded, SourceError, SpecError
from synth_assets.pipeline import Platform, classify_source, deidentify_source, ingest_source
from synth_assets.planning import check_budgets, over_ceiling, plan
from synth_assets.publication import data_card, render_card
from synth_assets.release import attach_staged, current_release, require_current, stage_product
from synth_assets.spec import load_spec
from tests.workspace import platform_of

SPEC = """
sources:
  - name: people
    path: people.csv
    unit: id
    max_rows_per_unit: 2
    budget: {{epsilon: {ceiling}, delta: 1e-6}}
    columns:
      id: {{role: direct_identifier, type: person_id}}
      drug: {{role: sensitive, type: medication, categories: [a, b, c], treatment: {{randomize: {{epsilon: 1}}}}}}
      age: {{role: quasi_identifier, type: age, bounds: [0, 99], bins: 5,
        treatment: {{randomize: {{epsilon: 0.5, mechanism: geometric}}}}}}
      town: {{role: quasi_identifier, type: city, categories: [N, S]}}
consumers:
  - name: one
    products:
      - {{name: rows, source: people, columns: [id, drug, town], rows: {{}}, schedule: "0 3 * * 1"}}
      - {{name: more, source: people, columns: [drug, age], rows: {{}}, schedule: "0 3 * * 1"}}
      - {{name: dp, source: people, columns: [drug, town], synthesizer: {{method: independent, epsilon: 2}}}}
      - {{name: told, source: people, statistics: {{count: {{by: [drug]}}, epsilon: 1}}}}
  - name: two
    products:
      - {{name: rows, source: people, columns: [id, drug], rows: {{}}}}
      - {{name: alike, source: people, columns: [drug, age, town], anonymize: {{k: 3}}}}
"""


def make(folder: Path, ceiling: float = 20, age: int = 0) -> Platform:
    folder.mkdir(exist_ok=True)
    lines = [f"{i},{'abc'[i % 3]},{(i + age) % 100},{'NS'[i % 2]}" for i in range(900)]
    (folder / "people.csv").write_text("id,drug,age,town\n" + "\n".join(lines) + "\n")
    (folder / "synth.yaml").write_text(SPEC.format(ceiling=ceiling))
    made = platform_of(folder / "synth.yaml")
    ingest_source(made, "people")
    classify_source(made, "people")
    deidentify_source(made, "people")
    return made


def stage(platform: Platform, *names: str) -> None:
    for name in names:
        stage_product(platform, *platform.spec.product(name))


def charges(platform: Platform) -> list[tuple[str, float]]:
    made = platform.ledger.charges("people")
    return [(charge.asset, charge.event.epsilon) for charge in made if charge.event.epsilon is not None]


@pytest.fixture(scope="module")
def staged(tmp_path_factory: pytest.TempPathFactory) -> Platform:
    platform = make(tmp_path_factory.mktemp("answers"))
    stage(platform, "one/rows", "one/more", "one/dp", "one/told", "two/rows", "two/alike")
    return platform


def rows(platform: Platform, name: str, query: str) -> list[Any]:
    with platform.warehouse.connect() as con:
        attach_staged(platform, con, name, current_release(platform.warehouse, name))
        return con.execute(query).fetchall()


def test_each_consumer_pays_for_its_answers_once(staged: Platform) -> None:
    answers = [("answers/one/people/drug", 1.0), ("answers/one/people/age", 0.5)]
    assert charges(staged) == [
        *answers,
        ("published/one/dp", 2.0),
        ("published/one/told", 1.0),
        ("answers/two/people/drug", 1.0),
        ("answers/two/people/age", 0.5),
    ]
    event = staged.ledger.charges("people")[0].event
    assert (event.mechanism, event.neighbouring, event.unit, event.columns) == (
        "randomized_response",
        "replace_value",
        "id",
        ("drug",),
    )
    assert staged.ledger.verify() == []
    before = charges(staged)
    stage(staged, "one/rows", "one/dp", "two/rows")
    assert charges(staged) == before


def test_the_charge_comes_before_the_first_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that dies in the middle has paid, and the same answers are not paid for again."""
    from synth_assets import release

    platform = make(tmp_path)

    def die(*_: Any) -> dict[str, Any]:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(release, "make_table", die)
        with pytest.raises(KeyboardInterrupt):
            stage(platform, "one/rows")
    assert charges(platform) == [("answers/one/people/drug", 1.0)]
    stage(platform, "one/rows")
    assert charges(platform) == [("answers/one/people/drug", 1.0)]


def test_a_consumers_products_show_the_same_answers(staged: Platform) -> None:
    def drugs(name: str) -> list[Any]:
        return sorted(rows(staged, name, "SELECT drug, count(*) FROM staged.data GROUP BY drug"), key=str)

    assert drugs("one/rows") == drugs("one/more") != drugs("two/rows")
    assert {value for value, _ in drugs("one/rows")} == {"a", "b", "c", None}
    told = dict(rows(staged, "one/told", "SELECT drug, sum(value) FROM staged.data GROUP BY drug"))
    assert set(told) >= {"a", "b", "c"}  # counts of answers: each third of 900, and many of none at epsilon 1
    assert told["a"] < 290


def test_a_new_snapshot_draws_and_charges_anew(tmp_path: Path) -> None:
    platform = make(tmp_path)
    stage(platform, "one/rows")
    first = rows(platform, "one/rows", "SELECT id, drug FROM staged.data ORDER BY id")
    later = make(tmp_path, age=1)  # nobody's drug changed
    stage(later, "one/rows")
    second = rows(later, "one/rows", "SELECT id, drug FROM staged.data ORDER BY id")
    assert [row[0] for row in first] == [row[0] for row in second]
    same = sum(a == b for a, b in zip(first, second, strict=True)) / len(first)
    assert 0.15 < same < 0.5  # p^2 + 3 q^2 = .30; 810 units
    assert charges(later) == [("answers/one/people/drug", 1.0)] * 2
    back = make(tmp_path)
    stage(back, "one/rows")
    assert rows(back, "one/rows", "SELECT id, drug FROM staged.data ORDER BY id") == first
    assert len(charges(back)) == 2


def test_the_risk_is_that_of_the_answers(staged: Platform) -> None:
    """The report tells who is found by the answers that are shown; the treated rows keep none of them."""
    answers = len(rows(staged, "one/more", "SELECT DISTINCT age FROM staged.data"))
    assert answers > 1
    for name, classes in (("one/more", answers), ("two/alike", 2 * answers)):  # ages, and ages in two towns
        evaluate_product(staged, *staged.spec.product(name))
        told = json.loads(staged.warehouse.read_document(f"reports/{name}/report.json"))["reidentification"]
        assert told["attackers"]["classes"] == classes
        assert told["attackers"]["marketer"] == pytest.approx(classes / told["attackers"]["units"])
    assert _known(staged, "one/more") == ["drug", "age"]  # there is nothing else to go by
    assert _known(staged, "two/alike") == ["town"]  # an age is seldom true


def _known(staged: Platform, name: str) -> list[str]:
    report = json.loads(staged.warehouse.read_document(f"reports/{name}/report.json"))
    return list(report["evaluation"]["attacks"]["known"])


def test_without_room_nothing_is_charged(tmp_path: Path) -> None:
    platform = make(tmp_path, ceiling=2.5)
    with pytest.raises(BudgetExceeded, match=r"answers of drug \(epsilon 3 together\); nothing was charged"):
        stage(platform, "one/dp")
    assert charges(platform) == []
    planned = plan(platform.spec, platform.warehouse, platform.ledger, datetime(2026, 1, 1, tzinfo=UTC))
    assert over_ceiling(planned) == ["source people"]
    assert any("epsilon 6" in problem for problem in check_budgets(platform.spec))
    stage(platform, "one/rows", "one/more")
    assert len(charges(platform)) == 2


def test_the_plan_shows_what_answers_cost(staged: Platform) -> None:
    start = datetime(2026, 1, 1, tzinfo=UTC)
    fresh = plan(staged.spec, None, None, start)
    asked = {
        r["asset"]: r["epsilon"]
        for r in fresh["releases"]
        if r["method"] in {"randomized_response", "truncated_geometric"}
    }
    assert asked == {f"answers/{c}/people/{n}": e for c in ("one", "two") for n, e in (("drug", 1.0), ("age", 0.5))}
    assert fresh["sources"][0]["planned"]["epsilon"] == 6.0
    # every Monday 1 for the drug and .5 for the age, of 20: 13 times
    assert fresh["sources"][0]["exhausted_at"] == "2026-04-06T03:00:00+00:00"
    done = plan(staged.spec, staged.warehouse, staged.ledger, start)
    assert all(release["cached"] for release in done["releases"])
    share = replace(staged, spec=staged.spec.model_copy())
    assert over_ceiling(plan(share.spec, share.warehouse, share.ledger, start)) == []


def test_the_card_tells_the_mechanism_and_estimates_the_truth(staged: Platform) -> None:
    consumer, product = staged.spec.product("one/rows")
    release_id, policy = require_current(staged, "one/rows", product)
    with staged.warehouse.connect() as con:
        meta = attach_staged(staged, con, "one/rows", release_id)
    card = data_card(staged, consumer, product, policy, meta, (), 0)
    (told,) = card["answers"]
    counts = dict(rows(staged, "one/rows", "SELECT coalesce(drug, '(none)'), count(*) FROM staged.data GROUP BY 1"))
    assert [row["answers"] for row in told["estimates"]] == [counts[value] for value in ("a", "b", "c", "(none)")]
    assert told["p"] / told["q"] == pytest.approx(2.718281828)
    for row, true in zip(told["estimates"], (1 / 3, 1 / 3, 1 / 3, 0), strict=True):
        assert abs(row["share"] - true) < 6 * row["standard_error"]
    text = render_card(card)
    assert "## Randomized: drug" in text
    assert "**(f - q) / (p -\nq)** = (f - 0.174878) / 0.300489" in text
    consumer, product = staged.spec.product("one/more")
    release_id, policy = require_current(staged, "one/more", product)
    with staged.warehouse.connect() as con:
        meta = attach_staged(staged, con, "one/more", release_id)
    card = data_card(staged, consumer, product, policy, meta, (), 0)
    age = next(told for told in card["answers"] if told["column"] == "age")
    assert (age["mechanism"], age["cells"], age["first"], age["width"]) == ("truncated_geometric", 5, 9.5, 20)
    assert abs(age["mean"] - 49.5) < 6 * age["mean_error"] < 60  # 810 units, evenly from 0 to 99
    text = render_card(card)
    assert "plus noise, z cells off with\nprobability proportional to 0.882497^|z|" in text
    assert f"Here: {age['mean']:.6g}, with a standard error of" in text
    consumer, product = staged.spec.product("two/alike")
    _, policy = require_current(staged, "two/alike", product)
    made = {**meta, "made": {key: value for key, value in meta["made"].items() if key != "answers"}}
    card = data_card(staged, *staged.spec.product("one/dp"), policy, made, (), 0)
    assert [told["estimates"] for told in card["answers"]] == [[], []]


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("    budget: {epsilon: 20, delta: 1e-6}\n", "", "budget is needed, as column drug is randomized"),
        ("categories: [a, b, c], ", "", "declared `categories` or `bounds`"),
        ("    budget", "    suppress_records: [{column: drug, op: is_null}]\n    budget", "would tell its true values"),
        ("    unit: id\n    max_rows_per_unit: 2", "    unit: drug", "is the unit, which cannot be randomized"),
    ],
)
def test_the_spec_refuses_at_load(tmp_path: Path, old: str, new: str, told: str) -> None:
    text = SPEC.format(ceiling=20)
    assert old in text
    (tmp_path / "synth.yaml").write_text(text.replace(old, new, 1))
    with pytest.raises(SpecError, match=told):
        load_spec(tmp_path / "synth.yaml", {})


def test_rows_that_are_treated_anew_meanwhile_are_not_answered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another run ingests a new snapshot between the charge and the first look: its answers nobody has paid for."""
    from synth_assets import release

    platform, charge = make(tmp_path), release._charge

    def meanwhile(*given: Any) -> int:
        make(tmp_path, age=1)
        return charge(*given)

    monkeypatch.setattr(release, "_charge", meanwhile)
    with pytest.raises(SourceError, match="was made anew while rows was being made of it"):
        stage(platform, "one/rows")
