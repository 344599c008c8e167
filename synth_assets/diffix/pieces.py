"""Pieces of buckets: intervals of several columns, and which of them the nodes of a tree show."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from synth_assets.diffix.intervals import Floats
from synth_assets.diffix.units import Integers


@dataclass(frozen=True)
class Harvest:
    """The buckets of the nodes of a tree.

    Entry i says that node ``node[i]`` shows ``count[i]`` rows of bucket ``bucket[i]``; entries are sorted by node and
    those of node n are ``bounds[n] .. bounds[n + 1]``. Bucket b is made of ``length[b]`` pieces from ``start[b]`` on,
    equally likely; a piece is an interval (or a value, where both ends are equal) for each column.
    """

    node: Integers
    bucket: Integers
    count: Integers
    bounds: Integers
    start: Integers
    length: Integers
    low: Floats
    high: Floats

    def pieces_of(self, nodes: Integers) -> tuple[Integers, Integers, Floats]:
        """For nodes, the place of the node, the number of each of its pieces, and how many rows it stands for."""
        first, last = self.bounds[nodes], self.bounds[nodes + 1]
        entry, place = stretches(first, last)
        piece, of_entry = stretches(self.start[self.bucket[entry]], (self.start + self.length)[self.bucket[entry]])
        share = self.count[entry] / np.maximum(self.length[self.bucket[entry]], 1)
        return place[of_entry], piece, share[of_entry]

    @cached_property
    def sizes(self) -> Integers:
        """How many pieces each node has."""
        running = np.concatenate([[0], np.cumsum(self.length[self.bucket])])
        found: Integers = running[self.bounds[1:]] - running[self.bounds[:-1]]
        return found


def stretches(starts: Integers, ends: Integers) -> tuple[Integers, Integers]:
    """All numbers of ``starts[i] <= number < ends[i]``, and the i of each."""
    lengths = ends - starts
    owner = np.repeat(np.arange(len(starts)), lengths)
    before = np.cumsum(lengths) - lengths
    return np.arange(len(owner)) + (starts - before)[owner], owner


@dataclass(frozen=True)
class Pieces:
    """Intervals, ``(pieces, columns)``; the first ``lengths[0]`` belong to the first bucket and so on."""

    lengths: Integers
    low: Floats
    high: Floats
