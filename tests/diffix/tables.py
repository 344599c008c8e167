"""Small tables as forests, without noise unless asked for."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from synth_assets.diffix.columns import cast, encode
from synth_assets.diffix.forest import Forest
from synth_assets.diffix.harvest import harvest
from synth_assets.diffix.parameters import NOISELESS, Anonymization, Bucketization
from synth_assets.diffix.pieces import Harvest
from synth_assets.diffix.sticky import Salt
from synth_assets.diffix.trees import Tree

SALT = bytes(range(32))
EVERYTHING = Bucketization(singularity_threshold=2, range_threshold=2)


def forest(
    *columns: ArrayLike,
    units: Sequence[ArrayLike] | None = None,
    rule: Anonymization = NOISELESS,
    rules: Bucketization | None = None,
    rows_per_unit: int = 1,
    safe: tuple[bool, ...] = (),
    salt: bytes = SALT,
) -> Forest:
    """A forest over columns named c0, c1, ...; units are the rows' numbers unless given; unit 0 is none."""
    numbered: Sequence[ArrayLike] = [range(1, len(np.asarray(columns[0])) + 1)] if units is None else units
    made = [cast(f"c{i}", np.array(column, dtype=np.float64)) for i, column in enumerate(columns)]
    words = [np.array(kind, dtype=np.uint64) for kind in numbered]
    encoded = encode(
        [scale for scale, _ in made],
        [codes for _, codes in made],
        words,
        Salt(salt),
        rule,
        missing_units=[kind == 0 for kind in words],
        rows_per_unit=rows_per_unit,
    )
    return Forest(encoded, rules or Bucketization(), safe)


def buckets(made: Harvest) -> list[tuple[tuple[tuple[float, float], ...], int]]:
    """Intervals and counts of a root's buckets that are made of one piece each, sorted."""
    found = []
    for bucket, count in zip(made.bucket, made.count, strict=True):
        assert made.length[bucket] == 1
        piece = made.start[bucket]
        pairs = zip(made.low[piece], made.high[piece], strict=True)
        found.append((tuple((float(a), float(b)) for a, b in pairs), int(count)))
    return sorted(found)


def line_buckets(values: ArrayLike, **given: Any) -> list[tuple[tuple[tuple[float, float], ...], int]]:
    """The buckets of one column."""
    return buckets(harvest(forest(values, **given), (0,)))


def nodes(tree: Tree) -> list[list[Any]]:
    """Every node as depth, intervals, single values, count (also of what is not shown), stub, branch, shown."""
    low, _ = tree.shown
    every = np.arange(tree.size)
    counts = tree.order.noisy_counts(tree.starts, tree.ends, tree._bucket_seeds(every))
    depth = np.repeat(np.arange(tree.depth), np.diff(tree.levels))
    return [
        [
            int(depth[i]),
            [[float(a), float(b)] for a, b in zip(tree.low[i], tree.high[i], strict=True)],
            [float(low[i, d]) if tree.lone[i, d] else None for d in range(low.shape[1])],
            int(counts[i]),
            bool(tree.stub[i]),
            bool(tree.branch[i]),
            bool(tree.passes[i]),
        ]
        for i in every
    ]


def digest(found: list[Any]) -> str:
    """A word for nodes or buckets in any order."""
    return hashlib.sha256(json.dumps(sorted(found, key=json.dumps)).encode()).hexdigest()


def noisy_counts(column: ArrayLike, salts: int, rule: Anonymization) -> dict[str, Counter[int]]:
    """How often each node of a column's tree is shown with which count; a node is named by its intervals and values."""
    seen: dict[str, Counter[int]] = {}
    for salt in range(salts):
        for node in nodes(forest(column, rule=rule, salt=salt.to_bytes(16, "little")).tree((0,))):
            if node[6]:
                seen.setdefault(json.dumps([node[1], node[2]]), Counter())[node[3]] += 1
    return seen
