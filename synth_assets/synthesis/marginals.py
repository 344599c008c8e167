"""Marginals: the engine codes the rows once, then any set of columns is counted from the codes.

Text never leaves DuckDB: a join to a small table of categories turns it into a code. Numbers are streamed in blocks
and located on their grid. Codes are small integers, kept column by column; a pair of columns of ten million rows is
counted in a fraction of a second.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

import numpy as np
from numpy.typing import NDArray

from synth_assets.storage import literal
from synth_assets.synthesis.attributes import Attribute, Numeric
from synth_assets.synthesis.grids import locate
from synth_assets.synthesis.table import Rows

SmallCodes = NDArray[np.uint16]
Counts = NDArray[np.int64]

MAX_CELLS = 4_000_000
"""The widest marginal that is ever laid out; wider ones are not candidates."""

_BLOCK = 65_536


def code_rows(rows: Rows, attributes: Sequence[Attribute]) -> list[SmallCodes]:
    """The codes of every column, in one order of the rows; attributes have 65,536 cells at the most."""
    parts: list[list[SmallCodes]] = [[] for _ in attributes]
    for block in rows.blocks(_coding_query(rows.source, attributes)):
        for i, attribute in enumerate(attributes):
            values = block.iloc[:, i].to_numpy()
            codes = on_cells(values, attribute) if isinstance(attribute, Numeric) else values
            parts[i].append(codes.astype(np.uint16))
    return [np.concatenate(column) if column else np.zeros(0, dtype=np.uint16) for column in parts]


def _coding_query(source: str, attributes: Sequence[Attribute]) -> str:
    coded = [coding(i, attribute, f"k{i}") for i, attribute in enumerate(attributes)]
    chosen = ", ".join(f"{expression} AS c{i}" for i, (expression, _) in enumerate(coded))
    return f"SELECT {chosen} FROM {source} AS r {' '.join(join for _, join in coded)}"


def coding(i: int, attribute: Attribute, key: str) -> tuple[str, str]:
    """SQL that codes column ``i`` of a snapshot called ``r``: an expression and the join that it needs, named ``key``.

    A category becomes its code; a number its place on the grid, for :func:`on_cells`.
    """
    if isinstance(attribute, Numeric):
        return attribute.field.on_grid(f"r.c{i}"), ""
    missing = attribute.other if attribute.null is None else attribute.null
    outside = attribute.other if attribute.has_other else missing
    fallback = f"CASE WHEN {absent(attribute.field.kind, f'r.c{i}')} THEN {missing or 0} ELSE {outside or 0} END"
    if not attribute.values:
        return f"CAST({fallback} AS INTEGER)", ""
    pairs = ", ".join(f"({literal(text)}, {code})" for code, text in enumerate(attribute.values))
    join = f"LEFT JOIN (VALUES {pairs}) AS {key}(text, code) ON {key}.text = CAST(r.c{i} AS VARCHAR)"
    return f"CAST(coalesce({key}.code, {fallback}) AS INTEGER)", join


def absent(kind: str, column: str) -> str:
    """SQL for "there is no value": null, and not-a-number where that exists."""
    return f"({column} IS NULL OR isnan({column}))" if kind == "real" else f"{column} IS NULL"


def on_cells(values: NDArray[np.float64], attribute: Numeric) -> NDArray[np.int64]:
    """The codes of numbers on the grid of their attribute; what is no finite number is missing."""
    known = np.isfinite(values)
    codes = locate(np.where(known, values, 0.0), np.array(attribute.edges))
    return codes if attribute.null is None else np.where(known, codes, attribute.null)


def count_one(codes: SmallCodes, cells: int) -> Counts:
    """How many rows have each code."""
    return np.bincount(codes, minlength=cells).astype(np.int64)


def count_joint(codes: Sequence[NDArray[np.unsignedinteger]], shape: Sequence[int]) -> Counts:
    """How many rows have each combination of codes; an array of ``shape``, of at most :data:`MAX_CELLS` cells."""
    cells = prod(shape)
    counts = np.zeros(cells, dtype=np.int64)
    step = max(_BLOCK, 4 * cells)
    for start in range(0, len(codes[0]), step):
        flat = codes[0][start : start + step].astype(np.int32)
        for column, size in zip(codes[1:], shape[1:], strict=True):
            flat *= np.int32(size)
            flat += column[start : start + step]
        counts += np.bincount(flat, minlength=cells)
    return counts.reshape(shape)
