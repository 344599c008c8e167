"""Reading: a table's columns as numbers, its texts as ranks, and whose each row is. One query, whatever the columns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from synth_assets.diffix.columns import Codes, Encoded, Scale, cast, encode
from synth_assets.diffix.intervals import Floats, Words
from synth_assets.diffix.parameters import Anonymization
from synth_assets.diffix.sticky import Salt, word_of
from synth_assets.domain import OTHER

if TYPE_CHECKING:
    from synth_assets.synthesis.attributes import Attribute
    from synth_assets.synthesis.schema import Field
    from synth_assets.synthesis.table import Rows

_LARGEST, _SMALLEST = 1e300, 1e-290
"""Magnitudes beyond which numbers are cut, so that doubling and halving them stays exact."""

_WHOLE = ("UBIGINT", "BIGINT", "INTEGER", "UINTEGER", "SMALLINT", "USMALLINT", "TINYINT", "UTINYINT")


@dataclass(frozen=True)
class Texts:
    """The texts of a column in order; a text's rank is its position. ``public``: the spec lists them."""

    texts: tuple[str, ...]
    labels: Words
    public: bool = False


@dataclass(frozen=True)
class Table:
    """A table that was read: atoms, and the texts of its text columns (None for the others)."""

    encoded: Encoded
    texts: tuple[tuple[str, ...] | None, ...]
    public: tuple[bool, ...]


def read_table(
    rows: Rows,
    known: list[Attribute | None],
    units: list[int],
    salt: Salt,
    anonymization: Anonymization,
    rows_per_unit: int,
) -> Table:
    """Read a table.

    Args:
        rows: its rows.
        known: for each column what was declared of it, as the synthesis package has it.
        units: which columns say whose rows they are; they are no columns of the table.
        salt: what the hashes of units depend on.
        anonymization: the parameters of counting.
        rows_per_unit: the most rows of a unit.
    """
    columns = [i for i in range(len(rows.fields)) if i not in units]
    listed = {i: _listed(rows, i, known[i]) for i in columns if not is_number(rows.fields[i])}
    joins, kept = _word_tables(rows, listed)
    chosen = [f"{_value(rows.fields[i], i)} AS v{i}" for i in columns]
    for i in units:
        chosen += [f"{_unit(rows.fields[i], i)} AS u{i}", f"t.c{i} IS NULL AS m{i}"]
    taken = rows.numbers(f"SELECT {', '.join(chosen)} FROM {rows.source} AS t {joins}")
    for name in kept:
        rows.dropped(name)
    scales: list[Scale] = []
    codes: list[Codes] = []
    for i in columns:
        values = _declared(_tamed(taken.pop(f"v{i}")), rows.fields[i], known[i], listed.get(i))
        scale, code = cast(rows.fields[i].name, values, listed[i].labels if i in listed else None)
        scales.append(scale)
        codes.append(code)
    words = [taken[f"u{i}"].view(np.uint64) for i in units] or None
    missing = [taken[f"m{i}"].astype(np.bool_) for i in units]
    encoded = encode(scales, codes, words, salt, anonymization, missing_units=missing, rows_per_unit=rows_per_unit)
    texts = tuple(listed[i].texts if i in listed else None for i in columns)
    return Table(encoded, texts, tuple(i in listed and listed[i].public for i in columns))


def is_number(field: Field) -> bool:
    """Whether a column's values are numbers of their own accord; others are texts with a rank."""
    return field.ordered or field.kind == "boolean"


def _value(field: Field, i: int) -> str:
    """SQL for a value as DOUBLE, NaN for null."""
    if not is_number(field):
        return f"coalesce(CAST(w{i}.code AS DOUBLE), CASE WHEN t.c{i} IS NULL THEN 'nan'::DOUBLE ELSE -1 END)"
    number = f"CAST(CAST(t.c{i} AS TINYINT) AS DOUBLE)" if field.kind == "boolean" else field.on_grid(f"t.c{i}")
    return f"coalesce({number}, 'nan'::DOUBLE)"


def _unit(field: Field, i: int) -> str:
    """SQL for a 64-bit word of a unit."""
    if field.type in _WHOLE:
        return f"coalesce(CAST(t.c{i} AS {'UBIGINT' if field.type == 'UBIGINT' else 'BIGINT'}), 0)"
    return f"coalesce(md5_number_lower(CAST(t.c{i} AS VARCHAR)), 0)"


def _listed(rows: Rows, i: int, known: Attribute | None) -> Texts:
    """The texts of a column: those declared, then ``other``, or those that occur, in the order of their code points."""
    if known is not None and known.form == "categorical":
        texts = tuple(dict.fromkeys((*known.values, OTHER)))
        return Texts(texts, np.array([word_of(text) for text in texts], dtype=np.uint64), True)
    found = rows.query(
        f"SELECT v, md5_number_lower(v) AS h FROM (SELECT DISTINCT CAST(c{i} AS VARCHAR) AS v FROM {rows.source}"
        f" WHERE c{i} IS NOT NULL) ORDER BY encode(v)"
    ).fetchnumpy()
    return Texts(tuple(np.ma.getdata(found["v"]).tolist()), np.ma.getdata(found["h"]).astype(np.uint64))


def _word_tables(rows: Rows, listed: dict[int, Texts]) -> tuple[str, list[str]]:
    """Tables of texts and their ranks, and SQL that joins them."""
    joins, kept = [], []
    for i, words in listed.items():
        if words.public:
            name = rows.kept(f"words{i}", "SELECT CAST(NULL AS VARCHAR) AS v, CAST(NULL AS BIGINT) AS code LIMIT 0")
            _insert(rows, name, words.texts)
        else:
            inner = f"SELECT DISTINCT CAST(c{i} AS VARCHAR) AS v FROM {rows.source} WHERE c{i} IS NOT NULL"
            ranked = f"SELECT v, row_number() OVER (ORDER BY encode(v)) - 1 AS code FROM ({inner})"
            name = rows.kept(f"words{i}", ranked)
        kept.append(name)
        joins.append(f"LEFT JOIN {name} AS w{i} ON CAST(t.c{i} AS VARCHAR) = w{i}.v")
    return " ".join(joins), kept


def _insert(rows: Rows, name: str, texts: tuple[str, ...]) -> None:
    """Write declared texts into a table of texts and ranks."""
    from synth_assets.storage import literal

    for start in range(0, len(texts), 1000):
        listed = ", ".join(f"({literal(text)}, {start + j})" for j, text in enumerate(texts[start : start + 1000]))
        rows.query(f"INSERT INTO {name} VALUES {listed}")


def _tamed(values: NDArray[Any]) -> Floats:
    """Finite numbers of moderate size, NaN for the rest."""
    numbers = np.array(np.ma.filled(values, np.nan), dtype=np.float64)
    numbers[~np.isfinite(numbers)] = np.nan
    np.clip(numbers, -_LARGEST, _LARGEST, out=numbers)
    numbers[np.abs(numbers) < _SMALLEST] = 0.0
    return numbers


def _declared(values: Floats, field: Field, known: Attribute | None, words: Texts | None) -> Floats:
    """Values kept to what is declared: numbers within their bounds, texts that nobody listed as ``other``."""
    if words is not None:
        return np.where(values == -1, float(words.texts.index(OTHER)) if words.public else np.nan, values)
    if known is None or field.kind == "boolean":
        return values
    if known.form == "numeric":
        last = known.edges[-1] - 1 if field.whole else known.edges[-1]
        return np.clip(values, known.edges[0], max(last, known.edges[0]))
    allowed = np.asarray(field.units_of(known.values), dtype=np.float64) / field.grain
    return np.where(np.isin(values, np.floor(allowed) if field.whole else allowed), values, np.nan)
