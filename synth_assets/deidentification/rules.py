"""SQL of the treatments that change a value by itself: masks, bins, top and bottom codes, and record conditions."""

from __future__ import annotations

from datetime import date
from itertools import pairwise

from synth_assets.deidentification.coarsening import Binary, Bound, Code, Generalize, Mask, Quantile
from synth_assets.deidentification.harbor import SafeHarbor
from synth_assets.deidentification.rule import is_number, is_temporal
from synth_assets.deidentification.treatments import (
    AnyTreatment,
    Keep,
    Pseudonymize,
    RecordCondition,
    Shift,
    Suppress,
    SuppressCells,
)
from synth_assets.errors import SpecError
from synth_assets.storage import literal, quote

UNIFORM_MASK_LENGTH = 8
_NEAR = 1e-9  # relative slack by which a quotient below a whole number still counts as on the border


def rule_expression(
    treatment: AnyTreatment, column: str, data_type: str, stands_for: str = "", everybody: str = ""
) -> str:
    """SQL of a treated value; ``column`` is SQL of the value, and NULL stays NULL.

    ``stands_for`` says what the value names: pseudonyms of equal values agree where that is the same. ``everybody`` is
    the FROM-able text, with the column by that name, over which means and quantiles are taken.

    Raises:
        SpecError: the treatment does not suit the type, or is no rule over a single value.
    """
    target = treatment.output_type(data_type)
    match treatment:
        case Keep():
            return column
        case Suppress():
            return f"CAST(NULL AS {target})"
        case Pseudonymize():
            named = f"{literal(f'{stands_for}:')} || {column}::VARCHAR"
            return f"'id_' || left(keyed_hex('pseudonym', {named}), 20)"
        case Mask():
            return _mask(treatment, f"{column}::VARCHAR")
        case Generalize():
            return _generalize(treatment, column, data_type)
        case Code():
            return _code(treatment, column, data_type, everybody)
        case SafeHarbor():
            return treatment.expression(column, data_type)
        case Binary():
            return _binary(treatment, _number(column, data_type), everybody)
        case _:
            raise SpecError(f"the treatment `{treatment.describe()}` is no rule over a single value")


def _mask(mask: Mask, text: str) -> str:
    character = literal(mask.character)
    if mask.expression is not None:
        shown = literal(mask.character.replace("\\", r"\\"))
        return f"regexp_replace({text}, {literal(mask.expression)}, {shown}, 'g')"
    if mask.uniform:
        return f"CASE WHEN {text} IS NULL THEN NULL ELSE repeat({character}, {UNIFORM_MASK_LENGTH}) END"
    ends = mask.keep_first + mask.keep_last
    return (
        f"CASE WHEN length({text}) <= {ends} THEN repeat({character}, length({text})) ELSE "
        f"left({text}, {mask.keep_first}) || repeat({character}, length({text}) - {ends}) || "
        f"right({text}, {mask.keep_last}) END"
    )


def _number(column: str, data_type: str) -> str:
    """SQL of a column as a number; NULL where a text holds none."""
    return column if is_number(data_type) else f"TRY_CAST({column} AS DOUBLE)"


def _generalize(rule: Generalize, column: str, data_type: str) -> str:
    if rule.prefix is not None:
        return f"left({column}::VARCHAR, {rule.prefix})"
    if rule.date is not None:
        moment = column if is_temporal(data_type) else f"TRY_CAST({column} AS DATE)"
        return f"CAST(date_trunc({literal(rule.date)}, {moment}) AS DATE)"
    number = _number(column, data_type)
    if rule.edges is not None:
        return _interval(rule.edges, number)
    return _bin(rule.width or 1, number, rule.output_type(data_type))


def _bin(width: float, number: str, target: str) -> str:
    """The lower edge; whole numbers exactly, others with slack for quotients such as 0.3 / 0.1."""
    if target != "DOUBLE":
        whole, w = f"{number}::HUGEINT", f"{width}::HUGEINT"
        return f"TRY_CAST({whole} - (({whole} % {w}) + {w}) % {w} AS {target})"
    x = f"({number})::DOUBLE"
    ratio = f"({x} / {float(width)!r})"
    edge = f"round(floor({ratio} + {_NEAR} * greatest(1, abs({ratio}))) * {float(width)!r}, 12)"
    return f"CASE WHEN isfinite({x}) THEN {edge} END"


def _interval(edges: tuple[float, ...], number: str) -> str:
    x = f"({number})::DOUBLE"
    cases = [f"WHEN {x} < {edges[0]!r} THEN {literal(f'< {edges[0]}')}"]
    cases += [f"WHEN {x} < {high!r} THEN {literal(f'[{low}, {high})')}" for low, high in pairwise(edges)]
    return (
        f"CASE WHEN isnan({x}) THEN NULL {' '.join(cases)} WHEN {x} IS NOT NULL THEN {literal(f'>= {edges[-1]}')} END"
    )


def _binary(rule: Binary, number: str, everybody: str) -> str:
    """Not-a-number is above nothing, and is no part of the mean."""
    x = f"({number})::DOUBLE"
    mean = f"(SELECT avg({x}) FILTER (isfinite({x})) FROM {everybody})"
    return f"CASE WHEN NOT isnan({x}) THEN {x} > {mean if rule.above == 'mean' else repr(rule.above)} END"


def _code(rule: Code, column: str, data_type: str, everybody: str) -> str:
    """Not-a-number stays what it is: it lies beyond no bound."""
    target = rule.output_type(data_type)
    if rule.quantiles:
        value = column
        nan = f"WHEN isnan({value}) THEN {value} " if data_type.upper() in _FLOATS else ""
    elif rule.dates:
        value = column if is_temporal(data_type) else f"TRY_CAST({column} AS DATE)"
        nan = ""
    else:
        value = _number(column, data_type)
        nan = "" if is_number(data_type) and data_type.upper() not in _FLOATS else f"WHEN isnan({value}) THEN {value} "
    limits = [(">", rule.top_code), ("<", rule.bottom_code)]
    cuts = [(op, _cut(bound, value, everybody)) for op, bound in limits if bound is not None]
    cases = " ".join(f"WHEN {value} {op} {cut} THEN {cut}" for op, cut in cuts)
    return f"TRY_CAST(CASE {nan}{cases} ELSE {value} END AS {target})"


def shifted(rule: Shift, column: str, data_type: str, number: str, before: str | None = None) -> str:
    """SQL of a date moved by the offset that a keyed number of its unit leads to.

    ``before`` is the number that it was moved by already, which is taken back. A date at the end of time stays or is
    lost.
    """
    target = rule.output_type(data_type)
    moment = column if is_temporal(data_type) else f"TRY_CAST({column} AS DATE)"
    days = _offset(rule, number) + ("" if before is None else f" - {_offset(rule, before)}")
    step = f"({days})::INTEGER" if target == "DATE" else f"to_hours(24 * ({days}))"
    return f"TRY(CAST({moment} + {step} AS {target}))"


def _offset(rule: Shift, number: str) -> str:
    place = f"({number} % {2 * rule.days})::BIGINT"
    return f"({place} - {rule.days} + ({place} >= {rule.days})::BIGINT)"


def _cut(bound: Bound, value: str, everybody: str) -> str:
    """SQL of a bound: the constant, or a value that the column has."""
    if isinstance(bound, Quantile):
        return f"(SELECT quantile_disc({value}, {bound.quantile!r}) FROM {everybody})"
    return sql_value(bound)


def kept_cells(rule: SuppressCells, column: str, other: str, data_type: str) -> str:
    """SQL of a value, NULL where ``other`` (SQL of the value that is looked at, of that type) meets the condition."""
    condition = RecordCondition(column="", op=rule.op, value=rule.value)
    return f"CASE WHEN NOT coalesce({_meets(condition, other, data_type)}, false) THEN {column} END"


_FLOATS = ("DOUBLE", "FLOAT", "REAL")


def sql_value(value: bool | float | date | str) -> str:
    """A constant of the spec as SQL."""
    if isinstance(value, str):
        return literal(value)
    if isinstance(value, date):
        return f"DATE {literal(value.isoformat()[:10])}"
    return repr(value).upper() if isinstance(value, bool) else f"{value!r}"


def suppressed(conditions: tuple[RecordCondition, ...], types: dict[str, str]) -> str:
    """SQL that is true for rows that meet any of the conditions; they look at the raw values.

    Args:
        conditions: of the spec.
        types: the source's columns and their DuckDB types.

    Raises:
        SpecError: a condition names a column that the source lacks.
    """
    for condition in conditions:
        if condition.column not in types:
            raise SpecError(f"suppress_records: the source has no column `{condition.column}`; correct the name")
    met = [f"coalesce({_meets(c, quote(c.column), types[c.column])}, false)" for c in conditions]
    return " OR ".join(met) or "false"


def _meets(condition: RecordCondition, column: str, data_type: str) -> str:
    value = condition.value
    match condition.op:
        case "is_null":
            return f"{column} IS NULL"
        case "in" if isinstance(value, tuple):
            return "(" + (" OR ".join(_compare(column, data_type, "=", one) for one in value) or "false") + ")"
        case "above" | "below" if value is not None and not isinstance(value, tuple):
            return _compare(column, data_type, ">" if condition.op == "above" else "<", value)
        case _ if value is not None and not isinstance(value, tuple):
            return _compare(column, data_type, "=", value)
    raise SpecError(f"suppress_records: the condition on `{condition.column}` is incomplete; give it a `value`")


def _compare(column: str, data_type: str, op: str, value: bool | float | date | str) -> str:
    """Compare in the constant's sort; a cell that is not of that sort does not meet the condition."""
    if isinstance(value, bool):
        return f"TRY_CAST({column} AS BOOLEAN) {op} {sql_value(value)}"
    if isinstance(value, date):
        return f"TRY_CAST({column} AS TIMESTAMP) {op} {sql_value(value)}"
    if isinstance(value, str):
        return f"{column}::VARCHAR {op} {literal(value)}"
    number = _number(column, data_type)
    proper = f" AND NOT isnan({number})" if data_type.upper() in (*_FLOATS, "VARCHAR") else ""
    return f"({number} {op} {sql_value(value)}{proper})"
