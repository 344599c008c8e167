"""The words for generalized values, worked by hand."""

import doctest
from fractions import Fraction

import pytest

from synth_assets.anonymity import labels


def test_examples_in_the_documentation_are_true() -> None:
    assert doctest.testmod(labels).failed == 0


@pytest.mark.parametrize(
    ("value", "width", "expected"),
    [
        ("-1", "10", "[-10, 0)"),
        ("0.3", "0.1", "[0.3, 0.4)"),
        ("1e+16", "5", "[10000000000000000, 10000000000000005)"),
        ("nan", "5", "NaN"),
        ("-inf", "5", "-Infinity"),
        (None, "5", None),
    ],
)
def test_intervals(value: str | None, width: str, expected: str | None) -> None:
    assert labels.interval(labels.number(value, Fraction(1)), Fraction(width)) == expected


@pytest.mark.parametrize(
    ("months", "expected"), [(1, "2024-12"), (3, "2024-Q4"), (12, "2024"), (60, "2020-2024"), (120, "2020-2029")]
)
def test_periods_of_december_2024(months: int, expected: str) -> None:
    assert labels.period(2024 * 12 + 11, months) == expected


def test_infinite_dates_keep_a_name() -> None:
    assert [labels.period(month, 12) for month in (9_999_999, -9_999_999, None)] == ["infinity", "-infinity", None]


@pytest.mark.parametrize(
    ("values", "words", "expected"),
    [
        (["b", "a"], ["a", "b"], "{a, b}"),
        (["(missing)", None], [], '{(missing), "(missing)"}'),
        ([" a", "", "{b}"], [], '{"", " a", "{b}"}'),
        (["a", "b"], ["a", "b", "{a, b}"], '{"a", "b"}'),
        (["a", "b"], ["a", "b", "{a, b}", '{"a", "b"}'], None),
    ],
)
def test_sets_of_words_read_in_one_way(values: list[str | None], words: list[str], expected: str | None) -> None:
    assert labels.listed_set(values, words) == expected
