"""From a staged table to its certificate: measure it against the rows it came from, and write the verdict down.

The report is computed from real rows and stays in the restricted zone, encrypted. The certificate binds the verdict to
the digest of the staged table and to the thresholds that were asked for; publication reads nothing else.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import duckdb

from synth_assets import __version__
from synth_assets.accounting import Certificate, Ledger
from synth_assets.anonymity import Anonymization, Attackers, Reading, Risk, measure_risk, read_groups_of
from synth_assets.attackers import as_matched, doubted_columns, hidden_columns, make_world, reach_of, world_rows
from synth_assets.deidentification import TreatedColumn
from synth_assets.earlier import tell_company
from synth_assets.errors import SourceError, sealed
from synth_assets.evaluation import (
    FALSE_ALARM,
    Effort,
    Evaluation,
    Limits,
    Verdict,
    World,
    criteria_plot,
    evaluate,
    render_combinations,
    render_report,
    score_plot,
    worst_of,
)
from synth_assets.pipeline import Materialized, Platform, fingerprint
from synth_assets.products import POPULATION, figure_rows, fitted_rows, given_rows, made_anew, own_rows
from synth_assets.release import attach_staged, attach_treated, lend_keys, require_current
from synth_assets.spec import Consumer, Product, Source
from synth_assets.statistics import Learned, render_review, review_figures, true_figures
from synth_assets.storage import columns_of, get_meta, literal, quote
from synth_assets.synthesis.buckets import COMBINATION

REPORT = ("report.html", "report.json", "scores.png")
"""The documents of a report in the restricted zone, below ``reports/<consumer>/<product>/``."""
PAGES = 12
"""Of a product of many tables, so many have their full report on its page."""


def evaluate_product(platform: Platform, consumer: Consumer, product: Product) -> Materialized:
    """``report/<consumer>/<product>``: measure quality and risk of what is staged, and certify it or not."""
    name = f"{consumer.name}/{product.name}"
    with sealed(f"report/{name}"), platform.warehouse.lock(f"report/{name}"):
        release_id, policy = require_current(platform, name, product)
        with platform.warehouse.connect() as con:
            digest = str(attach_staged(platform, con, name, release_id)["digest"])
            certificate = find_certificate(platform.ledger, name, product, digest)
            if certificate is None or not _report_exists(platform, name, digest):
                certificate = _certify(platform, con, product, policy, (name, release_id, digest))
    criteria = json.loads(certificate.criteria_json)
    return Materialized(key=f"report/{name}", facts=verdict_facts(certificate, criteria), version=fingerprint(digest))


def terms(product: Product) -> str:
    """What a verdict is about besides the table: the thresholds, the target and the code that judged."""
    return fingerprint(product.accept.model_dump(mode="json"), product.target, __version__)


def find_certificate(ledger: Ledger, name: str, product: Product, digest: str) -> Certificate | None:
    """The certificate for that table under the thresholds that the spec asks for now."""
    certificate = ledger.certificate(name, digest)
    if certificate is None or json.loads(certificate.criteria_json)["terms"] != terms(product):
        return None
    return certificate


def _report_exists(platform: Platform, name: str, digest: str) -> bool:
    if not (platform.warehouse.restricted / f"reports/{name}/report.json.sealed").exists():
        return False
    return bool(json.loads(platform.warehouse.read_document(f"reports/{name}/digest"))["digest"] == digest)


def _certify(
    platform: Platform,
    con: duckdb.DuckDBPyConnection,
    product: Product,
    policy: list[TreatedColumn],
    release: tuple[str, str, str],
) -> Certificate:
    """Evaluate, keep the report, write the certificate; ``release`` is the product's name, release and digest."""
    name, release_id, digest = release
    attach_treated(platform, con, product)
    known = [column.name for column in _judged(policy)]
    if product.statistics is None and hidden_columns(con, known):
        make_world(platform, con, platform.spec.source(product.source), known)
    lend_keys(platform, con, platform.spec.product(name)[0])
    facts = {
        "product": name,
        "source": product.source,
        "method": product.method,
        "guarantee": product.guarantee.replace("_", " "),
        "treatments": "; ".join(f"{column.name}: {column.treatment.describe()}" for column in policy),
    }
    stored = get_meta(con, "staged")
    made = stored["made"]
    if product.anonymize is not None:
        facts |= {**Anonymization.model_validate(made).story, "earlier tables": tell_company(stored["beside"])}
    combinations = made.get("combinations")
    if combinations is not None:
        verdict, *documents = _evaluate_each(con, product, policy, facts, combinations, int(digest[:8], 16))
    elif product.statistics is not None:
        verdict, *documents = _review(con, platform.spec.source(product.source), product, policy, facts)
    else:
        verdict, *documents = _evaluate(con, product, policy, facts, int(digest[:8], 16))
    for file, content in zip(REPORT, documents, strict=True):
        platform.warehouse.write_document(f"reports/{name}/{file}", content)
    platform.warehouse.write_document(f"reports/{name}/digest", json.dumps({"digest": digest}).encode())
    return _write_certificate(platform, name, product, release_id, digest, verdict)


Documents = tuple[Verdict, bytes, bytes, bytes]
"""A verdict with the documents of :data:`REPORT`."""


def _evaluate(
    con: duckdb.DuckDBPyConnection, product: Product, policy: list[TreatedColumn], facts: Mapping[str, str], seed: int
) -> Documents:
    """Quality and risk of a table of rows."""
    evaluation, html, document = _measure(con, product, policy, facts, ("staged.data", seed))
    return evaluation.verdict, html.encode(), document.encode(), score_plot(evaluation)


def _evaluate_each(
    con: duckdb.DuckDBPyConnection,
    product: Product,
    policy: list[TreatedColumn],
    facts: Mapping[str, str],
    combinations: Mapping[str, list[str]],
    seed: int,
) -> Documents:
    """Quality and risk of each combination of columns; the product is as good as the worst of them."""
    evaluations, pages = {}, {}
    alarms = FALSE_ALARM / len(combinations)
    for label, columns in combinations.items():
        own = [column for column in policy if column.name in columns]
        staged = f"(SELECT * FROM staged.data WHERE {COMBINATION} = {literal(label)})"
        titled = {**facts, "product": f"{facts['product']}: {label}"}
        evaluations[label], pages[label], _ = _measure(con, product, own, titled, (staged, seed), alarms)
    verdict = worst_of({label: evaluation.verdict for label, evaluation in evaluations.items()})
    shown = sorted(pages, key=lambda label: _least_margin(evaluations[label].verdict))[:PAGES]
    chosen = {label: pages[label] for label in pages if label in shown}
    html, document = render_combinations(evaluations, chosen, verdict, title=facts["product"], facts=facts)
    return verdict, html.encode(), document.encode(), criteria_plot(verdict.criteria)


def _least_margin(verdict: Verdict) -> tuple[bool, float]:
    """How near a verdict comes to a failure: failed ones first, then by the distance to a threshold."""
    gaps = [abs(c.value - c.threshold) for c in verdict.criteria if c.value is not None]
    return verdict.passed, min(gaps, default=0.0)


def _judged(policy: list[TreatedColumn]) -> list[TreatedColumn]:
    """The columns that are measured: no direct identifiers, unless there are no others."""
    return [column for column in policy if column.role != "direct_identifier"] or policy


def _measure(
    con: duckdb.DuckDBPyConnection,
    product: Product,
    policy: list[TreatedColumn],
    facts: Mapping[str, str],
    staged: tuple[str, int],
    alarms: float = FALSE_ALARM,
) -> tuple[Evaluation, str, str]:
    """The evaluation of a table of rows and its report; ``staged``: what stands after FROM, and the seed."""
    judged = _judged(policy)
    columns = [column.name for column in judged]
    rows = f"(SELECT {', '.join(quote(column) for column in columns)} FROM {staged[0]})"
    alias = own_rows(con, judged, anew=made_anew(product))
    kinds = dict(columns_of(con, f"{alias}.data"))
    made, reading = None, Reading({}, {})
    if product.anonymize is not None:
        made = Anonymization.model_validate(get_meta(con, "staged")["made"])
        reading = read_groups_of(con, made, product.anonymize, fitted_rows(columns, alias=alias))

    def people(of: str) -> tuple[str, str]:
        fitted, control = (fitted_rows([*columns, "__unit"], control=out, alias=of) for out in (False, True))
        return reading.of_source(fitted), reading.of_source(control)

    real, control = people(alias)
    world = None
    if hidden := hidden_columns(con, columns):
        known = people(world_rows(con, columns, made_anew(product)))
        world = World(*known, reach_of(hidden), doubted_columns(hidden))
    rows = reading.of_finished(rows)
    evaluation = evaluate(
        con,
        real=real,
        control=control,
        synthetic=rows,
        columns=[(column, kinds[column]) for column in columns],
        target=product.target if product.target in columns else None,
        accept=product.accept,
        quasi_identifiers=[column.name for column in judged if column.role == "quasi_identifier"],
        sensitive=[column.name for column in judged if column.role == "sensitive"],
        generalized=product.anonymize is not None,
        seed=staged[1],
        limits=Limits(effort=Effort(alarms=alarms)),
        world=world,
    )
    told = _tell_risk(_measure_risk(con, product, judged, alias), None if made is None else made.attackers)
    html, document = render_report(
        evaluation, con, real, rows, title=facts["product"], facts=facts, reidentification=told
    )
    return evaluation, html, document


def _measure_risk(
    con: duckdb.DuckDBPyConnection, product: Product, policy: list[TreatedColumn], alias: str
) -> Risk | None:
    """Who could be found by quasi-identifiers: in the rows that are given, or in those that a model made alike."""
    quasi = [column.name for column in policy if column.role == "quasi_identifier"]
    if quasi and product.rows is not None:
        rows = as_matched(given_rows(con, product.rows, policy, alias), policy)
        return measure_risk(con, rows, quasi, product.rows.rare)
    if quasi and product.anonymize is not None:
        rows = as_matched(fitted_rows([*quasi, "__unit"], alias=alias), [c for c in policy if c.name in quasi])
        name = product.anonymize.population
        population = None if name is None else (name, f"{POPULATION}.data")
        return measure_risk(con, rows, quasi, product.anonymize.least, population)
    return None


def _tell_risk(risk: Risk | None, after: Attackers | None) -> dict[str, Any] | None:
    """What the report shows of it; ``after``: what a privacy model has left to the attackers."""
    if risk is None:
        return None
    left = None if after is None else after.model_dump(mode="json")
    return {"story": risk.story, **risk.model_dump(mode="json"), "after": left}


def _review(
    con: duckdb.DuckDBPyConnection,
    source: Source,
    product: Product,
    policy: list[TreatedColumn],
    facts: Mapping[str, str],
) -> Documents:
    """How far the figures of a product are from those of the rows without noise."""
    statistics = product.statistics
    if statistics is None:
        raise SourceError(f"product {product.name} has no `statistics`")
    learned = Learned.model_validate(get_meta(con, "staged")["made"]["learned"])
    rows, domain = figure_rows(con, source, policy, own_rows(con, policy, anew=made_anew(product)))
    truth = true_figures(statistics, con, rows, domain, learned, rows_per_unit=source.max_rows_per_unit)
    names = list(truth.columns)
    told = [dict(zip(names, row, strict=True)) for row in con.execute("SELECT * FROM staged.data").fetchall()]
    true = [dict(zip(names, row, strict=True)) for row in truth.itertuples(index=False, name=None)]
    review = review_figures(told, true, product.accept)
    html, document = render_review(review, title=facts["product"], facts=facts)
    return review.verdict, html.encode(), document.encode(), criteria_plot(review.verdict.criteria)


def _write_certificate(
    platform: Platform, name: str, product: Product, release_id: str, digest: str, verdict: Verdict
) -> Certificate:
    criteria = {"terms": terms(product), "criteria": [c.model_dump(mode="json") for c in verdict.criteria]}
    platform.ledger.certify(name, release_id, digest, verdict.passed, json.dumps(criteria), platform.now())
    certificate = platform.ledger.certificate(name, digest)
    if certificate is None:
        raise RuntimeError("the ledger lost a certificate")
    return certificate


def verdict_facts(certificate: Certificate, criteria: dict[str, Any]) -> dict[str, Any]:
    """The verdict for people: passed or not, and each criterion with its value and its threshold."""
    facts: dict[str, Any] = {"verdict": "passed" if certificate.passed else "failed"}
    for criterion in criteria["criteria"]:
        value = criterion["value"]
        shown = "not measured" if value is None else f"{value:.3f}"
        facts[criterion["name"]] = f"{shown} (threshold {criterion['threshold']})"
    failed = [str(criterion["name"]) for criterion in criteria["criteria"] if not criterion["passed"]]
    if failed:
        facts["failed criteria"] = ", ".join(failed)
    return facts
