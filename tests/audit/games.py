"""Distinguishing games: can somebody who sees all that a release was told tell whether one unit was in the table?

Every noisy number of a release comes out of its source of noise, so that what this source was asked and what it told is
all there is to attack; the rest is arithmetic. A game plays a release in one world and notes the *transcript*. Then it
plays the same release in the other world and tells it **the same answers** (a dual run, as in Zhang et al. 2020,
"Testing Differential Privacy with Dual Interpreters"). That shows three things:

* what becomes public must be equal, byte by byte: schema, categories, bins, metadata, log text. What differs was made
  of rows past the noise;
* the questions differ by what the canary adds, and their laws must be equal: what the answers give away can be added
  up exactly, and must be covered by the claim. No chance is in it, so there are no false alarms;
* the log-likelihood ratio of the transcript is the best statistic that any attacker could compute (Neyman and Pearson
  1933). Over many games it bounds mu or epsilon, whatever was really drawn.
"""

from __future__ import annotations

import contextlib
import io
import logging
import math
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cached_property

import duckdb
import numpy as np
from numpy.typing import NDArray

from synth_assets.errors import SynthAssetsError
from synth_assets.mechanisms import LIMIT, DiscreteGaussian, Integers, Noise, NoiseSource, noise_source, rho_of
from tests.audit.bounds import claimed_mu, judge

Floats = NDArray[np.float64]


# ------------------------------------------------------------------------------------------------ transcripts
@dataclass(frozen=True)
class Choice:
    """The law of an exponential mechanism."""

    epsilon: float
    sensitivity: int


@dataclass(frozen=True)
class Answer:
    """One use of the source: what it was asked in this world, by which law it answered, and what it told."""

    asked: Integers
    law: Noise | Choice
    told: Integers


class Recorder:
    """The noise of releases, with a note of every answer."""

    def __init__(self) -> None:
        self._inner: NoiseSource = noise_source(None)
        self.seeded = self._inner.seeded
        self.answers: list[Answer] = []

    def add(self, values: Integers, noise: Noise) -> Integers:
        """As the source of releases does."""
        told = self._inner.add(values, noise)
        self.answers.append(Answer(np.array(values), noise, told))
        return told

    def choose(self, scores: Integers, epsilon: float, sensitivity: int) -> int:
        """As the source of releases does."""
        picked = self._inner.choose(scores, epsilon, sensitivity)
        self.answers.append(Answer(np.array(scores), Choice(epsilon, sensitivity), np.array([picked])))
        return picked


@dataclass
class Replayer:
    """Tells what another run was told, and notes what it was asked itself.

    It never raises, as a release seals what is raised near rows: where the runs part ways it notes that.
    """

    recorded: list[Answer]
    hidden: int
    seeded: bool
    pairs: list[tuple[Answer, Integers]] = field(default_factory=list)
    parted: str = ""

    def add(self, values: Integers, noise: Noise) -> Integers:
        """What the other run was told."""
        answer = self._next(noise)
        told = None if answer is None else self._aligned(answer, np.asarray(values))
        return values.copy() if told is None else told

    def choose(self, scores: Integers, epsilon: float, sensitivity: int) -> int:
        """What the other run chose."""
        answer = self._next(Choice(epsilon, sensitivity))
        told = None if answer is None else self._aligned(answer, np.asarray(scores))
        return 0 if told is None else int(told[0])

    def _next(self, law: Noise | Choice) -> Answer | None:
        place = len(self.pairs)
        if self.parted or place == len(self.recorded):
            self.parted = self.parted or "one world asks more often than the other"
        elif self.recorded[place].law != law:
            self.parted = f"question {place + 1} is answered by another law in the other world"
        return None if self.parted else self.recorded[place]

    def _aligned(self, answer: Answer, values: Integers) -> Integers | None:
        """The other run's answer in the shape of this run's question.

        Where categories are found, the question is a histogram of those that occur and, last, of nulls: ``hidden`` of
        them may be there in one world only. They are the rarest, as the tables of the games have it. What is there in
        the other world only told nothing; what is there in this one only stays hidden.
        """
        if answer.asked.shape == values.shape:
            self.pairs.append((answer, values))
            return answer.told.copy()
        if values.ndim != 1 or answer.asked.ndim != 1 or abs(len(values) - len(answer.asked)) > self.hidden:
            self.parted = f"question {len(self.pairs) + 1} has another shape in the other world"
            return None
        own, other = (np.append(np.argsort(-v[:-1], kind="stable"), len(v) - 1) for v in (values, answer.asked))
        both = min(len(own), len(other)) - 1
        own, other = np.append(own[:both], own[-1]), np.append(other[:both], other[-1])
        self.pairs.append((Answer(answer.asked[other], answer.law, answer.told[other]), values[own]))
        told = np.full(len(values), -LIMIT, dtype=np.int64)
        told[own] = answer.told[other]
        return told


# ------------------------------------------------------------------------------------------------ what answers tell
def exact_cost(pair: tuple[Answer, Integers], pure: bool) -> float:
    """What one answer gives away, in rho, or in epsilon where the claim is ``pure``."""
    answer, asked = pair
    moved = (asked - answer.asked).astype(np.float64)
    if isinstance(answer.law, Choice):
        moved *= answer.law.epsilon / (2 * answer.law.sensitivity)
        spread = float(moved.max() - moved.min())
        return spread if pure else spread**2 / 8
    if isinstance(answer.law, DiscreteGaussian):
        return math.inf if pure else float((moved**2).sum()) / (2 * answer.law.sigma**2)
    epsilon = float(np.abs(moved).sum()) / answer.law.scale
    return epsilon if pure else epsilon**2 / 2


def log_ratio(pair: tuple[Answer, Integers]) -> float:
    """log P(told | the replayed world) - log P(told | the recorded world)."""
    answer, asked = pair
    here, there, told = (values.astype(np.float64) for values in (answer.asked, asked, answer.told))
    if isinstance(answer.law, Choice):
        rate = answer.law.epsilon / (2 * answer.law.sensitivity)
        chances = [(v - v.max()) * rate for v in (there, here)]
        there_log, here_log = (c[int(told[0])] - math.log(np.exp(c).sum()) for c in chances)
        return float(there_log - here_log)
    if isinstance(answer.law, DiscreteGaussian):
        return float(((there - here) * (2 * told - here - there)).sum() / (2 * answer.law.sigma**2))
    return float((np.abs(told - here) - np.abs(told - there)).sum() / answer.law.scale)


# ------------------------------------------------------------------------------------------------ releases
Release = Callable[[duckdb.DuckDBPyRelation, NoiseSource], str]
"""Releases a table and returns all that becomes public, as text."""


@dataclass(frozen=True)
class Target:
    """A release to be audited, and what it claims.

    ``choosing`` is the share of the budget that is spent on choices; ``hidden`` how many categories that nobody
    declared the canary may bring along.
    """

    name: str
    release: Release
    epsilon: float
    delta: float
    choosing: float = 0.0
    hidden: int = 0

    @cached_property
    def claim(self) -> float:
        """Rho, or epsilon where delta is 0. Half of delta is what hides categories, where any are to be found."""
        return rho_of(self.epsilon, self.delta / (2 if self.hidden else 1)) if self.delta else self.epsilon


@dataclass(frozen=True)
class Played:
    """One dual run: the log-likelihood ratio of the world with the canary, and what was found wrong, if anything."""

    ratio: float
    cost: float
    finding: str


def play(target: Target, worlds: tuple[duckdb.DuckDBPyRelation, duckdb.DuckDBPyRelation], world: int) -> Played:
    """Release one world, then the other with the same answers."""
    recorder = Recorder()
    public = _public(target.release, worlds[world], recorder)
    replayer = Replayer(recorder.answers, target.hidden, recorder.seeded)
    again = _public(target.release, worlds[1 - world], replayer)
    ratio = sum(log_ratio(pair) for pair in replayer.pairs) * (1 if world == 0 else -1)
    cost = sum(exact_cost(pair, target.delta == 0) for pair in replayer.pairs)
    finding = replayer.parted
    if not finding and len(replayer.pairs) < len(recorder.answers):
        finding = "one world asks more often than the other"
    if not finding and public != again:
        finding = "what becomes public differs though every answer was the same"
    if not finding and cost > target.claim * (1 + 1e-6):
        finding = f"the answers give away {cost:.4g}; the claim is {target.claim:.4g}"
    return Played(ratio, cost, finding)


def _public(release: Release, table: duckdb.DuckDBPyRelation, source: NoiseSource) -> str:
    """All that becomes public, with what was said on the way: log, warnings, terminal, a refusal's text."""
    said = io.StringIO()
    handler, root = logging.StreamHandler(said), logging.getLogger()
    before = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    try:
        with warnings.catch_warnings(record=True) as caught, _terminal(said):
            warnings.simplefilter("always")
            try:
                made = release(table, source)
            except SynthAssetsError as refusal:
                made = f"{type(refusal).__name__}: {refusal}"
    finally:
        root.removeHandler(handler)
        root.setLevel(before)
    return "\n".join([made, said.getvalue(), *(str(warning.message) for warning in caught)])


@contextlib.contextmanager
def _terminal(said: io.StringIO) -> Iterator[None]:
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
        yield


# ------------------------------------------------------------------------------------------------ the audit
@dataclass(frozen=True)
class Report:
    """What an audit found. ``spent`` is the most that the answers of a run gave away, as a part of the claim;
    ``bound`` what the games prove of mu (or epsilon), and ``claim`` what is claimed of it."""

    findings: tuple[str, ...]
    spent: float = 0.0
    bound: float = 0.0
    claim: float = 0.0


def audit(target: Target, worlds: tuple[duckdb.DuckDBPyRelation, duckdb.DuckDBPyRelation], games: int) -> Report:
    """Play ``games`` games in each world, world 1 being the one with the canary; ends at the first finding.

    Fewer than four games prove nothing of what is drawn; the dual runs alone are judged.
    """
    ratios: tuple[list[float], list[float]] = ([], [])
    spent = 0.0
    for _ in range(games):
        for world in (0, 1):
            played = play(target, worlds, world)
            spent = max(spent, played.cost / target.claim)
            if played.finding:
                return Report((played.finding,), spent)
            ratios[world].append(played.ratio)
    if games < 4:
        return Report((), spent)
    rates = judge(*ratios)
    bound = rates.mu() if target.delta else rates.epsilon()
    claim = claimed_mu(target.claim, target.choosing) if target.delta else target.epsilon
    told = f"{games} games in each world prove {bound:.3g}; the claim is {claim:.3g}"
    return Report((told,) if bound > claim else (), spent, bound, claim)
