"""What a consumer has already of the same people: the k-anonymous tables beside which the next one is made.

What belongs here: which earlier releases there are, and whether they were made of the same rows. How a table keeps
everybody in company is in :mod:`synth_assets.anonymity.together`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import duckdb

from synth_assets.anonymity import Anonymize, Earlier, Promise, count_torn, exposed, has_order, smallest
from synth_assets.errors import PublicationRefused, SourceError
from synth_assets.pipeline import Platform, fingerprint
from synth_assets.spec import Consumer, Product, Source
from synth_assets.storage import columns_of, get_meta

MEMBERS, TOLD = "members", "told"
"""The tables of a stored release that say who is in which class, and what they tell of sensitive values."""


@dataclass(frozen=True)
class Company:
    """Earlier tables of one consumer (or of those who share its key) and source, attached.

    Attributes:
        same, others: by asset the relation (unit, class) of those made of the same rows as the new one, and of rows
            that came before or after.
        unknown: releases that nobody can check, as their stored table is gone or older than such records.
        k: the smallest of theirs and the new one's.
        promises: of those in ``same`` that promised something of sensitive values, by asset.
    """

    same: dict[str, str]
    others: dict[str, str]
    unknown: int
    k: int
    promises: dict[str, Promise]

    @property
    def earlier(self) -> Earlier | None:
        """What the new table must be made beside."""
        places = {asset: place for place, asset in enumerate(self.same)}
        promises = {places[asset]: promise for asset, promise in self.promises.items()}
        return Earlier(tuple(self.same.values()), self.k, promises) if self.same else None

    def beside(self, con: duckdb.DuckDBPyConnection, alias: str, facts: dict[str, Any]) -> tuple[int, int]:
        """The units of the smallest combination of groups with those of the table at ``alias``, and the combinations
        that tell more of sensitive values than was promised."""
        if (earlier := self.earlier) is None:
            return 0, 0
        everybody = [*earlier.members, f"{alias}.{MEMBERS}"]
        own = _promise(con, alias, facts)
        promises = {**earlier.promises, **({} if own is None else {len(earlier.members): own})}
        return smallest(con, everybody), count_torn(con, everybody, promises)

    def measure(
        self, con: duckdb.DuckDBPyConnection, alias: str, facts: dict[str, Any], source: Source
    ) -> dict[str, Any]:
        """What the report tells of the new table at ``alias``. Counts only."""
        members = f"{alias}.{MEMBERS}"
        least, torn = self.beside(con, alias, facts) if self.same else (None, None)
        told = {}
        for asset, old in self.others.items() if source.unit is not None else ():
            alone, came, left = exposed(con, members, old, self.k)
            told[asset] = {"alone": alone, "came": came, "left": left}
        found = {"same": len(self.same), "least": least, "others": told, "unknown": self.unknown, "k": self.k}
        return {**found, "torn": torn, "promises": len(self.promises) + ("promise" in facts)}


def note_promise(product: Product) -> dict[str, Any]:
    """What to note of a table beside its :data:`TOLD`, where it promises anything of sensitive values."""
    asked = product.anonymize
    return {"promise": asked.model_dump(mode="json")} if asked is not None and asked.diverse else {}


def _promise(con: duckdb.DuckDBPyConnection, alias: str, facts: dict[str, Any]) -> Promise | None:
    """What the stored table at ``alias`` promised of sensitive values."""
    if "promise" not in facts:
        return None
    told = f"{alias}.{TOLD}"
    ordered = tuple(has_order(kind) for name, kind in columns_of(con, told) if name.startswith("v"))
    return Promise(told, Anonymize.model_validate(facts["promise"]), ordered)


def identify_rows(source: Source, facts: dict[str, Any]) -> str:
    """Equal for tables that were made of the same rows of the same units."""
    rows = source.model_dump(mode="json", include={"unit", "control", "suppress_records"})
    return fingerprint(facts["snapshot_id"], facts["people"], rows)


def find_company(
    platform: Platform,
    con: duckdb.DuckDBPyConnection,
    consumer: Consumer,
    product: Product,
    release: tuple[str, str],
    published: bool = False,
) -> Company:
    """Attach the k-anonymous tables that the consumer has of the product's source, and may soon have.

    Those are all that were ever published, and what is staged for other products; of other rows, the newest of each
    product. Consumers who share a key, so that they can join their tables, are one. ``release`` is the identity of the
    new one, and of its rows; ``published`` leaves out what is only staged.
    """
    same: dict[str, str] = {}
    others: dict[str, str] = {}
    promises: dict[str, Promise] = {}
    unknown, k = 0, (product.anonymize.k if product.anonymize else None) or 2
    seen = {release[0]}
    newest: set[str] = set()
    readers = {consumer.name, *platform.spec.sharing(consumer)}
    for charge in reversed(platform.ledger.charges(product.source)):
        mine = charge.consumer in readers and charge.event.mechanism == "k_anonymity"
        if not mine or charge.state != "released" or charge.release_id in seen:
            continue
        name = f"{charge.consumer}/{charge.product}"
        if not platform.ledger.was_published(name, charge.release_id):
            another = name != f"{consumer.name}/{product.name}" and not published
            if not (another and _is_staged(platform, name, charge.release_id)):
                continue
        seen.add(charge.release_id)
        alias = f"earlier_{len(seen)}"
        facts = _attach(platform, con, name, charge.release_id, alias)
        if facts is None:
            unknown += 1
        elif facts["made"]["k"] is not None and facts["rows"] == release[1]:
            same[f"{name} of {charge.at}"] = f"{alias}.{MEMBERS}"
            k = min(k, facts["made"]["k"])
            if (promise := _promise(con, alias, facts)) is not None:
                promises[f"{name} of {charge.at}"] = promise
        elif facts["made"]["k"] is not None and name not in newest:
            newest.add(name)
            others[f"{name} of {charge.at}"] = f"{alias}.{MEMBERS}"
        else:
            con.execute(f"DETACH {alias}")
    return Company(same, others, unknown, k, promises)


def _is_staged(platform: Platform, name: str, release_id: str) -> bool:
    try:
        return platform.warehouse.read_document(f"staged/{name}/current").decode() == release_id
    except SourceError:
        return False


def _attach(
    platform: Platform, con: duckdb.DuckDBPyConnection, name: str, release_id: str, alias: str
) -> dict[str, Any] | None:
    """The facts of a stored release with a record of its classes; None where there is none."""
    key = f"staged/{name}/{release_id[:32]}"
    if not platform.warehouse.exists(key):
        return None
    platform.warehouse.attach(con, key, alias)
    facts = get_meta(con, alias)
    return facts if "rows" in facts and facts["release_id"] == release_id else None


def require_company(
    platform: Platform, con: duckdb.DuckDBPyConnection, consumer: Consumer, product: Product, facts: dict[str, Any]
) -> None:
    """Whether a staged table, attached as ``staged``, may join what the consumer has; ``facts`` are the table's.

    Raises:
        PublicationRefused: beside the tables that were published since it was made, some unit would stand too alone.
    """
    if product.anonymize is None or product.anonymize.k is None:
        return
    company = find_company(platform, con, consumer, product, (facts["release_id"], facts["rows"]), published=True)
    if not company.same:
        return
    least, torn = company.beside(con, "staged", facts)
    if least < company.k or torn:
        raise PublicationRefused(
            f"published/{consumer.name}/{product.name}: beside the {len(company.same)} k-anonymous tables of the same "
            f"rows that were published before, some units would be known to be among {least} where {company.k} were "
            f"promised, and {torn} combinations of groups would tell too much of sensitive values; change what the "
            "product asks for, and a new table is made beside them"
        )


def tell_company(beside: dict[str, Any]) -> str:
    """What :meth:`Company.measure` found, for people; parts are set apart by semicolons."""
    told = [f"{beside['same']} of the same rows"]
    if beside["same"]:
        told[0] += f": each unit is among at least {beside['least']} in all of them together"
        if beside.get("promises"):
            told[0] += f", and {beside['torn'] or 'no'} combinations tell too much of sensitive values"
    for asset, seen in beside["others"].items():
        told.append(
            f"beside {asset}, of other rows, {seen['alone']} units are among fewer than {beside['k']}, {seen['came']} "
            f"came and {seen['left']} left"
        )
    if beside["unknown"]:
        told.append(f"{beside['unknown']} cannot be checked, as their stored tables are gone")
    return "; ".join(told)


__all__ = ["MEMBERS", "Company", "find_company", "identify_rows", "note_promise", "require_company", "tell_company"]
