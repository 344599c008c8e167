"""The rule: exact sums, the same verdict as diffprivlib's accountant, words that agree with costs."""

from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from synth_assets.accounting import Budget, Event, Share
from synth_assets.accounting.budget import NOTHING, Total, chargeable, exact, judged, rounded_down

epsilons = st.floats(1e-9, 20, allow_nan=False).map(lambda x: float(f"{x:.17g}"))
awkward = st.sampled_from([0.1, 0.2, 0.3, 1 / 3, 0.7, 1e-9, 2.675, 0.1 + 0.2, 1.1])
deltas = st.sampled_from([0.0, 1e-12, 1e-9, 3e-7, 0.1])


def total(epsilon: float, delta: float = 0.0) -> Total:
    return Total(exact(epsilon), exact(delta))


def test_three_tenths_fit_where_floats_say_no() -> None:
    spent = NOTHING
    for _ in range(3):
        assert judged(total(0.3), spent, total(0.1))
        spent = spent.plus(total(0.1))
    assert spent == total(0.3)
    assert not judged(total(0.3), spent, total(1e-12))


def test_deltas_compose_as_independent_failures() -> None:
    spent = total(1, 0.1).plus(total(1, 0.1))
    assert spent == total(2, 0.19)
    assert judged(total(3, 0.271), spent, total(1, 0.1))
    assert not judged(total(3, 0.27), spent, total(1, 0.1))


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(epsilons | awkward, deltas), max_size=8), epsilons | awkward, deltas)
def test_the_verdict_is_the_exact_sum(costs: list[tuple[float, float]], epsilon: float, delta: float) -> None:
    """Never above the ceiling, never refused when the decimals fit: both directions, against plain fractions."""
    ceiling, spent = total(epsilon, delta), NOTHING
    plain_epsilon, plain_delta = Fraction(0), Fraction(0)
    for cost in costs:
        after_epsilon = plain_epsilon + Fraction(repr(cost[0]))
        after_delta = 1 - (1 - plain_delta) * (1 - Fraction(repr(cost[1])))
        fits = after_epsilon <= Fraction(repr(epsilon)) and after_delta <= Fraction(repr(delta))
        asked = chargeable(total(*cost), ceiling)
        assert judged(ceiling, spent, asked) == fits
        if fits:
            spent, plain_epsilon, plain_delta = spent.plus(asked), after_epsilon, after_delta
    assert Fraction(spent.epsilon) == plain_epsilon <= Fraction(repr(epsilon))


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(epsilons | awkward, deltas), min_size=1, max_size=6), epsilons | awkward, deltas)
def test_one_folded_entry_is_judged_as_the_whole_history(
    costs: list[tuple[float, float]], epsilon: float, delta: float
) -> None:
    from diffprivlib import BudgetAccountant
    from diffprivlib.utils import BudgetError

    spent = NOTHING
    for cost in costs:
        spent = spent.plus(total(*cost))
    roof = Total(exact(spent.epsilon + exact(epsilon) / 2), exact(0.5))
    whole = BudgetAccountant(roof.epsilon, roof.delta, 0, [tuple(total(*cost)) for cost in costs])
    try:
        verdict = bool(whole.check(exact(epsilon), exact(delta)))
    except BudgetError:
        verdict = False
    assert judged(roof, spent, total(epsilon, delta)) == verdict


@settings(max_examples=200)
@given(st.fractions(0, 100))
def test_what_is_shown_as_remaining_fits(value: Fraction) -> None:
    assert exact(rounded_down(value)) <= value


def test_a_lowered_ceiling_leaves_nothing() -> None:
    assert total(2, 0.2).left_of(total(1, 0.1)) == NOTHING
    assert not judged(total(1, 0.1), total(2, 0.2), total(0.1))


def test_tiny_epsilons_are_counted_as_what_the_accountant_considers() -> None:
    cost = chargeable(total(5e-324), total(1000))
    assert cost.epsilon == Fraction(1000, 10**13)
    assert judged(total(1000), total(5e-324), cost)


@pytest.mark.parametrize(
    "block",
    [
        {"epsilon": 0},
        {"epsilon": -1},
        {"epsilon": float("inf")},
        {"epsilon": float("nan")},
        {"epsilon": 1, "delta": 1},
        {"epsilon": 1, "delta": -1e-9},
        {"epsilon": 1, "slack": 0},
    ],
)
def test_a_budget_is_a_positive_finite_promise(block: dict[str, float]) -> None:
    with pytest.raises(ValidationError):
        Budget.model_validate(block)


def test_zcdp_is_refused_by_name_for_now() -> None:
    with pytest.raises(ValidationError, match="'zcdp' is not available yet; write 'basic'"):
        Budget(epsilon=1, accounting="zcdp")


def test_a_share_takes_the_sources_delta_unless_it_has_its_own() -> None:
    ceiling = Budget(epsilon=4, delta=1e-6)
    assert Share(epsilon=2).under(ceiling) == Budget(epsilon=2, delta=1e-6)
    assert Share(epsilon=2, delta=0).under(ceiling) == Budget(epsilon=2, delta=0)


def test_a_heuristic_event_promises_and_costs_nothing() -> None:
    event = Event(mechanism="k_anonymity", guarantee="heuristic")
    assert event.stated() is None
    assert event.cost() == NOTHING
    with pytest.raises(ValidationError, match="leave both out"):
        Event(mechanism="diffix", guarantee="heuristic", epsilon=1)
    with pytest.raises(ValidationError, match="states its epsilon"):
        Event(mechanism="mst")
