"""What attackers of a report know of people: everything that no key hides."""

from __future__ import annotations

import pytest

from synth_assets.attackers import as_matched, doubted_columns, hidden_columns, make_world, reach_of, world_rows
from synth_assets.deidentification import Randomize, TreatedColumn
from synth_assets.errors import SourceError
from synth_assets.pipeline import Platform, classify_source, deidentify_source, ingest_source, read_meta
from synth_assets.products import made_anew, own_rows
from synth_assets.release import lend_keys, product_policy
from tests.workspace import platform_of

SPEC = """
sources:
  - name: people
    path: people.csv
    unit: id
    budget: {epsilon: 9}
    columns:
      id: {role: direct_identifier, type: person_id}
      born: {role: quasi_identifier, type: date_of_birth, treatment: {shift: {days: 100}}}
      town: {role: quasi_identifier, type: city, treatment: {fake: city}}
      code: {role: quasi_identifier, type: postcode, treatment: {generalize: {prefix: 1}}}
      drug: {role: sensitive, type: medication, categories: [a, b, c], treatment: {randomize: {epsilon: 0.5}}}
      pay: {role: sensitive, type: salary}
    suppress_records:
      - {column: pay, op: above, value: 590}
consumers:
  - name: team
    products:
      - name: rows
        source: people
        columns: [born, town, code, drug]
        rows: {}
        accept: {singling_out: 1, linkability: 1, inference: 1}
"""
NAMES = ["born", "town", "code", "drug"]


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Platform:
    folder = tmp_path_factory.mktemp("attackers")
    lines = [
        f"{i},{1950 + i % 50}-{1 + i % 12:02d}-{1 + i % 28:02d},{'NESW'[i % 4]},{i % 90 + 10},{'abc'[i % 3]},{i}"
        for i in range(600)
    ]
    (folder / "people.csv").write_text("id,born,town,code,drug,pay\n" + "\n".join(lines) + "\n")
    (folder / "synth.yaml").write_text(SPEC)
    made = platform_of(folder / "synth.yaml")
    ingest_source(made, "people")
    classify_source(made, "people")
    deidentify_source(made, "people")
    return made


def test_they_know_what_rules_make_of_people_and_else_the_people(platform: Platform) -> None:
    consumer, product = platform.spec.product("team/rows")
    source = platform.spec.source("people")
    with platform.warehouse.connect() as con:
        platform.warehouse.attach(con, "deidentified/people", "d")
        assert [column.name for column in hidden_columns(con, NAMES)] == ["born", "drug"]
        assert not hidden_columns(con, ["town", "code"])
        make_world(platform, con, source, NAMES)
        lend_keys(platform, con, consumer)
        known = world_rows(con, NAMES, made_anew(product))
        policy = product_policy(product, source, read_meta(platform.warehouse, "deidentified/people")["policy"])
        own = own_rows(con, policy)
        units = con.execute(
            f"SELECT count(*), bool_and(k.code = o.code), bool_and(k.town = o.town), bool_and(k.born <> o.born), "
            f"max(abs(k.born - o.born)), avg((k.drug = o.drug)::INT) FROM {known}.data AS k JOIN {own}.data AS o "
            "USING (__unit)"
        ).fetchall()[0]
        raw = con.execute(
            f"SELECT count(*), bool_and(k.born = r.born), bool_and(k.drug = r.drug), bool_or(k.town = r.town) "
            f"FROM {known}.data AS k JOIN raw.data AS r USING (__unit)"
        ).fetchall()[0]
    assert units[:4] == (591, True, True, True)  # nine are in no product
    assert units[4] <= 100
    assert units[5] < 0.6  # the truth is answered with a chance of .35 (and nothing with .21)
    assert raw == (591, True, True, False)


def test_raw_rows_that_were_read_anew_are_refused(platform: Platform) -> None:
    source = platform.spec.source("people")
    with platform.warehouse.connect() as con:
        platform.warehouse.attach(con, "deidentified/people", "d")
        file = platform.spec.base / "people.csv"
        file.write_text(file.read_text() + "1000,1990-01-01,N,10,a,5\n")
        ingest_source(platform, "people")
        with pytest.raises(SourceError, match="read anew"):
            make_world(platform, con, source, NAMES)


def column(name: str, **treatment: object) -> TreatedColumn:
    facts = {"name": name, "data_type": "DATE", "entity_type": "date", "role": "sensitive", "treatment": treatment}
    return TreatedColumn.model_validate(facts)


def test_answers_that_are_mostly_true_are_relied_on() -> None:
    asked = Randomize(epsilon=0.5).over(("a", "b"), None, None).model_dump()
    sure = Randomize(epsilon=3).over(("a", "b"), None, None).model_dump()
    near = Randomize(epsilon=1, mechanism="geometric").over(None, (0, 9), None).model_dump()
    columns = [
        column("asked", **asked),
        column("sure", **sure),
        column("near", **near),
        column("moved", kind="shift", days=3),
        column("told", kind="text"),
        column("kept", kind="keep"),
        column("name", kind="fake", fake="name", identity="unit"),
        column("doctor", kind="fake", fake="name", identity="value"),
    ]
    assert doubted_columns(columns) == {"asked", "near", "told", "name"}
    assert reach_of(columns) == {"moved": 3 * 86_400}
    assert as_matched("t", columns) == (
        "(SELECT * REPLACE (date_diff('day', DATE '1970-01-01', \"moved\"::DATE) // 7 AS \"moved\") FROM t)"
    )
