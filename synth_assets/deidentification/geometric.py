"""Randomized answers about numbers: noise that keeps near, clamped to the declared cells, and what it tells.

What belongs here: how many of 2^64 words lead to each outcome, how a word is looked up in SQL, estimates of the true
mean and shares. What does not: codes, keys of hashes, the YAML form.

Sources: Ghosh, Roughgarden and Sundararajan 2012, "Universally utility-maximizing privacy mechanisms", section 2 (the
truncated geometric mechanism); Walker 1977, "An efficient method for generating discrete random variables with general
distributions" (the lookup). That what is missing is one outcome more is our own, see :class:`TruncatedGeometric`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Context, Decimal, localcontext
from functools import cached_property
from itertools import accumulate

import numpy as np
from numpy.typing import NDArray

_CONTEXT = Context(prec=60)
"""Errors of the 60th digit are far less than the word by which counts are rounded up."""
WORDS = 2**64
USELESS = 0.5
"""Shares are not estimated where the standard error of one is as much: that says nothing."""


@dataclass(frozen=True)
class TruncatedGeometric:
    """The true cell plus two-sided geometric noise, clamped to the first and last one; or nothing, by chance.

    With a = exp(-epsilon / (cells - 1)), noise z has P(z) proportional to a^abs(z): over ordered cells, no answer is
    more than exp(epsilon) times as likely from one as from another. A value answers nothing with probability
    :attr:`lost`, and what is missing with probability :attr:`kept` = exp(epsilon) lost; else what is missing answers
    an end with weight 1 and each other cell with weight 1 - a. Cell j is answered from cell i with probability
    (1 - lost) a^abs(i - j) / (1 + a) times that weight, and from nothing with (1 - kept) / S times it, S the sum of
    the weights. ``lost`` is such that the greatest ratio of the two is exp(epsilon); the least is then 1. So presence
    is hidden as well as the value is. With two cells this is :class:`~synth_assets.mechanisms.RandomizedResponse`.

    Words of 64 bits decide. Every count but the greatest of a row is rounded up, so that rounding lowers ratios only.
    ``epsilon`` is the decimal that it is written as. Raises ValueError on fewer than two cells, or no epsilon.
    """

    epsilon: float
    cells: int
    name = "truncated_geometric"

    def __post_init__(self) -> None:
        if not 0 < self.epsilon <= 100 or not 2 <= self.cells <= 1000:
            raise ValueError("geometric answers need an epsilon within 0 and 100, and 2 to 1000 cells")

    @cached_property
    def noise(self) -> list[int]:
        """Words that lead to noise -(cells - 1) .. cells - 1, the tails at both ends, and last of all to no answer."""
        with localcontext(_CONTEXT):
            a, lost, _ = self._exact()
            centre = WORDS * (1 - lost) / (1 + a)
            side = [math.floor(centre * (1 - a) * a**z) + 1 for z in range(1, self.cells - 1)]
            side.append(math.floor(centre * a ** (self.cells - 1)) + 1)
            none = math.floor(WORDS * lost) + 1
        return [*reversed(side), WORDS - 2 * sum(side) - none, *side, none]

    @cached_property
    def missing(self) -> list[int]:
        """Words that lead from what is missing to each cell, and last of all to no answer."""
        with localcontext(_CONTEXT):
            a, _, kept = self._exact()
            one = WORDS * (1 - kept) / ((self.cells - 2) * (1 - a) + 2)
            end, inner = math.floor(one) + 1, math.floor(one * (1 - a)) + 1
        words = [end, *[inner] * (self.cells - 2), end]
        return [*words, WORDS - sum(words)]

    def _exact(self) -> tuple[Decimal, Decimal, Decimal]:
        """The decay a, and the chances that a value and that nothing answer nothing, to 60 digits."""
        epsilon = Decimal(repr(self.epsilon))
        a, most = (-epsilon / (self.cells - 1)).exp(), epsilon.exp()
        reach = most * (1 + a) / ((self.cells - 2) * (1 - a) + 2)
        lost = (reach - 1) / (reach * most - 1)
        return a, lost, lost * most

    @property
    def outcomes(self) -> int:
        """The cells, and no answer."""
        return self.cells + 1

    @property
    def decay(self) -> float:
        """How much less likely an answer gets with each cell that it is away."""
        return math.exp(-self.epsilon / (self.cells - 1))

    @property
    def lost(self) -> float:
        """The chance that a value answers nothing."""
        return self.noise[-1] / WORDS

    @property
    def kept(self) -> float:
        """The chance that what is missing answers nothing."""
        return self.missing[-1] / WORDS

    def words(self) -> list[list[int]]:
        """Words that lead from each true cell, and last from what is missing, to each outcome."""
        last = self.cells - 1
        *noise, none = self.noise
        below = list(accumulate(noise))
        rows = []
        for i in range(self.cells):
            inner = noise[last - i + 1 : 2 * last - i]
            rows.append([below[last - i], *inner, WORDS - none - below[2 * last - i - 1], none])
        return [*rows, list(self.missing)]

    def channel(self) -> NDArray[np.float64]:
        """The chance of each outcome (columns, the last: none) from each true cell (rows, the last: missing)."""
        return np.array([[word / WORDS for word in row] for row in self.words()])

    def estimate(self, counts: Sequence[int]) -> list[tuple[float, float]]:
        """Of each outcome the share among the true values, without bias, and its standard error.

        Shares of answers times the inverse of the channel. Empty where a standard error is :data:`USELESS` or more:
        the inverse then multiplies chance by more than the answers outweigh. The error is that of the answers alone.
        """
        answers = sum(counts)
        if answers == 0:
            return []
        given = np.array(counts) / answers
        inverse = np.linalg.inv(self.channel())
        shares = given @ inverse
        variance = given @ inverse**2 - np.clip(shares, 0, 1)
        errors = np.sqrt(np.maximum(variance, 0) / answers)
        if not errors.max() < USELESS:
            return []
        return [(float(share), float(error)) for share, error in zip(shares, errors, strict=True)]

    def mean(self, counts: Sequence[int]) -> tuple[float, float]:
        """The mean cell (the first is 0) of the values that are not missing, and its standard error.

        An answer counts as its cell, an end as :attr:`beyond` further out, which is how far noise had gone on average;
        what values answered nothing, and what was missing and did not, is taken off. Without bias but for the
        division by the estimated share of values, which vanishes with many units. NaN where no share of values is
        left. The error is that of the answers and of drawing the units, so no less than that of the answers alone.
        """
        answers = sum(counts)
        given = np.array(counts) / max(answers, 1)
        present = 1 - (given[-1] - self.lost) / (self.kept - self.lost)
        if answers == 0 or present <= 0:
            return math.nan, math.nan
        weights = np.arange(self.cells, dtype=np.float64)
        weights[[0, -1]] += [-self.beyond, self.beyond]
        middle, used = (self.cells - 1) / 2, 1 - self.lost
        strange = (1 - present) * (1 - self.kept) * middle
        mean = float((given[:-1] @ weights - strange) / (used * present))
        nothing = -(1 - self.kept) * (middle - mean) / (self.kept * used - (1 - self.kept) * self.lost)
        each = np.append((weights - mean - self.lost * nothing) / used, nothing)
        return mean, math.sqrt(float(given @ each**2) / answers) / float(present)

    @property
    def beyond(self) -> float:
        """How far beyond an end noise went on average that is told as this end, in cells."""
        return self.decay / -math.expm1(-self.epsilon / (self.cells - 1))

    def outcome(self, code: str, word: str) -> str:
        """SQL of the outcome (NULL: none) that a 64-bit word leads to from a code.

        Two look-ups in constant lists and no CASE, in whose branches the engine would hash each word again.
        """
        last, slots = self.cells - 1, 2 ** max(1, (2 * self.cells - 1).bit_length())
        bits = 65 - slots.bit_length()
        values, missing = aliases(self.noise, slots), aliases(self.missing, slots)
        shifts = _pairs(values, [*range(-last, self.cells), None])
        shifts += _pairs(missing, [*range(-self.cells, 0), None])  # from the code of what is missing
        cuts = f"[{', '.join(map(str, values[0] + missing[0]))}]::UBIGINT[]"
        slot = f"(({word} >> {bits})::INTEGER + {slots} * ({code} >= {self.cells})::INTEGER)"
        above = f"(({word} & {2**bits - 1}::UBIGINT) >= list_extract({cuts}, 1 + {slot}))::INTEGER"
        shift = f"list_extract([{', '.join(shifts)}]::INTEGER[], 1 + 2 * {slot} + {above})"
        return f"least(greatest({code}::INTEGER + {shift}, 0), {last}) + 0 * {shift}"


def aliases(words: Sequence[int], slots: int) -> tuple[list[int], list[int]]:
    """Walker's table of outcomes with these counts of the 2^64 words: ``slots``, a power of two, of as many words each.

    The first ``cuts[i]`` words of slot i lead to outcome i, the rest to ``other[i]``: exactly, as all are integers.
    """
    size = WORDS // slots
    left = [*words, *[0] * (slots - len(words))]
    cuts, other = [size] * slots, list(range(slots))
    small = [i for i, count in enumerate(left) if count < size]
    large = [i for i, count in enumerate(left) if count > size]
    while small:
        low, high = small.pop(), large[-1]
        cuts[low], other[low] = left[low], high
        left[high] -= size - left[low]
        if left[high] <= size:
            large.pop()
            if left[high] < size:
                small.append(high)
    return cuts, other


def _pairs(table: tuple[list[int], list[int]], outcomes: Sequence[int | None]) -> list[str]:
    """SQL of the outcomes of each slot's words below its cut and above."""
    told = ["NULL" if value is None else str(value) for value in outcomes]
    told += ["NULL"] * (len(table[1]) - len(told))
    return [told[i] for slot, other in enumerate(table[1]) for i in (slot, other)]
