"""Several tables of the same rows, laid beside each other: what is left of k-anonymity (Ganta et al., KDD 2008).

Who knows a person's quasi-identifiers finds the person's class in every table, and the person among those who are in
all of these classes. So each combination of classes must hold k units, where being left out of a table is a class, too.
A table that is made beside earlier ones keeps to that, and leaves out who was left out of all of them: whoever appears
for the first time would stand out. :func:`smallest` counts it again, by SQL over who is where.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import duckdb
import numpy as np

from synth_assets.anonymity.classes import Crowd, renumber
from synth_assets.anonymity.diversity import BoolArray, IntArray


@dataclass(frozen=True)
class Earlier:
    """Tables that whoever gets the new one has: each FROM-able (unit, class), all made of the same rows.

    ``k`` is what each combination of classes must hold.
    """

    members: tuple[str, ...]
    k: int


@dataclass(frozen=True)
class Ties:
    """The units of base classes by the combination of classes that they are in elsewhere.

    Tie i are the units of base class ``groups[i]`` in combination ``marks[i]``; ``crowd`` counts them.
    """

    groups: IntArray
    marks: IntArray
    crowd: Crowd
    k: int

    def safe(self, into: IntArray, size: int) -> BoolArray:
        """Whether each combination within each class has k units, after base class i became ``into[i]`` of ``size``."""
        place, units = self._count(into[self.groups])
        few = np.ones(size, dtype=np.bool_)
        few[place[units < self.k]] = False
        return few

    def hides(self, into: IntArray, shown: BoolArray) -> bool:
        """Whether those who are left out have company in each combination, as who vanishes stands out."""
        out = ~shown[into[self.groups]]
        chosen = Ties(self.groups[out], self.marks[out], self.crowd.among(out), self.k)
        return not bool((chosen._count(np.zeros(int(out.sum()), dtype=np.int64))[1] < self.k).any())

    def _count(self, classes: IntArray) -> tuple[IntArray, IntArray]:
        """For each combination of a class and a mark the class, and its units."""
        width = int(self.marks.max(initial=0)) + 1
        numbers, many = renumber(classes * width + self.marks)
        place = np.zeros(many, dtype=np.int64)
        place[numbers] = classes
        return place, self.crowd.merged(numbers, many).count()


def marked(members: Sequence[str]) -> str:
    """FROM-able (unit, c0, c1, ...): every unit of the tables, and the combinations of classes that it is in."""
    everybody = " UNION ".join(f"SELECT unit FROM {table}" for table in members)
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
    both = f"{new} AS a JOIN {old} AS b USING (unit)"
    alone = f"SELECT list(DISTINCT unit) AS who FROM {both} GROUP BY a.class, b.class HAVING count(DISTINCT unit) < {k}"
    sql = (
        f"SELECT (SELECT count(DISTINCT unit) FROM (SELECT unnest(who) AS unit FROM ({alone}))), "
        f"(SELECT count(DISTINCT unit) FROM {new} ANTI JOIN {old} USING (unit)), "
        f"(SELECT count(DISTINCT unit) FROM {old} ANTI JOIN {new} USING (unit))"
    )
    counts = con.execute(sql).fetchall()[0]
    return int(counts[0]), int(counts[1]), int(counts[2])
