"""Trees and buckets without noise are those of syndiffix 1.0.8; its answers were kept by ``benchmarks/diffix.py``."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from synth_assets.diffix.forest import Forest
from synth_assets.diffix.harvest import harvest

from .tables import buckets, forest, nodes

GOLDEN = sorted(Path(__file__).with_name("golden").glob("*.json"))


def load(path: Path) -> tuple[dict[str, Any], Forest]:
    known = json.loads(path.read_text())
    columns = [[np.nan if value is None else value for value in column] for column in known["columns"]]
    return known, forest(*columns, units=known["units"] or None, rows_per_unit=99 if known["units"] else 1)


def test_there_are_golden_files() -> None:
    assert {path.stem for path in GOLDEN} >= {"taxi", "census", "nulls", "outliers", "ties", "many_rows", "two_units"}


@pytest.mark.parametrize("path", GOLDEN, ids=lambda path: path.stem)
def test_every_node_is_the_peers(path: Path) -> None:
    known, made = load(path)
    for key, expected in known["trees"].items():
        found = nodes(made.tree(tuple(int(part) for part in key.split(","))))
        for leak in known["leaks"].get(key, []):
            hidden = [leak[0], leak[1], [None] * len(leak[1]), *leak[3:]]
            found[found.index(hidden)] = leak
        told = json.dumps(sorted(found, key=json.dumps))
        assert len(found) == expected["nodes"], key
        assert hashlib.sha256(told.encode()).hexdigest() == expected["sha256"], key


@pytest.mark.parametrize("path", GOLDEN, ids=lambda path: path.stem)
def test_every_bucket_of_one_column_is_the_peers(path: Path) -> None:
    known, made = load(path)
    for column, expected in known["buckets"].items():
        found = [[*interval, count] for (interval,), count in buckets(harvest(made, (int(column),))) if count]
        leaks = {tuple(leak[1][0]): leak[2][0] for leak in known["leaks"].get(column, [])}
        told = [[leaks.get((low, high), low), leaks.get((low, high), high), count] for low, high, count in found]
        assert sorted(told) == sorted(expected)


@pytest.mark.parametrize("path", GOLDEN, ids=lambda path: path.stem)
def test_trees_of_several_columns_stand_for_as_many_rows(path: Path) -> None:
    known, made = load(path)
    for key, rows in known["rows"].items():
        assert harvest(made, tuple(int(part) for part in key.split(","))).count.sum() == rows


def test_the_peer_shows_a_value_of_one_unit_and_we_do_not() -> None:
    known, made = load(next(path for path in GOLDEN if path.stem == "outliers"))
    (leak,) = known["leaks"]["0"]
    value = leak[2][0]
    assert known["columns"][0].count(value) == 1
    assert [value, value, leak[3]] in known["buckets"]["0"]
    assert (((value, value),), leak[3]) not in buckets(harvest(made, (0,)))
