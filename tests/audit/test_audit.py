"""Audits of whole mechanisms: what each gives away of a canary, and whether the audit would notice if it were more.

The dual runs involve no chance. A game accuses an honest mechanism once in a million times at the most, for each of the
five; a dual run with categories to be found does so with delta / 2, here 5e-10.
"""

from __future__ import annotations

import pytest

from tests.audit import bugs
from tests.audit.games import audit
from tests.audit.targets import CHOOSING, DECLARED, DELTA, EPSILON, NUMBERS_ONLY, canary, every_target, tables

NAMES = list(CHOOSING)
GAMES = 400
"""In each world. If half the noise is drawn, so many miss it less than once in 10^4 times (see test_bounds)."""
FEW = 160
"""Enough where the worlds are told apart every time."""


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(("epsilon", "delta"), [(EPSILON, DELTA), (1.0, DELTA), (1.0, 0.0)])
def test_the_answers_give_away_what_is_claimed_and_no_more(name: str, epsilon: float, delta: float) -> None:
    """Exactly computed. The canary is nearly the worst there is: four fifths of the claim are given away."""
    target = every_target(DECLARED, epsilon, delta)[NAMES.index(name)]
    report = audit(target, tables(canary()), games=2)
    assert not report.findings
    assert 0.8 < report.spent <= 1 + 1e-6


@pytest.mark.audit
@pytest.mark.parametrize("name", NAMES)
def test_games_do_not_refute_the_claim(name: str) -> None:
    """That a good part of the claim is proven shows that the games have power; seen: half of it."""
    report = audit(every_target(DECLARED)[NAMES.index(name)], tables(canary()), GAMES)
    assert not report.findings
    assert 0.3 * report.claim < report.bound <= report.claim


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("bug", [b for b in bugs.EVERYWHERE if b is not bugs.fixed_seed], ids=lambda b: b.__name__)
def test_the_audit_catches(bug: bugs.Plant, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """By dual runs, in the first games; a category's own noise hides it from one game in ten."""
    bug(monkeypatch)
    domain = NUMBERS_ONLY if bug is bugs.domain_from_data else DECLARED
    assert audit(every_target(domain)[NAMES.index(name)], tables(canary()), games=25).findings


@pytest.mark.parametrize("bug", bugs.IN_SUMS, ids=lambda b: b.__name__)
def test_the_audit_catches_in_sums(bug: bugs.Plant, monkeypatch: pytest.MonkeyPatch) -> None:
    """By dual runs; the canary's value is out of bounds, and bounds are far from zero."""
    bug(monkeypatch)
    assert audit(every_target(DECLARED)[NAMES.index("statistics")], tables(canary()), games=25).findings


@pytest.mark.audit
@pytest.mark.parametrize("name", NAMES)
def test_the_audit_catches_a_fixed_seed(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """By games: who knows the noise sees the canary every time."""
    bugs.fixed_seed(monkeypatch)
    report = audit(every_target(DECLARED)[NAMES.index(name)], tables(canary()), FEW)
    assert report.findings
    assert report.bound > report.claim


@pytest.mark.audit
@pytest.mark.parametrize("name", ["independent", "statistics"])
def test_the_audit_catches_a_sampler_that_draws_half(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """By games alone: sigma is stated as it should be."""
    bugs.half_the_draw(monkeypatch)
    report = audit(every_target(DECLARED)[NAMES.index(name)], tables(canary()), GAMES)
    assert report.findings
    assert report.bound > report.claim
