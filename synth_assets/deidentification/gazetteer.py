"""Invented places that agree: a postcode lies in one city, a city in one region, all of them in one country.

The words are a locale's; which belong together is arithmetic. The postcodes 00000 to 99999 are cut into as many blocks
as there are cities, and the cities into as many as there are regions. A row's region chooses the block of cities, its
city one of these, its postcode one of the city's postcodes, each by its own keyed number: what is equal stays equal,
and what lay in one region or city does so still. Column by column of a kind, in the order of the table: the first city,
region, postcode and address are one place, the second ones another.

Where a column of regions, cities or postcodes has no value twice, its fakes are kept apart, too: of several with one
place all but the first take one that is free in the same city or region, else in any. Where there are fewer places than
values (postcodes: 100,000) the rest share theirs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import duckdb

from synth_assets.deidentification.identities import FakedColumn
from synth_assets.deidentification.pools import Pools
from synth_assets.deidentification.treatments import FakeKind

POSTCODES = 10**5
LEVELS: tuple[FakeKind, ...] = ("region", "city", "postcode")
AGREEING: frozenset[FakeKind] = frozenset({*LEVELS, "country", "address"})
"""Kinds of which those of one place agree."""


def shared_places(faked: Sequence[FakedColumn]) -> list[list[FakedColumn]]:
    """The groups of columns that tell of one place: two at the least, and one that chooses it."""
    groups: dict[int, list[FakedColumn]] = {}
    seen: dict[FakeKind, int] = {}
    for column in faked:
        kind = column.fake.fake
        if kind in AGREEING:
            groups.setdefault(seen.get(kind, 0), []).append(column)
            seen[kind] = seen.get(kind, 0) + 1
    return [group for group in groups.values() if len(group) > 1 and any(c.fake.fake in LEVELS for c in group)]


def place_number(numbers: Mapping[FakeKind, str], pools: Pools) -> str:
    """SQL of the postcode, as a number, of a row's place; ``numbers`` are keyed numbers of its region, city, postcode.

    Where one of them is NULL or not there, the next finer one chooses, else the next coarser.
    """
    cities, regions = _sizes(pools)
    known = {kind: numbers[kind] for kind in LEVELS if kind in numbers}

    def chosen(order: Sequence[FakeKind]) -> str:
        return f"coalesce({', '.join([*(known[kind] for kind in order if kind in known), '0::UBIGINT'])})"

    region = f"({chosen(LEVELS)} % {regions})"
    city = _within(region, cities, regions, f"({chosen(('city', 'postcode', 'region'))} // 997)")
    return _within(city, POSTCODES, cities, f"({chosen(('postcode', 'city', 'region'))} // 9973)")


def city_of(postcode: str, pools: Pools) -> str:
    """SQL of the city that a postcode lies in."""
    return pools.pick("city", f"({postcode} * {_sizes(pools)[0]} // {POSTCODES})")


def region_of(postcode: str, pools: Pools) -> str:
    """SQL of the region that a postcode lies in."""
    cities, regions = _sizes(pools)
    return pools.pick("region", f"({postcode} * {cities} // {POSTCODES} * {regions} // {cities})")


def find_room(con: duckdb.DuckDBPyConnection, level: FakeKind, rows: str, pools: Pools) -> int:
    """Find other places for those of one region, city or postcode, but for the first of them.

    Args:
        con: a connection on which the temporary table ``room`` (n, z) is made: a number and its new postcode.
        level: at which no two numbers may share a place.
        rows: FROM-able numbers ``n``, each once, with their postcodes ``z``.
        pools: whose places they are.

    Returns:
        How many found one.
    """
    cities, regions = _sizes(pools)
    size = {"region": regions, "city": cities, "postcode": POSTCODES}[level]
    city, region = f"(z * {cities} // {POSTCODES})", f"(z * {cities} // {POSTCODES} * {regions} // {cities})"
    spot = {"region": region, "city": city, "postcode": "z"}[level]
    block = {"region": "0", "city": f"(spot * {regions} // {cities})", "postcode": f"(spot * {cities} // {POSTCODES})"}
    chosen = "slot"
    if level == "region":
        chosen = _within(chosen, cities, regions, "z")
    if level != "postcode":
        chosen = _within(chosen, POSTCODES, cities, "z")
    con.execute(f"""
        CREATE OR REPLACE TEMP TABLE room AS
        WITH held AS MATERIALIZED (SELECT *, row_number() OVER (PARTITION BY spot ORDER BY n) AS place
            FROM (SELECT n, z, ({spot})::BIGINT AS spot FROM {rows})),
        free AS MATERIALIZED (SELECT spot, {block[level]} AS block FROM (SELECT range AS spot FROM range({size}))
            WHERE spot NOT IN (SELECT spot FROM held)),
        near AS MATERIALIZED (SELECT n, z, slot FROM
            (SELECT n, z, {block[level]} AS block, row_number() OVER (PARTITION BY {block[level]} ORDER BY spot, n) AS j
                FROM held WHERE place > 1) LEFT JOIN
            (SELECT spot AS slot, block, row_number() OVER (PARTITION BY block ORDER BY spot) AS j FROM free)
                USING (block, j)),
        far AS (SELECT n, z, other.slot FROM
            (SELECT n, z, row_number() OVER (ORDER BY n) AS j FROM near WHERE slot IS NULL) JOIN
            (SELECT spot AS slot, row_number() OVER (ORDER BY spot) AS j FROM free
                WHERE spot NOT IN (SELECT slot FROM near WHERE slot IS NOT NULL)) AS other USING (j))
        SELECT n, ({chosen})::UBIGINT AS z
            FROM (SELECT * FROM near WHERE slot IS NOT NULL UNION ALL SELECT * FROM far)""")
    return int(con.execute("SELECT count(*) FROM room").fetchall()[0][0])


def _sizes(pools: Pools) -> tuple[int, int]:
    """How many cities and regions there are; a region has a city at the least."""
    cities = pools.size("city")
    return cities, min(pools.size("region"), cities)


def _within(block: str, size: int, blocks: int, number: str) -> str:
    """SQL of a place in one of so many equal blocks, chosen by a number."""
    start, end = (f"(({block} + {more}) * {size} + {blocks - 1}) // {blocks}" for more in (0, 1))
    return f"({start} + {number} % ({end} - {start}))"
