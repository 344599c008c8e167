"""What is possible instead, where a privacy model asks for the impossible: counts only, at the coarsest step of all."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Literal

import numpy as np

from synth_assets.anonymity.classes import Classes, Demand
from synth_assets.anonymity.model import Anonymize

LAXEST = Demand(k=1, l=None, most_suppressed=0)


def frontier(coarsest: Classes, demand: Demand, params: Anonymize) -> str:
    """One sentence: the model cannot be reached, and how far each part of it can be taken.

    Args:
        coarsest: the classes with every column at its last step.
    """
    rows = int(coarsest.rows.sum())
    if not rows:
        return f"anonymize: {params.wished} cannot be reached, as the table has no rows; check the product's source"
    units = int(coarsest.joined(np.zeros(coarsest.size, dtype=np.int64), 1).units()[0])
    offers = [f"the table has {units} unit{'' if units == 1 else 's'}"]
    size: Literal["k", "k_map"] = "k" if params.k else "k_map"
    largest = _told(size, _largest(coarsest, _asks(demand, size)))
    if params.wished == f"{size}={getattr(params, size)}":
        offers.append(largest)
    else:
        alone = replace(LAXEST, most_suppressed=demand.most_suppressed)
        offers.append(f"with {', '.join(params.wished.split(', ')[1:])} {largest}")
        offers.append(f"with {size} alone {_told(size, _largest(coarsest, _asks(alone, size)))}")
    beside = f"with k={params.k}" if params.k else "alone"
    if demand.l is not None:
        offers.append(f"{beside} {_told('l', _largest(coarsest, _asks(_only_k(demand), 'l')))}")
    offers += [f"{beside} {told}" for told in _shares(coarsest, demand)]
    good = demand.passes(coarsest)
    if good.any():
        offers.append(f"as asked, {coarsest.rows[~good].sum() / rows:.1%} of the rows would have to be left out")
    return (
        f"anonymize: {params.wished} cannot be reached within suppression_limit {params.suppression_limit:g}; with "
        f"every column at its last step: {'; '.join(offers)}; ask for less, or for fewer quasi-identifiers"
    )


def _asks(demand: Demand, size: Literal["k", "k_map", "l"]) -> Callable[[int], Demand]:
    """The demand with another ``size``."""
    return {
        "k": lambda least: replace(demand, k=least),
        "k_map": lambda least: replace(demand, k_map=least),
        "l": lambda least: replace(demand, l=least),
    }[size]


def _told(name: str, largest: int) -> str:
    return f"the largest {name} is {largest}" if largest >= 2 else f"no {name} of 2 or more is possible"


def _only_k(demand: Demand) -> Demand:
    return replace(LAXEST, k=demand.k, most_suppressed=demand.most_suppressed)


def _reaches(classes: Classes, demand: Demand) -> bool:
    return demand.permits(classes, demand.passes(classes))


def _largest(classes: Classes, asked: Callable[[int], Demand]) -> int:
    """The largest number that can be asked for, 0 where not even 1 can; what is asked for only gets harder with it."""
    people = 0 if classes.population is None else int(classes.population.count().sum())
    low, high = 0, int(classes.rows.sum()) + people + 1
    while high - low > 1:
        middle = (low + high) // 2
        if _reaches(classes, asked(middle)):
            low = middle
        else:
            high = middle
    return low


def _shares(classes: Classes, demand: Demand) -> list[str]:
    """How far the models of shares can be taken beside k, to a hundredth."""

    def even(limit: float) -> Demand:
        return replace(_only_k(demand), entropy_l=limit)

    def near(limit: float) -> Demand:
        return replace(_only_k(demand), t=limit)

    asked = [("largest entropy_l", np.arange(10_000, 100, -1) / 100, even)] if demand.entropy_l is not None else []
    asked += [("smallest t", np.arange(0, 100) / 100, near)] if demand.t is not None else []
    told = []
    for name, grid, limited in asked:
        low, high = 0, len(grid)  # the first of the grid that can be asked for: what follows is easier
        while low < high:
            middle = (low + high) // 2
            if _reaches(classes, limited(float(grid[middle]))):
                high = middle
            else:
                low = middle + 1
        found = f"the {name} is {grid[low]:g}" if low < len(grid) else f"no {name.split()[1]} is possible"
        told.append(found)
    return told
