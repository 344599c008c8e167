"""Several tables of the same rows, laid beside each other: what is left of k-anonymity (Ganta et al., KDD 2008).

Who knows a person's quasi-identifiers finds the person's class in every table, and the person among those who are in
all of these classes. So each combination of classes must hold k units, where being left out of a table is a class, too.
Rows of several tables can be joined by the values that they show. So what a table shows of the units of a combination
must be as diverse, or as close to all, as the table was asked to keep its own classes. One that is made beside earlier
ones keeps to that, and leaves out who was left out of all of them: whoever appears for the first time would stand out.
:func:`smallest` and :func:`~synth_assets.anonymity.recount.torn` count it again, by SQL over who is where.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import duckdb
import numpy as np

from synth_assets.anonymity.classes import Crowd, Demand, Incidence, renumber, spread_among
from synth_assets.anonymity.diversity import BoolArray, IntArray, Spread
from synth_assets.anonymity.model import Anonymize


@dataclass(frozen=True)
class Promise:
    """What a table was asked of its sensitive values.

    Attributes:
        told: FROM-able (unit, class, v0, v1, ... and, where shares matter, w), one row for each of the source's;
            ``class`` is NULL in those that were left out.
        asked: the model, of which only what concerns sensitive values counts.
        ordered: of each sensitive column whether its values have an order.
    """

    told: str
    asked: Anonymize
    ordered: tuple[bool, ...]


@dataclass(frozen=True)
class Earlier:
    """Tables that whoever gets the new one has: each FROM-able (unit, class), all made of the same rows.

    A class of NULL are the rows that a table leaves out; a unit of which it shows nothing may also be missing there.
    ``k`` is what each combination of classes must hold. ``promises`` are by the table's place.
    """

    members: tuple[str, ...]
    k: int
    promises: Mapping[int, Promise] = field(default_factory=dict)


@dataclass(frozen=True)
class Shown:
    """What a table shows of the units of ties, as values and shares by the number of the tie.

    ``own`` says that it is the table that is made, which shows nothing of whom it leaves out.
    """

    demand: Demand
    sensitive: tuple[Incidence, ...]
    spreads: tuple[Spread, ...]
    own: bool

    def betrays(self, into: IntArray, size: int) -> BoolArray:
        """Of each combination, after tie i became combination ``into[i]``, whether its values do not suffice."""
        sensitive = tuple(incidence.merged(into) for incidence in self.sensitive)
        spreads = tuple(spread.merged(into) for spread in self.spreads)
        seen = np.zeros(size, dtype=np.bool_)
        for classes in (*(one.classes for one in sensitive), *(one.classes for one in spreads)):
            seen[classes] = True
        return np.asarray(seen & ~self.demand.diverse(sensitive, spreads, size))

    def among(self, kept: BoolArray) -> Shown:
        """What is shown of some of the ties, numbered anew."""
        sensitive = tuple(incidence.among(kept) for incidence in self.sensitive)
        return Shown(self.demand, sensitive, tuple(spread_among(spread, kept) for spread in self.spreads), self.own)


@dataclass(frozen=True)
class Ties:
    """The units of base classes by the combination of classes that they are in elsewhere.

    Tie i are the units of base class ``groups[i]`` in combination ``marks[i]``; ``crowd`` counts them, ``shown`` is
    what tables that promised something of sensitive values show of them.
    """

    groups: IntArray
    marks: IntArray
    crowd: Crowd
    k: int
    shown: tuple[Shown, ...] = ()

    def safe(self, into: IntArray, size: int) -> BoolArray:
        """Whether each class's combinations have k units and values that suffice.

        Base class i has become class ``into[i]`` of ``size``.
        """
        place, bad = self._judge(into[self.groups])
        good = np.ones(size, dtype=np.bool_)
        good[place[bad]] = False
        return good

    def hides(self, into: IntArray, shown: BoolArray) -> bool:
        """Whether those who are left out have company in each combination, as who vanishes stands out."""
        out = ~shown[into[self.groups]]
        told = tuple(shown.among(out) for shown in self.shown if not shown.own)
        chosen = Ties(self.groups[out], self.marks[out], self.crowd.among(out), self.k, told)
        return not bool(chosen._judge(np.zeros(int(out.sum()), dtype=np.int64))[1].any())

    def _judge(self, classes: IntArray) -> tuple[IntArray, BoolArray]:
        """For each combination of a class and a mark the class, and whether it tells too much of its units."""
        width = int(self.marks.max(initial=0)) + 1
        numbers, many = renumber(classes * width + self.marks)
        place = np.zeros(many, dtype=np.int64)
        place[numbers] = classes
        bad = self.crowd.merged(numbers, many).count() < self.k
        for told in self.shown:
            bad |= told.betrays(numbers, many)
        return place, np.asarray(bad)


def marked(members: Sequence[str]) -> str:
    """FROM-able (unit, c0, c1, ...): every unit that is shown, and the combinations of classes that it is in."""
    everybody = " UNION ".join(f"SELECT unit FROM {table} WHERE class IS NOT NULL" for table in members)
    joins = "".join(
        f" LEFT JOIN (SELECT unit, class AS c{place} FROM {table}) USING (unit)" for place, table in enumerate(members)
    )
    return f"(SELECT * FROM ({everybody}){joins})"


def smallest(con: duckdb.DuckDBPyConnection, members: Sequence[str]) -> int:
    """The units of the smallest combination of classes over tables (unit, class); 0 where nobody is in any."""
    classes = ", ".join(f"c{place}" for place in range(len(members)))
    counted = f"SELECT count(DISTINCT unit) AS n FROM {marked(members)} GROUP BY {classes}"
    return int(con.execute(f"SELECT coalesce(min(n), 0) FROM ({counted})").fetchall()[0][0])


def exposed(con: duckdb.DuckDBPyConnection, new: str, old: str, k: int) -> tuple[int, int, int]:
    """Of two tables (unit, class) of different rows: who is seen too alone, who came and who left.

    Returns:
        The units in both of which fewer than ``k`` share both classes; those in the new one alone; in the old alone.
    """
    new, old = (f"(SELECT unit, class FROM {table} WHERE class IS NOT NULL)" for table in (new, old))
    both = f"{new} AS a JOIN {old} AS b USING (unit)"
    alone = f"SELECT list(DISTINCT unit) AS who FROM {both} GROUP BY a.class, b.class HAVING count(DISTINCT unit) < {k}"
    sql = (
        f"SELECT (SELECT count(DISTINCT unit) FROM (SELECT unnest(who) AS unit FROM ({alone}))), "
        f"(SELECT count(DISTINCT unit) FROM {new} ANTI JOIN {old} USING (unit)), "
        f"(SELECT count(DISTINCT unit) FROM {old} ANTI JOIN {new} USING (unit))"
    )
    counts = con.execute(sql).fetchall()[0]
    return int(counts[0]), int(counts[1]), int(counts[2])
