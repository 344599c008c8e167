"""The asset graph of a spec.

What belongs here: keys, dependencies, groups, kinds, owners, tags, and how a stage's facts become Dagster metadata.
What does not: any work on data; each asset calls one stage and returns once, at its end.
"""

import base64
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import dagster as dg

from resources.accountant import BudgetAccountantResource
from resources.environment import now, open_ledger
from resources.warehouse import WarehouseResource
from synth_assets import __version__
from synth_assets.certification import evaluate_product
from synth_assets.deidentification import references_of
from synth_assets.errors import SynthAssetsError, sealed
from synth_assets.pipeline import Materialized, Platform, classify_source, deidentify_source, ingest_source
from synth_assets.publication import publish_product
from synth_assets.release import stage_product
from synth_assets.spec import Consumer, Product, Source, Spec

CERTIFICATE = "certificate"
"""The asset check that shows the verdict of a report."""

Stage = Callable[[Platform], Materialized]


def build_assets(spec: Spec) -> list[dg.AssetsDefinition]:
    """All assets of a spec, in the order of the graph."""
    assets = [asset for source in spec.sources for asset in _source_assets(spec, source)]
    for consumer, product in spec.products():
        assets += _product_assets(spec, consumer, product)
    return assets


def _source_assets(spec: Spec, source: Source) -> Iterable[dg.AssetsDefinition]:
    name = source.name
    common: dict[str, Any] = {"owners": _owners(source.owner), "tags": {"source": name, "zone": "restricted"}}
    yield _asset(
        spec,
        dg.AssetSpec(
            ["raw", name], group_name="raw", kinds={"duckdb"}, description=source.description or "As read.", **common
        ),
        lambda platform: ingest_source(platform, name),
    )
    yield _asset(
        spec,
        dg.AssetSpec(
            ["classified", name],
            deps=[["raw", of] for of in dict.fromkeys([name, source.people or name])],
            group_name="classified",
            kinds={"duckdb"},
            description="What each column holds, and why.",
            **common,
        ),
        lambda platform: classify_source(platform, name),
    )
    yield _asset(
        spec,
        dg.AssetSpec(
            ["deidentified", name],
            deps=[
                *([at, of] for of in dict.fromkeys([name, source.people or name]) for at in ("raw", "classified")),
                *(["deidentified", to.target] for to in references_of(source) if to.target != name),
            ],
            group_name="deidentified",
            kinds={"duckdb"},
            description="Every column treated by fixed rules.",
            **common,
        ),
        lambda platform: deidentify_source(platform, name),
    )


def _product_assets(spec: Spec, consumer: Consumer, product: Product) -> Iterable[dg.AssetsDefinition]:
    path = [consumer.name, product.name]
    population = product.anonymize.population if product.anonymize else None
    treated = [["deidentified", of] for of in (product.source, population) if of is not None]
    tags = {"source": product.source, "consumer": consumer.name, "method": product.method}
    common: dict[str, Any] = {
        "owners": _owners(consumer.owner),
        "tags": {**tags, "guarantee": product.guarantee},
    }
    yield _asset(
        spec,
        dg.AssetSpec(
            ["staged", *path],
            deps=treated,
            group_name="staged",
            kinds={"duckdb"},
            description=product.description or f"Made by {product.method}.",
            **common,
        ),
        lambda platform: stage_product(platform, consumer, product),
    )
    report = dg.AssetKey(["report", *path])
    yield _asset(
        spec,
        dg.AssetSpec(
            report,
            deps=[["staged", *path], *treated],
            group_name="report",
            kinds={"python"},
            description="Measured quality and risk; the certificate. Restricted.",
            **common,
        ),
        lambda platform: evaluate_product(platform, consumer, product),
        check=dg.AssetCheckSpec(
            CERTIFICATE, asset=report, blocking=True, description="Quality and risk within what the product accepts."
        ),
    )
    yield _asset(
        spec,
        dg.AssetSpec(
            ["published", *path],
            deps=[["staged", *path], ["report", *path]],
            group_name="published",
            kinds={"duckdb", "parquet"},
            description=product.description or f"{product.name} for {consumer.name}.",
            **common,
        ),
        lambda platform: publish_product(platform, consumer, product),
    )


def _owners(owner: str | None) -> list[str]:
    if owner is None:
        return []
    return [owner if "@" in owner or owner.startswith("team:") else f"team:{owner}"]


def _asset(
    spec: Spec, asset: dg.AssetSpec, stage: Stage, check: dg.AssetCheckSpec | None = None
) -> dg.AssetsDefinition:
    """One asset that runs one stage."""
    asset = asset.replace_attributes(code_version=__version__)

    @dg.multi_asset(specs=[asset], check_specs=[check] if check else None, name="__".join(["make", *asset.key.path]))
    def materialize(  # type: ignore[no-untyped-def]  # with a check there are two outputs, and no type for both
        context: dg.AssetExecutionContext, warehouse: WarehouseResource, accountant: BudgetAccountantResource
    ):
        try:
            with sealed(asset.key.to_user_string()):
                opened = warehouse.open()
                open_ledger(opened)
                platform = Platform(spec, opened, accountant.ledger, lambda: now().isoformat(), context.run.run_id)
                made = stage(platform)
                metadata = {**_metadata(made), **_pictures(platform, made)}
        except SynthAssetsError as error:
            failure = dg.Failure(str(error), metadata={"error": type(error).__name__}, allow_retries=False)
        else:
            return dg.MaterializeResult(
                asset_key=asset.key,
                metadata=metadata,
                check_results=_verdict(made) if check else None,
                data_version=dg.DataVersion(made.version[:32]) if made.version else None,
            )
        raise failure

    return materialize


def _verdict(made: Materialized) -> list[dg.AssetCheckResult]:
    """The certificate as a check; it shows the verdict, publication decides by itself."""
    shown = {key: dg.MetadataValue.text(str(value)) for key, value in made.facts.items()}
    passed = made.facts["verdict"] == "passed"
    return [dg.AssetCheckResult(passed=passed, check_name=CERTIFICATE, metadata=shown)]


def _metadata(made: Materialized) -> dict[str, Any]:
    """A stage's facts in the words that Dagster's pages know."""
    metadata: dict[str, Any] = {key: _value(value) for key, value in made.facts.items()}
    if made.columns:
        columns = [dg.TableColumn(name, kind, tags=dict(made.tags.get(name, {}))) for name, kind in made.columns]
        metadata["dagster/column_schema"] = dg.TableSchema(columns)
    if made.rows is not None:
        metadata["dagster/row_count"] = dg.MetadataValue.int(made.rows)
    if made.lineage:
        metadata["dagster/column_lineage"] = dg.TableColumnLineage(_dependencies(made.lineage))
    return metadata


def _value(value: Any) -> dg.MetadataValue[Any]:
    if isinstance(value, bool):
        return dg.MetadataValue.bool(value)
    if isinstance(value, int):
        return dg.MetadataValue.int(value)
    if isinstance(value, float):
        return dg.MetadataValue.float(value)
    return dg.MetadataValue.text(str(value))


def _dependencies(lineage: Mapping[str, tuple[tuple[str, str], ...]]) -> dict[str, list[dg.TableColumnDep]]:
    return {
        column: [dg.TableColumnDep(dg.AssetKey(key.split("/")), origin) for key, origin in origins]
        for column, origins in lineage.items()
    }


def _pictures(platform: Platform, made: Materialized) -> dict[str, Any]:
    """The plot of a report's scores; it shows scores and column names, no value."""
    if not made.key.startswith("report/"):
        return {}
    picture = platform.warehouse.read_document(f"reports/{made.key.removeprefix('report/')}/scores.png")
    encoded = base64.b64encode(picture).decode()
    return {"scores": dg.MetadataValue.md(f"![scores](data:image/png;base64,{encoded})")}
