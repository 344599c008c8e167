"""The text that stands for a generalized value. None is NULL, which is a value of its own until '*'."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from decimal import Context, Decimal
from fractions import Fraction

Label = str | None

_PRECISE = Context(prec=60)
_AMBIGUOUS = re.compile(r'[,"{}]|^\s|\s$|^$|^\(missing\)$')
_FAR = 9_999_999  # the months that stand for infinite dates
_SPECIAL = {"nan": "NaN", "inf": "Infinity", "-inf": "-Infinity"}


def number(text: str | None, unit: Fraction) -> Fraction | Label:
    """Read DuckDB's text of a number, in multiples of ``unit``; what is not finite stays its own label."""
    if text is None:
        return None
    return _SPECIAL.get(text) or Fraction(text) * unit


def _plain(value: Fraction) -> str:
    return f"{_PRECISE.divide(Decimal(value.numerator), Decimal(value.denominator)):f}"


def interval(value: Fraction | Label, width: Fraction) -> Label:
    """Return the half-open interval of ``width``, counted from 0, that holds the value.

    >>> interval(Fraction(37), Fraction(10))
    '[30, 40)'
    """
    if not isinstance(value, Fraction):
        return value
    low = math.floor(value / width) * width
    return f"[{_plain(low)}, {_plain(low + width)})"


def period(month: int | None, months: int) -> Label:
    """Return the month, quarter, year or run of years that holds a month, counted from January of the year 0.

    >>> period(2019 * 12 + 4, 3), period(2019 * 12, 60)
    ('2019-Q2', '2015-2019')
    """
    if month is None:
        return None
    if abs(month) == _FAR:
        return "infinity" if month > 0 else "-infinity"
    year = month // 12
    if months == 1:
        return f"{year:04d}-{month % 12 + 1:02d}"
    if months == 3:
        return f"{year:04d}-Q{month % 12 // 3 + 1}"
    if months == 12:
        return f"{year:04d}"
    years = months // 12
    first = year // years * years
    return f"{first:04d}-{first + years - 1:04d}"


def prefix(value: str | None, length: int) -> Label:
    """Return the first characters and a star.

    >>> prefix('90210', 3)
    '902*'
    """
    return None if value is None else f"{value[:length]}*"


def group(value: str | None, names: Mapping[str, str]) -> Label:
    """Return the name of the group that holds the value; the value itself where it is in none."""
    return None if value is None else names.get(value, value)


def listed_set(values: Sequence[Label], words: Sequence[Label]) -> Label:
    """Return the set of some ``words`` of a column; None where it would read as one of these.

    A word that holds a comma, a quotation mark or a brace, begins or ends with a space, is empty or reads
    ``(missing)`` is quoted as in CSV, and all are where the set would read as a word. Without quotes ``(missing)`` is
    NULL.

    >>> listed_set(["b", None, "a"], []), listed_set(['5" pipe', "Paris, Texas"], [])
    ('{(missing), a, b}', '{"5"" pipe", "Paris, Texas"}')
    """
    named = sorted(value for value in values if value is not None)
    for every in (False, True):
        cells = [_quoted(value) if every or _AMBIGUOUS.search(value) else value for value in named]
        text = f"{{{', '.join(['(missing)'] * (None in values) + cells)}}}"
        if text not in words:
            return text
    return None


def _quoted(value: str) -> str:
    return '"' + value.replace('"', '""') + '"'


def joined_interval(low: Label, high: Label, kind: str) -> Label:
    """Return the interval from one value, or label of an interval, to another; None where an end is no place on a line.

    >>> joined_interval("31", "38", "integer"), joined_interval("[30, 35)", "[40, 45)", "integer")
    ('[31, 38]', '[30, 45)')
    >>> joined_interval("2019-11", "2019-12", "temporal")
    '[2019-11-01, 2020-01-01)'
    """
    if not low or not high or not all(re.match(r"[\[-]?\d|\[-\d", text) for text in (low, high)):
        return None
    if kind == "temporal":
        month = re.compile(r"(\d+)-(\d\d)")
        low = f"{low}-01" if month.fullmatch(low) else low
        if found := month.fullmatch(high):
            years, months = divmod(int(found[1]) * 12 + int(found[2]), 12)
            return f"[{low}, {years:04d}-{months + 1:02d}-01)"
    start = low[1:].split(", ")[0] if low.startswith("[") else low
    return f"[{start}, {high.split(', ')[1]}" if high.startswith("[") else f"[{start}, {high}]"
