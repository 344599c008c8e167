from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from synth_assets.evaluation.neighbours import count_inferences, count_links, nearest_rows
from synth_assets.evaluation.sampling import Sample
from synth_assets.evaluation.tables import Column

NONE = float("nan")
AGE = Column(0, "age", "number", "INTEGER", "INTEGER")
CITY = Column(1, "city", "category", "VARCHAR", "VARCHAR")
WAGE = Column(2, "wage", "number", "INTEGER", "INTEGER")


def sample(*rows: Sequence[float], high: Sequence[Sequence[float]] | None = None) -> Sample:
    """Rows as given; ``high`` holds the upper ends of generalized cells."""
    low = tuple(np.array(column, dtype=np.float64) for column in zip(*rows, strict=True))
    top = low if high is None else tuple(np.array(column, dtype=np.float64) for column in zip(*high, strict=True))
    return Sample(low, low, top, np.arange(len(rows), dtype=np.uint64))


def nearest(columns: list[Column], person: Sequence[float], product: Sample) -> int:
    people = [sample(person), sample(person)]
    return int(nearest_rows(columns, people, product, [list(range(len(columns)))])[0][0][0])


def test_amounts_count_by_their_share_of_the_range_and_categories_whole() -> None:
    # From (20, 0): an age of 60 is all of the range away (1), another city at the same age as far (1), 30 a quarter.
    product = sample((60, 0), (20, 1), (30, 0))
    assert nearest([AGE, CITY], (20, 0), product) == 2


def test_a_missing_value_is_near_a_missing_value_only() -> None:
    product = sample((60, NONE), (20, 1))
    assert nearest([AGE, CITY], (60, NONE), product) == 0
    assert nearest([AGE, CITY], (NONE, 1), product) == 1
    assert nearest([AGE, CITY], (NONE, NONE), sample((NONE, NONE), (20, 1))) == 0


def test_equally_near_rows_fall_to_the_first() -> None:
    assert nearest([AGE], (20,), sample((30,), (10,), (20,), (20,))) == 2


def test_a_view_of_many_columns_equals_the_sum_of_its_own() -> None:
    rng = np.random.default_rng(1)
    columns = [Column(k, str(k), "number", "INTEGER", "INTEGER") for k in range(5)]
    people, product = sample(*rng.integers(0, 9, (20, 5))), sample(*rng.integers(0, 9, (30, 5)))
    ranges = np.ptp(np.vstack([np.column_stack(people.values), np.column_stack(product.values)]), axis=0)
    gaps = np.abs(np.column_stack(people.values)[:, None, :] - np.column_stack(product.values)[None]) / ranges
    for view in ([0], [0, 3], [0, 1, 2, 4], [0, 1, 2, 3, 4]):
        found = nearest_rows(columns, [people, people], product, [view])[0][0]
        own = gaps[:, :, view].sum(axis=2)
        assert own[np.arange(20), found] == pytest.approx(own.min(axis=1), abs=1e-5)


def test_an_interval_that_allows_the_value_is_at_no_distance_and_the_narrower_is_nearer() -> None:
    age = Column(0, "age", "number", "INTEGER", "VARCHAR", generalized=True)
    product = sample((0,), (30,), (40,), high=[(99,), (39,), (49,)])
    assert nearest([age], (35,), product) == 1
    assert nearest([age], (45,), product) == 2
    assert nearest([age], (70,), product) == 0


def test_links_are_counted_by_hand() -> None:
    # Four people, each with a row of their own, halves (age) and (city): a copy links all of them.
    people = sample((10, 0), (20, 1), (30, 2), (40, 3))
    strangers = sample((10, 1), (20, 0), (30, 3), (40, 2))
    found = nearest_rows([AGE, CITY], [people, strangers], people, [[0], [1]])
    first, second = [f[0] for f in found], [f[1] for f in found]
    trial = count_links("two halves", first, second, ("age", "city"), 4, np.random.default_rng(1))
    assert (trial.main.successes, trial.control.successes) == (4, 0)
    assert (trial.main.attempts, trial.control.attempts, trial.baseline.attempts) == (4, 4, 4)


def test_inferences_are_counted_by_hand() -> None:
    # The wage is guessed within 5 %: 100 against 100, 200 against 208, 300 against 320, missing against missing.
    people = sample((10, 0, 100), (20, 0, 200), (30, 0, 300), (40, 0, NONE))
    product = sample((10, 0, 100), (20, 0, 208), (30, 0, 320), (40, 0, NONE))
    columns = [AGE, CITY, WAGE]
    rows = [found[0] for found in nearest_rows(columns, [people, people], product, [[0, 1]])]
    trial = count_inferences(WAGE, 2, [people, people], product, rows, np.random.default_rng(1))
    assert trial.main.successes == 3


def test_a_category_is_guessed_exactly_and_a_negative_guess_is_no_free_success() -> None:
    people = sample((10, 0, -100), (20, 1, 5))
    product = sample((10, 0, -300), (20, 2, 5))
    rows = [np.array([0, 1])] * 2
    rng = np.random.default_rng(1)
    assert count_inferences(CITY, 1, [people, people], product, rows, rng).main.successes == 1
    assert count_inferences(WAGE, 2, [people, people], product, rows, rng).main.successes == 1


SETS = {9: frozenset({0, 1}), 8: frozenset({0, 1, 2}), 2: frozenset({2}), 7: frozenset({2, -1})}
TOWN = Column(0, "town", "category", "VARCHAR", "VARCHAR", generalized=True, sets=SETS)
"""Words 0, 1 and 2; the labels 9 = {0, 1}, 8 = {0, 1, 2}, 2 and 7 = {(missing), 2}."""


def test_a_set_that_allows_the_word_is_at_no_distance_and_the_narrower_is_nearer() -> None:
    product = sample((NONE,), (8,), (9,), (2,))
    assert [nearest([TOWN], (word,), product) for word in (0, 1, 2)] == [2, 2, 3]
    assert nearest([TOWN], (2,), sample((NONE,), (9,), (8,))) == 2
    assert nearest([TOWN], (2,), sample((9,), (NONE,))) == 1  # a suppressed cell may be anything, a set may not
    assert nearest([TOWN], (NONE,), sample((2,), (8,), (7,))) == 2


def test_a_column_of_sets_adds_to_the_others() -> None:
    # The set allows both; of two rows that do, the age decides; a row whose set does not is as far as all of the range.
    age = Column(1, "age", "number", "INTEGER", "INTEGER")
    product = sample((9, 60), (9, 20), (2, 30))
    assert nearest([TOWN, age], (0, 30), product) == 1
    assert nearest([TOWN, age], (2, 30), product) == 2


def test_of_a_set_the_most_frequent_word_is_guessed() -> None:
    # The product's rows were dealt to 1, 1, 0 and 2: from {0, 1} the attacker guesses 1.
    labels = sample((9,), (9,), (9,), (2,))
    product = Sample((np.array([1.0, 1.0, 0.0, 2.0]),), labels.low, labels.high, labels.units)
    people = sample((1,), (0,), (2,), (NONE,))
    rows = [np.array([0, 1, 3, 2])] * 2
    trial = count_inferences(TOWN, 0, [people, people], product, rows, np.random.default_rng(1))
    assert trial.main.successes == 2
