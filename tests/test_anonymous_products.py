"""k-anonymous products and products of rows as the platform makes them: what their reports and cards tell."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from resources.environment import open_ledger
from synth_assets.certification import evaluate_product
from synth_assets.errors import AnonymityUnreachable, PublicationRefused, SourceError
from synth_assets.pipeline import Platform, classify_source, deidentify_source, ingest_source
from synth_assets.publication import publish_product
from synth_assets.release import attach_staged, current_release, stage_product
from synth_assets.spec import load_spec
from synth_assets.storage import Warehouse
from tests.workspace import write_people, write_spec

ACCEPT = "accept: {column_shapes: 0, pair_trends: 0, singling_out: 1, linkability: 1, inference: 1}"
CONSUMERS = f"""\
consumers:
  - name: team
    products:
      - {{name: alike, source: people, columns: [sex, age, town], anonymize: {{k: 5}}, {ACCEPT}}}
      - {{name: paid, source: people, columns: [sex, pay], anonymize: {{k: 5000}}, {ACCEPT}}}
      - {{name: hidden, source: people, columns: [sex, town], anonymize: {{k_map: 20, population: town}}, {ACCEPT}}}
      - {{name: given, source: people, columns: [sex, age, town], rows: {{share: 0.5}}, {ACCEPT}}}
  - name: others
    products:
      - {{name: boxes, source: people, columns: [sex, town], anonymize: {{k: 30, method: mondrian}}, {ACCEPT}}}
  - name: planners
    products:
      - {{name: zones, source: people, columns: [sex, town], anonymize: {{k: 20, hierarchies: {{
          sex: {{suppressible: false}},
          town: {{suppressible: false, groups: [{{North: Up, East: Up, South: Down, West: Down}}]}}}}}}, {ACCEPT}}}
"""


TOWN = """
  - name: town
    path: town.csv
    unit: n
    columns:
      n: {role: direct_identifier, type: person_id}
      sex: {role: quasi_identifier, type: gender}
      town: {role: quasi_identifier, type: city}
"""


Prepare = Callable[..., Platform]


@pytest.fixture(scope="module")
def prepare(tmp_path_factory: pytest.TempPathFactory) -> Prepare:
    """Everything up to the treated rows in a new folder, made once for each ``pay``: what is done to that column.

    ``town`` lists eight of each sex in each town, and twenty in the north.
    """
    made: dict[str, Path] = {}

    def prepared(folder: Path, consumers: str, pay: str = "") -> Platform:
        if pay not in made:
            made[pay] = tmp_path_factory.mktemp("treated")
            treat(made[pay], pay)
        shutil.copytree(made[pay], folder, dirs_exist_ok=True)
        return opened(folder, consumers, pay)

    return prepared


def treat(folder: Path, pay: str) -> None:
    write_people(folder, 400)
    towns = ["North" if i > 48 else ("South", "East", "West")[i % 3] for i in range(90)]
    lines = [f"{i},{'Female' if i % 2 else 'Male'},{town}" for i, town in enumerate(towns)]
    (folder / "town.csv").write_text("n,sex,town\n" + "\n".join(lines) + "\n", "utf-8")
    platform = opened(folder, "consumers: []\n", pay)
    for source in platform.spec.sources:
        ingest_source(platform, source.name)
        classify_source(platform, source.name)
        deidentify_source(platform, source.name)


def opened(folder: Path, consumers: str, pay: str) -> Platform:
    path = write_spec(folder, consumers)
    text = path.read_text().replace("consumers:", f"{TOWN}consumers:", 1)
    path.write_text(text.replace("bins: 20}", f"bins: 20, treatment: {pay}}}") if pay else text)
    spec = load_spec(path, {})
    warehouse = Warehouse(spec.root, bytes(range(32)))  # a key of its own would draw another control sample each time
    return Platform(spec, warehouse, open_ledger(warehouse), lambda: "2026-01-01T00:00:00+00:00", "test")


def publish(platform: Platform, name: str) -> dict[str, Any]:
    """Make a product up to its publication and return its card."""
    consumer, product = platform.spec.product(name)
    stage_product(platform, consumer, product)
    evaluate_product(platform, consumer, product)
    publish_product(platform, consumer, product)
    card = platform.warehouse.published / consumer.name / "tables" / f"{product.name}.json"
    return dict(json.loads(card.read_text()))


def report(platform: Platform, name: str) -> dict[str, Any]:
    return dict(json.loads(platform.warehouse.read_document(f"reports/{name}/report.json")))


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory, prepare: Prepare) -> Platform:
    return prepare(tmp_path_factory.mktemp("anonymous"), CONSUMERS)


def test_the_report_tells_who_is_found_and_the_card_does_not(platform: Platform) -> None:
    card = publish(platform, "team/alike")
    found = report(platform, "team/alike")["reidentification"]
    assert sum(one["shapley"] for one in found["contributions"]) == pytest.approx(found["singled_out"])
    assert found["combinations"][-1]["columns"] == ["sex", "age", "town"]
    assert found["attackers"]["prosecutor"]["highest"] == 1
    assert found["after"]["prosecutor"]["highest"] <= 1 / 5
    assert found["after"]["prosecutor"]["above"] == 0
    assert "reidentification" not in card
    assert "attackers" not in json.dumps(card)


def test_the_report_of_rows_tells_of_those_that_are_given(platform: Platform) -> None:
    card = publish(platform, "team/given")
    found = report(platform, "team/given")["reidentification"]
    assert found["attackers"]["units"] == card["rows"]  # a row each, half of the units
    assert found["after"] is None


def test_the_report_reads_sets_of_words(platform: Platform) -> None:
    publish(platform, "others/boxes")
    with platform.warehouse.connect() as con:
        attach_staged(platform, con, "others/boxes", current_release(platform.warehouse, "others/boxes"))
        rows = dict(con.execute("SELECT town, count(*) FROM staged.data GROUP BY town").fetchall())
    assert set(rows) == {"North", "South", "{(missing), East}"}  # the west is withheld, and missing here
    evaluation = report(platform, "others/boxes")["evaluation"]
    (town,) = (column for column in evaluation["quality"]["columns"] if column["column"] == "town")
    # half of the set's rows are put in the east, which is valid, and half are missing, which no real town is
    missing = rows["{(missing), East}"] // 2 / sum(rows.values())
    assert town["missing_synthetic"] == pytest.approx(missing)
    assert town["validity"] == pytest.approx(1 - missing)


def test_the_report_calls_the_source_by_the_names_of_groups(platform: Platform) -> None:
    consumer, product = platform.spec.product("planners/zones")
    stage_product(platform, consumer, product)
    evaluate_product(platform, consumer, product)
    found = report(platform, "planners/zones")
    assert "town: groups, step 1" in found["facts"]["generalized"]
    (town,) = (column for column in found["evaluation"]["quality"]["columns"] if column["column"] == "town")
    assert town["score"] > 0.98  # but for rows that are left out; a word of its own would score nothing


def test_a_population_of_another_source_hides_the_rows(platform: Platform) -> None:
    card = publish(platform, "team/hidden")
    with platform.warehouse.connect() as con:
        made = attach_staged(platform, con, "team/hidden", current_release(platform.warehouse, "team/hidden"))["made"]
        rows = con.execute("SELECT DISTINCT sex, town FROM staged.data").fetchall()
    # 41 of 90 are of the north, 20 or 21 of each sex; of each other town 16 or 17
    assert made["min_k_map"] >= 20
    assert made["optimal"]
    assert {town for _, town in rows} != {"*"} or {sex for sex, _ in rows} != {"*"}
    assert "k_map=20" in card["anonymity"]["model"]
    found = report(platform, "team/hidden")["reidentification"]
    assert found["population"] == "town"
    assert found["after"]["journalist"]["highest"] <= 1 / 20


def test_a_population_that_is_treated_otherwise_is_refused(tmp_path: Path, prepare: Prepare) -> None:
    platform = prepare(tmp_path, CONSUMERS.replace("columns: [sex, town]", "columns: [sex, age]"))
    consumer, product = platform.spec.product("team/hidden")
    with pytest.raises(SourceError, match="source town cannot be its population, as it does not treat `age`"):
        stage_product(platform, consumer, product)


def test_what_is_impossible_writes_and_notes_nothing(tmp_path: Path, prepare: Prepare) -> None:
    platform = prepare(tmp_path, CONSUMERS.replace("{k: 5}", "{k: 5000}"))
    consumer, product = platform.spec.product("team/alike")
    with pytest.raises(AnonymityUnreachable, match=r"the table has \d+ units; the largest k is \d+; ask for less"):
        stage_product(platform, consumer, product)
    consumer, product = platform.spec.product("team/paid")  # an exact column, too, of which no value is so common
    with pytest.raises(AnonymityUnreachable, match="the largest k is"):
        stage_product(platform, consumer, product)
    assert not list((platform.warehouse.restricted / "staged").rglob("*.duckdb"))
    assert platform.ledger.heuristic_tables("people") == 0


HALF = "{generalize: {edges: [46000]}}"
BESIDE = f"""\
consumers:
  - name: team
    products:
      - {{name: towns, source: people, columns: [town, age, pay], anonymize: {{k: 5, l: 2}}, {ACCEPT}}}
      - {{name: sexes, source: people, columns: [sex, age], anonymize: {{k: 5}}, {ACCEPT}}}
  - name: others
    products:
      - {{name: sexes, source: people, columns: [sex, age], anonymize: {{k: 5}}, {ACCEPT}}}
"""


def staged(platform: Platform, name: str) -> dict[str, Any]:
    consumer, product = platform.spec.product(name)
    stage_product(platform, consumer, product)
    with platform.warehouse.connect() as con:
        return attach_staged(platform, con, name, current_release(platform.warehouse, name))


def given(platform: Platform, name: str) -> None:
    """Stage a product and note it as published, as if it had passed its report."""
    made = staged(platform, name)
    platform.ledger.record_publication(name, made["release_id"], made["digest"], "2026-01-01")


def test_two_products_of_a_consumer_are_k_anonymous_together(tmp_path: Path, prepare: Prepare) -> None:
    platform = prepare(tmp_path, BESIDE, HALF)
    free = staged(platform, "others/sexes")
    staged(platform, "team/towns")
    beside = staged(platform, "team/sexes")
    # another consumer gets finer ages by itself than this one beside its ages by town
    assert (free["beside"]["same"], beside["beside"]["same"]) == (0, 1)
    assert beside["beside"]["least"] >= 5
    assert beside["made"]["loss"] > free["made"]["loss"]
    assert not beside["made"]["optimal"]
    publish(platform, "team/sexes")
    told = report(platform, "team/sexes")["facts"]["earlier tables"]
    assert told.startswith("1 of the same rows: each unit is among at least")
    assert told.endswith("in all of them together, and no combinations tell too much of sensitive values")


def test_consumers_who_share_a_key_are_one(tmp_path: Path, prepare: Prepare) -> None:
    together = BESIDE
    for name in ("team", "others"):
        together = together.replace(f"name: {name}\n", f"name: {name}\n    key: both\n")
    platform = prepare(tmp_path, together, HALF)
    staged(platform, "team/towns")
    assert staged(platform, "others/sexes")["beside"]["same"] == 1


def test_a_table_that_others_overtook_is_not_published(
    tmp_path: Path, prepare: Prepare, monkeypatch: pytest.MonkeyPatch
) -> None:
    platform = prepare(tmp_path, BESIDE, HALF)
    consumer, product = platform.spec.product("team/sexes")
    with monkeypatch.context() as blind:  # as if it had been staged before the other one was there
        blind.setattr(platform.ledger, "charges", lambda source: [])
        stage_product(platform, consumer, product)
    evaluate_product(platform, consumer, product)
    (platform.warehouse.restricted / "staged/team/sexes/current.sealed").rename(tmp_path / "aside")
    given(platform, "team/towns")
    (tmp_path / "aside").rename(platform.warehouse.restricted / "staged/team/sexes/current.sealed")
    with pytest.raises(PublicationRefused, match=r"among 6 where 5 were promised, and [1-9]\d* comb"):
        publish_product(platform, consumer, product)


def test_another_snapshot_is_told_beside_the_one_before(tmp_path: Path, prepare: Prepare) -> None:
    platform = prepare(tmp_path, BESIDE, HALF)
    given(platform, "team/towns")
    lines = (tmp_path / "people.csv").read_text().splitlines()
    (tmp_path / "people.csv").write_text(
        "\n".join([lines[0], *lines[41:], "P99999,New Person,Male,40,North,9000"]) + "\n"
    )
    ingest_source(platform, "people")
    classify_source(platform, "people")
    deidentify_source(platform, "people")
    ((asset, seen),) = staged(platform, "team/towns")["beside"]["others"].items()
    assert asset.startswith("team/towns of ")
    assert 20 <= seen["left"] <= 40  # of the first forty, those that are not in the control sample
    assert seen["came"] in (0, 1)
