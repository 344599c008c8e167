"""Local differential privacy in SQL: a unit's value becomes a code of the declared domain, and the code an answer.

The first round, of a source, keeps the code beside the column, which is empty there: what forgets to draw gives away
nothing. The second, of a consumer, draws the answer by a keyed hash, so that it is the same whenever the same rows are
treated again. The hash is over whatever the answer may depend on (source, snapshot, settings, rule, unit, code) under
the consumer's key: another consumer, snapshot or rule gets an answer of its own, and is charged for it.

An answer that stayed while a unit's value does, and changed with it, would tell for sure that the value changed. So a
new snapshot draws all answers anew. A unit with several rows has one code, that of one of them.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Collection, Sequence
from typing import Protocol

from synth_assets.deidentification.geometric import TruncatedGeometric
from synth_assets.deidentification.rule import is_integer
from synth_assets.deidentification.rules import sql_value
from synth_assets.deidentification.treatments import Randomize
from synth_assets.mechanisms import RandomizedResponse
from synth_assets.storage import literal, quote

PURPOSE = "randomize"
"""What the keys of answers are derived for."""


class Answered(Protocol):
    """A column that is randomized."""

    @property
    def name(self) -> str:
        """Its name."""

    @property
    def data_type(self) -> str:
        """Its DuckDB type."""


def check_randomized(columns: Sequence[str], unit: str | None, has_budget: bool, looked_at: Collection[str]) -> None:
    """What a source must meet to have these columns randomized; ``looked_at`` decides which records are suppressed.

    Raises:
        ValueError: it has no budget, randomizes its unit, or shows true values by the rows that it leaves out.
    """
    for name in columns:
        if not has_budget:
            raise ValueError(
                f"budget is needed, as column {name} is randomized, which is charged; write "
                "`budget: {epsilon: 4, delta: 1e-6}`"
            )
        if unit is not None and name.lower() == unit.lower():
            raise ValueError(f"columns.{name} is the unit, which cannot be randomized; pseudonymize it")
        if name in looked_at:
            raise ValueError(
                f"suppress_records must not look at {name}, which is randomized: which rows are left would tell its "
                "true values; choose another column or treatment"
            )


def code_column(name: str) -> str:
    """The name of the column that holds the codes of another."""
    return f"__code {name}"


def response(rule: Randomize) -> RandomizedResponse | TruncatedGeometric:
    """The mechanism; its last outcome stands for what is missing or was not declared."""
    if rule.mechanism == "geometric":
        return TruncatedGeometric(rule.epsilon, cells(rule))
    return RandomizedResponse(rule.epsilon, cells(rule) + 1)


def cells(rule: Randomize) -> int:
    """How many values the declared domain has, after bins."""
    if rule.categories is not None:
        return len(rule.categories)
    low, high = rule.bounds or (0, 0)
    return rule.bins or int(high) - int(low) + 1


def answers(rule: Randomize, data_type: str) -> list[bool | int | float | str]:
    """The values that an answer may have, in the order of their codes: categories, or the lower edges of the cells."""
    if rule.categories is not None:
        return list(rule.categories)
    low, high = rule.bounds or (0, 0)
    count = cells(rule)
    if is_integer(data_type):
        first, width = math.ceil(low), math.floor(high) - math.ceil(low) + 1
        return [first - (-cell * width // count) for cell in range(count)]
    return [low + cell * (high - low) / count for cell in range(count)]


def middles(rule: Randomize, data_type: str) -> tuple[float, float]:
    """The middle of the first cell of numbers and the distance to the next one: what a mean in cells is a mean of."""
    low, high = rule.bounds or (0, 0)
    if is_integer(data_type):
        width = (math.floor(high) - math.ceil(low) + 1) / cells(rule)
        return math.ceil(low) + (width - 1) / 2, width
    width = (high - low) / cells(rule)
    return low + width / 2, width


def answer_identity(label: str, column: Answered, rule: Randomize) -> str:
    """Identifies what answers are drawn of: ``label`` (source, snapshot, settings), the column and the rule."""
    facts = [label, column.name, column.data_type, rule.model_dump(mode="json")]
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest()


def code_expression(rule: Randomize, column: str, data_type: str) -> str:
    """SQL of the code of a value; what is missing or undeclared has the last one, numbers are clamped."""
    last = cells(rule)
    if rule.categories is not None:
        listed = _listed(rule, data_type)
        return f"coalesce(nullif(list_position({listed}, {column}), 0) - 1, {last})::UINTEGER"
    low, high = rule.bounds or (0, 0)
    if is_integer(data_type):
        first, width = math.ceil(low), math.floor(high) - math.ceil(low) + 1
        whole = f"least(greatest({column}::HUGEINT, {first}), {first + width - 1})"
        cell = f"CASE WHEN {column} IS NOT NULL THEN ({whole} - {first}) * {last} // {width} END"
    else:
        number = f"least(greatest({column}::DOUBLE, {float(low)!r}), {float(high)!r})"
        place = f"floor(({number} - {float(low)!r}) / {float(high - low) or 1.0!r} * {last})"
        cell = f"CASE WHEN NOT isnan({column}::DOUBLE) THEN least({place}, {last - 1}) END"
    return f"coalesce({cell}, {last})::UINTEGER"


def code_of_unit(code: str, unit: str) -> str:
    """SQL of one of the codes of a unit's rows, chosen by a keyed hash of the unit's own rows alone."""
    return f"arg_min({code}, keyed_int('bound', {unit}::VARCHAR || ':' || {code}::VARCHAR)) OVER (PARTITION BY {unit})"


def answer_expression(rule: Randomize, code: str, unit: str, identity: str, data_type: str) -> str:
    """SQL of the answer of a unit: the word of its keyed hash against the mechanism's thresholds."""
    mechanism, last = response(rule), cells(rule)
    text = f"{literal(identity + ':')} || {unit}::VARCHAR || ':' || {code}::VARCHAR"
    return f"list_extract({_listed(rule, data_type)}, 1 + ({outcome_expression(mechanism, code, _word(text), last)}))"


def outcome_expression(mechanism: RandomizedResponse | TruncatedGeometric, code: str, word: str, last: int) -> str:
    """SQL of the outcome (a whole number, NULL for the last one) that a 64-bit word leads to from a code."""
    if isinstance(mechanism, TruncatedGeometric):
        return mechanism.outcome(code, word)
    truth, other = mechanism.truth, mechanism.other
    passed = f"(({word} - {truth}::UBIGINT) // {other}::UBIGINT)::BIGINT"
    drawn = f"CASE WHEN {word} < {truth}::UBIGINT THEN {code}::BIGINT ELSE {passed} + ({passed} >= {code})::BIGINT END"
    return f"nullif({drawn}, {last})"


def _word(text: str) -> str:
    return f"keyed_int('{PURPOSE}', {text})"


def _listed(rule: Randomize, data_type: str) -> str:
    values = ", ".join(f"CAST({sql_value(value)} AS {data_type})" for value in answers(rule, data_type))
    return f"[{values}]"


def count_query(rule: Randomize, column: Answered, relation: str) -> str:
    """SQL of (answer's place, units) of the answers in a relation with ``__unit``; the place is NULL for the last."""
    place = f"nullif(list_position({_listed(rule, column.data_type)}, {quote(column.name)}), 0) - 1"
    return f"SELECT {place} AS place, count(DISTINCT __unit) FROM {relation} GROUP BY place ORDER BY place"
