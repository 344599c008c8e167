"""What a run would do, before it does anything: releases, charges, what remains, when the schedule runs dry.

Reads the spec, the ledger and the verdicts on columns; never a row.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import datetime
from functools import reduce
from typing import Any

from synth_assets.accounting import Budget, Ledger, Tick, exhausted_at
from synth_assets.accounting.budget import NOTHING, Total, exact
from synth_assets.deidentification import TreatedColumn, references_of, response
from synth_assets.errors import SourceError
from synth_assets.pipeline import answers_label, current_policy
from synth_assets.release import (
    answers_asset,
    answers_release,
    identify_release,
    invents,
    population_snapshot,
    product_policy,
)
from synth_assets.spec import Consumer, Product, Source, Spec
from synth_assets.storage import Warehouse


@dataclass(frozen=True)
class PlannedRelease:
    """One product: what its next release would charge.

    ``cached`` says that the release of the last snapshot is stored and costs nothing; ``left_out`` are its columns
    that nobody has decided on or that are suppressed; ``problem`` is why it would be refused; ``tables`` counts what a
    new release without a formal guarantee adds to its source's heuristic tables; ``joins`` are the consumers whose
    tables can be joined with this one by its fakes and pseudonyms, as the spec gives them one key; ``policy`` is the
    law that its source keeps to.
    """

    asset: str
    source: str
    method: str
    epsilon: float
    delta: float
    cached: bool
    guarantee: str
    left_out: tuple[str, ...] = ()
    problem: str = ""
    tables: int = 0
    joins: tuple[str, ...] = ()
    policy: str = ""


def plan(spec: Spec, warehouse: Warehouse | None, ledger: Ledger | None, start: datetime) -> dict[str, Any]:
    """The plan, in the shape that ``plan --format json`` prints.

    Args:
        warehouse, ledger: None where nothing was materialized yet.
        start: from when the schedules are counted.
    """
    releases = [_release(spec, warehouse, ledger, consumer, product) for consumer, product in spec.products()]
    releases += [_answers(warehouse, ledger, *asked) for asked in answers_asked(spec)]
    sources = [_source(spec, source, releases, ledger, start) for source in spec.sources if source.budget]
    heuristic = [_heuristic(source, releases, ledger) for source in spec.sources]
    return {
        "releases": [{**asdict(r), "left_out": list(r.left_out), "joins": list(r.joins)} for r in releases],
        "sources": sources,
        "heuristic": [row for row in heuristic if row["made"] or row["planned"]],
        "references": [str(reference) for source in spec.sources for reference in references_of(source)],
    }


def _heuristic(source: Source, releases: list[PlannedRelease], ledger: Ledger | None) -> dict[str, Any]:
    """The tables of a source that no epsilon bounds: what each tells together with the others, nobody has proved."""
    made = ledger.heuristic_tables(source.name) if ledger else 0
    planned = sum(release.tables for release in releases if release.source == source.name)
    most = source.max_heuristic_releases
    return {"source": source.name, "most": most, "made": made, "planned": planned, "fits": made + planned <= most}


def standing(spec: Spec, ledger: Ledger | None) -> dict[str, Any]:
    """The ledger in the shape that ``budget --format json`` prints, with the sources that were never charged."""
    known = ledger.summary()["sources"] if ledger else []
    names = {source["source"] for source in known}
    fresh = [
        {
            "source": source.name,
            "ceiling": {"epsilon": source.budget.epsilon, "delta": source.budget.delta},
            "spent": {"epsilon": 0.0, "delta": 0.0},
            "remaining": {"epsilon": source.budget.epsilon, "delta": source.budget.delta},
            "charges": [],
        }
        for source in spec.sources
        if source.budget is not None and source.name not in names
    ]
    return {"sources": [*known, *fresh]}


def over_ceiling(planned: dict[str, Any]) -> list[str]:
    """Whose planned charges do not fit into what remains: sources, consumers' shares of them, heuristic tables."""
    sources = [f"source {source['source']}" for source in planned["sources"] if not source["fits"]]
    shares = [
        f"{consumer}'s share of source {source['source']}"
        for source in planned["sources"]
        for consumer in source["shares_exceeded"]
    ]
    heuristic = [
        f"source {row['source']}'s heuristic releases (max_heuristic_releases)"
        for row in planned["heuristic"]
        if not row["fits"]
    ]
    return sources + shares + heuristic


def _release(
    spec: Spec, warehouse: Warehouse | None, ledger: Ledger | None, consumer: Consumer, product: Product
) -> PlannedRelease:
    source = spec.source(product.source)
    cached, problem = False, ""
    left_out: tuple[str, ...] = ()
    shared = tuple(spec.sharing(consumer)) if product.kind in {"rows", "anonymize"} else ()
    policy = _policy(source, warehouse)
    if policy is not None and ledger is not None:
        try:
            kept = product_policy(product, source, [column.model_dump(mode="json") for column in policy])
        except SourceError as error:
            problem = str(error)
        else:
            names = {column.name for column in kept}
            shared = shared if invents(product, kept) else ()
            left_out = tuple(column for column in product.columns if column not in names)
            snapshot = ledger.latest_snapshot(source.name)
            listed = ledger.latest_snapshot(source.people) if source.people else None
            people = listed.snapshot_id if listed else None
            crowd = product.anonymize.population if product.anonymize else None
            counted = ledger.latest_snapshot(crowd) if crowd else None
            more = (population_snapshot(spec.source(crowd), counted.snapshot_id),) if crowd and counted else ()
            cached = snapshot is not None and (
                ledger.find_release(
                    identify_release(source, consumer, product, kept, (snapshot.snapshot_id, people, *more)),
                    f"published/{consumer.name}/{product.name}",
                )
                is not None
            )
    epsilon, delta = (0.0, 0.0) if cached else product.cost()
    heuristic = product.guarantee == "heuristic" and not cached
    return PlannedRelease(
        asset=f"published/{consumer.name}/{product.name}",
        source=source.name,
        method=product.method,
        epsilon=epsilon,
        delta=delta,
        cached=cached,
        guarantee=product.guarantee,
        left_out=left_out,
        problem=problem,
        tables=product.tables(len(product.columns) - len(left_out)) if heuristic else 0,
        joins=shared,
        policy=source.policy.name if source.policy else "",
    )


def answers_asked(spec: Spec) -> list[tuple[Consumer, Source, str]]:
    """The randomized columns that a consumer's products have; answers are charged once a consumer and snapshot."""
    asked = (
        (consumer, spec.source(product.source), column)
        for consumer, product in spec.products()
        for column in product.columns
        if column in spec.source(product.source).randomized
    )
    return list(
        {
            (consumer.name, source.name, column): (consumer, source, column) for consumer, source, column in asked
        }.values()
    )


def _answers(
    warehouse: Warehouse | None, ledger: Ledger | None, consumer: Consumer, source: Source, name: str
) -> PlannedRelease:
    """What the answers of a randomized column cost a consumer."""
    policy, asset = _policy(source, warehouse), answers_asset(consumer, source, name)
    snapshot = ledger.latest_snapshot(source.name) if ledger else None
    column = next((column for column in policy or () if column.name == name), None)
    cached = False
    if ledger is not None and snapshot is not None and column is not None:
        release_id = answers_release(consumer, answers_label(source, snapshot.snapshot_id), column)
        cached = release_id is not None and ledger.find_release(release_id, asset) is not None
    return PlannedRelease(
        asset=asset,
        source=source.name,
        method=response(source.randomized[name]).name,
        epsilon=0.0 if cached else float(source.randomized[name].epsilon),
        delta=0.0,
        cached=cached,
        guarantee="differential_privacy",
    )


def _policy(source: Source, warehouse: Warehouse | None) -> list[TreatedColumn] | None:
    """The policy under today's spec and the last classification; None before the first."""
    if warehouse is None or not warehouse.exists(f"classified/{source.name}"):
        return None
    return current_policy(warehouse, source)


def _source(
    spec: Spec, source: Source, releases: list[PlannedRelease], ledger: Ledger | None, start: datetime
) -> dict[str, Any]:
    budget = source.budget or Budget(epsilon=1)
    spent = ledger.standing(source.name)[1] if ledger and ledger.ceiling(source.name) else NOTHING
    ceiling = budget.exactly()
    planned = _sum(release for release in releases if release.source == source.name)
    remaining = spent.left_of(ceiling).shown_down()
    ticks = _ticks(spec, source)
    dry = exhausted_at(remaining, ticks, start) if ticks else None
    return {
        "source": source.name,
        "ceiling": {"epsilon": budget.epsilon, "delta": budget.delta},
        "spent": spent.shown()._asdict(),
        "planned": planned.shown()._asdict(),
        "remaining": remaining._asdict(),
        "exhausted_at": dry.isoformat() if dry else None,
        "fits": planned == NOTHING or spent.plus(planned).fits(ceiling),
        "shares_exceeded": _shares_exceeded(spec, source, budget, releases, ledger),
    }


def _ticks(spec: Spec, source: Source) -> list[Tick]:
    """What each schedule costs a source if each tick finds a new snapshot; answers once for a consumer's schedule."""
    ticks = [
        Tick(product.schedule, *product.cost())
        for _, product in spec.products()
        if product.schedule and product.source == source.name and any(product.cost())
    ]
    drawn = {
        (consumer.name, column, product.schedule)
        for consumer, product in spec.products()
        for column in product.columns
        if product.schedule and product.source == source.name and column in source.randomized
    }
    return ticks + [Tick(cron, float(source.randomized[column].epsilon), 0.0) for _, column, cron in sorted(drawn)]


def _sum(releases: Iterable[PlannedRelease]) -> Total:
    return reduce(Total.plus, (Total(exact(r.epsilon), exact(r.delta)) for r in releases), NOTHING)


def _shares_exceeded(
    spec: Spec, source: Source, budget: Budget, releases: list[PlannedRelease], ledger: Ledger | None
) -> list[str]:
    """The consumers whose planned releases do not fit into their share of the source."""
    exceeded = []
    for consumer in spec.consumers:
        mine = [r for r in releases if r.source == source.name and r.asset.split("/")[1] == consumer.name]
        planned = _sum(mine)
        if consumer.budget is None or planned == NOTHING:
            continue
        spent = ledger.spent_by(source.name, consumer.name) if ledger else NOTHING
        if not spent.plus(planned).fits(consumer.budget.under(budget).exactly()):
            exceeded.append(consumer.name)
    return exceeded


def check_budgets(spec: Spec) -> list[str]:
    """What of the products' costs can never fit: against the sources' ceilings and the consumers' shares.

    These are no errors of the spec's form: a run still makes the other products, and the ledger refuses these.
    """
    problems = [problem for source in spec.sources if (problem := _check_sum(spec, source)) is not None]
    for consumer, product in spec.products():
        budget = spec.source(product.source).budget
        if budget is None:
            continue
        place = f"consumers.{consumer.name}.products.{product.name}.{product.kind}"
        limits = {f"sources.{product.source}.budget": budget}
        if consumer.budget is not None:
            limits[f"consumers.{consumer.name}.budget"] = consumer.budget.under(budget)
        for name, limit in limits.items():
            for part, cost, most in zip(
                ("epsilon", "delta"), product.cost(), (limit.epsilon, limit.delta), strict=True
            ):
                if cost > most:
                    problems.append(
                        f"{place}.{part} ({cost:g}) is above {name}.{part} ({most:g}); lower it, or raise the ceiling"
                    )
    return problems


def _check_sum(spec: Spec, source: Source) -> str | None:
    """One release of each of a source's products must fit under its ceiling."""
    costs = [Total(exact(e), exact(d)) for _, p in spec.products() if p.source == source.name for e, d in [p.cost()]]
    answers = (asked for _, own, asked in answers_asked(spec) if own.name == source.name)
    costs += [Total(exact(float(source.randomized[column].epsilon)), exact(0.0)) for column in answers]
    planned = reduce(Total.plus, costs, NOTHING)
    if source.budget is None or planned.fits(source.budget.exactly()):
        return None
    return (
        f"sources.{source.name}.budget (epsilon {source.budget.epsilon:g}, delta {source.budget.delta:g}) is below "
        f"what its products ask for together (epsilon {float(planned.epsilon):g}, delta {float(planned.delta):.3g}); "
        "lower their shares, or raise the ceiling"
    )
