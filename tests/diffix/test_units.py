from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from scipy import stats

from synth_assets.diffix.parameters import NOISELESS, Anonymization, Span, Suppression
from synth_assets.diffix.sticky import Salt
from synth_assets.diffix.units import Contributors, Kind, Singles

from .tables import SALT, forest

SECRET = Salt(SALT)


def people(*kinds: Sequence[int], rule: Anonymization = NOISELESS, rows: Sequence[int] | None = None) -> Contributors:
    made = []
    for units in kinds:
        codes = np.array(units, dtype=np.int64)
        made.append(Kind(codes, SECRET.hash("unit", np.arange(max(units) + 1, dtype=np.uint64))))
    weights = np.ones(len(kinds[0]), dtype=np.int64) if rows is None else np.array(rows, dtype=np.int64)
    return Contributors(weights, tuple(made), SECRET, rule)


def count(population: Contributors | Singles, rows: int) -> int:
    order = population.ordered(np.arange(rows))
    return int(order.noisy_counts(np.array([0]), np.array([rows]), np.array([7], dtype=np.uint64))[0])


def test_the_heaviest_are_cut_to_those_after_them() -> None:
    # Units with 9, 7, 4, 2, 1, 1 rows: the two heaviest (9, 7) are cut to the mean of the next two, (4 + 2) / 2 = 3.
    units = [u for u, n in enumerate([9, 7, 4, 2, 1, 1]) for _ in range(n)]
    assert count(people(units), len(units)) == 24 - (9 - 3) - (7 - 3)


def test_rows_may_come_counted() -> None:
    assert count(people(range(6), rows=[9, 7, 4, 2, 1, 1]), 6) == 14


def test_too_few_units_for_flattening_show_one_row() -> None:
    assert count(people([0, 0, 0, 1, 2]), 5) == 1


def test_rows_without_a_unit_count_less_what_flattening_took() -> None:
    units = [u for u, n in enumerate([9, 7, 4, 2, 1, 1]) for _ in range(n)] + [-1] * 25
    assert count(people(units), len(units)) == 14 + (25 - 10)
    assert count(people(units[:26]), 26) == 14 + 0


def test_of_several_kinds_the_most_flattened_counts() -> None:
    one = [u for u, n in enumerate([9, 7, 4, 2, 1, 1]) for _ in range(n)]
    even = [i % 6 for i in range(24)]
    assert count(people(one, even), 24) == 14
    assert count(people(even, even), 24) == 24


def test_a_node_passes_if_every_kind_does() -> None:
    order = people([0, 1, 2, 3], [0, 1, 1, 1]).ordered(np.arange(4))
    tally = order.tally(np.array([0]), np.array([4]))
    assert tally.entities.tolist() == [[4], [2]]
    assert not tally.passes(3, NOISELESS.suppression)[0]
    assert tally.passes(2, NOISELESS.suppression)[0]


def test_groups_shrink_evenly_where_units_are_few() -> None:
    # Five units and groups of up to 3 + 3: one place too many, taken from the top group. The three heaviest of
    # 7, 5, 4, 3, 1 rows are cut to (3 + 1) / 2 = 2.
    rule = NOISELESS.model_copy(update={"outliers": Span(lower=3, upper=3), "top": Span(lower=2, upper=3)})
    units = [u for u, n in enumerate([7, 5, 4, 3, 1]) for _ in range(n)]
    assert count(people(units, rule=rule), 20) == 20 - (7 - 2) - (5 - 2) - (4 - 2)


def test_stretches_may_be_any() -> None:
    population = people([0, 1, 0, 2, 2, 3, 1, -1])
    order = population.ordered(np.array([7, 6, 5, 4, 3, 2, 1, 0]))
    tally = order.tally(np.array([0, 1, 3, 8]), np.array([3, 1, 8, 8]))
    assert tally.entities.tolist() == [[2, 0, 3, 0]]
    assert order.rows(np.array([0, 3]), np.array([3, 8])).tolist() == [3, 5]


def test_fewer_rows_count_as_units_where_a_unit_may_have_several() -> None:
    rows, hashes = np.ones(12, dtype=np.int64), SECRET.hash("unit", np.arange(12, dtype=np.uint64))
    order = Singles(rows, hashes, SECRET, NOISELESS, rows_per_unit=4).ordered(np.arange(12))
    assert order.tally(np.array([0]), np.array([11])).entities.tolist() == [[2]]


@pytest.mark.parametrize("many", [False, True])
def test_noisy_counts_are_normal_with_two_layers(many: bool) -> None:
    # 4,000 nodes of ten units with one row each: the sum of two standard normal layers, rounded.
    size = 40_000
    hashes = SECRET.hash("unit", np.arange(size, dtype=np.uint64))
    ones = np.ones(size, dtype=np.int64)
    rule = Anonymization()
    population: Contributors | Singles
    population = (
        Contributors(ones, (Kind(np.arange(size), hashes),), SECRET, rule)
        if many
        else Singles(ones, hashes, SECRET, rule)
    )
    starts = np.arange(0, size, 10)
    counts = population.ordered(np.arange(size)).noisy_counts(starts, starts + 10, starts.astype(np.uint64))
    edges = np.arange(5.5, 15.5)
    expected = np.diff(stats.norm(10, np.sqrt(2)).cdf(np.concatenate([[-np.inf], edges, [np.inf]]))) * len(counts)
    observed = np.histogram(counts, bins=np.concatenate([[-np.inf], edges, [np.inf]]))[0]
    assert stats.chisquare(observed, expected).pvalue > 1e-6  # false alarm in one run of 10^6


def test_suppression_is_noisy_and_sticks_to_the_set() -> None:
    # A node of 5 units passes half of the time; nodes of 2 units never do.
    size = 20_000
    hashes = SECRET.hash("unit", np.arange(size, dtype=np.uint64))
    order = Singles(np.ones(size, dtype=np.int64), hashes, SECRET, Anonymization()).ordered(np.arange(size))
    rule = Suppression()
    starts = np.arange(0, size, 5)
    passes = order.tally(starts, starts + 5).passes(3, rule)
    assert abs(passes.mean() - 0.5) < 5 * 0.5 / np.sqrt(len(starts))
    assert (order.tally(starts, starts + 5).passes(3, rule) == passes).all()
    assert not order.tally(starts, starts + 2).passes(3, rule).any()


def test_the_order_of_rows_changes_nothing() -> None:
    values, units = np.arange(60) % 7, np.arange(1, 61)
    shuffled = np.random.default_rng(1).permutation(60)
    rule = Anonymization()
    one = forest(values, units=[units], rule=rule).tree((0,))
    two = forest(values[shuffled], units=[units[shuffled]], rule=rule).tree((0,))
    assert one.counts.tolist() == two.counts.tolist()
    assert one.passes.tolist() == two.passes.tolist()
