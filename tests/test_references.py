"""Columns that refer to others: treated alike, shown on the plan, and counted where they are treated."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from synth_assets.assets import build_assets
from synth_assets.deidentification import Reference, references_of
from synth_assets.errors import SourceError, SpecError
from synth_assets.pipeline import Platform, classify_source, deidentify_source, ingest_source
from synth_assets.planning import plan
from synth_assets.spec import Spec, load_spec
from tests.workspace import platform_of

SPEC = """
sources:
  - name: bills
    path: bills.csv
    unit: payer
    suppress_records: [{column: amount, op: above, value: 990}]
    columns:
      payer: {refers_to: people.id}
      clinic: {refers_to: visits.clinic}
      visit: {refers_to: visits.number}
      amount: {type: amount}
  - name: visits
    path: visits.csv
    unit: person
    people: people
    columns:
      person: {refers_to: people.id}
      clinic: {type: organization, role: direct_identifier, treatment: pseudonymize}
      number: {type: record_id, role: direct_identifier, treatment: pseudonymize}
  - name: people
    path: people.csv
    unit: id
    columns:
      id: {type: person_id, role: direct_identifier}
      boss: {refers_to: people.id}
      name: {type: person_name, role: direct_identifier, treatment: {fake: name, identity: unit}}
"""


def write(folder: Path, text: str = SPEC) -> Path:
    people = [f"{i},{'' if i < 5 else i // 5},Name{i}" for i in range(300)]
    visits = [f"{i},C{i % 7},{i // 7}" for i in range(290)] + ["9999,C1,9999"]
    bills = [f"{i},C{i % 7},{i // 7},{i}" for i in range(0, 290, 2)] + ["3,C1,4711,5"]
    for name, header, lines in (
        ("people", "id,boss,name", people),
        ("visits", "person,clinic,number", visits),
        ("bills", "payer,clinic,visit,amount", bills),
    ):
        (folder / f"{name}.csv").write_text("\n".join([header, *lines]) + "\n")
    (folder / "synth.yaml").write_text(text)
    return folder / "synth.yaml"


def refused(folder: Path, old: str, new: str) -> str:
    assert old in SPEC
    with pytest.raises(SpecError) as caught:
        load_spec(write(folder, SPEC.replace(old, new, 1)), {})
    return str(caught.value)


def test_a_reference_has_the_treatment_of_what_it_refers_to(tmp_path: Path) -> None:
    spec = load_spec(write(tmp_path), {})
    bills = spec.source("bills").columns
    assert (bills["payer"].type, bills["payer"].role) == ("person_id", "direct_identifier")
    assert bills["clinic"].treatment == spec.source("visits").columns["clinic"].treatment
    assert references_of(spec.source("bills")) == [
        Reference("bills", ("payer",), "people", ("id",)),
        Reference("bills", ("clinic", "visit"), "visits", ("clinic", "number")),
    ]
    planned = plan(spec, None, None, datetime(2026, 1, 1, tzinfo=UTC))
    assert planned["references"] == [
        "bills(payer) -> people(id)",
        "bills(clinic, visit) -> visits(clinic, number)",
        "visits(person) -> people(id)",
        "people(boss) -> people(id)",
    ]


def treat(path: Path) -> tuple[Platform, dict[str, object]]:
    """Ingest, classify and treat all sources in the order of the graph; what is told of them."""
    platform = platform_of(path)
    told: dict[str, object] = {}
    for name in ("people", "visits", "bills"):
        ingest_source(platform, name)
        classify_source(platform, name)
        told |= deidentify_source(platform, name).facts
    return platform, told


def test_a_run_proves_that_no_orphan_appeared(tmp_path: Path) -> None:
    """290 visits and one of nobody; of 145 bills none is above 990, and one is of no visit; 59 bosses in 300 people."""
    platform, told = treat(write(tmp_path))
    assert told["reference people(boss) -> people(id)"] == "59 keys, 0 orphans, as before"
    assert told["reference visits(person) -> people(id)"] == "291 keys, 1 orphans, as before"
    assert told["reference bills(clinic, visit) -> visits(clinic, number)"] == "146 keys, 1 orphans, as before"
    with platform.warehouse.connect() as con:
        for name in ("people", "visits", "bills"):
            platform.warehouse.attach(con, f"deidentified/{name}", name)
        joined = "bills.data AS b JOIN visits.data AS v ON b.clinic = v.clinic AND b.visit = v.number"
        assert con.execute(f"SELECT count(*) FROM {joined}").fetchall() == [(145,)]
        bosses = "people.data AS p JOIN people.data AS b ON p.boss = b.id"
        assert con.execute(f"SELECT count(*), count(DISTINCT b.id) FROM {bosses}").fetchall() == [(295, 59)]


def test_rows_that_are_left_out_make_no_orphans(tmp_path: Path) -> None:
    condition = "suppress_records: [{column: number, op: below, value: 9}]"
    left_out = SPEC.replace("path: visits.csv", f"path: visits.csv\n    {condition}")
    _, told = treat(write(tmp_path, left_out))
    assert told["reference bills(clinic, visit) -> visits(clinic, number)"] == "146 keys, 33 orphans, as before"


def test_a_treatment_that_breaks_a_reference_is_refused(tmp_path: Path) -> None:
    exact = "type: record_id, role: direct_identifier, treatment: pseudonymize"
    coarse = SPEC.replace(exact, "type: record_id, treatment: mask")
    with pytest.raises(SourceError, match="had 146 keys, 1 orphans and 145 joined rows, and has 7, 0 and"):
        treat(write(tmp_path, coarse))


def test_the_graph_treats_first_what_is_referred_to(tmp_path: Path) -> None:
    spec = load_spec(write(tmp_path), {})
    needed = {
        key.path[1]: {above.path[1] for above in asset.asset_deps[key] if above.path[0] == "deidentified"}
        for asset in build_assets(spec)
        for key in asset.keys
        if key.path[0] == "deidentified"
    }
    assert needed == {"people": set(), "visits": {"people"}, "bills": {"people", "visits"}}


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("people.id}\n      clinic", "person.id}\n      clinic", "must be SOURCE.COLUMN"),
        ("people.id}\n      clinic", "people.number}\n      clinic", "must be SOURCE.COLUMN"),
        ("people.id}\n      clinic", "people}\n      clinic", "must be SOURCE.COLUMN"),
        (
            "payer: {refers_to: people.id}",
            "payer: {refers_to: people.id, type: record_id}",
            "payer.type must be that of",
        ),
        ("visit: {refers_to: visits.number}", "visit: {refers_to: visits.number, treatment: keep}", "leave it out"),
        ("type: organization, ", "", "clinic.type is needed"),
        (
            "    people: people\n    columns:\n      person: {refers_to: people.id}\n      clinic: {type: "
            "organization, role: direct_identifier, treatment: pseudonymize}",
            "    budget: {epsilon: 2}\n    columns:\n      person: {refers_to: people.id}\n      clinic: {type: "
            "organization, categories: [C1], treatment: {randomize: {epsilon: 1}}}",
            "is randomized, and joins with nothing",
        ),
        ("id: {type: person_id, role: direct_identifier}", "id: {refers_to: visits.person}", "run in a circle"),
    ],
)
def test_a_wrong_reference_is_refused_at_load(tmp_path: Path, old: str, new: str, told: str) -> None:
    assert told in refused(tmp_path, old, new)


def test_the_spec_without_references_has_none(tmp_path: Path) -> None:
    spec = Spec.model_validate({"sources": [{"name": "s", "path": "s.csv"}]})
    assert references_of(spec.source("s")) == []
