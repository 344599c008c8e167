"""Trees: nested intervals of one or more columns, level by level, as arrays over nodes.

Level 0 is the root; a node's children halve all of its intervals at once. Nodes are numbered level by level, and
within a level in the order of their parents, so that a node's atoms are a stretch of one order of all atoms.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from synth_assets.diffix.columns import Codes, Encoded, Scale
from synth_assets.diffix.intervals import WORD, Floats, Words, path_levels, paths
from synth_assets.diffix.parameters import Bucketization
from synth_assets.diffix.units import Flags, Integers, Order, narrow

NONE = -1
"""The number of a node that does not exist."""

_DEEPEST = 1100
"""Levels after which halving a double ends for want of digits; a tree is never that deep unless values are absurd."""


@dataclass(frozen=True)
class Tree:
    """A finished tree; every array has a row for each node.

    ``children``: the node in each of the ``2 ** k`` halves, the first column's half in the most significant bit.
    ``low``, ``high``: the snapped intervals. ``lone``: whether all values of a column are equal; ``code``: which.
    ``passes``: whether it is shown at all; ``stub``: whether it has no ground in the trees of one column less to split;
    ``weak``: whether it is no such ground itself. ``subnodes``: the nodes of those trees that it lies in.
    """

    columns: tuple[int, ...]
    scales: tuple[Scale, ...]
    atoms: Integers
    order: Order
    levels: Integers
    starts: Integers
    ends: Integers
    low: Floats
    high: Floats
    lone: Flags
    code: Integers
    children: Integers
    passes: Flags
    stub: Flags
    weak: Flags
    subnodes: Integers
    bucket_hash: Callable[[Words, Words, Words], Words] = field(repr=False)

    @property
    def size(self) -> int:
        """How many nodes there are."""
        return len(self.starts)

    @property
    def depth(self) -> int:
        """How many levels there are."""
        return len(self.levels) - 1

    @cached_property
    def branch(self) -> Flags:
        """Whether a node has children."""
        found: Flags = np.logical_or.reduce(self.children != NONE, axis=1)
        return found

    @cached_property
    def single(self) -> Flags:
        """Whether a node holds one combination of values."""
        found: Flags = np.logical_and.reduce(self.lone, axis=1)
        return found

    @cached_property
    def shown(self) -> tuple[Floats, Floats]:
        """The intervals that a bucket of each node has: a single value where all are equal, else the snapped one."""
        value = np.stack([scale.positions[self.code[:, i]] for i, scale in enumerate(self.scales)], axis=1)
        return np.where(self.lone, value, self.low), np.where(self.lone, value, self.high)

    @cached_property
    def counts(self) -> Integers:
        """The noisy number of rows of each node that is shown, 0 for others; in a tree of one column, of every node."""
        counted = np.zeros(self.size, dtype=np.int64)
        for first, last in pairwise(self.levels):
            nodes = np.arange(first, last)
            nodes = nodes if len(self.columns) == 1 else nodes[self.passes[first:last]]
            counted[nodes] = self.order.noisy_counts(self.starts[nodes], self.ends[nodes], self._bucket_seeds(nodes))
        return counted

    def _bucket_seeds(self, nodes: Integers) -> Words:
        """A word for each node that its columns and intervals alone decide, in whatever order the columns stand."""
        seeds = np.zeros(len(nodes), dtype=np.uint64)
        for i, scale in enumerate(self.scales):
            lone = self.lone[nodes, i]
            middle = ((self.low[nodes, i] + self.high[nodes, i]) / 2 + 0.0).view(np.uint64)
            label = np.where(lone, scale.labels[self.code[nodes, i]], middle)
            name = np.full(len(nodes), scale.name, dtype=np.uint64)
            seeds ^= self.bucket_hash(name, lone.astype(np.uint64), label)
        return seeds


@dataclass(frozen=True)
class Children:
    """The children that some nodes of one level get: the place of the parent, which half, and the stretch."""

    parent: Integers
    half: Integers
    starts: Integers
    ends: Integers


_NO_CHILDREN = Children(*(np.zeros(0, dtype=np.int64) for _ in range(4)))

Splitter = Callable[[int, Integers, Integers, Floats, Floats], Children]


def along_line(scale: Scale, offsets: Integers) -> Splitter:
    """Halve stretches of atoms that are sorted by the code of one column; ``offsets``: where each code begins."""

    def split(_: int, starts: Integers, ends: Integers, low: Floats, high: Floats) -> Children:
        middle = (low[:, 0] + high[:, 0]) / 2
        cut = np.clip(offsets[np.searchsorted(scale.positions, middle)], starts, ends)
        bounds = np.stack([starts, cut, ends], axis=1)
        parent = np.repeat(np.arange(len(starts)), 2)
        half = np.tile(np.arange(2), len(starts))
        first, last = bounds[:, :2].reshape(-1), bounds[:, 1:].reshape(-1)
        held = last > first
        return Children(parent[held], half[held], first[held], last[held])

    return split


class Paths:
    """Atoms of several columns, sorted by the halves that they lie in, level by level.

    Sorting by interleaved paths once puts the atoms of every node of every level side by side.
    """

    def __init__(self, scales: tuple[Scale, ...], codes: list[Codes], roots: list[tuple[float, float]], depth: int):
        self.dimensions, self.depth = len(scales), depth
        self._levels = path_levels(self.dimensions)
        words: list[Words] = []
        for i, (scale, root) in enumerate(zip(scales, roots, strict=True)):
            bits = paths(scale.positions, root, depth, self.dimensions - 1 - i, self.dimensions)
            words = words or [np.zeros(len(codes[i]), dtype=np.uint64) for _ in bits]
            for word, part in zip(words, bits, strict=True):
                np.bitwise_or(word, part[codes[i]], out=word)
        self.atoms = narrow(np.argsort(words[0]) if len(words) == 1 else np.lexsort(words[::-1]))
        self._words = [word[self.atoms] for word in words]
        self._parted = self._parting_levels()

    def _parting_levels(self) -> list[Integers]:
        """For each level, the positions whose atom goes another way than the one before, for the first time."""
        count = len(self.atoms)
        level = np.full(max(count - 1, 0), self.depth, dtype=np.int16)
        for place in reversed(range(len(self._words))):
            differing = self._words[place][1:] ^ self._words[place][:-1]
            where = np.flatnonzero(differing)
            level[where] = place * self._levels + _leading_zeros(differing[where]) // self.dimensions
        order = np.argsort(level, kind="stable")
        cuts = np.searchsorted(level[order], np.arange(self.depth + 1))
        return [order[a:b] + 1 for a, b in pairwise(cuts)]

    def half(self, level: int, positions: Integers) -> Integers:
        """Which of the ``2 ** k`` halves of a node of ``level`` the atoms at ``positions`` lie in."""
        word = self._words[level // self._levels][positions]
        shift = np.uint64(WORD - (level % self._levels + 1) * self.dimensions)
        found: Integers = ((word >> shift) & np.uint64(2**self.dimensions - 1)).astype(np.int64)
        return found

    def split(self, level: int, starts: Integers, ends: Integers, low: Floats, high: Floats) -> Children:  # noqa: ARG002 - a Splitter
        """The children of nodes of ``level``."""
        cuts = self._parted[level]
        owner = np.searchsorted(starts, cuts, side="right") - 1
        inside = (owner >= 0) & (cuts < ends[np.maximum(owner, 0)])
        begin = np.concatenate([starts, cuts[inside]])
        parent = np.concatenate([np.arange(len(starts)), owner[inside]])
        order = np.argsort(begin, kind="stable")
        begin, parent = begin[order], parent[order]
        last = np.append(parent[1:] != parent[:-1], True) if len(parent) else np.zeros(0, dtype=np.bool_)
        end = np.where(last, ends[parent], np.append(begin[1:], 0))
        return Children(parent, self.half(level, begin), begin, end)


def _leading_zeros(words: Words) -> Integers:
    """The number of zero bits before the first one bit of nonzero words."""
    upper = words >> np.uint64(32)
    part = np.where(upper > 0, upper, words & np.uint64(0xFFFFFFFF)).astype(np.float64)
    found: Integers = np.where(upper > 0, 32, 64) - np.frexp(part)[1]
    return found


@dataclass
class Growth:
    """A tree while it grows."""

    encoded: Encoded
    columns: tuple[int, ...]
    atoms: Integers
    rules: Bucketization
    threshold: int
    bucket_hash: Callable[[Words, Words, Words], Words]
    grounds: tuple[Tree, ...] = ()
    row_limit: int = 0
    keep_small: bool = False
    found: dict[str, list[NDArray[np.generic]]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.scales = tuple(self.encoded.scales[column] for column in self.columns)
        self.order = self.encoded.people.ordered(self.atoms)
        self._suppression = self.encoded.people.anonymization.suppression
        self._codes = [self.encoded.codes[column][self.atoms] for column in self.columns]
        self._changes = [
            np.concatenate([np.zeros(min(1, len(code)), np.int32), np.cumsum(code[1:] != code[:-1], dtype=np.int32)])
            for code in self._codes
        ]

    def grow(self, roots: list[tuple[float, float]], split: Splitter, deepest: int = _DEEPEST) -> Tree:
        """Build all levels from the root's intervals."""
        starts, ends = np.zeros(1, dtype=np.int64), np.full(1, len(self.atoms), dtype=np.int64)
        low, high = (np.array([[root[side] for root in roots]]) for side in (0, 1))
        subnodes = np.zeros((1, len(self.grounds)), dtype=np.int64)
        halves_of = 2 ** len(self.columns)
        levels = [0]
        while len(starts):
            level = len(levels) - 1
            splits = self._note(level, starts, ends, low, high, subnodes)
            if level >= deepest:
                splits = splits[:0]
            new = (
                _NO_CHILDREN
                if len(splits) == 0
                else split(level, starts[splits], ends[splits], low[splits], high[splits])
            )
            children = np.full((len(starts), halves_of), NONE, dtype=np.int32)
            levels.append(levels[-1] + len(starts))
            children[splits[new.parent], new.half] = levels[-1] + np.arange(len(new.parent))
            self.found.setdefault("children", []).append(children)
            parent = splits[new.parent]
            subnodes = self._descend(subnodes[parent], new.half)
            low, high = _halved(low[parent], high[parent], new.half)
            starts, ends = new.starts, new.ends
        parts = {name: np.concatenate(self.found.pop(name)) for name in list(self.found)}
        return Tree(
            self.columns, self.scales, self.atoms, self.order, np.array(levels), bucket_hash=self.bucket_hash, **parts
        )

    def _note(
        self, level: int, starts: Integers, ends: Integers, low: Floats, high: Floats, subnodes: Integers
    ) -> Integers:
        """Keep the facts of a level and return which of its nodes split."""
        lone = np.stack([changes[ends - 1] == changes[starts] for changes in self._changes], axis=1)
        code = np.stack([codes[starts] for codes in self._codes], axis=1)
        single = lone.all(axis=1)
        tally = self.order.tally(starts, ends)
        passes = tally.passes(self.threshold, self._suppression)
        stub = self._stubs(subnodes)
        ground = np.where(
            single,
            tally.passes(self.rules.singularity_threshold, self._suppression),
            tally.passes(self.rules.range_threshold, self._suppression),
        )
        facts = {"starts": narrow(starts), "ends": narrow(ends), "low": low, "high": high, "lone": lone, "code": code}
        facts |= {"passes": passes, "stub": stub, "weak": stub | ~ground, "subnodes": narrow(subnodes)}
        for name, values in facts.items():
            self.found.setdefault(name, []).append(values)
        large = level <= self.rules.depth or self.order.rows(starts, ends) >= self.row_limit
        middle = (low + high) / 2
        divisible = ((low < middle) & (middle < high)).any(axis=1)
        return np.flatnonzero(large & ~stub & ~single & (passes | self.keep_small) & divisible)

    def _stubs(self, subnodes: Integers) -> Flags:
        """Nodes all of whose subnodes are missing or weak; a tree of one column has none."""
        if not self.grounds:
            return np.zeros(len(subnodes), dtype=np.bool_)
        stub = np.ones(len(subnodes), dtype=np.bool_)
        for i, ground in enumerate(self.grounds):
            stub &= (subnodes[:, i] == NONE) | ground.weak[subnodes[:, i]]
        return stub

    def _descend(self, subnodes: Integers, half: Integers) -> Integers:
        """The subnodes of children: tree i lacks the column whose half is bit i."""
        found = np.full(subnodes.shape, NONE, dtype=np.int64)
        for i, ground in enumerate(self.grounds):
            rest = ((half >> (i + 1)) << i) | (half & ((1 << i) - 1))
            found[:, i] = np.where(subnodes[:, i] == NONE, NONE, ground.children[subnodes[:, i], rest])
        return found


def _halved(low: Floats, high: Floats, half: Integers) -> tuple[Floats, Floats]:
    """The intervals of children."""
    dimensions = low.shape[1]
    upper = (half[:, None] >> np.arange(dimensions - 1, -1, -1)) & 1 == 1
    middle = (low + high) / 2
    return np.where(upper, middle, low), np.where(upper, high, middle)
