"""The only place that draws noise for privacy: exact integer noise, exact choice, and what each of them costs.

Noise is added to integers and stays integer, so that no low bit of a float gives a value away (Mironov, CCS 2012).
Every draw is exact: the samplers use nothing but uniform bits and coins that fall with probability exp(-g) for a
rational g. A coin compares 53 uniform bits with a float whose error is bounded; the one draw in 10^12 that the bound
leaves open is decided by exact rational arithmetic on further bits.

Bits come from the operating system. A seeded generator may be passed for tests and benchmarks; what was drawn with
one says ``seeded`` and must never be released. Not defended: the time that rejection sampling takes.

Sources: Canonne, Kamath and Steinke 2020, "The Discrete Gaussian for Differential Privacy" (Algorithms 1-3,
Proposition 25, Theorem 14); McSherry and Talwar 2007 (exponential mechanism); Bun and Steinke 2016 (zCDP).

Answers of the local model (:class:`RandomizedResponse`) are drawn in the engine by a keyed hash of each row's unit; the
thresholds that decide them are computed here, in integers.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import MAX_EMAX, MIN_EMIN, ROUND_CEILING, ROUND_FLOOR, Context, Decimal
from fractions import Fraction
from functools import lru_cache
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Integers = NDArray[np.int64]

LIMIT = 2**52
"""The largest magnitude of a value that noise may be added to; sums with noise then stay exact."""

MAX_SIGMA = 2.0**40
MAX_SCALE = 2.0**32
_MARGIN = 2.0**-44
"""Bound on |computed exp(-g) - exp(-g)|. The float g is off by 2^-48 max(1, g) at the most (for the Gaussian, whose
g = d^2 / 2 subtracts, by d (d + 1) 2^-50), so exp(-g) by 2^-48 absolute, as x exp(-x) < 1; ``numpy.exp`` is trusted to
2^7 units in the last place."""


class Entropy(Protocol):
    """Uniform 64-bit words."""

    seeded: bool

    def words(self, count: int) -> NDArray[np.uint64]:
        """``count`` independent uniform words."""
        ...


class SystemEntropy:
    """Words from the operating system's generator."""

    seeded = False

    def words(self, count: int) -> NDArray[np.uint64]:
        """``count`` words of ``os.urandom``."""
        return np.frombuffer(os.urandom(8 * count), dtype=np.uint64)


class SeededEntropy:
    """Words from a numpy generator, for tests and benchmarks; marks the result as seeded."""

    seeded = True

    def __init__(self, rng: np.random.Generator) -> None:
        self._rng = rng

    def words(self, count: int) -> NDArray[np.uint64]:
        """``count`` words of the generator."""
        return self._rng.integers(0, 2**64, count, dtype=np.uint64)


# ------------------------------------------------------------------------------------------------ exact coins
def _exp_bounds(exponent: Fraction, bits: int) -> tuple[int, int]:
    """Integers ``low <= exp(-exponent) * 2**bits <= high``; ``decimal`` rounds exp correctly, so one step each way."""
    if exponent > bits:
        return 0, 1
    precision = bits // 3 + 20
    down = Context(prec=precision, rounding=ROUND_FLOOR, Emin=MIN_EMIN, Emax=MAX_EMAX, traps=[])
    up = Context(prec=precision, rounding=ROUND_CEILING, Emin=MIN_EMIN, Emax=MAX_EMAX, traps=[])
    above = up.divide(Decimal(exponent.numerator), Decimal(exponent.denominator))
    below = down.divide(Decimal(exponent.numerator), Decimal(exponent.denominator))
    low = down.next_minus(down.exp(above.copy_negate()))
    high = up.next_plus(up.exp(below.copy_negate()))
    return math.floor(Fraction(low) * 2**bits), math.ceil(Fraction(high) * 2**bits)


def _below_exp(word: int, exponent: Fraction, entropy: Entropy) -> bool:
    """Whether a uniform real that starts with the 64 bits of ``word`` lies below exp(-exponent), exactly."""
    if exponent == 0:
        return True
    bits = 64
    while True:
        low, high = _exp_bounds(exponent, bits)
        if word + 1 <= low:
            return True
        if word >= high:
            return False
        word = (word << 64) | int(entropy.words(1)[0])
        bits += 64


def _coins(g: NDArray[np.float64], exact: Callable[[int], Fraction], entropy: Entropy) -> NDArray[np.bool_]:
    """Independent coins, true with probability exp(-exact(i)); ``g`` holds the floats nearest to the exponents."""
    words = entropy.words(len(g))
    uniform = (words >> np.uint64(11)).astype(np.float64) * 2.0**-53
    chance = np.exp(-g)
    heads = uniform + 2.0**-53 <= chance - _MARGIN
    for i in np.flatnonzero(~heads & (uniform < chance + _MARGIN)):
        heads[i] = _below_exp(int(words[i]), exact(int(i)), entropy)
    return heads


def _below(bound: int, count: int, entropy: Entropy) -> Integers:
    """``count`` uniform integers of 0 .. bound - 1, by rejection from the fewest bits."""
    if bound == 1:
        return np.zeros(count, dtype=np.int64)
    shift = np.uint64(64 - (bound - 1).bit_length())
    kept: list[Integers] = []
    missing = count
    while missing > 0:
        drawn = (entropy.words(2 * missing + 8) >> shift).astype(np.int64)
        drawn = drawn[drawn < bound][:missing]
        kept.append(drawn)
        missing -= len(drawn)
    return np.concatenate(kept) if kept else np.zeros(0, dtype=np.int64)


def _laplace_batch(count: int, s: int, t: int, entropy: Entropy) -> Integers:
    """At most ``count`` draws with P(y) proportional to exp(-|y| s / t) (CKS 2020, Algorithm 2)."""
    u = _below(t, count, entropy)
    u = u[_coins(u / t, lambda i: Fraction(int(u[i]), t), entropy)]
    v = np.zeros(len(u), dtype=np.int64)
    active = np.arange(len(u))
    while active.size:
        active = active[_coins(np.ones(active.size), lambda _: Fraction(1), entropy)]
        v[active] += 1
    magnitude: Integers = (u + t * v) // s
    negative = entropy.words(len(u)) >> np.uint64(63) == 1
    kept = ~(negative & (magnitude == 0))
    signed: Integers = np.where(negative, -magnitude, magnitude)
    drawn: Integers = signed[kept]
    return drawn


def _gaussian_batch(count: int, variance: Fraction, t: int, entropy: Entropy) -> Integers:
    """At most ``count`` draws with P(y) proportional to exp(-y^2 / (2 variance)) (CKS 2020, Algorithm 3)."""
    y = _laplace_batch(count, 1, t, entropy)
    centre = variance / t
    g = (np.abs(y) - float(centre)) ** 2 / (2 * float(variance))
    kept = _coins(g, lambda i: (abs(int(y[i])) - centre) ** 2 / (2 * variance), entropy)
    return y[kept]


def _collect(batch: Callable[[int], Integers], count: int) -> Integers:
    """Exactly ``count`` draws from batches that return fewer than they are asked for."""
    drawn: list[Integers] = [np.zeros(0, dtype=np.int64)]
    missing = count
    while missing > 0:
        drawn.append(batch(2 * missing + 16)[:missing])
        missing -= len(drawn[-1])
    return np.concatenate(drawn)


# ------------------------------------------------------------------------------------------------ noise
@dataclass(frozen=True)
class DiscreteGaussian:
    """Noise on the integers with P(y) proportional to exp(-y^2 / (2 sigma^2)); sigma in rows, no less than claimed."""

    sigma: float
    name = "discrete_gaussian"

    def __post_init__(self) -> None:
        if not 0 < self.sigma <= MAX_SIGMA:
            raise ValueError(f"sigma ({self.sigma}) must be positive and at most 2^40")

    @property
    def scale(self) -> float:
        """The parameter of the distribution."""
        return self.sigma

    @property
    def variance(self) -> float:
        """An upper bound on the variance (CKS 2020, Corollary 9)."""
        return self.sigma**2

    def draw(self, count: int, entropy: Entropy) -> Integers:
        """``count`` independent exact draws."""
        variance = Fraction(self.sigma) ** 2
        t = math.floor(self.sigma) + 1
        return _collect(lambda n: _gaussian_batch(n, variance, t, entropy), count)

    def tail(self, threshold: int) -> float:
        """An upper bound on P(noise >= threshold): that of the normal law at threshold - 1 (CKS 2020, Prop. 25)."""
        if threshold < 1:
            return 1.0
        return 0.5 * math.erfc((threshold - 1) / (self.sigma * math.sqrt(2))) * (1 + 1e-9)


@dataclass(frozen=True)
class TwoSidedGeometric:
    """Noise on the integers with P(y) proportional to exp(-|y| / scale), the discrete Laplace law; scale in rows."""

    scale: float
    name = "two_sided_geometric"

    def __post_init__(self) -> None:
        if not 2.0**-20 <= self.scale <= MAX_SCALE:
            raise ValueError(f"scale ({self.scale}) must lie within 2^-20 and 2^32")

    @property
    def variance(self) -> float:
        """The exact variance, 2 a / (1 - a)^2 with a = exp(-1 / scale)."""
        a = math.exp(-1 / self.scale)
        return 2 * a / math.expm1(-1 / self.scale) ** 2

    def draw(self, count: int, entropy: Entropy) -> Integers:
        """``count`` independent exact draws; the scale is rounded up, by one part in 10^3 at most."""
        digits = 44 if self.scale >= 1 else 24
        s, t = max(1, math.floor(2**digits / Fraction(self.scale))), 2**digits
        common = math.gcd(s, t)
        return _collect(lambda n: _laplace_batch(n, s // common, t // common, entropy), count)

    def tail(self, threshold: int) -> float:
        """An upper bound on P(noise >= threshold)."""
        if threshold < 1:
            return 1.0
        a = math.exp(-1 / self.scale)
        return a**threshold / (1 + a) * (1 + 1e-9)


Noise = DiscreteGaussian | TwoSidedGeometric


def threshold_for(noise: Noise, probability: float) -> int:
    """The least integer k with P(noise >= k) <= probability."""
    low, high = 0, 1
    while noise.tail(high) > probability:
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if noise.tail(middle) > probability else (low, middle)
    return high


# ------------------------------------------------------------------------------------------------ the source of noise
class NoiseSource(Protocol):
    """What draws: :class:`ExactNoise` for releases, :class:`NoNoise` for tests of everything else."""

    seeded: bool

    def add(self, values: Integers, noise: Noise) -> Integers:
        """The values plus independent noise."""
        ...

    def choose(self, scores: Integers, epsilon: float, sensitivity: int) -> int:
        """The index of one score, high ones preferred."""
        ...


class ExactNoise:
    """Draws from an entropy; ``seeded`` as that is."""

    def __init__(self, entropy: Entropy | None = None) -> None:
        self._entropy: Entropy = SystemEntropy() if entropy is None else entropy
        self.seeded = self._entropy.seeded

    def add(self, values: Integers, noise: Noise) -> Integers:
        """``values`` (int64, any shape) plus independent noise.

        Raises ValueError on values that are not integers or whose magnitude exceeds :data:`LIMIT`.
        """
        counts = _checked(values)
        return counts + noise.draw(counts.size, self._entropy).reshape(counts.shape)

    def choose(self, scores: Integers, epsilon: float, sensitivity: int) -> int:
        """The exponential mechanism: index i with probability proportional to exp(epsilon score_i / (2 sensitivity)).

        Exact: a candidate drawn uniformly is accepted with probability exp(-epsilon (best - score) / (2
        sensitivity)), until one is. Epsilon-differentially private for scores that one unit changes by
        ``sensitivity`` at the most, and epsilon^2 / 8 in zCDP. Raises ValueError when there is nothing to choose.
        """
        integers = _checked(scores)
        if integers.size == 0 or sensitivity < 1 or not 0 < epsilon < math.inf:
            raise ValueError("a choice needs candidates, a positive epsilon and a sensitivity of at least 1")
        rate = Fraction(epsilon) / (2 * sensitivity)
        gaps = integers.max() - integers
        while True:
            picked = _below(len(gaps), 64, self._entropy)
            tried = gaps[picked]
            heads = _coins(tried * float(rate), lambda i, tried=tried: rate * int(tried[i]), self._entropy)  # type: ignore[misc]
            if heads.any():
                return int(picked[np.argmax(heads)])


class NoNoise:
    """Adds nothing and chooses the best: for tests of the rest on tables worked by hand. Never private."""

    seeded = True

    def add(self, values: Integers, noise: Noise) -> Integers:  # noqa: ARG002 - the protocol's signature
        """The values themselves."""
        return _checked(values).copy()

    def choose(self, scores: Integers, epsilon: float, sensitivity: int) -> int:  # noqa: ARG002 - as above
        """The first of the highest scores."""
        return int(np.argmax(scores))


def noise_source(rng: np.random.Generator | NoiseSource | None) -> NoiseSource:
    """The operating system's entropy for None, a seeded source for a numpy generator, or the source itself."""
    if rng is None:
        return ExactNoise()
    if isinstance(rng, np.random.Generator):
        return ExactNoise(SeededEntropy(rng))
    return rng


def _checked(values: Integers) -> Integers:
    array = np.asarray(values)
    if array.dtype.kind not in "iu":
        raise ValueError(f"noise is added to integers only, not to {array.dtype}")
    if array.size and (int(array.max()) > LIMIT or int(array.min()) < -LIMIT):
        raise ValueError("noise is added to integers of magnitude 2^52 at the most")
    return array.astype(np.int64)


# ------------------------------------------------------------------------------------------------ zCDP
def delta_of(rho: float, epsilon: float) -> float:
    """An upper bound on delta: rho-zCDP implies (epsilon, delta) (CKS 2020, Corollary 13, minimized over alpha).

    Every alpha gives a valid bound, so that an imperfect minimum is only less tight, never less true.
    """
    if rho <= 0:
        return 0.0

    def log_delta(log_excess: float) -> float:
        excess = math.exp(log_excess)
        alpha = 1 + excess
        return excess * (alpha * rho - epsilon) + alpha * (log_excess - math.log1p(excess)) - log_excess

    low, high, ratio = -30.0, 60.0, (math.sqrt(5) - 1) / 2
    for _ in range(120):
        left, right = high - ratio * (high - low), low + ratio * (high - low)
        low, high = (low, right) if log_delta(left) < log_delta(right) else (left, high)
    return math.exp(min(0.0, log_delta((low + high) / 2))) * (1 + 1e-9)


@lru_cache(maxsize=256)
def rho_of(epsilon: float, delta: float) -> float:
    """The most rho that (epsilon, delta) pays for, rounded down. Raises ValueError unless both are positive."""
    if not (0 < epsilon < math.inf and 0 < delta < 1):
        raise ValueError(f"rho needs a positive epsilon ({epsilon}) and a delta ({delta}) within 0 and 1")
    low, high = 0.0, epsilon
    while delta_of(high, epsilon) <= delta:
        high *= 2
    for _ in range(200):
        middle = (low + high) / 2
        low, high = (middle, high) if delta_of(middle, epsilon) <= delta else (low, middle)
    return low


def epsilon_of(rho: float, delta: float) -> float:
    """The epsilon that rho-zCDP implies at ``delta``, rounded up. Raises ValueError unless delta is within 0 and 1."""
    if not (0 <= rho < math.inf and 0 < delta < 1):
        raise ValueError(f"epsilon needs a finite rho ({rho}) and a delta ({delta}) within 0 and 1")
    if rho == 0:
        return 0.0
    low, high = 0.0, 1.0
    while delta_of(rho, high) > delta:
        high *= 2
    for _ in range(200):
        middle = (low + high) / 2
        low, high = (middle, high) if delta_of(rho, middle) > delta else (low, middle)
    return high


def gaussian_for(rho: float, sensitivity: int) -> DiscreteGaussian:
    """The discrete Gaussian that costs ``rho`` for integer answers of L2 sensitivity ``sensitivity``, rounded up."""
    return DiscreteGaussian(sensitivity / math.sqrt(2 * rho) * (1 + 1e-9))


def geometric_for(epsilon: float, sensitivity: int) -> TwoSidedGeometric:
    """The two-sided geometric that costs ``epsilon`` for integer answers of L1 sensitivity ``sensitivity``."""
    return TwoSidedGeometric(max(sensitivity / epsilon * (1 + 1e-9), 2.0**-20))


# ------------------------------------------------------------------------------------------------ local answers
_WORDS = 2**64
"""How many 64-bit words there are; a uniform one decides an answer."""


@dataclass(frozen=True)
class RandomizedResponse:
    """k-ary randomized response: the truth, or any one of the other outcomes, by one uniform 64-bit word.

    The first :attr:`truth` words keep the truth, and each other outcome has :attr:`other` of the rest. ``other`` is
    rounded up, so that ``truth`` is at most exp(epsilon) times as many: whatever a unit's value is, the probability of
    an answer differs by that factor at most (local differential privacy; Kairouz, Bonawitz and Ramage 2016, k-RR).
    ``epsilon`` is the decimal that it is written as, which is what the ledger is charged.
    """

    epsilon: float
    outcomes: int
    name = "randomized_response"

    def __post_init__(self) -> None:
        if not 0 < self.epsilon < math.inf or not 2 <= self.outcomes <= MAX_SCALE:
            raise ValueError("a randomized response needs a positive epsilon and two outcomes at the least")

    @property
    def other(self) -> int:
        """Words that lead to each outcome but the truth."""
        bits = 128 + math.ceil(2 * self.epsilon)
        _, high = _exp_bounds(Fraction(repr(self.epsilon)), bits)
        return math.ceil(_WORDS / (Fraction(2**bits, high) + self.outcomes - 1))

    @property
    def truth(self) -> int:
        """Words that keep the truth."""
        return _WORDS - (self.outcomes - 1) * self.other

    @property
    def p(self) -> float:
        """The chance that an answer is the truth."""
        return self.truth / _WORDS

    @property
    def q(self) -> float:
        """The chance of each other outcome."""
        return self.other / _WORDS

    def estimate(self, counts: Sequence[int]) -> list[tuple[float, float]]:
        """Of each outcome the share among the true values, without bias, and its standard error.

        With the share f of answers it is (f - q) / (p - q), which may lie outside 0 and 1. The error is that of the
        answers alone, for the values as they are.
        """
        answers = sum(counts)
        if answers == 0:
            return [(math.nan, math.nan)] * len(counts)
        found = []
        for count in counts:
            share = (count / answers - self.q) / (self.p - self.q)
            true = min(max(share, 0.0), 1.0)
            variance = true * self.p * (1 - self.p) + (1 - true) * self.q * (1 - self.q)
            found.append((share, math.sqrt(variance / answers) / (self.p - self.q)))
        return found
