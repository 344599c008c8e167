"""Trees and buckets without noise are those of syndiffix 1.0.8; its answers were kept by ``benchmarks/diffix.py``."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from synth_assets.diffix.forest import Forest
from synth_assets.diffix.harvest import harvest
from synth_assets.diffix.parameters import Anonymization

from .tables import buckets, digest, forest, nodes, noisy_counts

FOLDER = Path(__file__).with_name("golden")
GOLDEN = sorted(FOLDER.glob("*.json"))
ADULT = Path(__file__).parents[2] / "../shared/data/adult_raw.csv"
FALSE_ALARM = 1e-6


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
        assert len(found) == expected["nodes"], key
        assert digest(found) == expected["sha256"], key


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


@pytest.mark.skipif(not ADULT.exists(), reason="the table Adult is not at hand (../shared/data)")
def test_every_node_and_bucket_of_adult_is_the_peers() -> None:
    known = json.loads((FOLDER / "digests/adult.json").read_text())
    table = pd.read_csv(ADULT)
    made = forest(*(table[name].to_numpy(dtype=float) for name in known["columns"]))
    for key, expected in known["trees"].items():
        found = nodes(made.tree(tuple(int(part) for part in key.split(","))))
        assert (len(found), digest(found)) == (expected["nodes"], expected["sha256"]), key
    for column, expected in known["buckets"].items():
        told = [[*interval, count] for (interval,), count in buckets(harvest(made, (int(column),))) if count]
        assert (len(told), digest(told)) == (expected["buckets"], expected["sha256"]), column


def least_p(known: dict[str, Any], column: list[float], salts: int, rule: Anonymization) -> float:
    """The least p-value, times the number of tests, that our noisy counts and the peer's come from one law.

    Of each node: how often it is shown (Fisher's exact test), and the counts that it then has (Kolmogorov-Smirnov,
    which errs on the safe side for whole numbers).
    """
    seen, p = noisy_counts(column, salts, rule), []
    for key, told in known["nodes"].items():
        theirs, ours = Counter({int(count): times for count, times in told.items()}), seen.get(key, Counter())
        shown = [[theirs.total(), known["salts"] - theirs.total()], [ours.total(), salts - ours.total()]]
        p.append(float(stats.fisher_exact(np.array(shown)).pvalue))
        if theirs and ours:
            p.append(float(stats.ks_2samp(list(theirs.elements()), list(ours.elements())).pvalue))
    return min(p) * len(p)


def test_noisy_counts_and_verdicts_have_the_peers_law() -> None:
    """False alarm: at most one in 10^6 sets of salts (Bonferroni), and the salts are fixed. Wrong noise is seen."""
    census, _ = load(FOLDER / "census.json")
    known = json.loads((FOLDER / "noise/census.json").read_text())
    column = [np.nan if value is None else value for value in census["columns"][0]]
    assert len(known["nodes"]) > 100
    assert least_p(known, column, 120, Anonymization()) > FALSE_ALARM
    assert least_p(known, column, 80, Anonymization(noise_sd=4)) < FALSE_ALARM
