"""Linkability and inference: what the nearest synthetic row gives away about a person.

The two attacks of Giomi et al. (PoPETs 2023, sections 4.2 and 4.3), with Gower's distance for mixed types (Biometrics
27, 1971): a difference of amounts counts by its share of the range, a difference of categories counts one. Distances
are whole numbers of 2**-20, so that equal ones are equal and ties fall to the first row in a seeded random order.

A generalized cell is at no distance from the values it allows; among cells that allow a value the narrower is nearer,
be it an interval or a set of words. Of a set the attacker guesses the word that the product has most often.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from synth_assets.evaluation.rates import Rate, measure_rate
from synth_assets.evaluation.sampling import Floats, Sample
from synth_assets.evaluation.tables import MISSING, Column

Whole = npt.NDArray[np.int32]
Index = npt.NDArray[np.intp]
SCALE = 1 << 20
CELLS_AT_ONCE = 8_000_000
TOLERANCE = 0.05
"""A guess of a number is right within 5 % of itself (the paper's tolerance), of a time within 1 % of the range."""


@dataclass(frozen=True)
class Trial:
    """One attack, counted: guesses that came true on fitted people, on control people, and by blind guessing."""

    name: Literal["singling_out", "linkability", "inference"]
    kind: str
    columns: tuple[str, ...]
    main: Rate
    control: Rate
    baseline: Rate


@dataclass(frozen=True)
class _Axis:
    """One column of all three samples on a common scale of whole numbers; -1 is missing.

    Where the product has sets of words: places of words and of labels in ``costs``, words x labels.
    """

    column: Column
    real: Whole
    control: Whole
    low: Whole
    high: Whole
    costs: Whole | None = None


def nearest_rows(
    columns: Sequence[Column], people: Sequence[Sample], product: Sample, views: Sequence[Sequence[int]]
) -> list[list[Index]]:
    """For each sample of people and each view (positions of known columns): each person's nearest synthetic row."""
    axes = [_axis(column, people, product, k) for k, column in enumerate(columns)]
    return [_search(axes, which, len(sample), len(product), views) for which, sample in enumerate(people)]


def _axis(column: Column, people: Sequence[Sample], product: Sample, k: int) -> _Axis:
    """Put one column on the common scale."""
    given: list[Floats] = [*(sample.values[k] for sample in people), product.low[k], product.high[k]]
    if not column.ordered:
        whole = [np.where(np.isnan(g), MISSING, g).astype(np.int32) for g in given]
        return _set_axis(column, *whole[:3]) if column.sets else _Axis(column, *whole)
    everything = np.concatenate(given)
    known = everything[~np.isnan(everything)]
    lowest = known.min() if len(known) else 0.0
    spread = (known.max() - lowest if len(known) else 0.0) or 1.0
    return _Axis(
        column, *(np.where(np.isnan(g), -1, np.rint((g - lowest) / spread * SCALE)).astype(np.int32) for g in given)
    )


def _set_axis(column: Column, real: Whole, control: Whole, low: Whole) -> _Axis:
    """Distances of words from labels: none from what a label allows, but for its width, as of an interval."""
    words, labels = np.unique(np.concatenate([real, control])), np.unique(low)
    costs = np.full((len(words), len(labels)), SCALE, dtype=np.int32)
    most = max(2, len({word for allowed in column.sets.values() for word in allowed}))
    for place, label in enumerate(labels.tolist()):
        if label == MISSING:  # a suppressed cell rules nothing out
            costs[:, place] = SCALE // 2
            continue
        allowed = column.sets[label]
        costs[np.isin(words, list(allowed)), place] = SCALE * (len(allowed) - 1) // (most - 1) // 128
    people = [np.searchsorted(words, cells).astype(np.int32) for cells in (real, control)]
    at = np.searchsorted(labels, low).astype(np.int32)
    return _Axis(column, people[0], people[1], at, at, costs)


def _cost(axis: _Axis, persons: Whole) -> Whole:
    """Distances in one column, persons x synthetic rows."""
    p = persons[:, None]
    if axis.costs is not None:
        return np.asarray(axis.costs[p, axis.low], dtype=np.int32)
    if not axis.column.ordered:
        cost: Whole = (p != axis.low).astype(np.int32) * np.int32(SCALE)
        if axis.column.generalized:  # a suppressed cell rules nothing out
            cost[:, axis.low == MISSING] = SCALE // 2
        return cost
    if axis.column.bounded:
        cost = np.maximum(axis.low - p, 0) + np.maximum(p - axis.high, 0) + (axis.high - axis.low) // 128
    else:
        cost = np.abs(p - axis.low)
    missing, absent = persons == MISSING, axis.low == MISSING
    if missing.any() or absent.any():
        cost[missing[:, None] != absent] = SCALE
        cost[missing[:, None] & absent] = 0
    return np.asarray(cost, dtype=np.int32)


def _search(axes: Sequence[_Axis], which: int, persons: int, rows: int, views: Sequence[Sequence[int]]) -> list[Index]:
    """Blocks of people against all synthetic rows; each column's distances are computed once for all views."""
    found = [np.empty(persons, dtype=np.intp) for _ in views]
    block = max(1, CELLS_AT_ONCE // max(1, rows * len(axes)))
    for start in range(0, persons, block):
        part = slice(start, start + block)
        costs = [_cost(axis, (axis.real if which == 0 else axis.control)[part]) for axis in axes]
        total: Whole = np.asarray(np.sum(costs, axis=0, dtype=np.int32))
        for view, rows_found in zip(views, found, strict=True):
            rows_found[part] = _view(costs, total, view).argmin(axis=1)
    return found


def _view(costs: Sequence[Whole], total: Whole, view: Sequence[int]) -> Whole:
    """Distances over the columns of a view: the sum of its own, or the total less the others, if they are fewer."""
    others = [k for k in range(len(costs)) if k not in set(view)]
    if len(others) < len(view):
        distance = total
        for k in others:
            distance = distance - costs[k]
        return distance
    distance = costs[view[0]]
    for k in view[1:]:
        distance = distance + costs[k]
    return distance


def count_links(
    kind: str,
    first: Sequence[Index],
    second: Sequence[Index],
    names: tuple[str, ...],
    rows: int,
    rng: np.random.Generator,
) -> Trial:
    """Linkability: both halves of what is known of a person lead to the same synthetic row.

    ``first`` and ``second`` hold, for fitted and for control people, the nearest row by either half. Blind guessing
    picks two rows at random.
    """
    main, control = (measure_rate(int((a == b).sum()), len(a)) for a, b in zip(first, second, strict=True))
    blind = int((rng.integers(rows, size=main.attempts) == rng.integers(rows, size=main.attempts)).sum())
    return Trial("linkability", kind, names, main, control, measure_rate(blind, main.attempts))


def count_inferences(
    column: Column,
    k: int,
    people: Sequence[Sample],
    product: Sample,
    nearest: Sequence[Index],
    rng: np.random.Generator,
) -> Trial:
    """Inference: the nearest synthetic row tells the secret. Blind guessing takes the secret of a random row."""
    guesses = _guess_words(column, product, k) if column.sets else (product.low[k] + product.high[k]) / 2
    secrets = [sample.values[k] for sample in people]
    spread = _spread(secrets)
    hits = [_right(column, guesses[rows], secret, spread) for rows, secret in zip(nearest, secrets, strict=True)]
    blind = _right(column, guesses[rng.integers(len(product), size=len(secrets[0]))], secrets[0], spread)
    main, control, baseline = (measure_rate(int(hit.sum()), len(hit)) for hit in (*hits, blind))
    return Trial("inference", column.name, (column.name,), main, control, baseline)


def _guess_words(column: Column, product: Sample, k: int) -> Floats:
    """Of what each label allows, the word that most rows of the product may have; NaN for a missing value."""
    known, counts = np.unique(np.nan_to_num(product.values[k], nan=MISSING), return_counts=True)
    rows = dict(zip(known.astype(int).tolist(), counts.tolist(), strict=True))
    best = {label: max(sorted(allowed), key=lambda word: rows.get(word, 0)) for label, allowed in column.sets.items()}
    words = [
        float(best.get(label, MISSING)) for label in np.nan_to_num(product.low[k], nan=MISSING).astype(int).tolist()
    ]
    return np.array([np.nan if word == MISSING else word for word in words], dtype=np.float64)


def _spread(secrets: Sequence[Floats]) -> float:
    everything = np.concatenate(secrets)
    known = everything[~np.isnan(everything)]
    return float(known.max() - known.min()) if len(known) else 0.0


def _right(column: Column, guess: Floats, secret: Floats, spread: float) -> npt.NDArray[np.bool_]:
    """Whether each guess is right; a missing secret is guessed by a missing value only."""
    both_missing: npt.NDArray[np.bool_] = np.isnan(guess) & np.isnan(secret)
    if not column.continuous:
        return np.asarray((guess == secret) | both_missing)
    tolerance = TOLERANCE * np.abs(guess) if column.kind == "number" else np.full_like(guess, spread / 100)
    return np.asarray((np.abs(guess - secret) <= tolerance) | both_missing)
