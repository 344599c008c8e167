"""What the ledger hands out: frozen records read from its entries."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from synth_assets.accounting.budget import Event
from synth_assets.accounting.chain import Entry


@dataclass(frozen=True)
class Charge:
    """One event as it stands in the ledger; ``digest`` is the released table's, once it is ``released``."""

    id: int
    source: str
    asset: str
    consumer: str
    product: str
    release_id: str
    event: Event
    at: str
    run_id: str
    state: Literal["charged", "released"]
    digest: str | None = None


@dataclass(frozen=True)
class Release:
    """A completed release: the table with this digest was made under this charge."""

    release_id: str
    charge_id: int
    source: str
    asset: str
    digest: str
    at: str


@dataclass(frozen=True)
class Certificate:
    """The verdict about one version of a product."""

    product: str
    release_id: str
    digest: str
    passed: bool
    criteria_json: str
    at: str


@dataclass(frozen=True)
class Publication:
    """What a consumer was last given of a product."""

    product: str
    release_id: str
    digest: str
    at: str


@dataclass(frozen=True)
class Snapshot:
    """What a source looked like when it was last ingested."""

    source: str
    snapshot_id: str
    policy_digest: str
    columns_json: str
    at: str


def read_charge(entry: Entry, done: Entry | None) -> Charge:
    """Read a charge from its entry and, if it was completed, from the completion's."""
    facts = entry.facts()
    return Charge(
        id=entry.seq,
        source=entry.source,
        asset=facts["asset"],
        consumer=entry.consumer,
        product=facts["product"],
        release_id=entry.subject,
        event=Event(**facts["event"]),
        at=entry.at,
        run_id=entry.run_id,
        state="released" if done else "charged",
        digest=done.facts()["digest"] if done else None,
    )


def summarize_charge(charge: Charge) -> dict[str, Any]:
    """Return the charge as ``synth-assets budget --format json`` shows it."""
    stated = charge.event.stated()
    return {
        "id": charge.id,
        "asset": charge.asset,
        "consumer": charge.consumer,
        "mechanism": charge.event.mechanism,
        "epsilon": stated.epsilon if stated else None,
        "delta": stated.delta if stated else None,
        "at": charge.at,
        "run_id": charge.run_id,
        "state": charge.state,
    }
