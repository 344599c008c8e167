"""Invented places that agree: a postcode lies in one city, a city in one region, all of them in one country.

The words are a locale's; which belong together is arithmetic. The postcodes 00000 to 99999 are cut into as many blocks
as there are cities, and the cities into as many as there are regions. A row's region chooses the block of cities, its
city one of these, its postcode one of the city's postcodes, each by its own keyed number: what is equal stays equal,
and what lay in one region or city does so still. Column by column of a kind, in the order of the table: the first city,
region, postcode and address are one place, the second ones another.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from synth_assets.deidentification.identities import FakedColumn
from synth_assets.deidentification.pools import Pools
from synth_assets.deidentification.treatments import FakeKind

POSTCODES = 10**5
_LEVELS: tuple[FakeKind, ...] = ("region", "city", "postcode")
AGREEING: frozenset[FakeKind] = frozenset({*_LEVELS, "country", "address"})
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
    return [group for group in groups.values() if len(group) > 1 and any(c.fake.fake in _LEVELS for c in group)]


def place_number(numbers: Mapping[FakeKind, str], pools: Pools) -> str:
    """SQL of the postcode, as a number, of a row's place; ``numbers`` are keyed numbers of its region, city, postcode.

    Where one of them is NULL or not there, the next finer one chooses, else the next coarser.
    """
    cities, regions = _sizes(pools)
    known = {kind: numbers[kind] for kind in _LEVELS if kind in numbers}

    def chosen(order: Sequence[FakeKind]) -> str:
        return f"coalesce({', '.join([*(known[kind] for kind in order if kind in known), '0::UBIGINT'])})"

    region = f"({chosen(_LEVELS)} % {regions})"
    city = _within(region, cities, regions, f"({chosen(('city', 'postcode', 'region'))} // 997)")
    return _within(city, POSTCODES, cities, f"({chosen(('postcode', 'city', 'region'))} // 9973)")


def city_of(postcode: str, pools: Pools) -> str:
    """SQL of the city that a postcode lies in."""
    return pools.pick("city", f"({postcode} * {_sizes(pools)[0]} // {POSTCODES})")


def region_of(postcode: str, pools: Pools) -> str:
    """SQL of the region that a postcode lies in."""
    cities, regions = _sizes(pools)
    return pools.pick("region", f"({postcode} * {cities} // {POSTCODES} * {regions} // {cities})")


def _sizes(pools: Pools) -> tuple[int, int]:
    """How many cities and regions there are; a region has a city at the least."""
    cities = pools.size("city")
    return cities, min(pools.size("region"), cities)


def _within(block: str, size: int, blocks: int, number: str) -> str:
    """SQL of a place in one of so many equal blocks, chosen by a number."""
    start, end = (f"(({block} + {more}) * {size} + {blocks - 1}) // {blocks}" for more in (0, 1))
    return f"({start} + {number} % ({end} - {start}))"
