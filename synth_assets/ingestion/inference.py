"""Types of text columns: the narrowest that keeps every value of a sample exactly as it was written.

A whole number must be written the way DuckDB writes it, so ``01234``, ``+4912345`` and a 20-digit number stay text;
a date that could be read with day and month exchanged stays text until a person declares the format. Later rows that
do not fit are set aside by :mod:`synth_assets.ingestion.snapshot`, so a value is never changed in silence.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import duckdb

from synth_assets.ingestion.location import SourceFormat
from synth_assets.storage import literal, quote

SAMPLE = 200_000
FIRST = 2_000
_INTEGERS = ("INT", "INTEGER")


@dataclass(frozen=True)
class Form:
    """A type, and SQL with ``{x}`` for the cell: the value, and whether it keeps what the cell says."""

    type: str
    value: str
    fits: str

    def cast(self, expression: str) -> str:
        """SQL of the value; NULL where the cell does not fit."""
        return self.value.replace("{x}", expression)

    def check(self, expression: str) -> str:
        """SQL that is false where a cell does not fit, and otherwise true."""
        if self.fits == "true":
            return "true"
        fits = self.fits.replace("{x}", expression)
        return f"({expression} IS NULL OR coalesce({fits}, false))"


def _pattern(type_: str, pattern: str, value: str = "") -> Form:
    value = value or f"TRY_CAST({{x}} AS {type_})"
    return Form(type_, value, f"regexp_full_match(trim({{x}}), '{pattern}', 'i') AND {value} IS NOT NULL")


def _written(format_: str) -> Form:
    """Dates, or moments if the format has hours, written in a format of ``strptime``."""
    type_ = "TIMESTAMP" if "%H" in format_ or "%I" in format_ or "%c" in format_ else "DATE"
    value = f"CAST(try_strptime(trim({{x}}), {literal(format_)}) AS {type_})"
    return Form(type_, value, f"{value} IS NOT NULL")


_DAY = r"\d{4}-\d{2}-\d{2}"
_CLOCK = r"\d{1,2}:\d{2}(:\d{2}(\.\d+)?)?"
_INTEGER = Form("BIGINT", "TRY_CAST({x} AS BIGINT)", "CAST(TRY_CAST({x} AS BIGINT) AS VARCHAR) = trim({x})")
_FORMS = (
    _INTEGER,
    _pattern("DOUBLE", r"-?(0|[1-9]\d{0,14})?(\.\d*)?(e[-+]?\d{1,3})?|[-+]?(nan|inf|infinity)"),
    _pattern("BOOLEAN", "true|false"),
    _pattern("DATE", _DAY),
    _pattern("TIMESTAMP", f"{_DAY}[ T]{_CLOCK}"),
    _pattern(
        "TIMESTAMP",
        f"{_DAY}[ T]{_CLOCK} ?(Z|[-+]" + r"\d{2}(:?\d{2})?)",
        "(TRY_CAST({x} AS TIMESTAMP WITH TIME ZONE) AT TIME ZONE 'UTC')",
    ),
    _pattern("TIME", _CLOCK),
    _written("%d.%m.%Y"),
)
_EITHER_WAY = ((_written("%d/%m/%Y"), _written("%m/%d/%Y")), (_written("%d-%m-%Y"), _written("%m-%d-%Y")))
TEXT = Form("VARCHAR", "{x}", "true")


def declared(type_: str, options: SourceFormat, source_type: str = "VARCHAR") -> Form:
    """The form of a type that a person declared; whole numbers refuse a fraction instead of rounding it."""
    if type_ in ("VARCHAR", "TEXT"):
        return Form("VARCHAR", "CAST({x} AS VARCHAR)", "true")
    if options.date_format and type_ in ("DATE", "TIMESTAMP") and source_type == "VARCHAR":
        written = f"CAST(try_strptime(trim({{x}}), {literal(options.date_format)}) AS {type_})"
        return Form(type_, written, f"{written} IS NOT NULL")
    value = f"TRY_CAST({{x}} AS {type_})"
    if type_.endswith(_INTEGERS):
        return Form(type_, value, f"CAST({value} AS DOUBLE) = TRY_CAST({{x}} AS DOUBLE)")
    return Form(type_, value, f"{value} IS NOT NULL")


def infer(
    con: duckdb.DuckDBPyConnection, first: str, sample: str, names: Sequence[str], options: SourceFormat
) -> dict[str, Form]:
    """The form of each text column.

    Args:
        con: a connection.
        first: FROM-able SQL of a few rows, which rules out most types cheaply.
        sample: FROM-able SQL of many rows, which decides.
        names: the columns to look at.
        options: ``date_format`` adds a form that is tried first.

    Returns:
        The narrowest form that fits all values of the sample; text for a column without a value.
    """
    forms = [*([_written(options.date_format)] if options.date_format else []), *_FORMS]
    forms += [form for pair in _EITHER_WAY for form in pair]
    possible = _fitting(con, first, dict.fromkeys(names, forms), without_values=True)
    possible = _fitting(con, sample, possible, without_values=False)
    for pair in _EITHER_WAY:
        for kept in possible.values():
            if all(form in kept for form in pair):
                kept.remove(pair[0])
                kept.remove(pair[1])
    return {name: (possible[name] or [TEXT])[0] for name in names}


def _fitting(
    con: duckdb.DuckDBPyConnection, sample: str, candidates: Mapping[str, Sequence[Form]], *, without_values: bool
) -> dict[str, list[Form]]:
    """Of the candidates of each column, those that fit every value; all or none for a column without values."""
    asked = {name: forms for name, forms in candidates.items() if forms}
    found: dict[str, list[Form]] = {name: [] for name in candidates}
    if not asked:
        return found
    parts = [
        part
        for name, forms in asked.items()
        for part in (f"count({quote(name)})", *(f"bool_and({form.check(quote(name))})" for form in forms))
    ]
    answers = iter(con.execute(f"SELECT {', '.join(parts)} FROM {sample} AS sample").fetchall()[0])
    for name, forms in asked.items():
        values = next(answers)
        found[name] = [form for form in forms if next(answers) is not False and (values or without_values)]
    return found
