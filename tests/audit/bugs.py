"""Bugs that privacy code is known for, planted into the code under audit; each lasts as long as its monkeypatch."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from synth_assets.mechanisms import DiscreteGaussian, Entropy, Integers, SystemEntropy, gaussian_for
from synth_assets.statistics import figures, moments
from synth_assets.synthesis import aim, allowance, independent, learning, mst, privbayes
from synth_assets.synthesis.allowance import Allowance
from tests.audit.targets import ROWS

Plant = Callable[[pytest.MonkeyPatch], None]


def scaled_noise(factor: float) -> Plant:
    """Noise calibrated to ``factor`` of what it should be."""

    def plant(patch: pytest.MonkeyPatch) -> None:
        def wrong(rho: float, sensitivity: int) -> DiscreteGaussian:
            return DiscreteGaussian(gaussian_for(rho, sensitivity).sigma * factor)

        patch.setattr(allowance, "gaussian_for", wrong)

    return plant


def half_the_noise(patch: pytest.MonkeyPatch) -> None:
    """Sigma is calibrated to half of the sensitivity."""
    scaled_noise(0.5)(patch)


def half_the_draw(patch: pytest.MonkeyPatch) -> None:
    """Sigma is what it should be, but the sampler draws from a law of half of it; nothing but the draws tells."""
    right = DiscreteGaussian.draw

    def wrong(self: DiscreteGaussian, count: int, entropy: Entropy) -> Integers:
        return right(DiscreteGaussian(self.sigma / 2), count, entropy)

    patch.setattr(DiscreteGaussian, "draw", wrong)


def noise_over_n(patch: pytest.MonkeyPatch) -> None:
    """The noise of a share of n rows is added to counts of rows, as DataSynthesizer 0.1 did for a while."""
    scaled_noise(1 / ROWS)(patch)


def domain_from_data(patch: pytest.MonkeyPatch) -> None:
    """Every category that occurs is named: the threshold is paid for and then left out."""
    right = Allowance.threshold

    def wrong(self: Allowance, *shares: Any) -> int:
        return min(1, right(self, *shares))

    patch.setattr(Allowance, "threshold", wrong)


def exact_n(patch: pytest.MonkeyPatch) -> None:
    """The number of rows is told as it is: as if n were public."""
    right = learning.learn

    def learned(*given: Any) -> learning.Learned:
        result = right(*given)
        return dataclasses.replace(result, total=float(len(result.codes[0])))

    for method in (independent, mst, aim, privbayes):
        patch.setattr(method, "learn", learned)
    meter = moments.Meter.measure

    def counted(self: moments.Meter, totals: Integers, *given: Any, **more: Any) -> Any:
        told, noise = meter(self, totals, *given, **more)
        return (totals.astype(np.float64) if totals.size == 1 else told), noise

    patch.setattr(moments.Meter, "measure", counted)


def fixed_seed(patch: pytest.MonkeyPatch) -> None:
    """The words of entropy are those of a generator that starts with the same seed in every run."""

    def words(self: SystemEntropy, count: int) -> np.ndarray[tuple[int], np.dtype[np.uint64]]:
        rng = self.__dict__.setdefault("rng", np.random.default_rng(7))
        return np.asarray(rng.integers(0, 2**64, count, dtype=np.uint64))

    patch.setattr(SystemEntropy, "words", words)


def charge_used_twice(patch: pytest.MonkeyPatch) -> None:
    """Everything is measured twice, each time with the noise of its whole share, and charged once."""
    right = Allowance.measure

    def wrong(self: Allowance, counts: Integers, share: Any, purpose: str, row: int = 1) -> Integers:
        again = self.source.add(counts, self.noise(share, row))
        return (right(self, counts, share, purpose, row) + again) // 2

    patch.setattr(Allowance, "measure", wrong)


def replace_one_sensitivity(patch: pytest.MonkeyPatch) -> None:
    """A sum's noise hides that a value is *replaced* by another (high - low), not that a row comes or goes (high)."""
    right = moments.addend

    class Narrow(moments.Addend):
        def of(self, values: Any) -> Integers:
            clamped = np.clip(values, self.bounds.low, self.bounds.high)
            return np.asarray(np.rint(clamped / self.unit), dtype=np.int64)

    def wrong(bounds: moments.Range, *given: Any) -> moments.Addend:
        whole = right(bounds, *given)
        return Narrow(bounds, round(bounds.span / whole.unit), whole.unit)

    patch.setattr(figures, "addend", wrong)


def unclamped_value(patch: pytest.MonkeyPatch) -> None:
    """A value counts in full in a sum, wherever its bounds are."""

    def wrong(self: moments.Addend, values: Any) -> Integers:
        return np.asarray(np.rint(values / self.unit), dtype=np.int64)

    patch.setattr(moments.Addend, "of", wrong)


EVERYWHERE: tuple[Plant, ...] = (half_the_noise, noise_over_n, domain_from_data, exact_n, fixed_seed, charge_used_twice)
IN_SUMS: tuple[Plant, ...] = (replace_one_sensitivity, unclamped_value)
