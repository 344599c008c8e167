"""Groups and values of rows: what is read together is read once, in blocks, and tallied as whole numbers.

A group is one cell of the product of its columns: declared categories, ``other``, missing; or cells of declared bounds.
Every group is tallied, also one that no row is in, so that the groups of the table tell nothing of the rows.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import pairwise
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from synth_assets.domain import OTHER, Column, Domain
from synth_assets.errors import DomainError
from synth_assets.synthesis.attributes import Attribute, Numeric
from synth_assets.synthesis.learning import declared
from synth_assets.synthesis.marginals import coding, on_cells
from synth_assets.synthesis.schema import Field
from synth_assets.synthesis.table import Rows

Integers = NDArray[np.int64]
Floats = NDArray[np.float64]
Block = Sequence[NDArray[Any]]

MISSING = "(missing)"
GROUP_BINS = 10
"""Cells that bounds are cut into where neither the domain nor the entry says how many."""
MAX_GROUPS = 100_000
"""The most groups of one entry; more figures than that are no dashboard."""

_EPOCH = datetime(1970, 1, 1)


@dataclass
class Selection:
    """The columns of a snapshot that are read in one go, each once: codes of an attribute, or plain numbers."""

    rows: Rows
    _slots: dict[tuple[int, Attribute | None], int] = field(default_factory=dict)

    def codes(self, column: int, attribute: Attribute) -> int:
        """Read a column as codes; returns its place in a block."""
        return self._slots.setdefault((column, attribute), len(self._slots))

    def values(self, column: int) -> int:
        """Read a column as numbers in steps of its grid, NaN where there is none; returns its place in a block."""
        return self._slots.setdefault((column, None), len(self._slots))

    def blocks(self) -> Iterator[tuple[int, Block]]:
        """The rows, block by block: how many, and one array for each place."""
        coded = [
            coding(i, attribute, f"k{slot}") if attribute else (_number(self.rows.fields[i], f"r.c{i}"), "")
            for (i, attribute), slot in self._slots.items()
        ]
        chosen = ", ".join(["1 AS one", *(f"{expression} AS s{slot}" for slot, (expression, _) in enumerate(coded))])
        joins = " ".join(join for _, join in coded)
        for block in self.rows.blocks(f"SELECT {chosen} FROM {self.rows.source} AS r {joins}"):
            yield (
                len(block),
                [
                    _decoded(block.iloc[:, slot + 1].to_numpy(), attribute)
                    for slot, (_, attribute) in enumerate(self._slots)
                ],
            )


def _number(of: Field, column: str) -> str:
    """SQL for a number in steps of its grid; a boolean is 0 or 1."""
    return f"CAST(CAST({column} AS TINYINT) AS DOUBLE)" if of.kind == "boolean" else of.on_grid(column)


def _decoded(values: NDArray[Any], attribute: Attribute | None) -> NDArray[Any]:
    if attribute is None:
        return values.astype(np.float64)
    if isinstance(attribute, Numeric):
        return on_cells(values.astype(np.float64), attribute)
    return values.astype(np.int64)


@dataclass(frozen=True)
class Groups:
    """The groups of one entry: the product of its columns' cells, numbered with the last column running fastest."""

    names: tuple[str, ...]
    attributes: tuple[Attribute, ...]
    slots: tuple[int, ...]

    @property
    def size(self) -> int:
        """How many groups there are."""
        return prod(attribute.cells for attribute in self.attributes)

    def number(self, block: Block, rows: int) -> Integers:
        """The group of each row of a block."""
        flat = np.zeros(rows, dtype=np.int64)
        for attribute, slot in zip(self.attributes, self.slots, strict=True):
            flat = flat * attribute.cells + block[slot].astype(np.int64)
        return flat

    def labels(self) -> dict[str, list[str]]:
        """For each column the label of its cell, group by group."""
        shape = [attribute.cells for attribute in self.attributes]
        places = np.unravel_index(np.arange(self.size), shape) if shape else ()
        texts = [cell_labels(attribute) for attribute in self.attributes]
        return {
            name: [text[i] for i in place.tolist()] for name, text, place in zip(self.names, texts, places, strict=True)
        }


def add_up(flat: Integers, weights: Integers | None, size: int) -> Integers:
    """Whole numbers summed by group, exactly: a block's sums stay far below 2^53."""
    if weights is None:
        return np.bincount(flat, minlength=size).astype(np.int64)
    sums = np.bincount(flat, weights=weights.astype(np.float64), minlength=size)
    return np.rint(sums).astype(np.int64)


# ------------------------------------------------------------------------------------------------ what is known
def group_attributes(
    rows: Rows, names: Sequence[str], domain: Domain, bins: Mapping[str, int] | None = None
) -> list[Attribute | None]:
    """The cells of columns to group by; None for categories that nobody declared.

    Raises DomainError where a number has no bounds, or a declaration does not suit the column's type.
    """
    asked = bins or {}
    sized = Domain(columns={name: _sized(domain[name], asked.get(name)) for name in names})
    places = {f.name: i for i, f in enumerate(rows.fields)}
    known = declared(rows, sized)
    for name in names:
        of = rows.fields[places[name]]
        if known[places[name]] is None and of.ordered:
            raise DomainError(
                f"column {name} is of type {of.type} and has no bounds to be cut into groups; declare `bounds` (and "
                "`bins`), or `categories`, under the source's columns"
            )
    return [known[places[name]] for name in names]


def _sized(column: Column, bins: int | None) -> Column:
    if column.bounds is None:
        return column
    return column.model_copy(update={"bins": bins or column.bins or GROUP_BINS})


def require_few(groups: Groups, cells: int = 1) -> None:
    """Raises DomainError where an entry has more figures than :data:`MAX_GROUPS`."""
    if groups.size * cells > MAX_GROUPS:
        raise DomainError(
            f"grouping by {', '.join(groups.names)} makes {groups.size * cells} figures; {MAX_GROUPS} are the most: "
            "group by fewer columns, or declare fewer `bins` or `categories`"
        )


# ------------------------------------------------------------------------------------------------ labels
def cell_labels(attribute: Attribute) -> list[str]:
    """The text of each cell: a category, ``other``, a range, or ``(missing)``; all differ."""
    if isinstance(attribute, Numeric):
        texts = _range_labels(attribute)
    else:
        texts = list(attribute.values)
        if attribute.has_other:
            texts.append(_unlike(OTHER, texts))
    if attribute.null is not None:
        texts.append(_unlike(MISSING, texts))
    return texts


def _unlike(label: str, texts: list[str]) -> str:
    while label in texts:
        label = f"({label})"
    return label


def _range_labels(attribute: Numeric) -> list[str]:
    of, edges = attribute.field, attribute.edges
    last = len(edges) - 2
    labels = []
    for i, (low, high) in enumerate(pairwise(edges)):
        if of.whole and high - low == 1:
            labels.append(step_label(of, low))
        elif of.whole:
            labels.append(f"{step_label(of, low)} to {step_label(of, high - 1)}")
        else:
            labels.append(f"[{step_label(of, low)}, {step_label(of, high)}{']' if i == last else ')'}")
    return labels if len(set(labels)) == len(labels) else [f"{i + 1}: {label}" for i, label in enumerate(labels)]


def step_label(of: Field, step: float) -> str:
    """A place on a column's grid as people write it."""
    if of.kind == "date":
        return (_EPOCH + timedelta(days=step)).date().isoformat()
    if of.kind == "timestamp":
        return (_EPOCH + timedelta(seconds=step)).isoformat(sep=" ")
    return format(step * step_size(of), ".12g")


def step_size(of: Field) -> float:
    """How much one step of a number's grid is worth."""
    digits = of.type.rstrip(")").split(",")[1] if of.type.startswith("DECIMAL(") else "0"
    return float(10.0 ** -int(digits))
