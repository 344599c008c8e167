"""The durable ledger: charges, certificates, publications and snapshots of all runs, in one file.

Any number of processes may use one ledger at once, each through its own :class:`Ledger`: a charge is checked and
written in one immediate transaction, and is on disk when the call returns. Every state is an entry of its own; nothing
is ever changed, and there is no refund.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping
from fractions import Fraction
from pathlib import Path
from typing import Any, Self

from synth_assets.accounting.budget import (
    NOTHING,
    Budget,
    Event,
    Exact,
    Share,
    Spend,
    Total,
    chargeable,
    exact,
    judged,
)
from synth_assets.accounting.chain import (
    Entry,
    Problem,
    append,
    connect,
    create_file,
    find_problems,
    latest,
    require_link,
    select,
    writing,
)
from synth_assets.accounting.records import (
    Certificate,
    Charge,
    Publication,
    Release,
    Snapshot,
    read_charge,
    summarize_charge,
)
from synth_assets.errors import BudgetExceeded, LedgerError

_COMPLETED = "e.kind = 'completion' AND e.subject = ?"


class Ledger:
    """The ledger in the file ``path``, which must exist: see :meth:`open`. Constructing it touches nothing.

    ``at`` is the caller's time in ISO 8601 and ``run_id`` names its run. Every method raises LedgerError where the
    file is missing, damaged or not a ledger.
    """

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path)

    @classmethod
    def open(cls, path: Path | str, create: bool = False) -> Self:
        """Open a ledger and look whether it is one; with ``create``, make an empty one if the file is missing.

        Pass ``create`` only where nothing was released before: an empty ledger in the place of a lost one would
        grant every budget a second time.
        """
        ledger = cls(path)
        if create:
            create_file(ledger.path)
        with connect(ledger.path) as con:
            if last := latest(con, "true", ()):
                require_link(con, last)
        return ledger

    def set_ceiling(self, source: str, budget: Budget, at: str = "", run_id: str = "") -> None:
        """Store a source's ceiling at its first use, and record it as a new entry whenever it was changed since.

        Raises:
            LedgerError: ``accounting`` differs from what the budget was created with.
        """
        with connect(self.path) as con:
            if _ceiling(con, source) == budget:
                return
        with writing(self.path) as con:
            before = _ceiling(con, source)
            if before == budget:
                return
            if before and before.accounting != budget.accounting:
                raise LedgerError(
                    f"sources.{source}.budget.accounting ({budget.accounting!r}) must stay {before.accounting!r}, as "
                    "its charges were composed by that rule; write it back, or declare a new source"
                )
            was = before.model_dump() if before else None
            append(con, "ceiling", {**budget.model_dump(), "was": was}, source=source, at=at, run_id=run_id)

    def charge(
        self,
        source: str,
        asset: str,
        consumer: str,
        product: str,
        release_id: str,
        event: Event,
        at: str,
        run_id: str,
        consumer_share: Share | None = None,
        most_heuristic: int | None = None,
    ) -> Charge:
        """Charge an event to a source, on disk before this returns, or change nothing at all.

        The share bounds what the consumer's products may charge this source; the ceiling bounds all of them.
        ``most_heuristic`` bounds the tables of the source's heuristic releases, of all consumers and all time.

        Raises:
            BudgetExceeded: the source's ceiling or the consumer's share has no room, or there are too many tables.
            LedgerError: a differentially private event for a source without a ceiling.
        """
        if event.cost() != NOTHING:
            import diffprivlib  # noqa: F401 - slow, so it is loaded before others are kept waiting
        with writing(self.path) as con:
            if event.guarantee == "heuristic" and most_heuristic is not None:
                made = _heuristic_tables(con, source, besides=(release_id, asset))
                _require_tables(source, made, event.tables, most_heuristic)
            body = _weigh(con, source, consumer, event, consumer_share)
            facts = {"asset": asset, "product": product, "event": event.model_dump(), **body}
            entry = append(
                con, "charge", facts, source=source, consumer=consumer, subject=release_id, at=at, run_id=run_id
            )
        return read_charge(entry, None)

    def complete(
        self,
        charge_id: int,
        digest: str,
        at: str | None = None,
        run_id: str | None = None,
        release_id: str | None = None,
    ) -> None:
        """Note that the charge's table exists and what its digest is; ``at`` left out is the charge's own time.

        Raises:
            LedgerError: no such charge, or it was completed with another digest.
        """
        with writing(self.path) as con:
            charge = latest(con, "e.kind = 'charge' AND e.seq = ?", (charge_id,))
            if charge is None:
                raise LedgerError(f"the ledger has no charge {charge_id}; complete one that `charge` returned")
            if release_id is not None and charge.subject != release_id:
                raise LedgerError(
                    f"charge {charge_id} is another release's: the ledger is older than the stored tables; restore the "
                    "newest ledger, or remove the staged tables that it does not know"
                )
            before = latest(con, _COMPLETED, (str(charge_id),))
            if before is None:
                facts = {"release_id": charge.subject, "digest": digest}
                stamp, run = at or charge.at, run_id or charge.run_id
                append(con, "completion", facts, source=charge.source, subject=str(charge_id), at=stamp, run_id=run)
            elif before.facts()["digest"] != digest:
                raise LedgerError(
                    f"charge {charge_id} was completed with another table; a released table never changes: make a new "
                    "release"
                )

    def find_release(self, release_id: str, asset: str | None = None) -> Release | None:
        """Return the newest completed release of this identity; None where it was at most begun.

        ``asset``: only of this asset, as two consumers may ask for the same, and each gets a table of its own.
        """
        with connect(self.path) as con:
            for charge in select(con, "e.kind = 'charge' AND e.subject = ? ORDER BY e.seq DESC", (release_id,)):
                made = charge.facts()["asset"]
                if asset in (None, made) and (done := latest(con, _COMPLETED, (str(charge.seq),))):
                    return Release(release_id, charge.seq, charge.source, made, done.facts()["digest"], done.at)
        return None

    def certify(
        self, product: str, release_id: str, digest: str, passed: bool, criteria_json: str, at: str, run_id: str = ""
    ) -> Certificate:
        """Record the verdict about the version of a product with this digest."""
        facts = {"release_id": release_id, "digest": digest, "passed": passed, "criteria": criteria_json}
        with writing(self.path) as con:
            append(con, "certificate", facts, subject=product, at=at, run_id=run_id)
        return Certificate(product, release_id, digest, passed, criteria_json, at)

    def certificate(self, product: str, digest: str) -> Certificate | None:
        """Return the latest verdict about exactly this version; a later one replaces an earlier one.

        Raises:
            LedgerError: the entry was edited.
        """
        with connect(self.path) as con:
            where = "e.kind = 'certificate' AND e.subject = ? AND json_extract(e.body, '$.digest') = ?"
            entry = latest(con, where, (product, digest))
            if entry is None:
                return None
            require_link(con, entry)
        facts = entry.facts()
        return Certificate(product, facts["release_id"], digest, facts["passed"], facts["criteria"], entry.at)

    def record_publication(self, product: str, release_id: str, digest: str, at: str, run_id: str = "") -> None:
        """Record that this version of a product was given to its consumer."""
        with writing(self.path) as con:
            facts = {"release_id": release_id, "digest": digest}
            append(con, "publication", facts, subject=product, at=at, run_id=run_id)

    def publication(self, product: str) -> Publication | None:
        """Return what was last published of a product."""
        with connect(self.path) as con:
            entry = latest(con, "e.kind = 'publication' AND e.subject = ?", (product,))
        return Publication(product, at=entry.at, **entry.facts()) if entry else None

    def was_published(self, product: str, release_id: str) -> bool:
        """Whether this release of a product was ever given to its consumer."""
        where = "e.kind = 'publication' AND e.subject = ? AND json_extract(e.body, '$.release_id') = ?"
        with connect(self.path) as con:
            return latest(con, where, (product, release_id)) is not None

    def record_snapshot(
        self, source: str, snapshot_id: str, policy_digest: str, columns_json: str, at: str, run_id: str = ""
    ) -> None:
        """Record what a source looked like at an ingestion."""
        facts = {"snapshot_id": snapshot_id, "policy_digest": policy_digest, "columns_json": columns_json}
        with writing(self.path) as con:
            append(con, "snapshot", facts, source=source, at=at, run_id=run_id)

    def latest_snapshot(self, source: str) -> Snapshot | None:
        """Return the newest snapshot of a source."""
        with connect(self.path) as con:
            entry = latest(con, "e.kind = 'snapshot' AND e.source = ?", (source,))
        return Snapshot(source, at=entry.at, **entry.facts()) if entry else None

    def ceiling(self, source: str) -> Budget | None:
        """Return the ceiling in force; None for a source that never had one."""
        with connect(self.path) as con:
            return _ceiling(con, source)

    def standing(self, source: str) -> tuple[Total, Total]:
        """Return the exact ceiling and the exact spend of a source.

        Raises:
            LedgerError: the source never had a ceiling.
        """
        with connect(self.path) as con:
            return _require_ceiling(con, source).exactly(), _spent(con, source)

    def spent(self, source: str) -> Spend:
        """Return what was charged to a source, over all time."""
        with connect(self.path) as con:
            return _spent(con, source).shown()

    def spent_by(self, source: str, consumer: str) -> Total:
        """Return what one consumer's products were charged of a source."""
        with connect(self.path) as con:
            return _spent(con, source, consumer)

    def heuristic_tables(self, source: str) -> int:
        """Return how many tables the heuristic releases of a source have, over all time.

        A release that was begun more than once, as its process died, counts once: it tells the same each time.
        """
        with connect(self.path) as con:
            return _heuristic_tables(con, source)

    def remaining(self, source: str) -> Spend:
        """Return what one more charge may cost; never more than fits, and zero under a lowered ceiling.

        Raises:
            LedgerError: the source never had a ceiling.
        """
        ceiling, spent = self.standing(source)
        return spent.left_of(ceiling).shown_down()

    def admits(self, source: str, costs: Iterable[tuple[float, float]]) -> list[bool]:
        """Say of each charge, in this order, whether it would be admitted; one that is not leaves its room to the next.

        The same exact sums as the accountant's, without importing it; nothing is written.
        """
        ceiling, spent = self.standing(source)
        verdicts = []
        for epsilon, delta in costs:
            after = spent.plus(chargeable(Total(exact(epsilon), exact(delta)), ceiling))
            admitted = after.fits(ceiling) or (epsilon == 0 and delta == 0)
            spent = after if admitted else spent
            verdicts.append(admitted)
        return verdicts

    def charges(self, source: str) -> list[Charge]:
        """Return all charges of a source, oldest first."""
        with connect(self.path) as con:
            con.execute("BEGIN")
            done = {e.subject: e for e in select(con, "e.kind = 'completion' AND e.source = ?", (source,))}
            entries = select(con, "e.kind = 'charge' AND e.source = ? ORDER BY e.seq", (source,))
            return [read_charge(entry, done.get(str(entry.seq))) for entry in entries]

    def summary(self) -> dict[str, Any]:
        """Return the document of ``synth-assets budget --format json``.

        A source without a ceiling has null for ``ceiling`` and ``remaining``; a heuristic release has null for
        ``epsilon`` and ``delta``.
        """
        with connect(self.path) as con:
            where = "SELECT DISTINCT source FROM entries WHERE kind IN ('ceiling', 'charge') ORDER BY source"
            names = [name for (name,) in con.execute(where)]
        return {"sources": [self._summarize(name) for name in names]}

    def _summarize(self, source: str) -> dict[str, Any]:
        budget = self.ceiling(source)
        return {
            "source": source,
            "ceiling": {"epsilon": budget.epsilon, "delta": budget.delta} if budget else None,
            "spent": self.spent(source)._asdict(),
            "remaining": self.remaining(source)._asdict() if budget else None,
            "charges": [summarize_charge(charge) for charge in self.charges(source)],
        }

    def verify(self) -> list[Problem]:
        """Check the file, the chain and the sums; an empty list means that all is as it was written.

        Raises:
            LedgerError: the file is too damaged to be read.
        """
        with connect(self.path) as con:
            con.execute("BEGIN")
            return [*find_problems(con), *_audit(con)]


def _ceiling(con: sqlite3.Connection, source: str) -> Budget | None:
    entry = latest(con, "e.kind = 'ceiling' AND e.source = ?", (source,))
    if entry is None:
        return None
    require_link(con, entry)
    facts = entry.facts()
    return Budget.model_construct(**{name: facts[name] for name in Budget.model_fields})


def _require_ceiling(con: sqlite3.Connection, source: str) -> Budget:
    budget = _ceiling(con, source)
    if budget is None:
        raise LedgerError(
            f"source {source} has no ceiling; write sources.{source}.budget, e.g. {{epsilon: 1, delta: 1e-6}}, before "
            "a differentially private release"
        )
    return budget


def _spent(con: sqlite3.Connection, source: str, consumer: str | None = None) -> Total:
    """Read the running total that the newest charge carries."""
    if consumer is None:
        entry = latest(con, "e.kind = 'charge' AND e.source = ?", (source,))
    else:
        entry = latest(con, "e.kind = 'charge' AND e.source = ? AND e.consumer = ?", (source, consumer))
    if entry is None:
        return NOTHING
    require_link(con, entry)
    return _total(entry.facts()["spent" if consumer is None else "spent_by_consumer"])


def _total(pair: Iterable[str]) -> Total:
    epsilon, delta = pair
    return Total(Exact(epsilon), Exact(delta))


def _text(total: Total) -> list[str]:
    return [str(Fraction(part)) for part in total]


def _weigh(con: sqlite3.Connection, source: str, consumer: str, event: Event, share: Share | None) -> dict[str, Any]:
    """Check a charge against the ceilings that apply; return what the entry keeps of the sums."""
    spent, by_consumer = _spent(con, source), _spent(con, source, consumer)
    cost = event.cost()
    body: dict[str, Any] = {"ceiling": None, "share": None}
    if cost != NOTHING:
        budget = _require_ceiling(con, source)
        ceiling = budget.exactly()
        cost = chargeable(cost, ceiling)
        _require_room(f"source {source}", ceiling, spent, cost)
        body["ceiling"] = _text(ceiling)
        if share is not None:
            part = share.under(budget).exactly()
            cost = chargeable(cost, part)
            _require_room(f"consumer {consumer}'s share of source {source}", part, by_consumer, cost)
            body["share"] = _text(part)
    totals = {"spent": _text(spent.plus(cost)), "spent_by_consumer": _text(by_consumer.plus(cost))}
    return {**body, "cost": _text(cost), **totals}


def _require_room(whose: str, ceiling: Total, spent: Total, cost: Total) -> None:
    if judged(ceiling, spent, cost):
        return
    parts = {
        "requested": cost.shown(),
        "spent": spent.shown(),
        "remaining": spent.left_of(ceiling).shown_down(),
        "ceiling": ceiling.shown(),
    }
    figures = ", ".join(f"{word} ({pair.epsilon:.12g}, {pair.delta:.12g})" for word, pair in parts.items())
    raise BudgetExceeded(
        f"the budget of {whose} has no room, in (epsilon, delta): {figures}; nothing was charged, and no later tick "
        "of a schedule will find room: lower the request, or raise the ceiling in the spec knowingly"
    )


def _heuristic_tables(con: sqlite3.Connection, source: str, besides: tuple[str, str] = ("", "")) -> int:
    counted = (
        "SELECT coalesce(sum(tables), 0) FROM (SELECT max(coalesce(json_extract(body, '$.event.tables'), 1)) AS tables"
        " FROM entries WHERE kind = 'charge' AND source = ? AND json_extract(body, '$.event.guarantee') = 'heuristic'"
        " AND NOT (subject = ? AND json_extract(body, '$.asset') = ?)"
        " GROUP BY subject, json_extract(body, '$.asset'))"
    )
    return int(con.execute(counted, (source, *besides)).fetchone()[0])


def _require_tables(source: str, made: int, asked: int, most: int) -> None:
    if made + asked <= most:
        return
    raise BudgetExceeded(
        f"source {source} has no room for heuristic releases, in tables: requested {asked}, made {made}, remaining "
        f"{max(0, most - made)}, the most {most}; nothing was made, and no later tick of a schedule will find room: "
        f"ask for fewer tables, or raise sources.{source}.max_heuristic_releases knowingly"
    )


def _audit(con: sqlite3.Connection) -> list[Problem]:
    """Recompute every running total from the events alone, and compare with the ceilings of their time."""
    totals: dict[tuple[str, ...], Total] = {}
    ids: set[str] = set()
    problems = []
    for entry in select(con, "e.kind IN ('charge', 'completion') ORDER BY e.seq"):
        if entry.kind == "completion":
            if entry.subject not in ids:
                problems.append(Problem(entry.seq, "completes a charge that is not in the ledger"))
            continue
        ids.add(str(entry.seq))
        try:
            problems += [Problem(entry.seq, what) for what in _audit_charge(entry, entry.facts(), totals)]
        except (ValueError, KeyError, TypeError):
            problems.append(Problem(entry.seq, "cannot be read as a charge"))
    return problems


def _audit_charge(entry: Entry, facts: Mapping[str, Any], totals: dict[tuple[str, ...], Total]) -> list[str]:
    """Return what is wrong with one charge; moves ``totals`` of its source and of its consumer on."""
    cost, stated = _total(facts["cost"]), Event(**facts["event"]).cost()
    found = []
    if cost.epsilon < stated.epsilon or cost.delta < stated.delta:
        found.append("charged less than its event costs")
    sides = (("spent", "ceiling", (entry.source,)), ("spent_by_consumer", "share", (entry.source, entry.consumer)))
    for spent, most, key in sides:
        totals[key] = totals.get(key, NOTHING).plus(cost)
        if totals[key] != _total(facts[spent]):
            found.append(f"its running total `{spent}` is not the sum of the charges before it")
            totals[key] = _total(facts[spent])
        if facts[most] is not None and not totals[key].fits(_total(facts[most])):
            found.append(f"passed its {most}")
    return found
