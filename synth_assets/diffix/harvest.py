"""Buckets: what a tree shows, gathered from the leaves to the root.

A leaf with enough units gives a bucket; one of several columns that holds several values is refined by the buckets of
the trees below it. Where the children of a node show less than half of its rows the node itself fills the gap, else
the counts of their buckets are scaled to its own.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from synth_assets.diffix.forest import Forest
from synth_assets.diffix.intervals import Floats
from synth_assets.diffix.pieces import Harvest, Pieces
from synth_assets.diffix.refinement import refine
from synth_assets.diffix.trees import NONE, Tree
from synth_assets.diffix.units import Flags, Integers

_AT_ONCE = 1 << 20
"""Pieces of the trees below that are looked at in one go, so that memory stays bounded."""


@dataclass
class _Store:
    """Buckets and pieces as they are made."""

    start: list[Integers] = field(default_factory=list)
    length: list[Integers] = field(default_factory=list)
    low: list[Floats] = field(default_factory=list)
    high: list[Floats] = field(default_factory=list)
    buckets: int = 0
    pieces: int = 0

    def add(self, pieces: Pieces) -> Integers:
        """Keep pieces and return the numbers of their buckets."""
        ends = np.cumsum(pieces.lengths)
        self.start.append(self.pieces + ends - pieces.lengths)
        self.length.append(pieces.lengths)
        self.low.append(pieces.low)
        self.high.append(pieces.high)
        numbers = self.buckets + np.arange(len(pieces.lengths))
        self.buckets += len(pieces.lengths)
        self.pieces += len(pieces.low)
        return numbers


@dataclass(frozen=True)
class _Entries:
    node: Integers
    bucket: Integers
    count: Integers

    def of(self, chosen: Flags | Integers) -> _Entries:
        return _Entries(self.node[chosen], self.bucket[chosen], self.count[chosen])


_NO_ENTRIES = _Entries(*(np.zeros(0, dtype=np.int64) for _ in range(3)))


def harvest(forest: Forest, columns: tuple[int, ...], known: dict[tuple[int, ...], Harvest] | None = None) -> Harvest:
    """The buckets of a tree's root.

    ``known`` takes the buckets of all nodes of the trees below, which trees of other columns stand on, too.
    """
    return _harvest(forest, columns, {} if known is None else known, False)


def _harvest(
    forest: Forest, columns: tuple[int, ...], known: dict[tuple[int, ...], Harvest], all_nodes: bool
) -> Harvest:
    """The buckets of a tree: of its root, or of every node, as trees of more columns need them."""
    if all_nodes and columns in known:
        return known[columns]
    grounds = [_harvest(forest, ground.columns, known, True) for ground in forest.grounds(columns)]
    made = _Gathering(forest, forest.tree(columns), grounds).run(all_nodes)
    if all_nodes:
        known[columns] = made
    return made


class _Gathering:
    """The way from the leaves of one tree to its root."""

    def __init__(self, forest: Forest, tree: Tree, grounds: list[Harvest]) -> None:
        self.forest, self.tree, self.grounds = forest, tree, grounds
        self.store = _Store()
        self.shows = tree.passes | (len(tree.columns) == 1 and forest.safe[tree.columns[0]])
        self.parent = np.full(tree.size, NONE, dtype=np.int64)
        rows, halves = np.nonzero(tree.children != NONE)
        self.parent[tree.children[rows, halves]] = rows
        self.rng = forest.encoded.people.salt.generator("refine")

    def run(self, all_nodes: bool) -> Harvest:
        levels, entries = self.tree.levels, _NO_ENTRIES
        kept: list[_Entries] = []
        for first, last in zip(levels[-2::-1], levels[:0:-1], strict=True):
            entries = self._level(np.arange(first, last), entries)
            kept.append(entries)
        chosen = kept[::-1] if all_nodes else kept[-1:]
        node, bucket, count = (np.concatenate([getattr(e, n) for e in chosen]) for n in ("node", "bucket", "count"))
        bounds = np.searchsorted(node, np.arange(self.tree.size + 1))
        dimensions = len(self.tree.columns)
        low = np.concatenate([np.zeros((0, dimensions)), *self.store.low])
        high = np.concatenate([np.zeros((0, dimensions)), *self.store.high])
        none = np.zeros(0, dtype=np.int64)
        start, length = (np.concatenate([none, *parts]) for parts in (self.store.start, self.store.length))
        return Harvest(node, bucket, count, bounds, start, length, low, high)

    def _level(self, nodes: Integers, below: _Entries) -> _Entries:
        """The entries of the nodes of one level from those of the level below."""
        tree = self.tree
        leaves = nodes[~tree.branch[nodes] & self.shows[nodes]]
        whole = leaves[tree.single[leaves]] if len(tree.columns) > 1 else leaves
        parts = [self._own(whole, tree.counts[whole])]
        if len(tree.columns) > 1:
            several = leaves[~tree.single[leaves]]
            parts.append(self._refined(several, tree.counts[several]))
        raised = _Entries(self.parent[below.node], below.bucket, below.count)
        branches = nodes[tree.branch[nodes]]
        sums = np.bincount(raised.node - nodes[0], weights=raised.count, minlength=len(nodes)).astype(np.int64)
        gap = np.zeros(len(nodes), dtype=np.bool_)
        gap[branches - nodes[0]] = 2 * sums[branches - nodes[0]] < tree.counts[branches]
        filled = raised.of(gap[raised.node - nodes[0]])
        parts.append(_scaled(raised.of(~gap[raised.node - nodes[0]]), tree.counts))
        gaps = nodes[gap]
        if len(tree.columns) == 1:
            parts.append(self._own(gaps, tree.counts[gaps]))
        else:
            parts += [filled, self._refined(gaps, tree.counts[gaps] - sums[gap])]
        joined = _Entries(*(np.concatenate([getattr(p, n) for p in parts]) for n in ("node", "bucket", "count")))
        return joined.of(np.argsort(joined.node, kind="stable"))

    def _own(self, nodes: Integers, counts: Integers) -> _Entries:
        """Buckets with the nodes' own intervals."""
        low, high = self.tree.shown
        pieces = Pieces(np.ones(len(nodes), dtype=np.int64), low[nodes], high[nodes])
        return _Entries(nodes, self.store.add(pieces), counts)

    def _refined(self, nodes: Integers, counts: Integers) -> _Entries:
        """Buckets with the intervals that the trees of one column less suggest."""
        offered = np.zeros(len(nodes), dtype=np.int64)
        for place, ground in enumerate(self.grounds):
            subnode = self.tree.subnodes[nodes, place]
            offered += np.where(subnode == NONE, 0, ground.sizes[subnode])
        block = np.cumsum(offered) // _AT_ONCE
        parts = [_NO_ENTRIES]
        for chosen in np.split(np.arange(len(nodes)), np.flatnonzero(np.diff(block)) + 1):
            if len(chosen):
                pieces = refine(self.forest, self.tree, nodes[chosen], counts[chosen], self.grounds, self.rng)
                parts.append(_Entries(nodes[chosen], self.store.add(pieces), counts[chosen]))
        return _Entries(*(np.concatenate([getattr(p, n) for p in parts]) for n in ("node", "bucket", "count")))


def _scaled(entries: _Entries, targets: Integers) -> _Entries:
    """Counts scaled so that those of each node sum up to its target, fractions carried on to the next bucket.

    A carry is due whenever the fractions left over sum up to one; in whole numbers, so that no row is lost.
    """
    if len(entries.node) == 0:
        return entries
    first = np.flatnonzero(np.concatenate([[True], entries.node[1:] != entries.node[:-1]]))
    lengths = np.diff(np.append(first, len(entries.node)))
    current = np.repeat(np.add.reduceat(entries.count, first), lengths)
    whole, rest = np.divmod(entries.count * targets[entries.node], np.maximum(current, 1))
    running = np.cumsum(rest)
    running -= np.repeat(running[first] - rest[first], lengths)
    carried = running // np.maximum(current, 1)
    before = np.concatenate([[0], carried[:-1]])
    before[first] = 0
    return _Entries(entries.node, entries.bucket, whole + carried - before)
