"""What came out: one line a product for the end of a run."""

from __future__ import annotations

import json
from typing import Any

from synth_assets.accounting import Ledger
from synth_assets.certification import find_certificate
from synth_assets.errors import SourceError
from synth_assets.pipeline import read_meta
from synth_assets.release import current_release, release_key
from synth_assets.spec import Consumer, Product, Spec
from synth_assets.storage import Warehouse

QUALITY = ("column_shapes", "pair_trends")
RISKS = ("singling_out", "linkability", "inference")


def summarize_run(spec: Spec, warehouse: Warehouse, ledger: Ledger, run_id: str) -> list[tuple[str, ...]]:
    """For each product: name, method, epsilon charged by this run, quality, risk, where it is."""
    charged = _charged(ledger, run_id)
    return [
        _line(consumer, product, warehouse, ledger, charged.get(f"published/{consumer.name}/{product.name}"))
        for consumer, product in spec.products()
    ]


def _charged(ledger: Ledger, run_id: str) -> dict[str, float]:
    charges = [charge for source in ledger.summary()["sources"] for charge in source["charges"]]
    spent: dict[str, float] = {}
    for charge in charges:
        if charge["run_id"] == run_id:
            spent[charge["asset"]] = spent.get(charge["asset"], 0.0) + (charge["epsilon"] or 0.0)
    return spent


def _line(
    consumer: Consumer, product: Product, warehouse: Warehouse, ledger: Ledger, charged: float | None
) -> tuple[str, ...]:
    name = f"{consumer.name}/{product.name}"
    cost = "heuristic: none" if product.guarantee == "heuristic" else f"{charged or 0:g}"
    quality, risk, where = _standing(name, product, warehouse, ledger)
    return name, product.method, cost, quality, risk, where


def _standing(name: str, product: Product, warehouse: Warehouse, ledger: Ledger) -> tuple[str, str, str]:
    """Quality and risk from the certificate of what is staged, and where its published table is."""
    try:
        key = release_key(name, current_release(warehouse, name))
        facts = read_meta(warehouse, key)
        digest, combinations = facts["digest"], facts["made"].get("combinations")
    except SourceError:
        return "-", "-", "not made"
    certificate = find_certificate(ledger, name, product, digest)
    if certificate is None:
        return "-", "-", "not certified"
    criteria = json.loads(certificate.criteria_json)["criteria"]
    values = {c["name"]: c["value"] for c in criteria}
    published = ledger.publication(name)
    where = "not published" if certificate.passed else "refused: see its report"
    if certificate.passed and published is not None and published.digest == digest:
        consumer, table = name.split("/")
        where = f"published/{consumer}/{consumer}.duckdb: {table}"
        where += f" ({len(combinations)} tables)" if combinations else ""
    if product.statistics is not None:
        off = values.get("relative_error")
        return "not measured" if off is None else f"{off:.1%} off", "no rows", where
    return _shown(values, QUALITY, min), _shown(values, RISKS, max) + _by_chance(criteria), where


def _by_chance(criteria: list[dict[str, Any]]) -> str:
    """A word beside a risk above its threshold that is no more than the control people have by chance."""
    return (
        " by chance"
        if any(c["name"] in RISKS and c["passed"] and (c["value"] or 0) > c["threshold"] for c in criteria)
        else ""
    )


def _shown(values: dict[str, Any], names: tuple[str, ...], worst: Any) -> str:
    measured = [values[name] for name in names if values.get(name) is not None]
    return f"{worst(measured):.2f}" if measured else "not measured"
