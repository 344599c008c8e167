"""From a certified table to what a consumer can open.

Publication fails closed: it looks up the certificate of the staged table, writes the table out, computes the digest
of what it wrote, and refuses unless all three agree. Beside each table lies its data card; it holds only facts that
are safe to give away: how the table was made, what the mechanism promises, and the verdict, never a score.
"""

from __future__ import annotations

import json
import secrets
import shutil
from math import ceil, isfinite, nan
from pathlib import Path
from typing import Any

import duckdb

from synth_assets import __version__
from synth_assets.anonymity import Anonymization, Anonymize
from synth_assets.certification import find_certificate
from synth_assets.deidentification import Randomize, TreatedColumn, answers, middles, response
from synth_assets.deidentification.geometric import TruncatedGeometric
from synth_assets.earlier import require_company
from synth_assets.errors import PublicationRefused, sealed
from synth_assets.pipeline import Materialized, Platform
from synth_assets.release import RELATION, attach_staged, invents, require_current
from synth_assets.spec import Consumer, Product, Source
from synth_assets.storage import columns_of, literal, quote, sync_replace, table_digest
from synth_assets.synthesis.buckets import COMBINATION

PROMISES = {
    "differential_privacy": "Differentially private: what the table shows changes little, by the factor below, whether "
    "or not any one unit's rows were in the source.",
    "heuristic": "Heuristic: no formal guarantee. The table passed the measured risk checks, on the day it was made.",
    "deidentified_rows": "Pseudonymized rows: real rows whose direct identifiers were replaced. Still personal data.",
}


def publish_product(platform: Platform, consumer: Consumer, product: Product) -> Materialized:
    """``published/<consumer>/<product>``: give the staged table to its consumer, if its certificate allows.

    Raises:
        PublicationRefused: there is no certificate for the staged table, it failed, or the table was changed.
    """
    name = f"{consumer.name}/{product.name}"
    with sealed(f"published/{name}"), platform.warehouse.lock(f"published/{consumer.name}"):
        release_id, policy = require_current(platform, name, product)
        with platform.warehouse.connect() as con:
            meta = attach_staged(platform, con, name, release_id)
            _require_release(platform, name, release_id, meta["digest"])
            _require_certificate(platform, name, product, meta["digest"])
            columns = tuple(columns_of(con, "staged.data"))
            rows = con.execute("SELECT count(*) FROM staged.data").fetchall()[0][0]
            folder = platform.warehouse.published / consumer.name
            _refuse_links(folder)
            unchanged = _is_published(platform, con, folder, name, product, meta["digest"])
            if not unchanged:
                require_company(platform, con, consumer, product, meta)
                card = data_card(platform, consumer, product, policy, meta, columns, rows)
                _write(platform, con, consumer, product, meta["digest"], card)
                platform.ledger.record_publication(name, release_id, meta["digest"], platform.now())
    return Materialized(
        key=f"published/{name}",
        columns=columns,
        rows=rows,
        facts={
            "table": f"{consumer.name}.duckdb: {product.name}",
            "parquet": f"tables/{product.name}.parquet",
            "method": product.method,
            "guarantee": product.guarantee,
            "publication": "unchanged" if unchanged else "new version",
        },
        lineage={column: ((f"staged/{name}", column),) for column, _ in columns},
        version=meta["digest"],
    )


def _refuse_links(folder: Path) -> None:
    """Refuse links in a consumer's folder: what they point at would be read, or written, with the platform's rights."""
    for place in (folder, *folder.glob("*"), *folder.glob("*/*")):
        if place.is_symlink():
            raise PublicationRefused(
                f"{place} is a symbolic link; remove it, and let nobody but the platform write to the published zone"
            )


def _require_release(platform: Platform, name: str, release_id: str, digest: str) -> None:
    """The ledger must know the release: else it is older than the stored tables, and nobody has paid for this one."""
    known = platform.ledger.find_release(release_id, f"published/{name}")
    if known is None or known.digest != digest:
        raise PublicationRefused(
            f"published/{name}: the ledger has no release of the staged table; materialize staged/{name} first"
        )


def _require_certificate(platform: Platform, name: str, product: Product, digest: str) -> None:
    certificate = find_certificate(platform.ledger, name, product, digest)
    if certificate is None:
        raise PublicationRefused(
            f"published/{name}: the staged table has no certificate under the present thresholds; materialize "
            f"report/{name} first"
        )
    if not certificate.passed:
        failed = [c for c in json.loads(certificate.criteria_json)["criteria"] if not c["passed"]]
        names = ", ".join(str(criterion["name"]) for criterion in failed)
        raise PublicationRefused(
            f"published/{name}: the staged table failed its report ({names}); look at it with `synth-assets report "
            f"{name}`, then change the method or what the product accepts"
        )


def _is_published(
    platform: Platform, con: duckdb.DuckDBPyConnection, folder: Path, name: str, product: Product, digest: str
) -> bool:
    """Whether exactly this table is what the consumer finds already, whole."""
    before = platform.ledger.publication(name)
    parquet = folder / "tables" / f"{product.name}.parquet"
    if before is None or before.digest != digest or not parquet.exists():
        return False
    cards = [parquet.with_suffix(suffix) for suffix in (".json", ".md")]
    database = folder / f"{folder.name}.duckdb"
    if not all(path.exists() for path in [*cards, database]):
        return False
    return table_digest(con, f"read_parquet({literal(str(parquet))})") == digest


def _write(
    platform: Platform,
    con: duckdb.DuckDBPyConnection,
    consumer: Consumer,
    product: Product,
    digest: str,
    card: dict[str, Any],
) -> None:
    """Write all files aside, check them, keep the previous version, then rename them into place."""
    folder = platform.warehouse.published / consumer.name
    tables, previous = folder / "tables", folder / "previous"
    for stale in folder.parent.glob(f".{consumer.name}.*.part"):
        shutil.rmtree(stale)
    incoming = folder.parent / f".{consumer.name}.{secrets.token_hex(4)}.part"
    for place in (tables, previous, incoming):
        place.mkdir(parents=True, exist_ok=True)
    try:
        parquet = incoming / f"{product.name}.parquet"
        con.execute(f"COPY staged.data TO {literal(str(parquet))} (FORMAT parquet, COMPRESSION zstd)")
        if table_digest(con, f"read_parquet({literal(str(parquet))})") != digest:
            raise PublicationRefused(
                f"published/{consumer.name}/{product.name}: what was written is not the table that was certified; make "
                "a new release"
            )
        parquet.with_suffix(".json").write_text(json.dumps(card, indent=2) + "\n", "utf-8")
        parquet.with_suffix(".md").write_text(render_card(card), "utf-8")
        names = [parquet.name, parquet.with_suffix(".json").name, parquet.with_suffix(".md").name]
        replaced = tables / parquet.name
        if replaced.exists() and table_digest(con, f"read_parquet({literal(str(replaced))})") != digest:
            for name in names:  # not if a process died here between two renames: the previous version is kept already
                shutil.copy2(tables / name, incoming / f"previous.{name}")
                sync_replace(incoming / f"previous.{name}", previous / name)
        for name in names:
            sync_replace(incoming / name, tables / name)
        _rebuild_database(platform, con, folder, incoming, product.name)
    finally:
        shutil.rmtree(incoming, ignore_errors=True)


def _rebuild_database(
    platform: Platform, con: duckdb.DuckDBPyConnection, folder: Path, incoming: Path, product: str
) -> None:
    """Make the consumer's DuckDB file anew from its Parquet files: no block of an older table stays in it.

    Files that were never published, whoever put them there, are passed over.
    """
    database = incoming / "tables.duckdb"
    con.execute(f"ATTACH {literal(str(database))} AS consumer")
    for parquet in sorted((folder / "tables").glob("*.parquet")):
        if parquet.stem != product and platform.ledger.publication(f"{folder.name}/{parquet.stem}") is None:
            continue
        con.execute(
            f"CREATE TABLE consumer.{quote(parquet.stem)} AS SELECT * FROM read_parquet({literal(str(parquet))})"
        )
        _name_combinations(con, parquet)
    con.execute("DETACH consumer")
    sync_replace(database, folder / f"{folder.name}.duckdb")


def _name_combinations(con: duckdb.DuckDBPyConnection, parquet: Path) -> None:
    """Make a view of each combination of columns that a table holds, as its card lists them."""
    card = parquet.with_suffix(".json")
    listed = json.loads(card.read_text("utf-8")).get("combinations", {}) if card.exists() else {}
    before = con.execute("SELECT current_database()").fetchall()[0][0]
    con.execute("USE consumer")  # a view keeps the names as they are written, and the file gets another one
    for label, columns in listed.items():
        con.execute(
            f"CREATE VIEW {quote(f'{parquet.stem}: {label}')} AS SELECT {', '.join(map(quote, columns))}"
            f" FROM {quote(parquet.stem)} WHERE {COMBINATION} = {literal(label)}"
        )
    con.execute(f"USE {quote(before)}")


def data_card(
    platform: Platform,
    consumer: Consumer,
    product: Product,
    policy: list[TreatedColumn],
    meta: dict[str, Any],
    columns: tuple[tuple[str, str], ...],
    rows: int,
) -> dict[str, Any]:
    """The facts about one version of a product that its consumer may know."""
    source = platform.spec.source(product.source)
    treatments = {column.name: column.treatment.describe() for column in policy}
    card: dict[str, Any] = {
        "product": f"{consumer.name}/{product.name}",
        "description": product.description or "",
        "owner": consumer.owner or "",
        "source": product.source,
        "published_at": platform.now(),
        "made_by": f"synth-assets {__version__}",
        "version": meta["digest"],
        "rows": rows,
        "method": product.method,
        "guarantee": product.guarantee,
        "promise": PROMISES.get(product.method, PROMISES[product.guarantee]),
        "certificate": "passed its quality and risk checks",
        "accepted": product.accept.model_dump(mode="json"),
        "columns": [
            {
                "name": column,
                "type": kind,
                "treatment": treatments.get(column, ""),
                "description": _meaning(product, source, column),
            }
            for column, kind in columns
        ],
        "left_out": [column for column in product.columns if column not in treatments],
        **{key: meta["made"][key] for key in ("combinations",) if meta["made"].get(key)},
        **({"policy": source.policy.told} if source.policy else {}),
    }
    if invents(product, policy):
        card["key"] = {"name": consumer.key or "own", "shared_with": platform.spec.sharing(consumer)}
    told = meta["made"].get("answers", {})
    card["answers"] = [
        _answers(column, column.treatment, told.get(column.name))
        for column in policy
        if isinstance(column.treatment, Randomize)
    ]
    if product.anonymize is not None:
        card["anonymity"] = _anonymity(product.anonymize, Anonymization.model_validate(meta["made"]))
    if product.guarantee == "differential_privacy":
        epsilon, delta = product.cost()
        card["privacy"] = {
            "epsilon": epsilon,
            "delta": delta,
            "unit": source.unit or "row",
            "max_rows_per_unit": source.max_rows_per_unit,
            "neighbouring_relation": RELATION,
        }
        card["expected_errors"] = meta["made"].get("errors") or []
    return card


def _answers(column: TreatedColumn, rule: Randomize, counts: list[int] | None) -> dict[str, Any]:
    """How a column was randomized, and what its answers tell of the true values, where rows of them are given."""
    mechanism = response(rule)
    values = [str(value) for value in answers(rule, column.data_type)] + ["(none)"]
    shares = mechanism.estimate(counts) if counts and sum(counts) else []
    return {
        "column": column.name,
        "mechanism": mechanism.name,
        "epsilon": float(rule.epsilon),
        **(
            _nearness(mechanism, middles(rule, column.data_type), counts)
            if isinstance(mechanism, TruncatedGeometric)
            else {"p": mechanism.p, "q": mechanism.q}
        ),
        "units": sum(counts or ()),
        "estimates": [
            {"value": value, "answers": count, "share": round(share, 6), "standard_error": round(error, 6)}
            for value, count, (share, error) in zip(values, counts or (), shares, strict=False)
        ],
    }


def _nearness(
    mechanism: TruncatedGeometric, middle: tuple[float, float], counts: list[int] | None
) -> dict[str, float | None]:
    """What estimates from geometric answers need, and that of the mean; ``middle`` of the first cell, and its width."""
    first, width = middle
    mean, error = mechanism.mean(counts) if counts else (nan, nan)
    return {
        "cells": mechanism.cells,
        "decay": mechanism.decay,
        "lost": mechanism.lost,
        "kept": mechanism.kept,
        "first": first,
        "width": width,
        "beyond": mechanism.beyond,
        "mean": first + width * mean if isfinite(mean) else None,
        "mean_error": width * error if isfinite(error) else None,
    }


def _anonymity(model: Anonymize, made: Anonymization) -> dict[str, Any]:
    """How rows were made alike; what was counted on real rows is rounded."""
    left_out = made.suppressed_rows / max(made.rows + made.suppressed_rows, 1)
    return {
        "model": model.wished,
        "hidden_among": None if model.k else model.population,
        "steps": made.steps,
        "left_out_percent": ceil(100 * left_out),
        "loss": round(sum(column.loss for column in made.levels.values()), 1),
    }


FIGURES = {
    "statistic": "what the figure is",
    "of": "the column that it is of",
    "at": "which quantile, cell or cluster it stands for",
    "value": "the figure, with noise",
    "error": "the true figure lies within value - error and value + error in 95 of 100 releases",
}
"""The columns of a table of figures that stand for none of the source's."""


def _meaning(product: Product, source: Source, column: str) -> str:
    if product.statistics is not None and column in FIGURES:
        return FIGURES[column]
    if product.width is not None and column == COMBINATION:
        return "the columns that a row tells of; the others are empty there"
    return getattr(source.columns.get(column), "description", None) or ""


def render_card(card: dict[str, Any]) -> str:
    """The data card as Markdown."""
    from jinja2 import Environment, PackageLoader

    environment = Environment(loader=PackageLoader("synth_assets", "."), trim_blocks=True, lstrip_blocks=True)  # noqa: S701
    return environment.get_template("data_card.md.j2").render(card=card) + "\n"
