"""How easily people are found again by their quasi-identifiers: who is alone, in which columns, and to whom.

Prosecutor, journalist and marketer: El Emam, "Guide to the De-Identification of Personal Health Information", 2013,
chapters 16 to 18; Dankar and El Emam, "A Method for Evaluating Marketer Re-identification Risk", 2010. All is counted
over units: one with rows in several classes is found by the smallest of them. Figures only: no value leaves the engine.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from itertools import combinations
from math import comb, factorial

import duckdb
import numpy as np
from pydantic import BaseModel, ConfigDict

from synth_assets.anonymity.classes import Classes
from synth_assets.anonymity.diversity import BoolArray
from synth_assets.storage import quote

_CODES, _GROUPS, _PEOPLE = ("temp.__risk_codes", "temp.__risk_groups", "temp.__risk_people")
WIDEST = 3
"""Columns of the widest combination that is counted."""
KEPT = 10
"""Combinations of each width that a risk keeps: those that single out the most."""
_EFFORT = 100_000_000  # groups that all combinations together are counted over
_SAMPLED = 1_000_000  # groups that one combination is counted over where that is not all
Counter = Callable[[tuple[int, ...]], int]


class _Figures(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Attacker(_Figures):
    """What one attacker achieves: chances of naming a unit, 0 to 1.

    Attributes:
        average: over all units.
        highest: of any unit.
        above: the share of units whose chance is above 1 in k.
    """

    average: float
    highest: float
    above: float


class Attackers(_Figures):
    """Three attackers on one table.

    ``prosecutor`` knows that the unit is in the table. ``journalist`` knows the population that the table was drawn
    from, and no more. ``marketer`` matches the whole table with the population: the share of units that come out right.
    """

    units: int
    classes: int
    prosecutor: Attacker
    journalist: Attacker
    marketer: float


class Combination(_Figures):
    """How many units some columns single out."""

    columns: tuple[str, ...]
    singled_out: int


class Contribution(_Figures):
    """What a column adds: units that are alone only because of it, and its fair share of all who are (Shapley value).

    ``shapley`` is in units; None where there are too many subsets of columns to count.
    """

    column: str
    drop: int
    shapley: float | None = None


class Risk(_Figures):
    """Everything that is counted; ``k`` is what :attr:`Attacker.above` refers to.

    ``estimated`` says that combinations of several columns were counted over a share of all combinations of values.
    """

    k: int
    attackers: Attackers
    singled_out: int
    widest: int
    combinations: tuple[Combination, ...]
    contributions: tuple[Contribution, ...]
    population: str | None = None
    estimated: bool = False

    @property
    def story(self) -> str:
        """The worst combination, in a sentence."""
        worst = max(self.combinations, key=lambda found: found.singled_out, default=None)
        if worst is None or not worst.singled_out:
            return "no combination of columns singles anybody out"
        share = worst.singled_out / max(self.attackers.units, 1)
        return f"{' x '.join(worst.columns)} single out {share:.1%} of the units"


def attackers_of(sizes: Sequence[tuple[int, int, int]], classes: int, population: int, k: int) -> Attackers:
    """The three attackers.

    Args:
        sizes: of the smallest class that a unit is in: its units, those of the population that look the same (at least
            as many), and how many units this holds of.
        classes: how many there are.
        population: units of the population in these classes, all together.
        k: the size of a class that counts as safe.
    """
    units = sum(count for *_, count in sizes)
    if not units:
        nobody = Attacker(average=0, highest=0, above=0)
        return Attackers(units=0, classes=classes, prosecutor=nobody, journalist=nobody, marketer=0)

    def attacker(place: int, average: float) -> Attacker:
        above = sum(size[2] for size in sizes if size[place] < k)
        return Attacker(average=average, highest=1 / min(size[place] for size in sizes), above=above / units)

    own, theirs = (sum(size[2] / size[place] for size in sizes) / units for place in (0, 1))
    return Attackers(
        units=units,
        classes=classes,
        prosecutor=attacker(0, own),
        journalist=attacker(1, max(theirs, classes / max(population, 1))),
        marketer=theirs,
    )


def attackers_on(classes: Classes, shown: BoolArray, k: int) -> Attackers:
    """The three attackers on the classes of a table of which only some are shown."""
    units = classes.units()
    people = units if classes.population is None else np.maximum(units, classes.population.count())
    pairs, place = np.unique(np.array([units[shown], people[shown]]), axis=1, return_inverse=True)
    settled = np.bincount(place.ravel(), weights=classes.settled[shown], minlength=pairs.shape[1])
    sizes = [(int(n), int(f), int(many)) for (n, f), many in zip(pairs.T, settled, strict=True) if many]
    seen = shown[classes.roaming.classes]
    where, who = classes.roaming.classes[seen], classes.roaming.members[seen]
    smallest = np.full((2, int(who.max(initial=-1)) + 1), np.iinfo(np.int64).max)
    np.minimum.at(smallest[0], who, units[where])
    np.minimum.at(smallest[1], who, people[where])
    found, counts = np.unique(smallest[:, np.unique(who)], axis=1, return_counts=True)
    sizes += [(int(n), int(f), int(many)) for (n, f), many in zip(found.T, counts, strict=True)]
    return attackers_of(sizes, int(shown.sum()), int(people[shown].sum()), k)


def measure_risk(
    con: duckdb.DuckDBPyConnection,
    rows: str,
    quasi: Sequence[str],
    k: int,
    population: tuple[str, str] | None = None,
) -> Risk:
    """Count who is alone among ``rows``, a FROM-able text with the columns ``quasi`` and ``__unit``.

    Args:
        con: a connection that may make temporary tables.
        k: classes of so many units count as safe.
        population: a name and a FROM-able text of the same form, of which the rows are a part; without one, nobody but
            the rows' units is taken to exist, and the journalist is as good as the prosecutor.
    """
    codes = [f"c{place}" for place in range(len(quasi))]
    listed = ", ".join(codes) or "true"
    try:
        con.execute(f"CREATE TEMP TABLE {_CODES} AS SELECT DISTINCT {_coded(quasi)}unit FROM ({_units(rows)})")
        con.execute(
            f"CREATE TEMP TABLE {_GROUPS} AS SELECT {_listed(codes)}count(*) AS n, min(unit) AS low, max(unit) AS high "
            f"FROM {_CODES} GROUP BY {listed}"
        )
        source = "SELECT *, n AS f FROM " + _GROUPS
        if population is not None:
            con.execute(
                f"CREATE TEMP TABLE {_PEOPLE} AS SELECT {_coded(quasi)}count(DISTINCT unit) AS p "
                f"FROM ({_units(population[1])}) GROUP BY {listed}"
            )
            joined = f"LEFT JOIN {_PEOPLE} USING ({', '.join(codes)})" if codes else f"CROSS JOIN {_PEOPLE}"
            source = f"SELECT g.*, greatest(n, coalesce(p, 0)) AS f FROM {_GROUPS} AS g {joined}"
        return _count(con, quasi, k, source, population[0] if population else None)
    finally:
        for table in (_CODES, _GROUPS, _PEOPLE):
            con.execute(f"DROP TABLE IF EXISTS {table}")


def _units(rows: str) -> str:
    return f'SELECT *, "__unit" AS unit FROM {rows} AS r WHERE "__unit" IS NOT NULL'


def _coded(quasi: Sequence[str]) -> str:
    return "".join(f"hash({quote(name)}) AS c{place}, " for place, name in enumerate(quasi))


def _listed(names: Sequence[str]) -> str:
    return "".join(f"{name}, " for name in names)


def _count(con: duckdb.DuckDBPyConnection, quasi: Sequence[str], k: int, groups: str, population: str | None) -> Risk:
    """Everything that follows from the groups of equal rows."""
    facts = con.execute(f"SELECT count(*), sum(f), sum(n) FROM ({groups})").fetchall()[0]
    classes, people, pairs = (int(fact or 0) for fact in facts)
    units = int(con.execute(f"SELECT count(DISTINCT unit) FROM {_CODES}").fetchall()[0][0])
    roaming = pairs > units
    codes = [f"c{place}" for place in range(len(quasi))]
    smallest = f"SELECT n, f, n AS units FROM ({groups})"
    if roaming:
        joined = f"{_CODES} JOIN ({groups}) USING ({', '.join(codes)})" if codes else f"{_CODES}, ({groups})"
        smallest = f"SELECT min(n) AS n, min(f) AS f, 1 AS units FROM {joined} GROUP BY unit"
    sizes = con.execute(f"SELECT n, f, sum(units)::BIGINT FROM ({smallest}) GROUP BY n, f").fetchall()

    @cache
    def alone(places: tuple[int, ...]) -> int:
        return _count_alone(con, places, units, roaming)

    widest, step = _widest(len(quasi), classes), 1
    if widest < min(WIDEST, len(quasi)) and not roaming:
        # a share of the combinations will do; in a share of the units more would seem alone
        step, widest = max(classes // _SAMPLED, 1), _widest(len(quasi), min(classes, _SAMPLED))
    found = []
    for width in range(1, widest + 1):
        every = combinations(range(len(quasi)), width)
        each = [(alone(p) if width == 1 or step == 1 else _count_alone(con, p, units, roaming, step), p) for p in every]
        found += sorted(each, key=lambda one: -one[0])[:KEPT]
    return Risk(
        k=k,
        attackers=attackers_of(sizes, classes, people, k),
        singled_out=alone(tuple(range(len(quasi)))),
        widest=widest,
        combinations=tuple(
            Combination(columns=tuple(quasi[place] for place in places), singled_out=many) for many, places in found
        ),
        contributions=tuple(_contribution(quasi, place, alone, classes) for place in range(len(quasi))),
        population=population,
        estimated=step > 1,
    )


def _widest(columns: int, groups: int) -> int:
    """Up to how many columns combinations are counted: as many as the effort allows, one at least."""
    widest, effort = 1, columns * groups
    while widest < min(WIDEST, columns):
        effort += comb(columns, widest + 1) * groups
        if effort > _EFFORT:
            break
        widest += 1
    return min(widest, columns)


def _count_alone(
    con: duckdb.DuckDBPyConnection, places: tuple[int, ...], units: int, roaming: bool, step: int = 1
) -> int:
    """Units of which some row is like nobody else's in the columns at ``places``, by one of ``step`` combinations."""
    if not places:
        return int(units == 1)
    keys = ", ".join(f"c{place}" for place in places)
    where = f"WHERE hash({keys}) % {step} = 0" if step > 1 else ""
    alone = f"SELECT min(low) AS unit FROM {_GROUPS} {where} GROUP BY {keys} HAVING min(low) = max(high)"
    counted = "count(DISTINCT unit)" if roaming else "count(*)"
    return min(units, step * int(con.execute(f"SELECT {counted} FROM ({alone})").fetchall()[0][0]))


def _contribution(quasi: Sequence[str], place: int, alone: Counter, groups: int) -> Contribution:
    """Leave the column out of all; and, where that is cheap, add it to every subset of the others."""
    columns = len(quasi)
    others = [other for other in range(columns) if other != place]
    drop = alone(tuple(range(columns))) - alone(tuple(others))
    if columns > 10 or 2**columns * groups > _EFFORT:
        return Contribution(column=quasi[place], drop=drop)
    value = 0.0
    for width in range(columns):
        weight = factorial(width) * factorial(columns - width - 1) / factorial(columns)
        for some in combinations(others, width):
            value += weight * (alone(tuple(sorted((*some, place)))) - alone(some))
    return Contribution(column=quasi[place], drop=drop, shapley=value)
