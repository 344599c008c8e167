"""Structural zeros: combinations of values that cannot occur, public knowledge as the domain is.

A zero names two columns or more and, of each, categories or an interval; no row has all of them. Before anything is
measured, grids are cut where an interval ends, and cells are merged into groups only with cells that the same zeros
name. So a zero is a set of whole groups: the fit gives it no probability, no noise is left in it, and it is never
sampled.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import reduce
from typing import TYPE_CHECKING, Annotated

import numpy as np
from numpy.typing import NDArray
from pydantic import AfterValidator

from synth_assets.domain import Category, Domain
from synth_assets.errors import DomainError
from synth_assets.synthesis.attributes import Attribute, Numeric
from synth_assets.synthesis.cliques import Clique, tree_cells
from synth_assets.synthesis.grids import after
from synth_assets.synthesis.learning import Measured, declared, declared_steps, written
from synth_assets.synthesis.marginals import MAX_CELLS

if TYPE_CHECKING:
    from synth_assets.synthesis.compression import Compressed
    from synth_assets.synthesis.table import Rows

Mask = NDArray[np.bool_]
Barred = Mapping[int, Mask]
"""The cells that one zero names of each of its columns."""


def _checked(zeros: tuple[Mapping[str, tuple[Category, ...]], ...]) -> tuple[Mapping[str, tuple[Category, ...]], ...]:
    for combination in zeros:
        if len(combination) < 2:
            raise ValueError("a combination names at least two columns; leave what never occurs out of `categories`")
        for name, values in combination.items():
            if not values:
                raise ValueError(f"`{name}` names no value; list categories, or the two ends of an interval")
    return zeros


Zeros = Annotated[tuple[Mapping[str, tuple[Category, ...]], ...], AfterValidator(_checked)]


def declared_without(rows: Rows, domain: Domain, zeros: Zeros) -> list[Attribute | None]:
    """What is declared of each column, cut where intervals of ``zeros`` end.

    Raises DomainError where a zero names a column or a category that nobody declared.
    """
    known = declared(rows, domain)
    places = {field.name: i for i, field in enumerate(rows.fields)}
    for combination in zeros:
        for name in combination:
            if name not in places or known[places[name]] is None:
                raise DomainError(
                    f"synthesizer.zeros: `{name}` is no column of the table with `categories` or `bounds`; declare "
                    "them, or remove the combination"
                )
        for name, values in combination.items():
            attribute = known[places[name]]
            if isinstance(attribute, Numeric):
                known[places[name]] = attribute.cut(*_span(attribute, values))
            elif attribute is not None:
                _cells(rows, attribute, values)
    return known


def barred_cells(rows: Rows, zeros: Zeros, columns: Sequence[Measured]) -> list[Barred]:
    """The cells that each zero names, in columns whose grids are cut where its intervals end."""
    places = {column.attribute.field.name: i for i, column in enumerate(columns)}
    return [
        {places[name]: _cells(rows, columns[places[name]].attribute, zero[name]) for name in zero} for zero in zeros
    ]


def _span(attribute: Numeric, values: tuple[Category, ...]) -> tuple[float, float]:
    """The half-open interval that begins and ends with the two values, in steps of the grid."""
    name = attribute.field.name
    if len(values) != 2:
        raise DomainError(
            f"synthesizer.zeros: `{name}` has bounds, so name the least and the greatest value that is out"
        )
    first, last = declared_steps(attribute.field, Domain.from_spec({name: {"bounds": values}})[name])
    return first, after(last, attribute.field.whole)


def _cells(rows: Rows, attribute: Attribute, values: tuple[Category, ...]) -> Mask:
    """Which cells of a column a zero names."""
    if isinstance(attribute, Numeric):
        first, end = _span(attribute, values)
        starts = np.array(attribute.edges[:-1])
        return np.append((starts >= first) & (starts < end), np.zeros(attribute.cells - len(starts), dtype=np.bool_))
    texts = written(rows, attribute.field, values)
    unknown = [text for text in texts if text not in attribute.values]
    if unknown:
        raise DomainError(
            f"synthesizer.zeros: '{unknown[0]}' is not a category of `{attribute.field.name}`; name declared ones"
        )
    return np.isin(np.arange(attribute.cells), [attribute.values.index(text) for text in texts])


def kinds(named: Sequence[Barred], column: int, cells: int) -> NDArray[np.int64]:
    """A number for each cell of a column; cells that the same zeros name have the same one."""
    masks = [zero[column] for zero in named if column in zero]
    if not masks:
        return np.zeros(cells, dtype=np.int64)
    return np.unique(np.stack(masks, axis=1), axis=0, return_inverse=True)[1].ravel()


def over_groups(named: Sequence[Barred], compressed: Sequence[Compressed]) -> dict[Clique, Mask]:
    """The combinations of groups that are zero, for each set of columns.

    Raises DomainError where a model that holds these columns together would be too large.
    """
    sizes = [groups.size for groups in compressed]
    if tree_cells(sizes, named) > MAX_CELLS:
        raise DomainError("synthesizer.zeros: the model would be too large; name fewer combinations or columns")
    found: dict[Clique, Mask] = {}
    for zero in named:
        nodes = tuple(sorted(zero))
        marks = [np.isin(np.arange(sizes[i]), compressed[i].group_of[zero[i]]) for i in nodes]
        mask = reduce(np.logical_and.outer, marks)
        found[nodes] = found.get(nodes, np.zeros_like(mask)) | mask
    return found
