"""The answers of syndiffix 1.0.8, run in an environment of its own; ``benchmarks/diffix.py`` calls this.

    python diffix_peer.py trees    TABLES.json ANSWERS.json     all nodes and buckets without noise
    python diffix_peer.py noise    TABLES.json ANSWERS.json     noisy counts of the first table over many salts
    python diffix_peer.py rows     TABLE.csv ROWS.csv           synthetic rows, and the CPU seconds that they took

One thing is changed in the peer before trees are compared: counts are scaled with exact fractions, as the rounding of a
float decides there whether the last row of a node is lost.
"""
# mypy: ignore-errors

from __future__ import annotations

import itertools
import json
import random
import sys
import time
from fractions import Fraction
from pathlib import Path

import pandas as pd
from syndiffix import Synthesizer, bucket
from syndiffix.common import AnonymizationParams, BucketizationParams, FlatteningInterval, SuppressionParams
from syndiffix.counters import GenericPidCountersFactory, UniquePidCountersFactory
from syndiffix.forest import Forest
from syndiffix.tree import Branch

QUIET = AnonymizationParams(
    salt=b"12345678",
    low_count_params=SuppressionParams(layer_sd=0.0),
    layer_noise_sd=0.0,
    outlier_count=FlatteningInterval(upper=2),
    top_count=FlatteningInterval(upper=2),
)
COUNTED = 21
"""How many units the peer counts before it stops, with its own defaults."""


def exactly(buckets, current, target):
    """Scale counts as the peer does, in fractions."""
    carried = Fraction(0)
    for each in buckets:
        scaled = Fraction(each.count * target, current)
        whole = scaled.numerator // scaled.denominator
        carried += scaled - whole
        if carried >= 1:
            whole, carried = whole + 1, carried - 1
        each.count = whole


def forest(table, rule=QUIET):
    frame = pd.DataFrame({f"c{i}": pd.Series(column, dtype=float) for i, column in enumerate(table["columns"])})
    if table["units"]:
        units = pd.DataFrame({f"u{i}": column for i, column in enumerate(table["units"])})
        factory = GenericPidCountersFactory(len(table["units"]), COUNTED)
    else:
        units = pd.DataFrame({"row": range(1, len(frame) + 1)})
        factory = UniquePidCountersFactory()
    return Forest(rule, BucketizationParams(), factory, units, frame)


def nodes(node, depth=0):
    yield [
        depth,
        [[each.min, each.max] for each in node.snapped_intervals],
        [each.min if each.is_singularity() else None for each in node.actual_intervals],
        node.noisy_count(),
        node.is_stub,
        isinstance(node, Branch),
        node.is_over_threshold(3),
    ]
    if isinstance(node, Branch):
        for child in node.children.values():
            yield from nodes(child, depth + 1)


def ascending(table, column, forest_):
    """The table with its rows sorted by one column: the peer's order of buckets is the order in which rows came."""
    null = forest_.null_mappings[column]
    values = [null if value is None else value for value in table["columns"][column]]
    order = sorted(range(len(values)), key=values.__getitem__)
    picked = [table["columns"][column][i] for i in order]
    return {"columns": [picked], "units": [[kind[i] for i in order] for kind in table["units"]]}


def trees(tables):
    bucket._adjust_counts = exactly
    answers = []
    for table in tables:
        grown = forest(table)
        found = {"nodes": {}, "buckets": {}, "rows": {}}
        for size in (1, 2, 3):
            for columns in itertools.combinations(range(len(table["columns"])), size):
                key = ",".join(map(str, columns))
                tree = grown.get_tree(columns)
                found["nodes"][key] = sorted(nodes(tree), key=json.dumps)
                if size > 1:
                    found["rows"][key] = sum(each.count for each in bucket.harvest(tree, random.Random(0)))
        for column in range(len(table["columns"])):
            line = forest(ascending(table, column, grown))
            made = bucket.harvest(line.get_tree((0,)), random.Random(0))
            found["buckets"][str(column)] = sorted(
                [each.intervals[0].min, each.intervals[0].max, each.count] for each in made
            )
        answers.append(found)
    return answers


def noise(tables):
    """For 400 salts: the noisy count of each node of the first column's tree that is there without noise."""
    known = {json.dumps([n[1], n[2]]) for n in nodes(forest(tables[0]).get_tree((0,)))}
    drawn = {}
    for salt in range(400):
        grown = forest(tables[0], AnonymizationParams(salt=salt.to_bytes(8, "little")))
        for each in nodes(grown.get_tree((0,))):
            key = json.dumps([each[1], each[2]])
            if key in known and each[6]:
                drawn.setdefault(key, []).append(each[3])
    return drawn


def main():
    verb, given, out = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3])
    if verb == "rows":
        table = pd.read_csv(given, keep_default_na=False, na_values=[""])
        target = sys.argv[4] if len(sys.argv) > 4 else None
        started = time.process_time()
        made = Synthesizer(table, target_column=target).sample()
        print(time.process_time() - started)
        made.to_csv(out, index=False)
        return
    answer = {"trees": trees, "noise": noise}[verb](json.loads(given.read_text()))
    out.write_text(json.dumps(answer))


if __name__ == "__main__":
    main()
