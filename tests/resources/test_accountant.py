"""The resource, and diffprivlib's own tools spending through it."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from resources.accountant import BudgetAccountantResource
from synth_assets.accounting import Budget, Event, Ledger, Spend
from synth_assets.errors import BudgetExceeded, LedgerError

FACTS: dict[str, Any] = {
    "asset": "staged/research/mean_age",
    "consumer": "research",
    "product": "mean_age",
    "release_id": "r1",
    "at": "2025-01-01T00:00:00+00:00",
    "run_id": "run-1",
}


@pytest.fixture
def resource(tmp_path: Path) -> BudgetAccountantResource:
    ledger = Ledger.open(tmp_path / "ledger.db", create=True)
    ledger.set_ceiling("patients", Budget(epsilon=0.3, delta=1e-6))
    return BudgetAccountantResource(path=str(ledger.path))


def test_the_resource_charges_the_durable_ledger(resource: BudgetAccountantResource) -> None:
    event = Event(mechanism="mst", epsilon=0.2)
    charge = resource.ledger.charge(source="patients", event=event, **FACTS)
    again = BudgetAccountantResource(path=resource.path)
    assert [c.id for c in again.ledger.charges("patients")] == [charge.id]
    with pytest.raises(BudgetExceeded):
        again.ledger.charge(source="patients", event=event, **FACTS)


def test_diffprivlib_tools_spend_from_the_ledger(resource: BudgetAccountantResource) -> None:
    from diffprivlib import tools

    accountant = resource.accountant("patients", **FACTS, unit="patient_id", mechanism="mean")
    ages = np.arange(100) % 50
    for _ in range(3):
        tools.mean(ages, epsilon=0.1, bounds=(0, 120), accountant=accountant)
    assert resource.ledger.spent("patients") == Spend(0.3, 0)
    assert [charge.event.mechanism for charge in accountant.charges] == ["mean"] * 3
    assert accountant.charges[0].event.unit == "patient_id"
    with pytest.raises(BudgetExceeded, match=r"remaining \(0\.0, 1e-06\)"):
        tools.mean(ages, epsilon=0.1, bounds=(0, 120), accountant=accountant)
    assert len(resource.ledger.charges("patients")) == 3


def test_two_accountants_see_each_others_spends(resource: BudgetAccountantResource) -> None:
    from diffprivlib.utils import BudgetError

    first, second = (resource.accountant("patients", **FACTS) for _ in range(2))
    first.spend(0.2, 0)
    assert [float(part) for part in second.total()] == [0.2, 0]
    assert len(second) == 1
    with pytest.raises(BudgetError, match="no room"):
        second.spend(0.2, 0)
    with pytest.raises(BudgetError, match="no room"):
        second.check(0.2, 0)
    assert second.check(0.1, 1e-6)


def test_remaining_can_be_spent(resource: BudgetAccountantResource) -> None:
    accountant = resource.accountant("patients", **FACTS)
    epsilon, delta = accountant.remaining(7)
    for _ in range(7):
        accountant.spend(epsilon, delta)
    assert 0 <= accountant.remaining()[0] < 1e-15


def test_a_source_without_a_ceiling_has_no_accountant(resource: BudgetAccountantResource) -> None:
    with pytest.raises(LedgerError, match="no ceiling"):
        resource.accountant("visits")
