"""Each consumer has its own fakes and pseudonyms: the same person within its tables, nobody in those of others."""

from __future__ import annotations

from datetime import datetime

import duckdb
import pytest

from synth_assets.pipeline import Platform, classify_source, deidentify_source, ingest_source
from synth_assets.planning import plan
from synth_assets.publication import data_card, render_card
from synth_assets.release import attach_staged, current_release, require_current, stage_product
from tests.workspace import platform_of

PEOPLE = 1500
SPEC = """
sources:
  - name: people
    path: people.csv
    unit: id
    columns:
      id: {role: direct_identifier, type: person_id}
      first: {role: direct_identifier, type: first_name, treatment: {fake: first_name, identity: unit}}
      last: {role: direct_identifier, type: last_name, treatment: {fake: last_name, identity: unit}}
      maiden: {role: direct_identifier, type: last_name, treatment: {fake: last_name, identity: unit}}
      sex: {role: quasi_identifier, type: gender, treatment: keep}
      mail: {role: direct_identifier, type: email, treatment: {fake: email, identity: unit}}
      ssn: {role: direct_identifier, type: national_id, treatment: {fake: national_id, identity: unit}}
      phone: {role: direct_identifier, type: phone, treatment: {fake: phone, identity: value}}
      town: {role: quasi_identifier, type: city, treatment: {fake: city}}
      born: {role: quasi_identifier, type: date_of_birth, treatment: {shift: {days: 90}}}
  - name: visits
    path: visits.csv
    unit: id
    people: people
    max_rows_per_unit: 5
    columns:
      visit: {role: direct_identifier, type: record_id, treatment: pseudonymize}
      id: {role: direct_identifier, type: person_id}
      name: {role: direct_identifier, type: person_name, treatment: {fake: name, identity: unit}}
      phone: {role: direct_identifier, type: phone, treatment: {fake: phone, identity: value}}
      at: {role: quasi_identifier, type: person_date, treatment: {shift: {days: 90}}}
consumers:
"""
CONSUMER = """
  - name: {name}
    {key}
    products:
      - name: people
        source: people
        columns: [id, first, last, mail, ssn, phone, town, born]
        rows: {{}}
      - {{name: maiden, source: people, columns: [id, maiden], rows: {{}}}}
      - {{name: visits, source: visits, columns: [visit, id, name, phone, at], rows: {{}}}}
"""
ALIKE = "      - {name: towns, source: people, columns: [sex, town], anonymize: {k: 2}}\n"
KEYS = {"one": "", "two": "", "left": "key: both", "right": "key: both"}


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Platform:
    folder = tmp_path_factory.mktemp("keys")
    lines = [
        f"{i},A{i},B{i},C{i},{'FM'[i % 2]},m{i}@x.org,{100000000 + i},55{i:07d},T{i % 40},{1930 + i % 70}-02-28"
        for i in range(PEOPLE)
    ]
    (folder / "people.csv").write_text("id,first,last,maiden,sex,mail,ssn,phone,town,born\n" + "\n".join(lines) + "\n")
    lines = [
        f"{10 * i + v},{i},A{i} B{i},55{i:07d},{2000 + i % 20}-03-0{1 + v} 10:30:00"
        for i in range(PEOPLE)
        for v in range(2)
    ]
    (folder / "visits.csv").write_text("visit,id,name,phone,at\n" + "\n".join(lines) + "\n")
    consumers = "".join(CONSUMER.format(name=name, key=key) + ("" if key else ALIKE) for name, key in KEYS.items())
    (folder / "synth.yaml").write_text(SPEC + consumers)
    made = platform_of(folder / "synth.yaml")
    spec = made.spec
    for source in spec.sources:
        ingest_source(made, source.name)
        classify_source(made, source.name)
    for source in spec.sources:
        deidentify_source(made, source.name)
    for consumer, product in spec.products():
        stage_product(made, consumer, product)
    return made


@pytest.fixture(scope="module")
def tables(platform: Platform) -> duckdb.DuckDBPyConnection:
    """Every staged table as ``consumer_product``."""
    con = duckdb.connect()
    for consumer, product in platform.spec.products():
        name = f"{consumer.name}/{product.name}"
        with platform.warehouse.connect() as own:
            attach_staged(platform, own, name, current_release(platform.warehouse, name))
            frame = own.execute("SELECT * FROM staged.data").df()
        con.register("frame", frame)
        con.execute(f"CREATE TABLE {consumer.name}_{product.name} AS SELECT * FROM frame")
    return con


def shared(con: duckdb.DuckDBPyConnection, first: str, second: str, column: str) -> int:
    """How many different values of a column two tables have in common."""
    query = f"SELECT count(DISTINCT {column}) FROM {first} SEMI JOIN {second} USING ({column})"
    return int(con.execute(query).fetchall()[0][0])


@pytest.mark.parametrize(("first", "second"), [("one", "two"), ("one", "left"), ("two", "left")])
def test_tables_of_two_consumers_join_on_no_column(tables: duckdb.DuckDBPyConnection, first: str, second: str) -> None:
    for column in ("id", "mail", "phone", "ssn", "last"):
        rows = tables.execute(f"SELECT count(DISTINCT {column}) FROM {first}_people").fetchall()[0][0]
        assert rows > 1200
        met = shared(tables, f"{first}_people", f"{second}_people", column)
        # by chance alone: 1,350 x 1,350 pairs meet in 63,000 surnames 29 times and in 60,980,000 numbers 0.03 times;
        # the bounds are passed once in a million times, and the keys of the test are fresh each time
        assert met <= {"last": 65, "ssn": 4}.get(column, 0)
    assert shared(tables, f"{first}_visits", f"{second}_visits", "visit") == 0
    assert shared(tables, f"{first}_visits", f"{second}_people", "id") == 0


def test_invented_towns_are_others_too(tables: duckdb.DuckDBPyConnection) -> None:
    towns = [{row[0] for row in tables.execute(f"SELECT DISTINCT town FROM {c}_people").fetchall()} for c in KEYS]
    assert len(towns[0] & towns[1]) < 10  # 40 towns of 1,857 each
    assert towns[2] == towns[3]
    assert all(len(names) > 30 for names in towns)
    for kept in ("one", "two"):
        chosen = tables.execute(f"SELECT DISTINCT town FROM {kept}_towns WHERE town <> '*'").fetchall()
        assert {row[0] for row in chosen} <= towns[list(KEYS).index(kept)]


def test_consumers_that_share_a_key_join_on_every_column(tables: duckdb.DuckDBPyConnection) -> None:
    rows = tables.execute("SELECT count(*) FROM left_people").fetchall()[0][0]
    for column in ("id", "mail", "phone", "ssn"):
        assert shared(tables, "left_people", "right_people", column) == rows
    same = "l.first = r.first AND l.last = r.last AND l.mail = r.mail AND l.phone = r.phone AND l.town = r.town"
    joined = f"SELECT count(*) FROM left_people l JOIN right_people r USING (id) WHERE {same}"
    assert tables.execute(joined).fetchall() == [(rows,)]


@pytest.mark.parametrize("consumer", list(KEYS))
def test_within_a_consumer_people_stay_the_same(tables: duckdb.DuckDBPyConnection, consumer: str) -> None:
    visits = tables.execute(f"SELECT count(*) FROM {consumer}_visits").fetchall()[0][0]
    assert visits == 2 * tables.execute(f"SELECT count(*) FROM {consumer}_people").fetchall()[0][0]
    agreeing = "v.name = p.first || ' ' || p.last AND v.phone = p.phone"
    joined = f"SELECT count(*) FROM {consumer}_visits v JOIN {consumer}_people p USING (id) WHERE {agreeing}"
    assert tables.execute(joined).fetchall() == [(visits,)]
    maiden = f"FROM {consumer}_maiden m JOIN {consumer}_people p USING (id)"
    assert tables.execute(f"SELECT count(*) {maiden}").fetchall() == [(visits // 2,)]
    assert tables.execute(f"SELECT count(*) {maiden} WHERE m.maiden = p.last").fetchall()[0][0] < 10


@pytest.mark.parametrize("consumer", list(KEYS))
def test_a_persons_dates_move_together(tables: duckdb.DuckDBPyConnection, consumer: str) -> None:
    """By 1 to 90 days, one way or the other; what lies between two dates of a person stays, in both tables."""
    joined = f"{consumer}_visits v JOIN {consumer}_people p USING (id)"
    ages = f"SELECT DISTINCT v.at - p.born FROM {joined}"  # from 1930 + i % 70 to 2000 + i % 20, and a half day
    raw = {
        datetime(2000 + i % 20, 3, 1 + v, 10, 30) - datetime(1930 + i % 70, 2, 28) for i in range(140) for v in (0, 1)
    }
    assert {row[0] for row in tables.execute(ages).fetchall()} == raw
    near = f"min(abs(born::DATE - make_date(y, 2, 28))) AS d FROM {consumer}_people, range(1929, 2001) AS r(y)"
    days = [row[0] for row in tables.execute(f"SELECT DISTINCT {near} GROUP BY id ORDER BY d").fetchall()]
    assert 1 <= days[0] <= days[-1] <= 90
    assert len(days) > 86  # of 1,350 people, and each of ninety days is missed once in 3 million times


def test_consumers_move_dates_apart(tables: duckdb.DuckDBPyConnection) -> None:
    moved = {c: dict(tables.execute(f"SELECT first || last, born FROM {c}_people").fetchall()) for c in KEYS}
    assert moved["left"] == moved["right"]
    born = {c: sorted(dates.values()) for c, dates in moved.items()}
    assert born["one"] != born["two"]


def test_the_plan_and_the_card_say_who_can_join(platform: Platform) -> None:
    from datetime import UTC, datetime

    planned = plan(platform.spec, platform.warehouse, platform.ledger, datetime(2026, 1, 1, tzinfo=UTC))
    joins = {release["asset"]: release["joins"] for release in planned["releases"]}
    assert joins["published/one/people"] == []
    assert joins["published/left/people"] == ["right"]
    assert all(release["cached"] for release in planned["releases"])
    cards = {}
    for name in ("one/people", "left/people", "one/towns"):
        consumer, product = platform.spec.product(name)
        release_id, policy = require_current(platform, name, product)
        with platform.warehouse.connect() as con:
            meta = attach_staged(platform, con, name, release_id)
        cards[name] = render_card(data_card(platform, consumer, product, policy, meta, (), 0))
    assert "a key that no other consumer shares" in cards["one/people"]
    assert "| sex | the value itself (step 0 of 1) |" in cards["one/towns"]
    assert "shared with\nright: rows of the same person can be joined" in cards["left/people"]
