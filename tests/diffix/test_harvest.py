from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from synth_assets.diffix.harvest import harvest
from synth_assets.diffix.microdata import flatten

from .tables import EVERYTHING, buckets, forest, line_buckets


def test_one_value() -> None:
    assert line_buckets([1.0] * 12) == [(((1.0, 1.0),), 12)]


def test_ranges_that_hold_too_few_are_not_split_further() -> None:
    assert line_buckets([float(i) for i in range(12)]) == [
        (((0.0, 4.0),), 4),
        (((4.0, 8.0),), 4),
        (((8.0, 12.0),), 4),
    ]


def test_a_low_half_joins_its_parent() -> None:
    # 0 to 3 four times each, and one 7: [4, 8) is low, so the root is pushed down to [0, 4), and 7 counts at its edge.
    values = [0.0, 1.0, 2.0, 3.0] * 4 + [7.0]
    assert line_buckets(values) == [(((v, v),), 5 if v == 3 else 4) for v in (0.0, 1.0, 2.0, 3.0)]
    tree = forest(values).tree((0,))
    assert (tree.low[0, 0], tree.high[0, 0]) == (0.0, 4.0)


def test_null_is_a_value_of_its_own_where_it_is_frequent() -> None:
    nan = float("nan")
    assert line_buckets([1.0] * 6 + [nan] * 6) == [(((1.0, 1.0),), 6), (((2.0, 2.0),), 6)]
    assert line_buckets([nan] * 6) == [(((1.0, 1.0),), 6)]


def test_the_value_of_one_unit_stays_hidden_when_others_join_its_node() -> None:
    """Edge nodes take in what lies outside; the value that was there first must not show for it."""
    values = [float(v) for v in range(12) for _ in range(4)] + [13.0] + [17.0, 18.0] + [40.0, 41.0]
    made = forest(values)
    assert (made.tree((0,)).low[0, 0], made.tree((0,)).high[0, 0]) == (0.0, 16.0)
    found = dict(buckets(harvest(made, (0,))))
    assert found[((12.0, 16.0),)] == 5
    assert ((13.0, 13.0),) not in found
    assert sum(found.values()) == len(values)


def test_safe_values_are_shown_whoever_has_them() -> None:
    values = [1.0] * 6 + [2.0]
    assert (((2.0, 2.0),), 1) not in line_buckets(values)
    assert (((2.0, 2.0),), 1) in line_buckets([*values, 3.0, 3.0, 3.0], safe=(True,))


def test_two_columns_are_refined_by_their_single_columns() -> None:
    made = harvest(forest([float(i) for i in range(12)] * 5, [1.0, 2.0, 3.0] * 20), (0, 1))
    low, high, rows = flatten(made, np.random.default_rng(0))
    pairs = Counter({(float(a), float(b)): int(n) for (a, b), n in zip(low, rows, strict=True)})
    assert (low == high).all()
    assert pairs == {(float(i), float(i % 3 + 1)): 5 for i in range(12)}


@pytest.mark.parametrize("columns", [2, 3, 4])
def test_no_row_is_lost_without_noise(columns: int) -> None:
    rng = np.random.default_rng(columns)
    table = [rng.integers(0, 5, 400).astype(float) for _ in range(columns)]
    made = harvest(forest(*table), tuple(range(columns)))
    assert made.count.sum() == 400
    low, high, rows = flatten(made, rng)
    assert rows.sum() == 400
    assert (low <= high).all()


def test_a_table_of_all_cells_comes_back_as_it_is() -> None:
    x, y, z = (np.array(side, dtype=float).ravel() for side in np.meshgrid(range(4), range(4), [0, 1], indexing="ij"))
    made = harvest(forest(np.tile(x, 8), np.tile(y, 8), np.tile(z, 8), rules=EVERYTHING), (0, 1, 2))
    low, high, rows = flatten(made, np.random.default_rng(0))
    assert (low == high).all()
    assert rows.tolist() == [8] * 32
    assert len({tuple(row) for row in low}) == 32


def test_wide_trees_of_deep_columns_need_several_words() -> None:
    rng = np.random.default_rng(0)
    x = np.concatenate([2.0 ** -np.arange(0, 60), np.ones(200)]).repeat(4)
    y, z = rng.integers(0, 4, len(x)).astype(float), rng.integers(0, 2, len(x)).astype(float)
    made = forest(x, y, z, rules=EVERYTHING)
    tree = made.tree((0, 1, 2))
    assert tree.depth * 3 > 64
    leaves = ~tree.branch
    assert tree.order.rows(tree.starts[leaves], tree.ends[leaves]).sum() == len(x)
    middle = (tree.low[:, 0] <= tree.shown[0][:, 0]) & (tree.shown[0][:, 0] <= tree.high[:, 0])
    assert middle.all()
