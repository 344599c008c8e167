"""Mondrian: the table is cut into boxes, each cut as near the median as it goes, until no cut satisfies the model.

LeFevre, DeWitt and Ramakrishnan, "Mondrian Multidimensional K-Anonymity", ICDE 2006, with strict cuts, over counts of
groups of equal rows instead of rows: all boxes of one round are cut at once. A box is cut along the column in which it
is widest, as a share of the column's values, and if that fails along the next. Words are put in the order of their
hierarchy, so that what belongs together lies side by side.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from synth_assets.anonymity.classes import Classes, Demand, combine, distinct, renumber
from synth_assets.anonymity.diversity import BoolArray, FloatArray, IntArray
from synth_assets.anonymity.hierarchies import STAR, Steps
from synth_assets.anonymity.labels import Label, joined_interval, listed_set
from synth_assets.anonymity.losses import Entropy
from synth_assets.anonymity.together import Ties

MOST_LISTED = 8
"""A set of more words is called by the finest step that holds them all."""


@dataclass(frozen=True)
class Axis:
    """One column as Mondrian sees it: its steps, the rank of each base code, and whether intervals make sense."""

    steps: Steps
    kind: str

    @property
    def is_ordered(self) -> bool:
        """Whether the values are numbers or dates."""
        return self.kind in {"integer", "real", "temporal"}

    @cached_property
    def ranks(self) -> IntArray:
        """The place of each base code: by value, or by the hierarchy from coarse to fine."""
        codes = np.arange(len(self.steps.counts), dtype=np.int64)
        if self.is_ordered:
            return codes
        ranks = np.empty_like(codes)
        ranks[np.lexsort([codes, *self.steps.codes])] = codes
        return ranks

    def label(self, codes: IntArray, common: BoolArray) -> tuple[Label, IntArray]:
        """What stands for some base codes, of which no value lies outside it, and the codes that it stands for.

        An end of an interval is a value that many have (``common``), or an edge of the finest interval that holds it:
        else it would tell one person's value.
        """
        words = self.steps.words
        if len(codes) == 1:
            return words[int(codes[0])], codes
        if self.is_ordered:
            text, covered = self._interval(int(codes.min()), int(codes.max()), common)
            if text is not None:
                return text, covered
        elif len(codes) <= MOST_LISTED:
            text = listed_set([words[c] for c in codes.tolist()], words)
            if text is not None:
                return text, codes
        for step, numbers in zip(self.steps.steps, self.steps.codes, strict=True):
            if step.labels is not None and (numbers[codes] == numbers[codes[0]]).all():
                return step.labels[int(codes[0])], np.flatnonzero(numbers == numbers[codes[0]])
        return STAR, np.arange(len(words))

    def _interval(self, low: int, high: int, common: BoolArray) -> tuple[Label, IntArray]:
        """The interval from one base code to another, and all codes in it."""
        words, first, last = self.steps.words, low, high
        ends = [words[low], words[high]]
        if self.steps.finest:
            near = np.array([self.steps.finest.index(label) for label in self.steps.finest])
            if not common[low]:
                ends[0], first = self.steps.finest[low], int(np.flatnonzero(near == near[low])[0])
            if not common[high]:
                ends[1], last = self.steps.finest[high], int(np.flatnonzero(near == near[high])[-1])
        elif self.steps.steps[0].labels is None and not (common[low] and common[high]):
            return None, np.arange(0)
        return joined_interval(ends[0], ends[1], self.kind), np.arange(first, last + 1)


@dataclass(frozen=True)
class Boxes:
    """The result.

    Attributes:
        of_class: the box of each base class.
        texts: of each column, every label that occurs.
        labels: one row a column: which of them each box has.
        classes: the boxes as classes.
        losses: of each column, as shares of all non-uniform entropy.
    """

    of_class: IntArray
    texts: tuple[tuple[Label, ...], ...]
    labels: IntArray
    classes: Classes
    losses: tuple[float, ...]


def cut(base: Classes, axes: Sequence[Axis], demand: Demand, ties: Ties | None = None) -> IntArray | None:
    """The box of each base class, numbered from 0; None where the whole table does not satisfy the model.

    No cut tears units from all others that they are tied to by earlier tables.
    """
    box = np.zeros(base.size, dtype=np.int64)
    if not demand.passes(base.joined(box, 1)).all() or (ties is not None and not ties.safe(box, 1).all()):
        return None
    ranks = np.array([axis.ranks[codes] for axis, codes in zip(axes, base.codes, strict=True)]).reshape(-1, base.size)
    spans = np.array([max(len(axis.ranks) - 1, 1) for axis in axes])
    tried = np.zeros((1, len(axes)), dtype=np.bool_)  # of each box, the columns along which it cannot be cut
    while not tried.all():
        unfinished = np.flatnonzero(~tried.all(axis=1))
        members = np.flatnonzero(np.isin(box, unfinished))
        names = distinct(box[members])
        local = np.searchsorted(names, box[members])
        own = ranks[:, members]
        width = _widths(own, local, len(names)) / spans[:, np.newaxis]
        tried[names] |= (width == 0).T
        along = np.where(tried[names].T, -1.0, width).argmax(axis=0)
        right = _beyond_median(local, own[along[local], np.arange(len(members))], base.rows[members])
        chosen = np.zeros(base.size, dtype=np.bool_)
        chosen[members] = True
        halves = demand.passes(base.among(chosen).joined(2 * local + right, 2 * len(names)))
        if ties is not None:
            into = np.full(base.size, 2 * len(names))
            into[members] = 2 * local + right
            halves &= ties.safe(into, 2 * len(names) + 1)[:-1]
        done = halves[0::2] & halves[1::2] & ~tried[names, along]
        tried[names[~done], along[~done]] = True
        tried[names[done]] = False
        fresh = np.cumsum(done) - 1 + len(tried)
        moved = right & done[local]
        box[members[moved]] = fresh[local[moved]]
        tried = np.vstack([tried, np.zeros((int(done.sum()), len(axes)), dtype=np.bool_)])
    return box


def _widths(ranks: IntArray, local: IntArray, boxes: int) -> FloatArray:
    """How far apart the ranks of each box are, for each column."""
    low = np.full((len(ranks), boxes), np.iinfo(np.int64).max)
    high = np.full((len(ranks), boxes), -1)
    for column, own in enumerate(ranks):
        np.minimum.at(low[column], local, own)
        np.maximum.at(high[column], local, own)
    return np.asarray(high - low, dtype=np.float64)


def _beyond_median(local: IntArray, ranks: IntArray, rows: IntArray) -> BoolArray:
    """Say of each group whether it lies beyond the cut of its box that comes nearest to halving the box's rows."""
    boxes = int(local.max()) + 1
    order = np.lexsort((ranks, local))
    box, rank = local[order], ranks[order]
    total = np.bincount(local, weights=rows, minlength=boxes)
    within = np.cumsum(rows[order]) - (np.cumsum(total) - total)[box]
    cuts = np.flatnonzero(np.append((box[1:] == box[:-1]) & (rank[1:] != rank[:-1]), False))
    nearest = cuts[np.lexsort((np.abs(2 * within[cuts] - total[box[cuts]]), box[cuts]))]
    first = nearest[np.unique(box[nearest], return_index=True)[1]]
    limit = np.full(boxes, np.iinfo(np.int64).max)
    limit[box[first]] = rank[first]
    return np.asarray(ranks > limit[local])


def describe(base: Classes, axes: Sequence[Axis], box: IntArray, entropy: Entropy, k: int) -> Boxes:
    """Name the boxes; such as bear the same labels become one. Values that ``k`` units have are common."""
    texts, labels, bits = [], [], []
    for axis, codes in zip(axes, base.codes, strict=True):
        own = codes.astype(np.int64)
        common = base.joined(own, len(axis.steps.counts)).units() >= k
        found, numbers, sizes = _name(axis, own, box, common)
        texts.append(found)
        labels.append(numbers)
        bits.append(float(np.bincount(box, weights=base.rows) @ np.log2(np.maximum(sizes, 1))[numbers]))
    listed = np.array(labels, dtype=np.int64).reshape(len(axes), -1)
    into, size = renumber(combine(listed)) if len(axes) else (np.zeros(1, dtype=np.int64), 1)
    one = np.empty(size, dtype=np.int64)
    one[into] = np.arange(len(into))
    losses = tuple(entropy.share_of(column, lost) for column, lost in enumerate(bits))
    return Boxes(into[box], tuple(texts), listed[:, one], base.joined(into[box], size), losses)


def _name(
    axis: Axis, codes: IntArray, box: IntArray, common: BoolArray
) -> tuple[tuple[Label, ...], IntArray, IntArray]:
    """The distinct labels of one column, which of them each box has, and how many rows have a value in each."""
    width = len(axis.steps.counts)
    held, members = np.divmod(distinct(box * width + codes), width)
    marks = np.random.default_rng(0).integers(0, 2**63, width, dtype=np.uint64)  # sets are told apart by their sums
    sums = np.zeros(int(box.max(initial=0)) + 1, dtype=np.uint64)
    np.add.at(sums, held, marks[members])
    _, example, numbers = np.unique(sums, return_index=True, return_inverse=True)
    first, last = np.searchsorted(held, example), np.searchsorted(held, example, side="right")
    named = [axis.label(members[a:b], common) for a, b in zip(first, last, strict=True)]
    sizes = np.array([int(axis.steps.counts[covered].sum()) for _, covered in named], dtype=np.int64)
    texts: dict[Label, int] = {}
    again = np.array([texts.setdefault(text, len(texts)) for text, _ in named], dtype=np.int64)
    largest = np.zeros(len(texts), dtype=np.int64)
    np.maximum.at(largest, again, sizes)
    return tuple(texts), again[numbers], largest
