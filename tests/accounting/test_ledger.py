"""The ledger as callers see it: charges, refusals, states, records, and what verify finds."""

import json
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from synth_assets.accounting import Budget, Event, Ledger, Share, Spend
from synth_assets.errors import BudgetExceeded, LedgerError

AT = "2025-01-01T00:00:00+00:00"


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return Ledger.open(tmp_path / "ledger.db", create=True)


def charge(ledger: Ledger, epsilon: float, delta: float = 0.0, **changes: Any) -> int:
    facts: dict[str, Any] = {
        "source": "patients",
        "asset": "staged/research/ages",
        "consumer": "research",
        "product": "ages",
        "release_id": "r1",
        "event": Event(mechanism="mst", epsilon=epsilon, delta=delta, unit="patient_id", rho=0.01),
        "at": AT,
        "run_id": "run-1",
    }
    return ledger.charge(**{**facts, **changes}).id


def test_exactly_the_ceiling_can_be_spent(ledger: Ledger) -> None:
    ledger.set_ceiling("patients", Budget(epsilon=0.3, delta=1e-6), AT)
    for _ in range(3):
        charge(ledger, 0.1)
    assert ledger.spent("patients") == Spend(0.3, 0)
    assert ledger.remaining("patients") == Spend(0, 1e-6)
    with pytest.raises(BudgetExceeded) as refusal:
        charge(ledger, 0.05)
    for figure in ("requested (0.05, 0)", "spent (0.3, 0)", "remaining (0, 1e-06)", "ceiling (0.3, 1e-06)"):
        assert figure in str(refusal.value)
    assert len(ledger.charges("patients")) == 3
    assert ledger.verify() == []


def test_delta_has_a_ceiling_too(ledger: Ledger) -> None:
    ledger.set_ceiling("patients", Budget(epsilon=10), AT)
    with pytest.raises(BudgetExceeded, match="remaining"):
        charge(ledger, 0.1, 1e-12)
    charge(ledger, 0.1)


def test_sources_do_not_share_a_ceiling_and_consumers_share_theirs(ledger: Ledger) -> None:
    for source in ("patients", "visits"):
        ledger.set_ceiling(source, Budget(epsilon=1), AT)
    share = Share(epsilon=0.5)
    charge(ledger, 0.5, consumer_share=share)
    charge(ledger, 0.5, source="visits", consumer_share=share)
    with pytest.raises(BudgetExceeded, match="consumer research's share of source patients"):
        charge(ledger, 0.1, consumer_share=share)
    charge(ledger, 0.5, consumer="billing", consumer_share=share)
    with pytest.raises(BudgetExceeded, match="budget of source patients has no room"):
        charge(ledger, 0.1, consumer="third")
    assert ledger.verify() == []


def test_without_a_ceiling_only_heuristic_releases_are_recorded(ledger: Ledger) -> None:
    with pytest.raises(LedgerError, match=r"sources\.patients\.budget"):
        charge(ledger, 0.1)
    charge(ledger, 0, event=Event(mechanism="diffix", guarantee="heuristic"))
    (source,) = ledger.summary()["sources"]
    assert source["ceiling"] is source["remaining"] is None
    assert source["charges"][0]["epsilon"] is source["charges"][0]["delta"] is None


def test_a_changed_ceiling_is_an_entry_and_the_same_one_is_not(ledger: Ledger) -> None:
    for epsilon in (1, 1, 2, 0.5):
        ledger.set_ceiling("patients", Budget(epsilon=epsilon), AT, "run")
        if epsilon == 2:
            charge(ledger, 1.5)
    with sqlite3.connect(ledger.path) as con:
        bodies = [json.loads(b) for (b,) in con.execute("SELECT body FROM entries WHERE kind = 'ceiling'")]
    con.close()
    assert [body["epsilon"] for body in bodies] == [1, 2, 0.5]
    assert bodies[2]["was"] == {"epsilon": 2, "delta": 0, "accounting": "basic"}
    assert ledger.remaining("patients") == Spend(0, 0)
    assert ledger.admits("patients", [(0.1, 0)]) == [False]
    with pytest.raises(BudgetExceeded):
        charge(ledger, 0.1)
    assert ledger.verify() == []


def test_the_rule_of_composition_cannot_be_changed(ledger: Ledger) -> None:
    ledger.set_ceiling("patients", Budget(epsilon=1), AT)
    with pytest.raises(LedgerError, match="must stay 'basic'"):
        ledger.set_ceiling("patients", Budget.model_construct(epsilon=1, delta=0, accounting="zcdp"), AT)


def test_a_release_is_found_once_it_is_complete(ledger: Ledger) -> None:
    ledger.set_ceiling("patients", Budget(epsilon=1), AT)
    first = charge(ledger, 0.1)
    assert ledger.find_release("r1") is None
    ledger.complete(first, "digest-1", "2025-01-02")
    ledger.complete(first, "digest-1", "2025-01-03")
    found = ledger.find_release("r1")
    assert found is not None
    assert (found.digest, found.charge_id, found.at) == ("digest-1", first, "2025-01-02")
    charge(ledger, 0.1)
    assert ledger.find_release("r1") == found
    assert [c.state for c in ledger.charges("patients")] == ["released", "charged"]
    with pytest.raises(LedgerError, match="never changes"):
        ledger.complete(first, "digest-2")
    with pytest.raises(LedgerError, match="no charge 99"):
        ledger.complete(99, "digest-1")


def test_the_latest_verdict_about_a_version_counts(ledger: Ledger) -> None:
    ledger.certify("research/ages", "r1", "d1", True, '{"x": 1}', AT)
    ledger.certify("research/ages", "r2", "d2", False, "{}", AT)
    first = ledger.certificate("research/ages", "d1")
    assert first is not None
    assert (first.passed, first.criteria_json, first.release_id) == (True, '{"x": 1}', "r1")
    ledger.certify("research/ages", "r1", "d1", False, "{}", AT)
    again = ledger.certificate("research/ages", "d1")
    assert again is not None
    assert not again.passed
    assert ledger.certificate("research/other", "d1") is None


def test_publications_and_snapshots_are_remembered(ledger: Ledger) -> None:
    assert ledger.publication("research/ages") is None
    assert ledger.latest_snapshot("patients") is None
    ledger.record_publication("research/ages", "r1", "d1", AT)
    ledger.record_publication("research/ages", "r2", "d2", AT)
    ledger.record_snapshot("patients", "s1", "p1", "[]", AT)
    publication, snapshot = ledger.publication("research/ages"), ledger.latest_snapshot("patients")
    assert publication is not None
    assert (publication.release_id, publication.digest, publication.at) == ("r2", "d2", AT)
    assert snapshot is not None
    assert (snapshot.snapshot_id, snapshot.policy_digest, snapshot.columns_json) == ("s1", "p1", "[]")


def test_admits_answers_in_order_and_writes_nothing(ledger: Ledger) -> None:
    ledger.set_ceiling("patients", Budget(epsilon=1, delta=1e-6), AT)
    charge(ledger, 0.4)
    before = ledger.path.read_bytes()
    asked = [(0.5, 0), (0.2, 0), (0.1, 1e-9), (1e-9, 0), (0, 0)]
    assert ledger.admits("patients", asked) == [True, False, True, False, True]
    assert ledger.path.read_bytes() == before


def test_the_summary_is_the_documented_document(ledger: Ledger) -> None:
    ledger.set_ceiling("patients", Budget(epsilon=4, delta=1e-6), AT)
    charge_id = charge(ledger, 1, 1e-9)
    expected = {
        "sources": [
            {
                "source": "patients",
                "ceiling": {"epsilon": 4.0, "delta": 1e-6},
                "spent": {"epsilon": 1.0, "delta": 1e-9},
                "remaining": ledger.remaining("patients")._asdict(),
                "charges": [
                    {
                        "id": charge_id,
                        "asset": "staged/research/ages",
                        "consumer": "research",
                        "mechanism": "mst",
                        "epsilon": 1.0,
                        "delta": 1e-9,
                        "at": AT,
                        "run_id": "run-1",
                        "state": "charged",
                    }
                ],
            }
        ]
    }
    assert json.loads(json.dumps(ledger.summary())) == expected


def test_names_and_texts_may_hold_anything(ledger: Ledger) -> None:
    ledger.set_ceiling("patients", Budget(epsilon=1), AT)
    unit = "'; DROP TABLE entries; -- 🙂"
    event = Event(mechanism="mst", epsilon=0.1, unit=unit)
    charge(ledger, 0, event=event, release_id=unit)
    assert ledger.charges("patients")[0].event == event
    assert ledger.verify() == []


def test_heuristic_tables_are_counted_and_bounded(ledger: Ledger) -> None:
    """A release of several tables counts as so many; one that does not fit leaves the ledger as it was."""
    pairs = Event(mechanism="diffix", guarantee="heuristic", columns=("a", "b", "c"), tables=3)
    charge(ledger, 0, event=pairs, most_heuristic=5)
    assert ledger.heuristic_tables("patients") == 3
    before = ledger.charges("patients")
    assert before[0].event.columns == ("a", "b", "c")
    with pytest.raises(BudgetExceeded, match="requested 3, made 3, remaining 2, the most 5"):
        charge(ledger, 0, release_id="r2", event=pairs, most_heuristic=5)
    assert ledger.charges("patients") == before
    charge(ledger, 0, event=pairs, most_heuristic=5)  # begun again after a crash: the same tables
    assert ledger.heuristic_tables("patients") == 3
    single = Event(mechanism="k_anonymity", guarantee="heuristic")
    charge(ledger, 0, release_id="r3", event=single, most_heuristic=4)
    assert ledger.heuristic_tables("patients") == 4
    assert ledger.heuristic_tables("visits") == 0
    assert ledger.verify() == []
