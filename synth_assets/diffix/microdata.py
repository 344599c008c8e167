"""Microdata: values from the intervals of buckets.

A single value is given as it is. Of an interval, numbers are drawn uniformly. Texts are drawn among the ranks that the
interval holds: a text that is frequent by itself in the column is given; another becomes the beginning that all texts
of the interval share, an asterisk and the rank.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from synth_assets.diffix.intervals import Floats
from synth_assets.diffix.pieces import Harvest, stretches
from synth_assets.diffix.trees import Tree
from synth_assets.diffix.units import Integers

if TYPE_CHECKING:
    from synth_assets.diffix.forest import Forest
    from synth_assets.synthesis.schema import Field

MARK = "*"

DIGITS = 15
"""The most digits after the point that a real number is rounded to."""


class Numbers(BaseModel):
    """How positions of a column of numbers become values.

    ``null``: the position of null; ``whole``: whether only whole numbers are values; ``digits``: how many digits after
    the point reals have; ``limits``: values beyond do not exist; ``values``: if not empty, the only values there are.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    null: float
    whole: bool
    digits: int = DIGITS
    limits: tuple[float | None, float | None] = (None, None)
    values: tuple[float, ...] = ()

    def draw(self, low: Floats, high: Floats, rng: np.random.Generator) -> Floats:
        """A value of each interval, NaN for null."""
        chance = rng.random(len(low))
        if self.whole:
            first, last = np.ceil(low), np.ceil(high) - 1
            drawn = np.where(last < first, np.floor(low), first + np.floor(chance * (last - first + 1)))
        else:
            drawn = _rounded(low + chance * (high - low), self.digits)
        drawn = np.where(low == high, low, drawn)
        if self.values:
            drawn = _nearest(np.array(self.values), drawn)
        least, most = self.limits
        drawn = drawn if least is None else np.maximum(drawn, least)
        drawn = drawn if most is None else np.minimum(drawn, most)
        return np.where(low == self.null, np.nan, drawn)


class Texts(BaseModel):
    """How ranks of a column of texts become texts; it holds frequent texts and shared beginnings only.

    ``ranks`` and ``texts``: what may be given as it is; ``lows``, ``highs`` and ``prefixes``: what the texts of each
    interval that the buckets use have in common; ``size``: how many ranks there are; ``mark``: what follows a
    beginning.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    null: float
    size: int
    ranks: tuple[int, ...]
    texts: tuple[str, ...]
    lows: tuple[float, ...]
    highs: tuple[float, ...]
    prefixes: tuple[str, ...]
    safe: tuple[int, ...] = ()
    mark: str = MARK

    def draw(self, low: Floats, high: Floats, rng: np.random.Generator) -> tuple[NDArray[np.object_], Floats]:
        """A text of each interval (None for null), and its rank."""
        first, last = _inside(low, high, self.size)
        rank = np.where(low == high, low, first + np.floor(rng.random(len(low)) * (last - first + 1)))
        null = low == self.null
        alone = (low == high) | np.isin(rank, np.array(self.safe, dtype=np.float64))
        out = np.empty(len(low), dtype=object)
        known = np.array([*self.texts, ""], dtype=object)
        place = np.searchsorted(np.array(self.ranks, dtype=np.float64), rank[alone & ~null])
        out[alone & ~null] = known[place]
        rest = ~alone & ~null
        if rest.any():
            bounds = {pair: i for i, pair in enumerate(zip(self.lows, self.highs, strict=True))}
            pairs, which = np.unique(np.stack([low[rest], high[rest]], axis=1), axis=0, return_inverse=True)
            prefix = np.array([self.prefixes[bounds[float(a), float(b)]] for a, b in pairs], dtype=object)
            numbers = rank[rest].astype(np.int64).astype(str).astype(object)
            out[rest] = prefix[which.reshape(-1)] + self.mark + numbers
        return out, np.where(null, np.nan, rank)


Decoder = Numbers | Texts


def _inside(low: Floats, high: Floats, size: int) -> tuple[Floats, Floats]:
    """The first and the last rank of each interval."""
    last = np.minimum(np.ceil(high) - 1, size - 1)
    first = np.minimum(np.ceil(low), max(size - 1, 0))
    return first, np.maximum(first, last)


def _rounded(values: Floats, digits: int) -> Floats:
    """Values rounded, those that have no such digits left alone."""
    small = np.abs(values) < 2.0**52 / 10.0**digits
    return np.where(small, np.round(np.where(small, values, 0.0), digits), values)


def _nearest(known: Floats, values: Floats) -> Floats:
    """The known value next to each value."""
    right = np.clip(np.searchsorted(known, values), 1, max(len(known) - 1, 1))
    left, right = right - 1, np.minimum(right, len(known) - 1)
    found: Floats = np.where(values - known[left] <= known[right] - values, known[left], known[right])
    return found


def numbers_of(forest: Forest, column: int, field: Field, limits: tuple[float | None, float | None]) -> Numbers:
    """The decoder of a column of numbers."""
    scale = forest.encoded.scales[column]
    known = scale.positions[scale.positions != scale.null]
    values = tuple(known.tolist()) if forest.safe[column] else ()
    if field.kind == "boolean":
        limits = (0.0, 1.0)
    whole = field.whole or field.kind == "boolean"
    digits = 0 if whole else _digits(forest, column)
    return Numbers(null=scale.null, whole=whole, digits=digits, limits=limits, values=values)


def _digits(forest: Forest, column: int) -> int:
    """How many digits after the point the values of a column have, but for those of too few rows to tell."""
    scale, tree = forest.encoded.scales[column], forest.tree((column,))
    rows = np.diff(tree.order.rows(np.zeros(scale.size, dtype=np.int64), _ends(forest, column)), prepend=0)
    rows, known = rows[scale.positions != scale.null], scale.positions[scale.positions != scale.null]
    least, most = 0, DIGITS
    while least < most:
        digits = (least + most) // 2
        if int(rows[_rounded(known, digits) != known].sum()) < forest.threshold:
            most = digits
        else:
            least = digits + 1
    return least


def _ends(forest: Forest, column: int) -> Integers:
    """Where the atoms of each position end in the order of the column's tree."""
    counts = np.bincount(forest.encoded.codes[column], minlength=forest.encoded.scales[column].size)
    found: Integers = np.cumsum(counts)
    return found


def texts_of(forest: Forest, column: int, texts: tuple[str, ...], public: bool, low: Floats, high: Floats) -> Texts:
    """The decoder of a column of texts, for the intervals ``low`` to ``high`` of its buckets.

    A beginning is only told if the texts that share it belong to enough units.
    """
    scale = forest.encoded.scales[column]
    pairs = np.unique(np.stack([low, high], axis=1), axis=0)
    alone = pairs[:, 0] == pairs[:, 1]
    shown = pairs[alone & (pairs[:, 0] != scale.null), 0].astype(np.int64)
    ranges = pairs[~alone]
    first, last = (side.astype(np.int64) for side in _inside(ranges[:, 0], ranges[:, 1], len(texts)))
    safe = np.arange(len(texts)) if public or forest.safe[column] else _frequent(forest.tree((column,)))
    within = np.zeros(len(texts) + 1, dtype=np.int64)
    np.add.at(within, first, 1)
    np.add.at(within, last + 1, -1)
    safe = safe[np.cumsum(within)[safe] > 0]
    ranks = np.unique(np.concatenate([shown, safe]))
    known = _shared(forest, column, first, last)
    prefixes = [
        _beginning(texts[a], texts[b]) if enough else "" for a, b, enough in zip(first, last, known, strict=True)
    ]
    return Texts(
        null=scale.null,
        size=len(texts),
        ranks=tuple(ranks.tolist()),
        texts=tuple(texts[rank] for rank in ranks),
        lows=tuple(ranges[:, 0].tolist()),
        highs=tuple(ranges[:, 1].tolist()),
        prefixes=tuple(prefixes),
        safe=tuple(safe.tolist()),
        mark=_mark(texts),
    )


def _beginning(one: str, other: str) -> str:
    """What two texts begin with."""
    length = next((i for i, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))
    return one[:length]


def _frequent(tree: Tree) -> Integers:
    """The ranks of texts that a tree of one column shows as they are."""
    leaves = ~tree.branch & tree.single & tree.passes
    value = tree.scales[0].positions[tree.code[leaves, 0]]
    found: Integers = np.sort(value[value != tree.scales[0].null].astype(np.int64))
    return found


def _shared(forest: Forest, column: int, first: Integers, last: Integers) -> NDArray[np.bool_]:
    """Whether the texts of each stretch of ranks belong to enough units."""
    scale, tree = forest.encoded.scales[column], forest.tree((column,))
    ends = np.concatenate([[0], _ends(forest, column)])
    starts, stops = ends[np.searchsorted(scale.positions, first)], ends[np.searchsorted(scale.positions, last, "right")]
    tally = tree.order.tally(starts, stops)
    return tally.passes(forest.threshold, forest.encoded.people.anonymization.suppression)


def _mark(texts: tuple[str, ...]) -> str:
    """What follows a beginning: so many asterisks that no text of the column has them, lest one be hit by chance."""
    mark = MARK
    while any(mark in text for text in texts):
        mark += MARK
    return mark


def flatten(made: Harvest, rng: np.random.Generator) -> tuple[Floats, Floats, Integers]:
    """The pieces of a tree's root and how many rows each stands for, in whole numbers.

    A bucket with fewer rows than pieces keeps some of them, one with more repeats all and some once more.
    """
    return _merged(made, *_dealt(made, rng))


def _dealt(made: Harvest, rng: np.random.Generator) -> tuple[Integers, Integers]:
    """The pieces that stand for a row at least, and for how many."""
    start, length = made.start[made.bucket], made.length[made.bucket]
    kept = (made.count > 0) & (length > 0)
    start, length, count = start[kept], length[kept], made.count[kept]
    each, extra = np.divmod(count, length)
    piece, owner = stretches(start, start + length)
    rows = each[owner]
    uneven = np.flatnonzero(extra[owner] > 0)
    by_chance = uneven[np.lexsort((rng.random(len(uneven)), owner[uneven]))]
    sizes = np.where(extra > 0, length, 0)
    rank = np.arange(len(uneven)) - (np.cumsum(sizes) - sizes)[owner[uneven]]
    rows[by_chance[rank < extra[owner[uneven]]]] += 1
    used = rows > 0
    return piece[used], rows[used]


def _merged(made: Harvest, piece: Integers, rows: Integers) -> tuple[Floats, Floats, Integers]:
    """Equal pieces as one, in an order that tells nothing."""
    sides = [(side, column) for side in (made.low, made.high) for column in range(side.shape[1])]
    key = np.zeros(len(piece), dtype=np.uint64)
    for side, column in sides:
        key = (key ^ (side[piece, column] + 0.0).view(np.uint64)) * np.uint64(0x9E3779B97F4A7C15)
        key ^= key >> np.uint64(29)
    order = np.argsort(key)
    piece, rows = piece[order], rows[order]
    if len(piece) == 0:
        return made.low[piece], made.high[piece], rows
    new = np.zeros(len(piece), dtype=np.bool_)
    new[0] = True
    for side, column in sides:
        values = side[piece, column]
        new[1:] |= values[1:] != values[:-1]
    first = np.flatnonzero(new)
    return made.low[piece[first]], made.high[piece[first]], np.add.reduceat(rows, first)
