"""The forest: the trees of all combinations of columns that are asked for, each grown on those of one column less.

Trees of one column come first. Their roots are pushed down to the part that holds enough units, so that a single far
value does not say where the data ends; those trees are the ground on which all others grow, and are grown only once.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property
from itertools import combinations, pairwise

import numpy as np

from synth_assets.diffix.columns import Encoded
from synth_assets.diffix.intervals import Words
from synth_assets.diffix.parameters import Bucketization
from synth_assets.diffix.trees import NONE, Growth, Paths, Tree, along_line
from synth_assets.diffix.units import Flags, Integers, narrow


class Forest:
    """The trees of a table.

    Args:
        encoded: the table.
        rules: how far trees grow.
        safe: for each column, whether its values may be shown whoever has them.
    """

    def __init__(self, encoded: Encoded, rules: Bucketization, safe: tuple[bool, ...] = ()) -> None:
        self.encoded = encoded
        self.rules = rules
        self.safe = safe or (False,) * len(encoded.scales)
        self._salt = encoded.people.salt
        self._trees: dict[tuple[int, ...], Tree] = {}

    @property
    def columns(self) -> int:
        """How many columns there are."""
        return len(self.encoded.scales)

    @cached_property
    def threshold(self) -> int:
        """Fewer units than this are never shown."""
        return self.encoded.people.anonymization.suppression.low_threshold

    def tree(self, columns: tuple[int, ...]) -> Tree:
        """The tree of some columns, ascending; grown on first use."""
        if columns not in self._trees:
            self._trees[columns] = self._line(columns[0]) if len(columns) == 1 else self._grow(columns)
        return self._trees[columns]

    def grounds(self, columns: tuple[int, ...]) -> tuple[Tree, ...]:
        """The trees of one column less."""
        return tuple(self.tree(rest) for rest in combinations(columns, len(columns) - 1)) if len(columns) > 1 else ()

    def _bucket_hash(self, name: Words, tag: Words, label: Words) -> Words:
        return self._salt.hash("label", name, tag, label)

    def _growth(self, columns: tuple[int, ...], atoms: Integers) -> Growth:
        return Growth(
            self.encoded, columns, atoms, self.rules, self.threshold, self._bucket_hash, self.grounds(columns)
        )

    def _grow(self, columns: tuple[int, ...]) -> Tree:
        scales = tuple(self.encoded.scales[column] for column in columns)
        lines = [self.tree((column,)) for column in columns]
        roots = [(float(line.low[0, 0]), float(line.high[0, 0])) for line in lines]
        depth = max(line.depth for line in lines) + 1
        paths = Paths(scales, [self.encoded.codes[column] for column in columns], roots, depth)
        return self._growth(columns, paths.atoms).grow(roots, paths.split, depth - 1)

    def _line(self, column: int) -> Tree:
        scale, codes = self.encoded.scales[column], self.encoded.codes[column]
        atoms = narrow(np.argsort(codes))
        offsets = np.concatenate([[0], np.cumsum(np.bincount(codes, minlength=scale.size))]).astype(np.int64)
        growth = self._growth((column,), atoms)
        growth.row_limit = self._row_limit(scale.name)
        growth.keep_small = self.safe[column]
        return self._pushed_down(growth.grow([scale.root], along_line(scale, offsets)))

    def _row_limit(self, name: int) -> int:
        """How many rows let a deep node split: a fraction of all, give or take a sticky twentieth."""
        limit = int(self.encoded.people.rows.sum()) // self.rules.fraction
        give = np.full(1, limit // 20, dtype=np.int64)
        return limit + int(self._salt.uniform("limit", np.full(1, name, dtype=np.uint64), -give, give)[0])

    def _pushed_down(self, tree: Tree) -> Tree:
        """The tree below the first node neither of whose halves is low on units alone.

        What lay outside joins the outermost nodes: it counts there, and moves no interval.
        """
        root = 0
        while (child := _only_strong_child(tree, root)) != NONE:
            root = child
        if root == 0:
            return tree
        kept = _below(tree, root)
        number = np.cumsum(kept) - 1
        children = np.where(tree.children[kept] == NONE, NONE, number[tree.children[kept]])
        counts = np.array([int(kept[a:b].sum()) for a, b in pairwise(tree.levels)])
        levels = np.concatenate([[0], np.cumsum(counts[counts > 0])])
        names = ("starts", "ends", "low", "high", "lone", "code", "passes", "stub", "weak", "subnodes")
        parts = {name: getattr(tree, name)[kept] for name in names}
        return self._joined(replace(tree, levels=levels, children=children.astype(np.int32), **parts))

    def _joined(self, tree: Tree) -> Tree:
        """The tree with what lies outside its root counted at its edges.

        A value whose own units are too few stays hidden, even where those from outside bring its node above the
        threshold: such a node is shown as an interval.
        """
        starts = np.where(tree.starts == tree.starts[0], 0, tree.starts)
        ends = np.where(tree.ends == tree.ends[0], len(tree.atoms), tree.ends)
        rule, rules = self.encoded.people.anonymization.suppression, self.rules
        passes, singles, ranges = [], [], []
        for a, b in pairwise(tree.levels):
            tally = tree.order.tally(starts[a:b], ends[a:b])
            passes.append(tally.passes(self.threshold, rule))
            singles.append(tally.passes(rules.singularity_threshold, rule))
            ranges.append(tally.passes(rules.range_threshold, rule))
        joined = (starts < tree.starts) | (ends > tree.ends)
        hidden = joined & ~tree.passes & (not self.safe[tree.columns[0]])
        lone = tree.lone & ~hidden[:, None]
        ground = np.where(lone[:, 0], np.concatenate(singles), np.concatenate(ranges))
        return replace(
            tree, starts=starts, ends=ends, lone=lone, passes=np.concatenate(passes), weak=tree.stub | ~ground
        )


def _only_strong_child(tree: Tree, node: int) -> int:
    """The child that goes on alone: it has enough units (or splits), and the other half has not."""
    if not tree.branch[node]:
        return NONE
    strong = [
        child != NONE and bool(tree.branch[child] or tree.passes[child])
        for child in (int(c) for c in tree.children[node])
    ]
    if strong[0] == strong[1]:
        return NONE
    return int(tree.children[node, 0 if strong[0] else 1])


def _below(tree: Tree, root: int) -> Flags:
    """Which nodes lie in the part below ``root``, itself included."""
    inside = (tree.starts >= tree.starts[root]) & (tree.ends <= tree.ends[root])
    found: Flags = inside & (np.arange(tree.size) >= root)
    return found
