"""From treated rows to a staged table: one release of one product, charged before the first look.

A release is identified by everything that its content depends on: snapshot, policy, parameters, code version. The
same release twice costs nothing: the stored table is used again. A stored table that was paid for but not yet noted
as released (the process died in between) is taken up, not paid again; any other crash leaves its charge standing.
"""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Any

import duckdb

from synth_assets import __version__
from synth_assets.accounting import Event
from synth_assets.anonymity import nothing_to_generalize
from synth_assets.deidentification import Randomize, TreatedColumn, answer_identity, response
from synth_assets.earlier import find_company, identify_rows, note_promise
from synth_assets.errors import BudgetExceeded, PublicationRefused, SourceError, sealed
from synth_assets.messages import nearest
from synth_assets.pipeline import Materialized, Platform, fingerprint, read_treated, whose_words
from synth_assets.products import INVENTED, POPULATION, check_declarations, made_anew, make_table
from synth_assets.spec import Consumer, Product, Source
from synth_assets.statistics import group_names
from synth_assets.storage import Warehouse, columns_of, get_meta, install_keys, put_meta, table_digest
from synth_assets.synthesis.buckets import COMBINATION

RELATION = "add or remove all rows of one unit"


def stage_product(platform: Platform, consumer: Consumer, product: Product) -> Materialized:
    """``staged/<consumer>/<product>``: make the product's table, or find the one that was made before.

    Raises:
        BudgetExceeded: the charge would pass a ceiling; nothing was read or charged.
        SourceError: the product names a column that the source lacks or that must not leave.
        DomainError: what is asked for cannot be made of the columns as they are declared; nothing was charged.
    """
    name = f"{consumer.name}/{product.name}"
    source = platform.spec.source(product.source)
    with sealed(f"staged/{name}"), platform.warehouse.lock(f"release/{name}"):
        facts = read_treated(platform, source)
        policy = product_policy(product, source, facts["policy"])
        _require_fixed_rules(product, policy, facts["data_dependent"])
        release_id = identify_release(source, consumer, product, policy, _snapshots(platform, product, policy, facts))
        charged = (0.0, 0.0)
        cached = _take_up(platform, name, release_id)
        if not cached:
            _check_declarations(platform, source, product, policy)
            charged = product.cost()
            with platform.warehouse.lock(f"answers/{consumer.name}/{source.name}"):
                _charge_answers(platform, consumer, product, policy, facts["answers"])
            make = _make_charged
            turn: AbstractContextManager[None] = nullcontext()
            if product.anonymize is not None:  # such tables are made one after the other, each beside the last
                make, turn = _make_beside, platform.warehouse.lock(f"{consumer.key_label}/{source.name}")
            with turn:
                charge_id, digest = make(platform, consumer, product, policy, release_id)
                platform.ledger.complete(charge_id, digest, release_id=release_id)
                _point(platform, name, release_id)
        else:
            _point(platform, name, release_id)
    return _describe(platform, name, source, product, policy, release_id, charged, cached)


def product_policy(product: Product, source: Source, policy: list[dict[str, Any]]) -> list[TreatedColumn]:
    """The treated columns that a product may hold, in its order; suppressed ones are left out.

    Raises:
        SourceError: a column is missing, is a direct identifier in a product that must hold none, or none is left.
    """
    place = f"product {product.name}"
    known = {column["name"]: TreatedColumn.model_validate(column) for column in policy}
    for column in product.columns:
        if column not in known:
            raise SourceError(f"{place}: column `{column}` is not in source {source.name}{nearest(column, known)}")
    chosen = [known[column] for column in product.columns if known[column].treatment.kind != "suppress"]
    direct = [column.name for column in chosen if column.role == "direct_identifier"]
    if product.rows is None and direct:
        raise SourceError(
            f"{place}: `{direct[0]}` is classified as a direct identifier; remove it from the product, or decide its "
            f"role in sources.{source.name}.columns"
        )
    lost = [column for column in product.columns if column not in {kept.name for kept in chosen}]
    if product.statistics is not None and lost:
        raise SourceError(
            f"{place}: its statistics need `{lost[0]}`, which is suppressed; decide on it in "
            f"sources.{source.name}.columns, or ask for other figures"
        )
    if not chosen and product.columns:
        raise SourceError(
            f"{place}: all of its columns are suppressed; decide on them in sources.{source.name}.columns"
        )
    if product.anonymize is not None and (why := nothing_to_generalize([(c.name, c.role) for c in chosen])):
        raise SourceError(f"{place}: {why}")
    return chosen


def _require_fixed_rules(product: Product, policy: list[TreatedColumn], data_dependent: list[str]) -> None:
    """A differentially private method may fit only what each row determines by itself."""
    touched = [column.name for column in policy if column.name in data_dependent]
    if product.guarantee == "differential_privacy" and touched:
        raise SourceError(
            f"product {product.name}: the values of `{touched[0]}` are chosen by a look at all rows (to keep a unique "
            "column unique, or to tell people from values), so that no differentially private method may read them; "
            "remove the column, or pseudonymize it"
        )


def invents(product: Product, policy: list[TreatedColumn]) -> bool:
    """Whether a product shows fakes or pseudonyms, which the consumer's key decides."""
    return any(column.treatment.kind in made_anew(product) & INVENTED for column in policy)


def lend_keys(platform: Platform, con: duckdb.DuckDBPyConnection, consumer: Consumer) -> None:
    """Let what ``con`` invents and draws from here on be the consumer's: fakes, pseudonyms, randomized answers."""
    install_keys(con, platform.warehouse.key(consumer.key_label), ("fake", "pseudonym", "randomize"))


def attach_treated(platform: Platform, con: duckdb.DuckDBPyConnection, product: Product) -> None:
    """Attach the treated rows that a product is made of as ``d``, and its population where it has one."""
    platform.warehouse.attach(con, f"deidentified/{product.source}", "d")
    if product.anonymize is not None and product.anonymize.population is not None:
        platform.warehouse.attach(con, f"deidentified/{product.anonymize.population}", POPULATION)


def identify_release(
    source: Source,
    consumer: Consumer,
    product: Product,
    policy: list[TreatedColumn],
    snapshots: tuple[str | None, ...],
) -> str:
    """The identity of a release: equal exactly when its table would be made from the same things in the same way.

    ``snapshots`` are those of the source, of the source that lists its people, where that is another, and of the
    population of a k-anonymous product, where it has one (:func:`population_snapshot`).
    """
    how = product.model_dump(mode="json", include={"synthesizer", "anonymize", "rows", "size", "target"})
    if product.statistics is not None:
        how["statistics"] = product.statistics.model_dump(mode="json")
    if any(column.treatment.kind in made_anew(product) for column in policy):
        how["key"] = consumer.key_label
    rules = [column.model_dump(mode="json") for column in policy]
    domain = {name: column.domain for name, column in source.columns.items() if name in product.columns}
    rows = source.model_dump(mode="json", include={"unit", "control", "max_rows_per_unit", "suppress_records"})
    return fingerprint(__version__, snapshots, how, product.columns, rules, domain, rows | whose_words(source))


FIXED = frozenset({"keep", "generalize", "code", "mask", "safe_harbor"})
"""Treatments whose results are the same for the same value in every source."""


def _snapshots(
    platform: Platform, product: Product, policy: list[TreatedColumn], facts: dict[str, Any]
) -> tuple[str | None, ...]:
    """What a release is made from, besides its source's rules.

    Raises:
        SourceError: the population lacks a quasi-identifier of the product, or treats it otherwise.
    """
    own = (facts["snapshot_id"], facts["people"])
    if product.anonymize is None or product.anonymize.population is None:
        return own
    source = platform.spec.source(product.anonymize.population)
    theirs = read_treated(platform, source)
    treated = {column["name"]: TreatedColumn.model_validate(column).treatment for column in theirs["policy"]}
    for column in policy:
        if column.role != "quasi_identifier":
            continue
        if treated.get(column.name) != column.treatment or column.treatment.kind not in FIXED:
            raise SourceError(
                f"product {product.name}: source {source.name} cannot be its population, as it does not treat "
                f"`{column.name}` as source {product.source} does, by {' or '.join(sorted(FIXED))}; give the column "
                "the same treatment in both"
            )
    return (*own, population_snapshot(source, theirs["snapshot_id"]))


def population_snapshot(source: Source, snapshot_id: str) -> str:
    """What of a population a release depends on: its rows, and whose they are."""
    return fingerprint(snapshot_id, source.model_dump(mode="json", include={"unit", "suppress_records"}))


def release_key(name: str, release_id: str) -> str:
    """Where the table of a release lies in the restricted zone."""
    return f"staged/{name}/{release_id[:32]}"


def attach_staged(platform: Platform, con: duckdb.DuckDBPyConnection, name: str, release_id: str) -> dict[str, Any]:
    """Attach the stored table of a release as ``staged`` and return its facts.

    Raises:
        PublicationRefused: the file holds another release, which has a certificate and a charge of its own.
        SourceError: there is no such table.
    """
    key = release_key(name, release_id)
    platform.warehouse.attach(con, key, "staged")
    facts = get_meta(con, "staged")
    if facts["release_id"] != release_id:
        raise PublicationRefused(
            f"staged/{name} holds another release than its name says; remove {platform.warehouse.path(key)} and "
            "materialize it again"
        )
    return facts


def _take_up(platform: Platform, name: str, release_id: str) -> bool:
    """Whether the release is already stored; notes it as released if only that note is missing."""
    key = release_key(name, release_id)
    if not platform.warehouse.exists(key):
        return False
    with platform.warehouse.connect() as con:
        stored = attach_staged(platform, con, name, release_id)
        digest = table_digest(con, "staged.data")
    known = platform.ledger.find_release(release_id, f"published/{name}")
    if known is None:
        platform.ledger.complete(stored["charge_id"], digest, release_id=release_id)
        return True
    if known.digest != digest:
        raise PublicationRefused(
            f"staged/{name} was changed after it was made; remove {platform.warehouse.path(key)} and make a new release"
        )
    return True


def answers_asset(consumer: Consumer, source: Source, column: str) -> str:
    """What the ledger calls the randomized answers of a column that a consumer gets."""
    return f"answers/{consumer.name}/{source.name}/{column}"


def answers_release(consumer: Consumer, label: str, column: TreatedColumn) -> str | None:
    """The identity of the answers of a column under a consumer's key; None where it is not randomized.

    ``label`` is that of the source, see ``pipeline.answers_label``.
    """
    if not isinstance(column.treatment, Randomize):
        return None
    return fingerprint(answer_identity(label, column, column.treatment), consumer.key_label)


def _charge_answers(
    platform: Platform, consumer: Consumer, product: Product, policy: list[TreatedColumn], label: str
) -> None:
    """Charge the answers of randomized columns that this consumer has not got yet; they are the same ever after.

    Raises:
        BudgetExceeded: they do not fit together with what the product costs; nothing was charged.
    """
    source = platform.spec.source(product.source)
    due = []
    for column in policy:
        release_id = answers_release(consumer, label, column)
        asset = answers_asset(consumer, source, column.name)
        if release_id is not None and platform.ledger.find_release(release_id, asset) is None:
            due.append((column, release_id, asset))
    if not due:
        return
    if source.budget is not None:  # without one the ledger refuses
        platform.ledger.set_ceiling(source.name, source.budget, platform.now())
    events = [_answers_event(source, column) for column, _, _ in due]
    costs = [(event.epsilon or 0.0, 0.0) for event in events] + [product.cost()]
    if not all(platform.ledger.admits(source.name, costs)):
        raise BudgetExceeded(
            f"the budget of source {source.name} has no room for product {product.name} with the randomized answers "
            f"of {', '.join(column.name for column, _, _ in due)} (epsilon {sum(epsilon for epsilon, _ in costs):g} "
            "together); nothing was charged; lower the request, or raise the ceiling in the spec knowingly"
        )
    for event, (_, release_id, asset) in zip(events, due, strict=True):
        charge = platform.ledger.charge(
            source=source.name,
            asset=asset,
            consumer=consumer.name,
            product=product.name,
            release_id=release_id,
            event=event,
            at=platform.now(),
            run_id=platform.run_id,
            consumer_share=consumer.budget,
        )
        platform.ledger.complete(charge.id, release_id, release_id=release_id)


def _answers_event(source: Source, column: TreatedColumn) -> Event:
    """What the ledger keeps of a randomized column: the relation is another value, or none, of that column."""
    rule = column.treatment if isinstance(column.treatment, Randomize) else None
    return Event(
        mechanism=response(rule).name if rule else "randomized_response",
        epsilon=float(rule.epsilon) if rule else None,
        unit=source.unit or "row",
        neighbouring="replace_value",
        columns=(column.name,),
    )


def _charge(
    platform: Platform, consumer: Consumer, product: Product, policy: list[TreatedColumn], release_id: str
) -> int:
    """Write the charge to the ledger; from here on it stands, whatever happens."""
    source = platform.spec.source(product.source)
    if source.budget is not None:
        platform.ledger.set_ceiling(source.name, source.budget, platform.now())
    charge = platform.ledger.charge(
        source=source.name,
        asset=f"published/{consumer.name}/{product.name}",
        consumer=consumer.name,
        product=product.name,
        release_id=release_id,
        event=_event(source, product, policy),
        at=platform.now(),
        run_id=platform.run_id,
        consumer_share=consumer.budget,
        most_heuristic=source.max_heuristic_releases,
    )
    return charge.id


def _event(source: Source, product: Product, policy: list[TreatedColumn]) -> Event:
    """What the ledger keeps of a release; a heuristic one has a name and a unit, and no epsilon."""
    unit = source.unit or "row"
    columns = tuple(column.name for column in policy)
    if product.guarantee == "heuristic":
        tables = product.tables(len(columns))
        return Event(mechanism=product.method, guarantee="heuristic", unit=unit, columns=columns, tables=tables)
    epsilon, delta = product.cost()
    rows = float(source.max_rows_per_unit)
    return Event(mechanism=product.method, epsilon=epsilon, delta=delta, unit=unit, sensitivity=rows, columns=columns)


def _make_charged(
    platform: Platform, consumer: Consumer, product: Product, policy: list[TreatedColumn], release_id: str
) -> tuple[int, str]:
    """Charge, then write the release's table; returns the charge and the table's digest."""
    source = platform.spec.source(product.source)
    charge_id = _charge(platform, consumer, product, policy, release_id)
    with platform.warehouse.write(release_key(f"{consumer.name}/{product.name}", release_id)) as con:
        attach_treated(platform, con, product)
        _require_same_rows(platform, con, consumer, product, policy, release_id)
        lend_keys(platform, con, consumer)
        made = make_table(con, source, product, policy, platform.warehouse.key("diffix"))
        digest = table_digest(con, "out.data")
        put_meta(con, {"release_id": release_id, "charge_id": charge_id, "digest": digest, "made": made})
    return charge_id, digest


def _make_beside(
    platform: Platform, consumer: Consumer, product: Product, policy: list[TreatedColumn], release_id: str
) -> tuple[int, str]:
    """Write a k-anonymous table beside those that the consumer has, and note it once it is made, before it is kept.

    It has no budget that a look would have to be charged to, and what cannot be made is refused and not counted.
    """
    source = platform.spec.source(product.source)
    key = release_key(f"{consumer.name}/{product.name}", release_id)
    with platform.warehouse.write(key) as con:
        attach_treated(platform, con, product)
        _require_same_rows(platform, con, consumer, product, policy, release_id)
        lend_keys(platform, con, consumer)
        rows = identify_rows(source, get_meta(con, "d"))
        company = find_company(platform, con, consumer, product, (release_id, rows))
        beside = company.earlier if product.anonymize is not None and product.anonymize.k else None
        made = make_table(con, source, product, policy, b"", beside)
        facts = {"rows": rows, "made": made, **note_promise(product)}
        facts["beside"] = company.measure(con, "out", facts, source)
        digest = table_digest(con, "out.data")
        charge_id = _charge(platform, consumer, product, policy, release_id)
        put_meta(con, {"release_id": release_id, "charge_id": charge_id, "digest": digest, **facts})
    return charge_id, digest


def _require_same_rows(
    platform: Platform,
    con: duckdb.DuckDBPyConnection,
    consumer: Consumer,
    product: Product,
    policy: list[TreatedColumn],
    release_id: str,
) -> None:
    """Refuse treated rows that another run has made meanwhile: what was charged are the answers about the others.

    Raises:
        SourceError: the rows at hand are of another snapshot or policy.
    """
    source, facts = platform.spec.source(product.source), get_meta(con, "d")
    own = {column.name: column.model_dump(mode="json") for column in policy}
    treated = [column for column in facts["policy"] if column["name"] in own]
    snapshots = _snapshots(platform, product, policy, facts)
    same = identify_release(source, consumer, product, policy, snapshots) == release_id
    if not same or any(column != own[column["name"]] for column in treated):
        raise SourceError(
            f"deidentified/{source.name} was made anew while {product.name} was being made of it; run it again"
        )


def _check_declarations(platform: Platform, source: Source, product: Product, policy: list[TreatedColumn]) -> None:
    """Whether the product can be made of the columns as they are declared; reads no row, as nothing is charged yet.

    A declaration that never fits would else be charged for at every tick of a schedule, until nothing is left.
    """
    with platform.warehouse.connect() as con:
        platform.warehouse.attach(con, f"deidentified/{source.name}", "d")
        check_declarations(con, source, product, policy)


def _point(platform: Platform, name: str, release_id: str) -> None:
    """Note which release is staged now."""
    platform.warehouse.write_document(f"staged/{name}/current", release_id.encode())


def current_release(warehouse: Warehouse, name: str) -> str:
    """The release that is staged now.

    Raises:
        SourceError: nothing was staged yet.
    """
    return warehouse.read_document(f"staged/{name}/current").decode()


def require_current(platform: Platform, name: str, product: Product) -> tuple[str, list[TreatedColumn]]:
    """The release that is staged now, and its columns, if it is what the spec asks for of the treated rows at hand.

    Raises:
        SourceError: nothing was staged yet, or it was made of another snapshot or by other parameters.
    """
    source, consumer = platform.spec.source(product.source), platform.spec.product(name)[0]
    facts = read_treated(platform, source)
    policy = product_policy(product, source, facts["policy"])
    release_id = current_release(platform.warehouse, name)
    snapshots = _snapshots(platform, product, policy, facts)
    if identify_release(source, consumer, product, policy, snapshots) != release_id:
        raise SourceError(
            f"staged/{name} was made of another snapshot or by other parameters than the spec has now; materialize "
            f"staged/{name} again"
        )
    return release_id, policy


def _describe(
    platform: Platform,
    name: str,
    source: Source,
    product: Product,
    policy: list[TreatedColumn],
    release_id: str,
    charged: tuple[float, float],
    cached: bool,
) -> Materialized:
    with platform.warehouse.connect() as con:
        digest = attach_staged(platform, con, name, release_id)["digest"]
        columns = tuple(columns_of(con, "staged.data"))
        rows = con.execute("SELECT count(*) FROM staged.data").fetchall()[0][0]
    left_out = [column for column in product.columns if column not in {kept.name for kept in policy}]
    return Materialized(
        key=f"staged/{name}",
        columns=columns,
        rows=rows,
        facts={
            "method": product.method,
            "guarantee": product.guarantee,
            "epsilon charged": charged[0],
            "delta charged": charged[1],
            "release": "stored release used again, nothing charged" if cached else "new release",
            "columns left out (suppressed)": ", ".join(left_out) or "none",
        },
        lineage=_lineage(source, product, [column for column, _ in columns]),
        tags={column.name: {"role": column.role, "treatment": column.treatment.kind} for column in policy},
        version=digest,
    )


def _lineage(source: Source, product: Product, columns: list[str]) -> dict[str, tuple[tuple[str, str], ...]]:
    """What each column is made from; figures and their errors are made from every column that is read."""
    key = f"deidentified/{source.name}"
    if product.statistics is None:
        return {column: ((key, column),) for column in columns if product.width is None or column != COMBINATION}
    groups = {called: ((key, name),) for name, called in group_names(product.statistics).items()}
    every = tuple((key, name) for name in product.columns)
    return {column: groups.get(column, every) for column in columns}


__all__ = [
    "RELATION",
    "answers_asset",
    "answers_release",
    "attach_staged",
    "attach_treated",
    "current_release",
    "identify_release",
    "invents",
    "lend_keys",
    "population_snapshot",
    "product_policy",
    "release_key",
    "require_current",
    "stage_product",
]
