"""k-anonymous products and products of rows as the platform makes them: what their reports and cards tell."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from resources.environment import open_ledger, open_warehouse
from synth_assets.certification import evaluate_product
from synth_assets.pipeline import Platform, classify_source, deidentify_source, ingest_source
from synth_assets.publication import publish_product
from synth_assets.release import stage_product
from synth_assets.spec import load_spec
from tests.workspace import write_people, write_spec

ACCEPT = "accept: {column_shapes: 0, pair_trends: 0, singling_out: 1, linkability: 1, inference: 1}"
CONSUMERS = f"""\
consumers:
  - name: team
    products:
      - {{name: alike, source: people, columns: [sex, age, town], anonymize: {{k: 5}}, {ACCEPT}}}
      - {{name: given, source: people, columns: [sex, age, town], rows: {{share: 0.5}}, {ACCEPT}}}
"""


def prepare(folder: Path, consumers: str) -> Platform:
    """Everything up to the treated rows."""
    write_people(folder)
    spec = load_spec(write_spec(folder, consumers), {})
    warehouse = open_warehouse(spec.root)[0]
    made = Platform(spec, warehouse, open_ledger(warehouse), lambda: "2026-01-01T00:00:00+00:00", "test")
    for source in spec.sources:
        ingest_source(made, source.name)
        classify_source(made, source.name)
        deidentify_source(made, source.name)
    return made


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
def platform(tmp_path_factory: pytest.TempPathFactory) -> Platform:
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
