"""Invented places: what a row tells of one place agrees, and what is equal stays equal."""

from __future__ import annotations

from typing import Any

import duckdb
import pytest

from synth_assets.deidentification import TreatedColumn, deidentify, fakes, separation
from synth_assets.deidentification.gazetteer import POSTCODES, city_of, place_number, region_of
from synth_assets.deidentification.pools import Pools

Con = duckdb.DuckDBPyConnection


def column(name: str, treatment: Any, unique: bool = False) -> TreatedColumn:
    return TreatedColumn(
        name=name,
        data_type="VARCHAR",
        entity_type="city",
        role="quasi_identifier",
        treatment=treatment,
        unique=unique,
    )


COLUMNS = [
    column("id", "keep"),
    *(column(name, {"fake": name}) for name in ("postcode", "country", "region", "city")),
    column("home", {"fake": "address", "identity": "unit"}),
    column("work_city", {"fake": "city"}),
    column("work_zip", {"fake": "postcode"}),
]


@pytest.fixture(scope="module")
def treated(con: Con) -> Con:
    """3,000 people of 8 regions, 60 cities and 600 postcodes, a tenth of each missing."""
    con.execute(
        """
        CREATE TABLE s AS SELECT 'i' || i AS id,
            CASE WHEN hash(i) % 10 > 0 THEN (i % 600)::VARCHAR END AS postcode, 'Nowhere' AS country,
            CASE WHEN hash(i, 1) % 10 > 0 THEN 'R' || i % 60 % 8 END AS region,
            CASE WHEN hash(i, 2) % 10 > 0 THEN 'C' || i % 60 END AS city, 'raw address ' || i AS home,
            'W' || i % 20 AS work_city, 'z' || i % 20 || i % 100 AS work_zip, i::UBIGINT AS __unit, false AS __control
        FROM range(3000) AS r(i)
        """
    )
    deidentify(con, "s", COLUMNS, "t", unit="id")
    return con


def test_a_postcode_lies_in_one_city_and_a_city_in_one_region(treated: Con) -> None:
    places = (
        "(SELECT city, postcode FROM t WHERE city IS NOT NULL UNION ALL SELECT work_city, work_zip FROM t UNION ALL "
        "SELECT regexp_extract(home, ', (.*) [0-9]{5}$', 1), right(home, 5) FROM t)"
    )
    lie = f"SELECT postcode FROM {places} WHERE postcode IS NOT NULL GROUP BY postcode HAVING count(DISTINCT city) > 1"
    assert treated.execute(lie).fetchall() == []
    assert (
        treated.execute(
            "SELECT city FROM t WHERE city IS NOT NULL GROUP BY city HAVING count(DISTINCT region) > 1"
        ).fetchall()
        == []
    )
    both = "postcode IS NOT NULL AND city IS NOT NULL"
    ends = f"SELECT count(*) FROM t WHERE {both} AND NOT ends_with(home, ', ' || city || ' ' || postcode)"
    assert treated.execute(ends).fetchall() == [(0,)]
    assert treated.execute("SELECT DISTINCT country FROM t").fetchall() == [("United States",)]
    assert treated.execute("SELECT count(DISTINCT home) FROM t").fetchall() == [(3000,)]


@pytest.mark.parametrize("known", [("region",), ("region", "city"), ("region", "city", "postcode")])
def test_what_is_equal_stays_equal_and_nested(treated: Con, known: tuple[str, ...]) -> None:
    finest = known[-1]
    whole = " AND ".join(f"s.{name} IS NOT NULL" for name in ("region", "city", "postcode"))
    keys = ", ".join(f"s.{name}" for name in known)
    pairs = f"count(DISTINCT ({keys})), count(DISTINCT ({keys}, t.{finest})) FROM s JOIN t USING (id) WHERE {whole}"
    raw, made = treated.execute(f"SELECT {pairs}").fetchall()[0]
    assert raw == made


def test_what_was_missing_is_missing(treated: Con) -> None:
    for name in ("region", "city", "postcode"):
        query = f"SELECT count(*) FROM s JOIN t USING (id) WHERE (s.{name} IS NULL) <> (t.{name} IS NULL)"
        assert treated.execute(query).fetchall() == [(0,)]


@pytest.mark.parametrize("locale", ["en_US", "ja_JP", "de_DE"])
def test_every_postcode_has_a_city_and_every_city_postcodes(con: Con, locale: str) -> None:
    pools = Pools(locale)
    pools.install(con)
    rows = f"(SELECT {city_of('z', pools)} AS c, {region_of('z', pools)} AS r FROM range({POSTCODES}) AS t(z))"
    counts = con.execute(f"SELECT count(DISTINCT c), count(DISTINCT r), count(*) FROM {rows}").fetchall()
    assert counts == [(pools.size("city"), min(pools.size("region"), pools.size("city")), POSTCODES)]
    number = place_number({"region": "h", "city": "h * 7", "postcode": "h * 11"}, pools)
    least, most, places = con.execute(
        f"SELECT min(z), max(z), count(DISTINCT z) FROM (SELECT {number} AS z FROM (SELECT hash(i) % 1000000 AS h FROM "
        "range(300000) AS r(i)))"
    ).fetchall()[0]
    assert 0 <= least < 100
    assert POSTCODES - 100 < most < POSTCODES
    assert places > 0.5 * POSTCODES


def places(con: Con, select: str, unique: str, *names: str) -> list[tuple[Any, ...]]:
    """Treat invented columns ``names`` of a query, and return the raw beside the treated values."""
    con.execute(f"CREATE OR REPLACE TABLE a AS SELECT *, i::UBIGINT AS __unit, false AS __control FROM ({select})")
    kinds = [column(name, {"fake": name, "identity": "value"}, unique=name == unique) for name in names]
    found = deidentify(con, "a", [column("i", "keep"), *kinds], "t_a")
    assert [outcome.fixed_rule for outcome in found.columns] == [True, *(name not in names for name in names)]
    told = ", ".join([*(f"a.{name}" for name in names), *(f"t_a.{name}" for name in names)])
    rows = con.execute(f"SELECT {told} FROM a JOIN t_a USING (i) ORDER BY i").fetchall()
    pools = Pools()
    for row in rows:  # what is told of a place agrees
        made = dict(zip(names, row[len(names) :], strict=True))
        if "postcode" in made and "city" in made:
            at = f"{int(made['postcode'])}::UBIGINT"
            assert con.execute(f"SELECT {city_of(at, pools)}").fetchone() == (made["city"],)
    return rows


def test_unique_postcodes_stay_unique_in_their_city(con: Con) -> None:
    listed = "SELECT range AS i, (10000 + range)::VARCHAR AS postcode, 'C' || range % 10 AS city FROM range(340)"
    rows = places(con, listed, "postcode", "postcode", "city")
    assert len({row[2] for row in rows}) == 340
    assert len({(row[1], row[3]) for row in rows}) == len({row[1] for row in rows}) == 10


def test_what_finds_no_room_in_its_city_lies_in_another(con: Con) -> None:
    listed = "SELECT range AS i, (10000 + range)::VARCHAR AS postcode, 'Home' AS city FROM range(120)"
    rows = places(con, listed, "postcode", "postcode", "city")
    assert len({row[2] for row in rows}) == 120
    assert 1 < len({row[3] for row in rows}) < 5  # an invented city has about fifty postcodes


def test_unique_cities_stay_unique(con: Con) -> None:
    listed = "SELECT range AS i, 'R' || range % 40 AS region, 'C' || range AS city, 'P' || range % 600 AS postcode"
    rows = places(con, f"{listed} FROM range(600)", "city", "region", "city", "postcode")
    assert len({row[4] for row in rows}) == 600
    assert len({row[5] for row in rows}) == 600  # as each lies in a city of its own
    assert len({(row[0], row[3]) for row in rows}) < 60  # regions of fifteen cities have room for most of theirs


def test_where_there_are_fewer_places_they_are_all_used(con: Con) -> None:
    listed = "SELECT range AS i, 'R' || range AS region, 'c' || range % 7 AS city FROM range(90)"
    rows = places(con, listed, "region", "region", "city")
    assert len({row[2] for row in rows}) == Pools().size("region") < 90


def test_unique_addresses_of_a_place_stay_unique(con: Con, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (separation, fakes):  # as if there were one street in the world
        monkeypatch.setattr(module, "place_expression", lambda *_: "7::UBIGINT")
    con.execute(
        "CREATE OR REPLACE TABLE a AS SELECT range AS i, 'a' || range AS home, 'c' || range % 2 AS city, 'p' || "
        "range % 2 AS postcode, range::UBIGINT AS __unit, false AS __control FROM range(6)"
    )
    columns = [
        column("home", {"fake": "address"}, unique=True),
        *(column(name, {"fake": name}) for name in ("city", "postcode")),
    ]
    found = deidentify(con, "a", columns, "t_a")
    homes = {row[0] for row in con.execute("SELECT home FROM t_a").fetchall()}
    assert (len(homes), found.columns[0].redrawn) == (6, 4)
    assert {home.split("-")[0] for home in homes if "-" in home} == {"2", "3"}
    assert con.execute("SELECT bool_and(ends_with(home, ', ' || city || ' ' || postcode)) FROM t_a").fetchall() == [
        (True,)
    ]
    assert [outcome.fixed_rule for outcome in found.columns] == [False, True, True]


def test_a_column_alone_is_kept_apart_by_itself(con: Con) -> None:
    con.execute(
        "CREATE OR REPLACE TABLE a AS SELECT i::VARCHAR AS id, 'v' || i AS region, 'c' || i AS city, i::UBIGINT AS "
        "__unit, false AS __control FROM range(50) AS r(i)"
    )
    region, city = column("region", {"fake": "region"}, unique=True), column("city", {"fake": "city"}, unique=True)
    deidentify(con, "a", [region], "t_a", unit="id")
    assert con.execute("SELECT count(DISTINCT region) FROM t_a").fetchall() == [(50,)]
    found = deidentify(con, "a", [region, city], "t_a", unit="id")
    counted = "SELECT count(DISTINCT region), count(DISTINCT city) FROM t_a"
    assert con.execute(counted).fetchall() == [(50, 50)]
    assert found.lineage["city"] == ("city", "region")
    assert not any(outcome.fixed_rule for outcome in found.columns)
    assert [row[0] for row in con.execute("DESCRIBE t_a").fetchall()] == ["region", "city", "__unit", "__control"]
