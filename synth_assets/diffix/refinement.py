"""Refinement: intervals for the rows of a node that cannot be split, from the buckets of trees of one column less.

Each row takes the intervals of all columns but one from a bucket of the tree that lacks that one, and the last from a
bucket that has it; only buckets inside the node's smallest known extent take part, and columns take turns.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from synth_assets.diffix.intervals import Floats
from synth_assets.diffix.pieces import Harvest, Pieces, stretches
from synth_assets.diffix.trees import NONE, Tree
from synth_assets.diffix.units import Flags, Integers

if TYPE_CHECKING:
    from synth_assets.diffix.forest import Forest


@dataclass(frozen=True)
class _Choices:
    """Pieces of one tree below, sorted by the node that may use them, with their weights."""

    owner: Integers
    low: Floats
    high: Floats
    weight: Floats


def refine(
    forest: Forest, tree: Tree, nodes: Integers, counts: Integers, grounds: list[Harvest], rng: np.random.Generator
) -> Pieces:
    """Pieces for ``counts`` rows of each node; a node without suitable buckets keeps its own interval as one piece."""
    dimensions = len(tree.columns)
    choices = [_choices(tree, nodes, place, ground) for place, ground in enumerate(grounds)]
    known = np.all([np.bincount(c.owner, minlength=len(nodes)) > 0 for c in choices], axis=0)
    low, high = _smallest(choices, len(nodes), dimensions)
    _compact(forest, tree, nodes, low, high)
    inside = [
        np.stack([(c.low[:, i] >= low[c.owner, d]) & (c.high[:, i] <= high[c.owner, d]) for i, d in enumerate(rest)])
        for c, rest in zip(choices, _rests(dimensions), strict=True)
    ]
    tuples = [
        _Lottery(c.owner[np.logical_and.reduce(w, axis=0)], c, np.logical_and.reduce(w, axis=0), len(nodes))
        for c, w in zip(choices, inside, strict=True)
    ]
    if dimensions == 2:
        singles = tuples  # the trees below have one column each
    else:
        singles = [_single(choices, inside, d, dimensions, len(nodes)) for d in range(dimensions)]
    known &= np.all([lottery.totals > 0 for lottery in (*tuples, *singles)], axis=0)
    lengths = np.where(known, counts, 1)
    ends = np.cumsum(lengths)
    out_low, out_high = (np.repeat(shown[nodes], lengths, axis=0) for shown in tree.shown)
    owner = np.repeat(np.arange(len(nodes)), lengths)
    turn = (np.arange(len(owner)) - (ends - lengths)[owner]) % dimensions
    for place, rest in enumerate(_rests(dimensions)):
        rows = np.flatnonzero((turn == place) & known[owner])
        missing = dimensions - 1 - place
        drawn = tuples[place].draw(owner[rows], rng)
        other = singles[missing].draw(owner[rows], rng)
        out_low[np.ix_(rows, np.array(rest))], out_high[np.ix_(rows, np.array(rest))] = tuples[place].pieces(drawn)
        out_low[rows, missing], out_high[rows, missing] = (side[:, 0] for side in singles[missing].pieces(other))
    return Pieces(lengths, out_low, out_high)


def _rests(dimensions: int) -> list[list[int]]:
    """The columns of each tree below: tree i lacks column ``dimensions - 1 - i``."""
    return [[d for d in range(dimensions) if d != dimensions - 1 - i] for i in range(dimensions)]


def _choices(tree: Tree, nodes: Integers, place: int, ground: Harvest) -> _Choices:
    """What the tree below offers each node: its subnode's buckets, or its own values where they are all equal."""
    rest = _rests(len(tree.columns))[place]
    own = tree.lone[nodes][:, rest].all(axis=1)
    subnode = tree.subnodes[nodes, place]
    asked = np.flatnonzero(~own & (subnode != NONE))
    where, piece, weight = ground.pieces_of(subnode[asked])
    alone = np.flatnonzero(own)
    value = tree.shown[0][nodes[alone]][:, rest]
    owner = np.concatenate([asked[where], alone])
    order = np.argsort(owner, kind="stable")
    low = np.concatenate([ground.low[piece], value])[order]
    high = np.concatenate([ground.high[piece], value])[order]
    weights = np.concatenate([weight, tree.counts[nodes[alone]].astype(np.float64)])[order]
    return _Choices(owner[order], low, high, weights)


def _smallest(choices: list[_Choices], nodes: int, dimensions: int) -> tuple[Floats, Floats]:
    """For each column, the narrowest of the extents that the trees below give it."""
    low = np.full((nodes, dimensions), -np.inf)
    high = np.full((nodes, dimensions), np.inf)
    for given, rest in zip(choices, _rests(dimensions), strict=True):
        if len(given.owner) == 0:
            continue
        first = np.flatnonzero(np.concatenate([[True], given.owner[1:] != given.owner[:-1]]))
        users = given.owner[first]
        for i, d in enumerate(rest):
            least, most = np.minimum.reduceat(given.low[:, i], first), np.maximum.reduceat(given.high[:, i], first)
            narrower = most - least < high[users, d] - low[users, d]
            low[users[narrower], d] = least[narrower]
            high[users[narrower], d] = most[narrower]
    return low, high


def _compact(forest: Forest, tree: Tree, nodes: Integers, low: Floats, high: Floats) -> None:
    """Cut the extents to the node's interval, less a half with too few units where the node is a stub; in place."""
    own_low, own_high = tree.low[nodes].copy(), tree.high[nodes].copy()
    stubs = np.flatnonzero(~tree.branch[nodes] & tree.stub[nodes])
    for d in range(low.shape[1]):
        keeps = _strong_halves(forest, tree, nodes[stubs], d)
        middle = (own_low[stubs, d] + own_high[stubs, d]) / 2
        own_low[stubs, d] = np.where(keeps[1] & ~keeps[0], middle, own_low[stubs, d])
        own_high[stubs, d] = np.where(keeps[0] & ~keeps[1], middle, own_high[stubs, d])
    overlap = (low < own_high) & (high > own_low)
    low[:] = np.where(overlap, np.maximum(low, own_low), np.minimum(low, own_low))
    high[:] = np.where(overlap, np.minimum(high, own_high), np.maximum(high, own_high))


def _strong_halves(forest: Forest, tree: Tree, nodes: Integers, dimension: int) -> tuple[Flags, Flags]:
    """Whether the lower and the upper half of each node in one column hold enough units to be shown."""
    people = forest.encoded.people
    place, owner = stretches(tree.starts[nodes], tree.ends[nodes])
    atoms = tree.atoms[place]
    scale, codes = tree.scales[dimension], forest.encoded.codes[tree.columns[dimension]]
    middle = (tree.low[nodes, dimension] + tree.high[nodes, dimension]) / 2
    group = 2 * owner + (scale.positions[codes[atoms]] >= middle[owner])
    order = np.argsort(group, kind="stable")
    bounds = np.searchsorted(group[order], np.arange(2 * len(nodes) + 1))
    tally = people.ordered(atoms[order]).tally(bounds[:-1], bounds[1:])
    strong = tally.passes(forest.threshold, people.anonymization.suppression)
    return strong[0::2], strong[1::2]


class _Lottery:
    """Weighted draws from the pieces that each node may use."""

    def __init__(self, owner: Integers, given: _Choices, kept: Flags, nodes: int) -> None:
        self._low, self._high = given.low[kept], given.high[kept]
        self._running = np.concatenate([[0.0], np.cumsum(given.weight[kept])])
        bounds = np.searchsorted(owner, np.arange(nodes + 1))
        self._first, self._last = bounds[:-1], bounds[1:]
        self.totals = self._running[self._last] - self._running[self._first]

    def draw(self, owner: Integers, rng: np.random.Generator) -> Integers:
        """The number of a piece for each owner."""
        target = self._running[self._first[owner]] + rng.random(len(owner)) * self.totals[owner]
        found = np.searchsorted(self._running, target, side="right") - 1
        drawn: Integers = np.clip(found, self._first[owner], self._last[owner] - 1)
        return drawn

    def pieces(self, numbers: Integers) -> tuple[Floats, Floats]:
        """The intervals of pieces."""
        return self._low[numbers], self._high[numbers]


def _single(choices: list[_Choices], inside: list[Flags], d: int, dimensions: int, nodes: int) -> _Lottery:
    """Draws of intervals of column ``d`` alone, from all trees below that have it."""
    owners, lows, highs, weights = [], [], [], []
    for given, within, rest in zip(choices, inside, _rests(dimensions), strict=True):
        if d in rest:
            i = rest.index(d)
            kept = within[i]
            owners.append(given.owner[kept])
            lows.append(given.low[kept, i : i + 1])
            highs.append(given.high[kept, i : i + 1])
            weights.append(given.weight[kept])
    owner = np.concatenate(owners)
    order = np.argsort(owner, kind="stable")
    joined = _Choices(owner[order], *(np.concatenate(part)[order] for part in (lows, highs, weights)))
    return _Lottery(joined.owner, joined, np.ones(len(owner), dtype=np.bool_), nodes)
