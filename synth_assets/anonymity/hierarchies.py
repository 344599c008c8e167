"""Generalization steps of one column: from the value itself to '*', each step a function of the one before.

Numbers become half-open intervals whose widths double from a round number, dates become months, quarters, years, five
years and decades, code-like text (postcodes, ICD codes) loses characters from the right, other text first gathers its
rare values. Steps are worked out on distinct values only, of which there are at most 1,000: a column with more starts
at the finest step that has no more.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from typing import Any

import duckdb
import numpy as np
import numpy.typing as npt

from synth_assets.anonymity.labels import Label, group, interval, number, period, prefix
from synth_assets.anonymity.model import AnonymizedColumn, Hierarchy
from synth_assets.errors import SpecError

MOST_VALUES = 1_000
STAR = "*"
OTHER = "(other)"
RARE_SHARE = 0.02
_PERIODS = (("month", 1), ("quarter", 3), ("year", 12), ("five years", 60), ("decade", 120))
_INTEGER = re.compile(r"U?(TINY|SMALL|BIG|HUGE)?INT(EGER)?")
_REAL = re.compile(r"FLOAT|DOUBLE|DECIMAL.*")
_CODE = "[A-Za-z0-9][A-Za-z0-9 ./-]{1,15}"
_MONTH = (
    "CASE WHEN isfinite({0}) THEN year({0}) * 12 + month({0}) - 1 "
    "WHEN {0} > TIMESTAMP '2000-01-01' THEN 9999999 WHEN {0} IS NOT NULL THEN -9999999 END"
)

IntArray = npt.NDArray[np.int64]
Facts = Sequence[tuple[Any, int]]  # what Python is shown of a base value, and its rows


@dataclass(frozen=True)
class Step:
    """One step: its meaning in words, and the label of every value by code; None as a whole keeps the value."""

    meaning: str
    labels: tuple[Label, ...] | None


@dataclass(frozen=True)
class Steps:
    """All steps of one column.

    ``codes[level][code]`` numbers the labels of a level; ``counts[code]`` are the rows of each base value. Base values
    are numbered in the temporary table ``dictionary`` (key, code), where a row is looked up by ``key``. ``words`` are
    the base values as text, in their order where they have one; ``finest`` what the first step that is not the value
    itself makes of them, even where no two become the same.
    """

    column: AnonymizedColumn
    key: str
    dictionary: str
    steps: tuple[Step, ...]
    codes: tuple[IntArray, ...]
    counts: IntArray
    words: tuple[Label, ...]
    finest: tuple[Label, ...] = ()


@dataclass(frozen=True)
class Cell:
    """Where a column's values are: the expression ``sql`` over ``rows``, and DuckDB's name of their type.

    ``counted`` is the aggregate that says how many rows of the table a value has.
    """

    rows: str
    sql: str
    data_type: str
    counted: str = "count(*)"

    @property
    def kind(self) -> str:
        """What the type means for generalization: integer, real, temporal, text or other."""
        if _INTEGER.fullmatch(self.data_type):
            return "integer"
        if _REAL.fullmatch(self.data_type):
            return "real"
        if self.data_type.startswith(("DATE", "TIMESTAMP")):
            return "temporal"
        return "text" if self.data_type.startswith(("VARCHAR", "ENUM")) else "other"


def has_order(data_type: str) -> bool:
    """Whether the values of a type lie on a line, so that a distance can follow it."""
    return Cell("", "", data_type).kind in {"integer", "real", "temporal"}


@dataclass(frozen=True)
class _Base:
    """Where the steps start: SQL of a row's key, SQL that shows a key to Python, and the steps made from what it shows.

    ``raw`` says that the key is the value itself, which is then the first step.
    """

    key: str
    shown: str
    raw: bool
    make: Callable[[Facts], list[Step]]


def build(
    con: duckdb.DuckDBPyConnection,
    cell: Cell,
    column: AnonymizedColumn,
    given: Hierarchy | None,
    dictionary: str,
) -> Steps:
    """Work out the steps of one column; makes the temporary table ``dictionary``.

    Raises:
        SpecError: the hierarchy does not suit the column's type, or leaves it without any step.
    """
    base = _choose_base(con, cell, column, given or Hierarchy())
    con.execute(
        f"CREATE TEMP TABLE {dictionary} AS SELECT key, row_number() OVER (ORDER BY key NULLS FIRST) - 1 AS code, n "
        f"FROM (SELECT {base.key} AS key, {cell.counted} AS n FROM {cell.rows} GROUP BY ALL)"
    )
    facts = con.execute(f"SELECT {base.shown}, n FROM {dictionary} ORDER BY code").fetchall()
    texts = con.execute(f"SELECT key::VARCHAR FROM {dictionary} ORDER BY code").fetchall() if base.raw else []
    counts = np.array([n for _, n in facts], dtype=np.int64)
    steps = [Step("the value itself", None)] if base.raw else []
    suppressible = given is None or given.suppressible
    made = base.make(facts)
    steps += _useful(made, len(facts) if base.raw else 0, 2 if suppressible else 1)
    if suppressible and (len(facts) > 1 or not steps):
        steps.append(Step(STAR, (STAR,) * len(facts)))
    if not steps:
        raise SpecError(
            f"anonymize.hierarchies: column `{column.name}` has more than {MOST_VALUES:,} values and no step that "
            "generalizes them; give widths or prefixes, or let it be suppressed"
        )
    codes = tuple(_number(step.labels, len(facts)) for step in steps)
    words = tuple(text for (text,) in texts) if base.raw else tuple(steps[0].labels or ())
    finest = tuple(made[0].labels or ()) if base.raw and made else ()
    return Steps(column, base.key, dictionary, tuple(steps), codes, counts, words, finest)


def _number(labels: tuple[Label, ...] | None, values: int) -> IntArray:
    if labels is None:
        return np.arange(values, dtype=np.int64)
    order: dict[Label, int] = {}
    return np.array([order.setdefault(label, len(order)) for label in labels], dtype=np.int64)


def _useful(steps: list[Step], before: int, least: int) -> list[Step]:
    """Drop steps that say the same as the one before, or have fewer than ``least`` labels (one is no more than '*').

    ``before`` counts the values of level 0.
    """
    kept: list[Step] = []
    for step in steps:
        classes = len(set(step.labels or ()))
        if classes >= least and classes != before:
            kept.append(step)
            before = classes
    return kept


def _choose_base(con: duckdb.DuckDBPyConnection, cell: Cell, column: AnonymizedColumn, given: Hierarchy) -> _Base:
    kind, sql = cell.kind, cell.sql
    if (given.widths and kind not in {"integer", "real"}) or (given.prefixes and kind not in {"text", "integer"}):
        raise SpecError(
            f"anonymize.hierarchies: {'widths' if given.widths else 'prefixes'} do not suit column `{column.name}`, "
            f"whose type is {cell.data_type}; use `groups`, or leave the hierarchy out"
        )
    few = _count_keys(con, cell.rows, sql) <= MOST_VALUES
    if given.groups:
        return _Base(sql, "key::VARCHAR", few, partial(_group_steps, groups=given.groups)) if few else _nothing()
    if kind in {"integer", "real"} and not given.prefixes:
        return _numeric_base(con, cell, column, given, few)
    if kind == "temporal":
        return _temporal_base(con, cell, few)
    if kind in {"text", "integer"}:
        return _text_base(con, cell, given, few)
    return _Base(sql, "NULL", True, lambda _: []) if few else _nothing()


def _count_keys(con: duckdb.DuckDBPyConnection, rows: str, key: str) -> int:
    """Count distinct keys, up to one more than are of use."""
    sql = f"SELECT count(*) FROM (SELECT DISTINCT {key} AS key FROM {rows} LIMIT {MOST_VALUES + 1})"
    return int(con.execute(sql).fetchall()[0][0])


def _nothing() -> _Base:
    """A column that can only be suppressed."""
    return _Base("0", "NULL", False, lambda _: [])


def _group_steps(facts: Facts, *, groups: tuple[dict[str, str], ...]) -> list[Step]:
    steps: list[Step] = []
    labels = tuple(value for value, _ in facts)
    for place, names in enumerate(groups, start=1):
        labels = tuple(group(label, names) for label in labels)
        steps.append(Step(f"groups, step {place}", labels))
    return steps


def _nice(size: float) -> Fraction:
    """Round up to 1, 2 or 5 times a power of ten."""
    power = Fraction(10) ** math.floor(math.log10(size))
    return next((power * m for m in (1, 2, 5) if power * m >= Fraction(size)), power * 10)


def _span(con: duckdb.DuckDBPyConnection, cell: Cell, column: AnonymizedColumn) -> float:
    """Return the width of the column's range: the public bounds, else that of its finite values."""
    if column.bounds is not None and all(isinstance(bound, int | float) for bound in column.bounds):
        return float(column.bounds[1]) - float(column.bounds[0])
    value = f"{cell.sql}::DOUBLE"
    sql = f"SELECT max({value}) - min({value}) FROM {cell.rows} WHERE isfinite({value})"
    span = con.execute(sql).fetchall()[0][0]
    return float(span) if span is not None and math.isfinite(span) else 0.0


def _widths(span: float, integer: bool, few: bool) -> list[Fraction]:
    """Widths that double from a round number, about twenty to the range (a hundred where values are many)."""
    if span <= 0:
        return []
    width = _nice(span / (20 if few else 100))
    if integer:
        width = max(width, Fraction(2))
    widths = []
    while width < Fraction(span):
        widths.append(width)
        width *= 2
    return widths


def _numeric_base(
    con: duckdb.DuckDBPyConnection, cell: Cell, column: AnonymizedColumn, given: Hierarchy, few: bool
) -> _Base:
    span = _span(con, cell, column)
    widths = [Fraction(repr(w)) for w in given.widths] or _widths(span, cell.kind == "integer", few)
    if few:
        return _Base(cell.sql, "key::VARCHAR", True, partial(_interval_steps, widths=widths, unit=Fraction(1)))
    for place, width in enumerate(widths):
        numerator, denominator = width.numerator, width.denominator  # times ten is exact more often than by 0.1
        key = f"floor({cell.sql}::DOUBLE * {float(denominator)!r} / {float(numerator)!r})"
        if _count_keys(con, cell.rows, key) <= MOST_VALUES:
            make = partial(_interval_steps, widths=widths[place:], unit=width)
            return _Base(key, "key::VARCHAR", False, make)
    return _nothing()


def _interval_steps(facts: Facts, *, widths: Sequence[Fraction], unit: Fraction) -> list[Step]:
    """Make intervals of each width; what is shown are decimals in text, in multiples of ``unit``."""
    numbers = [number(value, unit) for value, _ in facts]
    return [Step(f"intervals of {float(w):g}", tuple(interval(n, w) for n in numbers)) for w in widths]


def _temporal_base(con: duckdb.DuckDBPyConnection, cell: Cell, few: bool) -> _Base:
    stamp = f"CAST({cell.sql} AS TIMESTAMP)"
    make = partial(_period_steps, periods=_PERIODS)
    if few:
        return _Base(cell.sql, _MONTH.format("CAST(key AS TIMESTAMP)"), True, make)
    month = _MONTH.format(stamp)
    if _count_keys(con, cell.rows, month) <= MOST_VALUES:
        return _Base(month, "key", False, make)
    return _nothing()


def _period_steps(facts: Facts, *, periods: Sequence[tuple[str, int]]) -> list[Step]:
    return [Step(name, tuple(period(month, months) for month, _ in facts)) for name, months in periods]


def _text_base(con: duckdb.DuckDBPyConnection, cell: Cell, given: Hierarchy, few: bool) -> _Base:
    text = f"{cell.sql}::VARCHAR"
    lengths = list(given.prefixes) or _prefix_lengths(con, cell.rows, text)
    if few:
        make = partial(_prefix_steps, lengths=lengths) if lengths else _rare_steps
        return _Base(cell.sql, "key::VARCHAR", True, make)
    for place, length in enumerate(lengths):
        key = f"left({text}, {length})"
        if _count_keys(con, cell.rows, key) <= MOST_VALUES:
            return _Base(key, "key", False, partial(_prefix_steps, lengths=lengths[place:]))
    return _nothing()


def _prefix_lengths(con: duckdb.DuckDBPyConnection, rows: str, text: str) -> list[int]:
    """Return the falling lengths of prefixes, at most five, for code-like values; none for words."""
    sql = (
        "SELECT avg((regexp_full_match(v, ?) AND regexp_matches(v, '[0-9]'))::INT), max(length(v)), count(*) "
        f"FROM (SELECT DISTINCT {text} AS v FROM {rows}) WHERE v IS NOT NULL"
    )
    share, longest, values = con.execute(sql, [_CODE]).fetchall()[0]
    if values < 5 or share < 0.95:
        return []
    lengths = range(1, longest)
    chosen = {lengths[round(i * (len(lengths) - 1) / 4)] for i in range(5)} if len(lengths) > 5 else set(lengths)
    return sorted(chosen, reverse=True)


def _prefix_steps(facts: Facts, *, lengths: Sequence[int]) -> list[Step]:
    return [Step(f"first {n} characters", tuple(prefix(value, n) for value, _ in facts)) for n in lengths]


def _rare_steps(facts: Facts) -> list[Step]:
    """Gather the values that hold less than 2 % of the rows each."""
    least = RARE_SHARE * sum(n for _, n in facts)
    labels = tuple(OTHER if n < least and value is not None else value for value, n in facts)
    return [Step("rare values gathered", labels)] if labels.count(OTHER) > 1 else []
