"""What a game proves: bounds that hold whatever the noise did, except once in a million games.

A game is played in two worlds, without and with the canary. An event (a statistic above a level) has a rate in each;
Clopper and Pearson (1934) bound the rates, and the rates bound what the mechanism gives away:

* epsilon >= log((hits - delta) / alarms), by definition;
* mu >= z(hits) - z(alarms), if it is mu-GDP (Dong, Roth and Su 2022; as an audit: Nasr et al. 2023, section 4).

Both exceed what an honest mechanism claims with a probability of FALSE_ALARM at the most.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

FALSE_ALARM = 1e-6
"""How often a game accuses an honest mechanism, at the most: half for each of the two rates."""
COARSE = 1.002
"""By how much more than the normal law a discrete Gaussian of sigma 5 or more tells: 1 + 1 / (24 sigma^2), rounded up
(its law is checked exactly in test_bounds)."""

_NORMAL = NormalDist()


@dataclass(frozen=True)
class Rates:
    """How often the event was seen in ``runs`` games with the canary (``hits``) and without it (``alarms``)."""

    hits: int
    alarms: int
    runs: int

    def least_hits(self) -> float:
        """What the rate of hits is at the least."""
        from scipy.stats import beta

        return float(beta.ppf(FALSE_ALARM / 2, self.hits, self.runs - self.hits + 1)) if self.hits else 0.0

    def most_alarms(self) -> float:
        """What the rate of alarms is at the most."""
        from scipy.stats import beta

        if self.alarms == self.runs:
            return 1.0
        return float(beta.ppf(1 - FALSE_ALARM / 2, self.alarms + 1, self.runs - self.alarms))

    def epsilon(self, delta: float = 0.0) -> float:
        """A lower bound on epsilon."""
        low, high = self.least_hits() - delta, self.most_alarms()
        return max(0.0, math.log(low / high)) if low > 0 else 0.0

    def mu(self) -> float:
        """A lower bound on mu."""
        low, high = self.least_hits(), self.most_alarms()
        return max(0.0, _NORMAL.inv_cdf(low) - _NORMAL.inv_cdf(high)) if low > 0 and high < 1 else 0.0


def judge(without: Sequence[float], with_: Sequence[float]) -> Rates:
    """The event "above a level", whose level is chosen on a quarter of the games and judged on the others.

    Chosen is the level that tells the worlds apart most often (Youden 1950).
    """
    first = len(without) // 4
    seen = np.unique(np.concatenate([without[:first], with_[:first]]))
    levels = np.append((seen[1:] + seen[:-1]) / 2, seen[0])
    told = [np.mean(np.array(with_[:first]) > level) - np.mean(np.array(without[:first]) > level) for level in levels]
    level = levels[int(np.argmax(told))]
    hits, alarms = (int((np.array(side[first:]) > level).sum()) for side in (with_, without))
    return Rates(hits, alarms, len(without) - first)


def claimed_mu(rho: float, choosing: float) -> float:
    """The mu of Gaussian noise that costs (1 - choosing) rho, and of choices that cost the rest.

    Gaussian noise of rho is sqrt(2 rho)-GDP. A choice of bounded range eta costs eta^2 / 8 (Cesar and Rogers 2021) and
    is sqrt(pi / 8) eta-GDP: its two rates are worst where they are 1 / (1 + exp(-eta / 2)) and the rest (checked in
    test_bounds). Adaptive steps compose by the sum of squares (Smith and Thakurta 2022).
    """
    return COARSE * math.sqrt(2 * rho * (1 - choosing + choosing * math.pi / 2))
