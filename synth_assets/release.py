"""From treated rows to a staged table: one release of one product, charged before the first look.

A release is identified by everything that its content depends on: snapshot, policy, parameters, code version. The
same release twice costs nothing: the stored table is used again. A stored table that was paid for but not yet noted
as released (the process died in between) is taken up, not paid again; any other crash leaves its charge standing.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import duckdb

from synth_assets import __version__
from synth_assets.accounting import Event
from synth_assets.anonymity import AnonymizedColumn, anonymize
from synth_assets.deidentification import Generalize, TreatedColumn
from synth_assets.domain import Domain, as_instant
from synth_assets.errors import PublicationRefused, SourceError, sealed
from synth_assets.messages import nearest
from synth_assets.pipeline import Materialized, Platform, fingerprint, read_treated
from synth_assets.spec import Consumer, Product, Source
from synth_assets.statistics import Statistics, check_figures, group_names
from synth_assets.storage import ROW, Warehouse, columns_of, get_meta, put_meta, quote, table_digest, whole_row
from synth_assets.synthesis import Diffix, Model

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
        release_id = identify_release(source, product, policy, (facts["snapshot_id"], facts["people"]))
        charged = (0.0, 0.0)
        cached = _take_up(platform, name, release_id)
        if not cached:
            _check_declarations(platform, source, product, policy)
            charged = product.cost()
            charge_id = _charge(platform, consumer, product, release_id)
            digest = _make(platform, name, source, product, policy, release_id, charge_id)
            platform.ledger.complete(charge_id, digest, release_id=release_id)
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
    return chosen


def _require_fixed_rules(product: Product, policy: list[TreatedColumn], data_dependent: list[str]) -> None:
    """A differentially private method may fit only what each row determines by itself."""
    touched = [column.name for column in policy if column.name in data_dependent]
    if product.guarantee == "differential_privacy" and touched:
        raise SourceError(
            f"product {product.name}: the fakes of `{touched[0]}` are chosen by a look at all rows (to keep a unique "
            "column unique, or to tell people from values), so that no differentially private method may read them; "
            "remove the column, or pseudonymize it"
        )


def identify_release(
    source: Source, product: Product, policy: list[TreatedColumn], snapshots: tuple[str, str | None]
) -> str:
    """The identity of a release: equal exactly when its table would be made from the same things in the same way.

    ``snapshots`` are those of the source and of the source that lists its people, where that is another.
    """
    how = product.model_dump(mode="json", include={"synthesizer", "anonymize", "rows", "size", "target"})
    if product.statistics is not None:
        how["statistics"] = product.statistics.model_dump(mode="json")
    rules = [column.model_dump(mode="json") for column in policy]
    domain = {name: column.domain for name, column in source.columns.items() if name in product.columns}
    rows = source.model_dump(mode="json", include={"unit", "control", "max_rows_per_unit", "suppress_records"})
    return fingerprint(__version__, snapshots, how, product.columns, rules, domain, rows)


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


def _charge(platform: Platform, consumer: Consumer, product: Product, release_id: str) -> int:
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
        event=_event(source, product),
        at=platform.now(),
        run_id=platform.run_id,
        consumer_share=consumer.budget,
    )
    return charge.id


def _event(source: Source, product: Product) -> Event:
    """What the ledger keeps of a release; a heuristic one has a name and a unit, and no epsilon."""
    unit = source.unit or "row"
    if product.guarantee == "heuristic":
        return Event(mechanism=product.method, guarantee="heuristic", unit=unit)
    epsilon, delta = product.cost()
    rows = float(source.max_rows_per_unit)
    return Event(mechanism=product.method, epsilon=epsilon, delta=delta, unit=unit, sensitivity=rows)


def _make(
    platform: Platform,
    name: str,
    source: Source,
    product: Product,
    policy: list[TreatedColumn],
    release_id: str,
    charge_id: int,
) -> str:
    """Write the release's table and return its digest."""
    with platform.warehouse.write(release_key(name, release_id)) as con:
        platform.warehouse.attach(con, f"deidentified/{source.name}", "d")
        if product.synthesizer is not None:
            made = _synthesize(con, source, product, policy, platform.warehouse.key("diffix"))
        elif product.statistics is not None:
            made = _tell(con, source, product.statistics, policy)
        elif product.anonymize is not None:
            made = _anonymize(con, source, product, policy)
        else:
            made = _take_rows(con, product, policy)
        digest = table_digest(con, "out.data")
        facts = {"release_id": release_id, "charge_id": charge_id, "digest": digest, "made": made}
        put_meta(con, facts)
    return digest


def fitted_rows(columns: list[str], control: bool = False, alias: str = "d") -> str:
    """SQL for the rows of the units that may be fitted on, or of the control sample."""
    chosen = ", ".join(quote(column) for column in columns)
    return f"(SELECT {chosen} FROM {quote(alias)}.data WHERE {'' if control else 'NOT '}__control)"


def bounded_rows(columns: list[str], rows_per_unit: int, everybody: bool = False) -> str:
    """As :func:`fitted_rows`, with at most ``rows_per_unit`` rows of a unit, chosen by a keyed hash of the row.

    The choice looks at the unit's own rows alone, so that adding a unit changes no other unit's rows. ``everybody``
    reads the control sample too, for products that are no model and face no attack.
    """
    chosen = ", ".join(quote(column) for column in columns) or "TRUE AS present"
    kept = "TRUE" if everybody else "NOT __control"
    return (
        f"(SELECT {chosen} FROM d.data AS {ROW} WHERE {kept} QUALIFY row_number() OVER (PARTITION BY __unit "
        f"ORDER BY keyed_int('bound', {whole_row()})) <= {rows_per_unit})"
    )


def _synthesize(
    con: duckdb.DuckDBPyConnection, source: Source, product: Product, policy: list[TreatedColumn], salt: bytes
) -> dict[str, Any]:
    """Fit and sample; the domain holds only what the spec declares and the treatment leaves true."""
    synthesizer = product.synthesizer
    if synthesizer is None:
        raise SourceError(f"product {product.name} has no synthesizer")
    columns = [column.name for column in policy]
    types = dict(columns_of(con, fitted_rows(columns)))
    domain = declared_domain(source, policy, types)
    most = source.max_rows_per_unit
    if isinstance(synthesizer, Diffix):
        rows = con.sql(f"SELECT * FROM {bounded_rows([*columns, '__unit'], most)}")
        model: Model = synthesizer.fit(rows, domain, rows_per_unit=most, units="__unit", salt=salt)
    else:
        rows = con.sql(f"SELECT * FROM {bounded_rows(columns, most)}")
        model = synthesizer.fit(rows, domain, rows_per_unit=most)
    if model.charge.seeded:
        raise PublicationRefused(f"product {product.name}: noise from a seed protects nobody; fit without `rng`")
    frame = model.sample(product.size)
    con.register("sampled", frame)
    casts = ", ".join(f"CAST({quote(column)} AS {_storable(types[column])}) AS {quote(column)}" for column in columns)
    con.execute(f"CREATE TABLE out.data AS SELECT {casts} FROM sampled")
    con.unregister("sampled")
    return {"charge": model.charge.model_dump(mode="json"), "errors": model.errors}


def _tell(
    con: duckdb.DuckDBPyConnection, source: Source, statistics: Statistics, policy: list[TreatedColumn]
) -> dict[str, Any]:
    """Figures of everybody's rows; there is no model that an attack could be judged on, and a count should be whole."""
    rows, domain = figure_rows(con, source, policy)
    released = statistics.release(con, rows, domain, rows_per_unit=source.max_rows_per_unit)
    if released.charge.seeded:
        raise PublicationRefused("statistics: noise from a seed protects nobody; release without `rng`")
    con.register("told", released.frame)
    texts = [name for name in released.frame.columns if name not in ("value", "error")]
    casts = [f"CAST({quote(name)} AS VARCHAR) AS {quote(name)}" for name in texts]
    con.execute(f"CREATE TABLE out.data AS SELECT {', '.join(casts)}, value, error FROM told")
    con.unregister("told")
    learned = released.learned.model_dump(mode="json")
    return {"charge": released.charge.model_dump(mode="json"), "errors": released.errors, "learned": learned}


def figure_rows(con: duckdb.DuckDBPyConnection, source: Source, policy: list[TreatedColumn]) -> tuple[str, Domain]:
    """The rows that figures are made of, as SQL, and what is publicly known of their columns."""
    rows = bounded_rows([column.name for column in policy], source.max_rows_per_unit, everybody=True)
    return rows, declared_domain(source, policy, dict(columns_of(con, rows)))


def _check_declarations(platform: Platform, source: Source, product: Product, policy: list[TreatedColumn]) -> None:
    """Whether the product can be made of the columns as they are declared; reads no row, as nothing is charged yet.

    A declaration that never fits would else be charged for at every tick of a schedule, until nothing is left.
    """
    if not any(product.cost()):
        return
    with platform.warehouse.connect() as con:
        platform.warehouse.attach(con, f"deidentified/{source.name}", "d")
        if product.statistics is not None:
            check_figures(product.statistics, con, *figure_rows(con, source, policy))
        elif product.synthesizer is not None:
            nobody = f"SELECT * FROM {fitted_rows([column.name for column in policy])} LIMIT 0"
            domain = declared_domain(source, policy, dict(columns_of(con, f"({nobody})")))
            product.synthesizer.fit(con.sql(nobody), domain, rows_per_unit=source.max_rows_per_unit)


def declared_domain(source: Source, policy: list[TreatedColumn], types: Mapping[str, str]) -> Domain:
    """What the spec declares of the columns, as far as it holds of treated rows of these types."""
    declared = {column.name: _still_true(column, source, types[column.name]) for column in policy}
    return Domain.from_spec({name: facts for name, facts in declared.items() if facts})


def _still_true(column: TreatedColumn, source: Source, kind: str) -> dict[str, Any]:
    """What the spec declares of a column's domain, as the column's treatment leaves it.

    Values that are kept, or coded at a bound, stay in the declared domain. A generalization is applied to the
    declaration too. Other treatments lead out of it, and what they lead to is learned.
    """
    if column.name not in source.columns or kind != column.data_type:
        return {}
    declared, treatment = source.columns[column.name].domain, column.treatment
    if isinstance(treatment, Generalize):
        return _generalized(declared, treatment)
    return declared if treatment.kind in {"keep", "code"} else {}


def _generalized(declared: dict[str, Any], treatment: Generalize) -> dict[str, Any]:
    """A declared domain after a generalization: prefixes of its categories, bins between its bounds."""
    if treatment.prefix is not None and "categories" in declared:
        return {"categories": tuple(dict.fromkeys(str(name)[: treatment.prefix] for name in declared["categories"]))}
    if treatment.width is not None and "bounds" in declared:
        low, high = (treatment.width * math.floor(bound / treatment.width) for bound in declared["bounds"])
        return {"bounds": (low, high)}
    if treatment.date is not None and "bounds" in declared:
        first, last = (as_instant(bound) for bound in declared["bounds"])
        if first is not None and last is not None:
            months = {"year": 1, "quarter": first.month - (first.month - 1) % 3, "month": first.month}
            return {"bounds": (first.replace(month=months[treatment.date], day=1).date(), last.date())}
    return {}


def _storable(kind: str) -> str:
    """A type that survives Parquet unchanged."""
    return {"HUGEINT": "DOUBLE", "UHUGEINT": "DOUBLE"}.get(kind, kind)


def _anonymize(
    con: duckdb.DuckDBPyConnection, source: Source, product: Product, policy: list[TreatedColumn]
) -> dict[str, Any]:
    if product.anonymize is None:
        raise SourceError(f"product {product.name} has no `anonymize`")
    columns = [
        AnonymizedColumn(
            name=column.name,
            data_type=column.data_type,
            role=column.role,
            bounds=source.columns[column.name].bounds if column.name in source.columns else None,
        )
        for column in policy
    ]
    rows = without_rare_text(con, policy, product.anonymize.k)
    result = anonymize(con, rows, columns, product.anonymize, "out.data")
    return result.model_dump(mode="json")


def without_rare_text(con: duckdb.DuckDBPyConnection, policy: list[TreatedColumn], least: int) -> str:
    """SQL for the fitted rows, with text that fewer than ``least`` units hold withheld.

    A word that one person alone has (a misspelt occupation, a rare diagnosis) would name its owner in real rows,
    whatever else was generalized. Fakes and pseudonyms are unique by design and stand for no word of the source.
    """
    rows = fitted_rows([*(column.name for column in policy), "__unit"])
    kinds = dict(columns_of(con, rows))
    invented = {column.name for column in policy if column.treatment.kind in {"fake", "pseudonymize"}}
    chosen = []
    for index, column in enumerate(column.name for column in policy):
        name = quote(column)
        if kinds[column] != "VARCHAR" or column in invented:
            chosen.append(name)
            continue
        con.execute(
            f"CREATE TEMP TABLE common_{index} AS SELECT {name} AS word FROM {rows} WHERE {name} IS NOT NULL"
            f" GROUP BY {name} HAVING count(DISTINCT __unit) >= {least}"
        )
        chosen.append(f"CASE WHEN {name} IN (SELECT word FROM common_{index}) THEN {name} END AS {name}")
    return f"(SELECT {', '.join(chosen)}, __unit FROM {rows})"


def _take_rows(con: duckdb.DuckDBPyConnection, product: Product, policy: list[TreatedColumn]) -> dict[str, Any]:
    """De-identified rows of a share of the units, in an order that tells nothing of the source's."""
    if product.rows is None:
        raise SourceError(f"product {product.name} has no `rows`")
    chosen = ", ".join(quote(column.name) for column in policy)
    con.execute(
        f"CREATE TABLE out.data AS SELECT {chosen} FROM {without_rare_text(con, policy, product.rows.rare)} AS {ROW}"
        " WHERE keyed_int('shuffle', CAST(__unit AS VARCHAR)) / 18446744073709551616.0 < ?"
        f" ORDER BY keyed_int('shuffle', {whole_row()})",
        [product.rows.share],
    )
    return {"share": product.rows.share}


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
    source = platform.spec.source(product.source)
    facts = read_treated(platform, source)
    policy = product_policy(product, source, facts["policy"])
    release_id = current_release(platform.warehouse, name)
    if identify_release(source, product, policy, (facts["snapshot_id"], facts["people"])) != release_id:
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
        return {column: ((key, column),) for column in columns}
    groups = {called: ((key, name),) for name, called in group_names(product.statistics).items()}
    every = tuple((key, name) for name in product.columns)
    return {column: groups.get(column, every) for column in columns}


__all__ = [
    "RELATION",
    "attach_staged",
    "bounded_rows",
    "current_release",
    "figure_rows",
    "fitted_rows",
    "identify_release",
    "product_policy",
    "release_key",
    "require_current",
    "stage_product",
]
