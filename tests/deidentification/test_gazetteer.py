"""Invented places: what a row tells of one place agrees, and what is equal stays equal."""

from __future__ import annotations

from typing import Any

import duckdb
import pytest

from synth_assets.deidentification import TreatedColumn, deidentify
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


def test_a_column_alone_is_as_it_was(con: Con) -> None:
    """One column of a place is kept apart where it is unique; two of them agree instead."""
    con.execute(
        "CREATE OR REPLACE TABLE a AS SELECT i::VARCHAR AS id, 'v' || i AS region, 'c' || i AS city, i::UBIGINT AS "
        "__unit, false AS __control FROM range(50) AS r(i)"
    )
    region, city = column("region", {"fake": "region"}, unique=True), column("city", {"fake": "city"}, unique=True)
    deidentify(con, "a", [region], "t_a", unit="id")
    assert con.execute("SELECT count(DISTINCT region) FROM t_a").fetchall() == [(50,)]
    found = deidentify(con, "a", [region, city], "t_a", unit="id")
    assert con.execute("SELECT count(DISTINCT region) < 50 FROM t_a").fetchall() == [(True,)]
    assert found.lineage["city"] == ("city", "region")
    assert all(outcome.fixed_rule for outcome in found.columns)
