"""Compression: fine cells are merged until each group stands out of the noise, from noisy counts alone.

MST (McKenna, Miklau and Sheldon 2021, section 5.2) pools the categories whose noisy count is below three standard
deviations. Cells on a scale are merged with their neighbours instead, so that a group remains an interval. Pairs of
columns are then measured over groups; within a group the column's own marginal decides.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from synth_assets.synthesis.learning import Measured

Floats = NDArray[np.float64]
Groups = NDArray[np.int64]

SIGNIFICANT = 3.0
"""Standard deviations from which a noisy count is taken for more than noise."""


@dataclass(frozen=True)
class Compressed:
    """Groups of one column's cells.

    ``group_of``: the group of each cell, groups in rising order of their first cell. ``counts``, ``variances``: the
    noisy marginal over groups. ``within``: each cell's share of its group; sums to one over each group.
    """

    group_of: Groups
    counts: Floats
    variances: Floats
    within: Floats

    @property
    def size(self) -> int:
        """How many groups there are."""
        return len(self.counts)


def compress(measured: Measured, target: float, kinds: Groups | None = None) -> Compressed:
    """Merge cells into groups of at least ``target`` rows, as far as the noisy counts tell.

    ``target`` is in rows; three standard deviations of the group's own noise are asked for in any case. Only cells
    that have the same number in ``kinds`` are merged (left out: any).
    """
    counts, deviation = measured.counts, np.sqrt(measured.variances)
    reserved = _reserved(measured)
    values = len(counts) - len(reserved)
    merge = _merge_neighbours if measured.attribute.ordered else _pool_rare
    kind = np.zeros(values, dtype=np.int64) if kinds is None else kinds[:values]
    group_of = merge(counts[:values], deviation[:values], target, kind)
    silent = _silent(measured)
    for cell in reserved:
        joined = int(np.bincount(group_of, weights=counts[: len(group_of)]).argmax()) if silent[cell] else None
        group_of = np.append(group_of, group_of.max(initial=-1) + 1 if joined is None else joined)
    return _grouped(measured, group_of)


def _reserved(measured: Measured) -> list[int]:
    """The cells that stand for no value of their own, in rising order: ``other`` and null."""
    attribute = measured.attribute
    return [cell for cell in (attribute.other, attribute.null) if cell is not None]


def _silent(measured: Measured) -> NDArray[np.bool_]:
    """Reserved cells that do not stand out of the noise: never sampled, unless there is nothing else."""
    silent = np.zeros(len(measured.counts), dtype=np.bool_)
    reserved = _reserved(measured)
    slight = measured.counts[reserved] < SIGNIFICANT * np.sqrt(measured.variances[reserved])
    silent[reserved] = slight & (len(reserved) < len(measured.counts))
    return silent


def _pool_rare(counts: Floats, deviation: Floats, target: float, kind: Groups) -> Groups:
    """Each frequent category by itself, all others of a kind in one group."""
    rare = counts < np.maximum(SIGNIFICANT * deviation, target)
    labels = np.where(rare, len(counts) + kind, np.arange(len(counts)))
    return _renumbered(labels)


def _merge_neighbours(counts: Floats, deviation: Floats, target: float, kind: Groups) -> Groups:
    """Intervals of cells of one kind."""
    ends = np.flatnonzero(np.diff(kind)) + 1
    parts = zip(np.split(counts, ends), np.split(deviation, ends), strict=True)
    labels: list[Groups] = []
    for part in parts:
        labels.append(_intervals(*part, target) + (labels[-1].max(initial=-1) + 1 if labels else 0))
    return np.concatenate(labels)


def _intervals(counts: Floats, deviation: Floats, target: float) -> Groups:
    """Intervals of cells, left to right; a cell that is heavy by itself stays by itself.

    What is left over before a heavy cell joins the interval to its left, if there is one and the rest is no more than
    noise; else it is an interval of its own.
    """
    labels = np.zeros(len(counts), dtype=np.int64)
    label, mass, variance, start, joins = 0, 0.0, 0.0, 0, False
    for cell, (count, sd) in enumerate(zip(counts, deviation, strict=True)):
        heavy = count >= max(SIGNIFICANT * sd, target)
        if heavy and cell > start:
            slight = mass < SIGNIFICANT * np.sqrt(variance)
            labels[start:cell] = label - 1 if joins and slight else label
            label += not (joins and slight)
        labels[cell] = label
        mass, variance = (count, sd**2) if heavy else (mass + count, variance + sd**2)
        if heavy or mass >= max(SIGNIFICANT * np.sqrt(variance), target):
            label, mass, variance, start, joins = label + 1, 0.0, 0.0, cell + 1, not heavy
    return _renumbered(labels)


def _renumbered(labels: Groups) -> Groups:
    """The same partition, groups numbered by their first cell."""
    _, first, places = np.unique(labels, return_index=True, return_inverse=True)
    return np.argsort(np.argsort(first))[places]


def _grouped(measured: Measured, group_of: Groups) -> Compressed:
    size = int(group_of.max(initial=0)) + 1
    counts = np.bincount(group_of, weights=measured.counts, minlength=size).astype(np.float64)
    variances = np.bincount(group_of, weights=measured.variances, minlength=size).astype(np.float64)
    return Compressed(group_of, counts, variances, _within(measured, group_of, size))


def _within(measured: Measured, group_of: Groups, size: int) -> Floats:
    """Each cell's share of its group: noisy counts, shrunk, never negative.

    On a scale they are shrunk towards the group's mean by as much as noise explains their spread (positive-part James
    and Stein estimate). ``other`` and null get nothing where they do not stand out of the noise.
    """
    counts = measured.counts.copy()
    if measured.attribute.ordered:
        members = np.bincount(group_of, minlength=size)
        mean = (np.bincount(group_of, weights=counts, minlength=size) / members)[group_of]
        spread = np.bincount(group_of, weights=(counts - mean) ** 2, minlength=size)
        noise = measured.variances[0] * np.maximum(members - 3, 0)
        kept = np.clip(1 - noise / np.maximum(spread, 1e-12), 0, 1)[group_of]
        counts = mean + kept * (counts - mean)
    counts = np.maximum(counts, 0)
    counts[_silent(measured)] = 0
    totals = np.bincount(group_of, weights=counts, minlength=size)
    spoken = np.where(_silent(measured), 0.0, 1.0)
    even = spoken / np.bincount(group_of, weights=spoken, minlength=size)[group_of]
    return np.where(totals[group_of] > 0, counts / np.where(totals > 0, totals, 1)[group_of], even)
