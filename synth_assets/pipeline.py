"""From the raw file to treated rows: the stages of a source.

Each stage reads the files of the stage before and writes one file of its own in the restricted zone. It returns a
:class:`Materialized`: what may be shown of it (counts, names, rules), never a value.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import duckdb

from synth_assets.accounting import Ledger
from synth_assets.classification import ColumnVerdict, apply_decisions, classify
from synth_assets.classification.inclusion import Listing, find_inclusions, with_inclusions
from synth_assets.deidentification import (
    KNOWN_GENDER,
    KNOWN_HOME,
    KNOWN_SHIFT,
    TreatedColumn,
    code_column,
    deidentify,
    home_expression,
    references_of,
    resolve_treatment,
    suppressed,
    tally,
    tells_gender,
    tells_home,
)
from synth_assets.errors import SourceError, SpecError, sealed
from synth_assets.ingestion import SchemaChange, Snapshot, ingest, schema_changes
from synth_assets.ingestion.location import locate
from synth_assets.messages import nearest
from synth_assets.spec import Source, Spec
from synth_assets.storage import Warehouse, columns_of, get_meta, put_meta, quote

BOOKKEEPING = ("__unit", "__control", KNOWN_GENDER, KNOWN_HOME, KNOWN_SHIFT)
"""Columns that tables of rows carry in the restricted zone and no product may hold."""


@dataclass(frozen=True)
class Materialized:
    """What a stage made, as far as it may be shown outside the restricted zone.

    Attributes:
        key: asset key, such as ``raw/patients``.
        columns: names and types of its table; empty where the asset is no table.
        rows: row count of its table.
        facts: counts, names and rules.
        lineage: for each column the (asset key, column) pairs that it is made from.
        tags: for each column words such as its role and treatment.
        version: changes when the content changes.
    """

    key: str
    columns: tuple[tuple[str, str], ...] = ()
    rows: int | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)
    lineage: Mapping[str, tuple[tuple[str, str], ...]] = field(default_factory=dict)
    tags: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    version: str = ""


@dataclass(frozen=True)
class Platform:
    """A spec with its warehouse and its ledger, for one run.

    Attributes:
        now: the clock, handed in by the edge; ISO 8601 text in UTC.
        run_id: names the run in the ledger.
    """

    spec: Spec
    warehouse: Warehouse
    ledger: Ledger
    now: Callable[[], str]
    run_id: str


def fingerprint(*facts: Any) -> str:
    """SHA-256 over JSON-able facts, for identities that must change when any fact does."""
    return hashlib.sha256(json.dumps(facts, sort_keys=True, default=str).encode()).hexdigest()


def ingest_source(platform: Platform, name: str) -> Materialized:
    """``raw/<source>``: read the source as it is into the restricted zone.

    Raises:
        SourceError: it cannot be read, or too many of its rows cannot.
    """
    source = platform.spec.source(name)
    key = f"raw/{name}"
    before = platform.ledger.latest_snapshot(name)
    with sealed(key), platform.warehouse.write(key) as con:
        _refuse_own_files(platform, source)
        snapshot = ingest(
            con,
            source.path,
            platform.spec.base,
            unit=source.unit,
            options=source.format,
            target="out.data",
            rejects="out.rejects",
            control_fraction=source.control,
            known=_named_columns(platform.spec, source),
        )
        facts = {
            "snapshot_id": snapshot.snapshot_id,
            "columns": snapshot.columns,
            "settings": _settings(source),
            "notes": snapshot.notes,
        }
        put_meta(con, facts)
    columns = tuple(map(tuple, json.loads(before.columns_json))) if before else snapshot.columns
    changes = schema_changes(snapshot.model_copy(update={"columns": columns}), snapshot)
    platform.ledger.record_snapshot(
        name, snapshot.snapshot_id, fingerprint(_decisions(source)), json.dumps(snapshot.columns), platform.now()
    )
    return Materialized(
        key=key,
        columns=snapshot.columns,
        rows=snapshot.rows,
        facts=_snapshot_facts(snapshot, changes),
        version=snapshot.snapshot_id,
    )


def _named_columns(spec: Spec, source: Source) -> set[str]:
    """The columns of a source that the spec names."""
    asked = (product.columns for _, product in spec.products() if product.source == source.name)
    return {*source.columns, *(column for columns in asked for column in columns)}


def _refuse_own_files(platform: Platform, source: Source) -> None:
    """Refuse what this warehouse made: it depends on people whose own source would not be charged for it again."""
    warehouse = platform.warehouse
    root = warehouse.root.resolve()
    own = {root / "restricted", root / "published", root / "dagster", root / "ledger.db", root / "secret.key"}
    for file in locate(source.path, platform.spec.base, source.format).files:
        if own & {real := file.resolve(), *real.parents}:
            raise SourceError(
                f"sources.{source.name}.path: {file.name} lies in the warehouse, and what it was made from would be "
                "released a second time under another ceiling; name the table that it was made from"
            )


def _snapshot_facts(snapshot: Snapshot, changes: tuple[SchemaChange, ...]) -> dict[str, Any]:
    notice = {"notice": "; ".join(snapshot.notes)} if snapshot.notes else {}
    return {
        **notice,
        "snapshot": snapshot.snapshot_id,
        "units": snapshot.units,
        "rows quarantined": snapshot.rejected,
        "rows without a unit": snapshot.without_unit,
        "schema changes": "; ".join(change.text for change in changes) or "none",
    }


def _settings(source: Source) -> str:
    """What of the spec decides how a source is read and treated, besides the decisions on its columns."""
    keys = {"path", "format", "unit", "control", "people", "suppress_records"}
    return fingerprint(source.model_dump(mode="json", include=keys) | whose_words(source))


def whose_words(source: Source) -> dict[str, str]:
    """The locale of a source's fakes, where it is not the default, which identities did not name before."""
    return {} if source.locale == "en_US" else {"locale": source.locale}


def _decisions(source: Source) -> dict[str, Any]:
    return {name: column.model_dump(mode="json") for name, column in source.columns.items()}


def classify_source(platform: Platform, name: str) -> Materialized:
    """``classified/<source>``: what each column holds; a person's decisions in the spec outrank the evidence.

    Raises:
        SpecError: the spec decides on a column that the source does not have.
    """
    source = platform.spec.source(name)
    key = f"classified/{name}"
    with sealed(key), platform.warehouse.write(key) as con:
        platform.warehouse.attach(con, f"raw/{name}", "raw")
        facts = get_meta(con, "raw")
        columns = [(str(column), str(kind)) for column, kind in facts["columns"]]
        _check_decisions(source, [column for column, _ in columns], facts.get("notes", ()))
        relation = f"(SELECT {', '.join(quote(column) for column, _ in columns)} FROM raw.data)"
        found = classify(con, relation, columns, table_name=name, unit=source.unit)
        found = _pointing(platform, con, source, relation, found)
        verdicts = apply_decisions(found, source.columns)
        con.execute('CREATE TABLE out.data ("column" VARCHAR, entity_type VARCHAR, role VARCHAR, confidence DOUBLE)')
        con.executemany(
            "INSERT INTO out.data VALUES (?, ?, ?, ?)",
            [[verdict.column, verdict.entity_type, verdict.role, verdict.confidence] for verdict in verdicts],
        )
        put_meta(
            con,
            {
                "snapshot_id": facts["snapshot_id"],
                "classifier": [verdict.model_dump(mode="json") for verdict in found],
                "verdicts": [verdict.model_dump(mode="json") for verdict in verdicts],
            },
        )
    return Materialized(
        key=key,
        columns=tuple(columns),
        facts=_verdict_facts(verdicts),
        lineage={column: ((f"raw/{name}", column),) for column, _ in columns},
        tags={v.column: _verdict_tags(v) for v in verdicts},
        version=fingerprint([v.model_dump(mode="json") for v in verdicts]),
    )


def _pointing(
    platform: Platform, con: duckdb.DuckDBPyConnection, source: Source, relation: str, found: list[ColumnVerdict]
) -> list[ColumnVerdict]:
    """Verdicts with what lies in the key of the people that the source names: such columns are keys of persons."""
    people = None if source.people is None else platform.spec.source(source.people)
    if people is None or people.unit is None:
        return found
    platform.warehouse.attach(con, f"raw/{people.name}", "listed")
    tables = ("raw.data", "listed.data")
    rows = [int(con.execute(f"SELECT count(*) FROM {table}").fetchall()[0][0]) for table in tables]
    listings = [
        Listing(source.name, relation, found, rows[0]),
        Listing(people.name, "listed.data", (), rows[1], key=people.unit),
    ]
    return with_inclusions(source.name, found, find_inclusions(con, listings))


def _check_decisions(source: Source, columns: list[str], notes: Sequence[str]) -> None:
    for decided in source.columns:
        if decided not in columns:
            raise SpecError(
                f"sources.{source.name}.columns.{decided} is no column of the source{nearest(decided, columns)}"
                + "".join(f"; {note}" for note in notes)
            )


def _verdict_tags(verdict: ColumnVerdict) -> dict[str, str]:
    """What the catalogue shows at a column."""
    tags = {"role": verdict.role, "entity_type": verdict.entity_type, "decided_by": verdict.decided_by}
    return tags | {"confidence": f"{verdict.confidence:.2f}"}


def _verdict_facts(verdicts: list[ColumnVerdict]) -> dict[str, Any]:
    roles = sorted({verdict.role for verdict in verdicts})
    facts = {f"{role} columns": ", ".join(v.column for v in verdicts if v.role == role) for role in roles}
    against = [v.column for v in verdicts if any(line.startswith("contradicts the classifier") for line in v.evidence)]
    return facts | {"why": "\n".join(_why(v) for v in verdicts), "decided against the classifier": ", ".join(against)}


def _why(verdict: ColumnVerdict) -> str:
    said = "; ".join(verdict.strongest)
    return f"{verdict.column}: {verdict.entity_type}, {verdict.role} ({verdict.confidence:.2f}, {verdict.rule}): {said}"


def treated_columns(source: Source, verdicts: list[ColumnVerdict]) -> list[TreatedColumn]:
    """The policy of a source: every column with the treatment that a person chose or that its role calls for.

    Raises:
        SpecError: a person's treatment is weaker than the law that the source names as its policy.
    """
    treated = []
    for verdict in verdicts:
        decision = source.columns.get(verdict.column)
        chosen = decision.treatment if decision else None
        if source.policy is not None:
            place = f"sources.{source.name}.columns.{verdict.column}.treatment"
            chosen = source.policy.settle(place, verdict, chosen, source.is_unit(verdict.column))
        treated.append(
            TreatedColumn(
                name=verdict.column,
                data_type=verdict.data_type,
                entity_type=verdict.entity_type,
                role=verdict.role,
                treatment=chosen or resolve_treatment(verdict, is_unit=source.is_unit(verdict.column)),
                unique=verdict.unique,
            )
        )
    return treated


def read_meta(warehouse: Warehouse, key: str) -> dict[str, Any]:
    """The facts kept beside the table ``key``."""
    with warehouse.connect() as con:
        warehouse.attach(con, key, "stage")
        return get_meta(con, "stage")


def deidentify_source(platform: Platform, name: str) -> Materialized:
    """``deidentified/<source>``: every column treated by fixed rules; rows stay rows of the same units."""
    source = platform.spec.source(name)
    key = f"deidentified/{name}"
    with sealed(key), platform.warehouse.write(key) as con:
        policy = current_policy(platform.warehouse, source)
        platform.warehouse.attach(con, f"raw/{name}", "raw")
        raw = get_meta(con, "raw")
        if raw["settings"] != _settings(source):
            raise SourceError(
                f"the spec reads source {name} otherwise than raw/{name} was; materialize raw/{name} again"
            )
        result = deidentify(
            con,
            "raw.data",
            policy,
            "out.data",
            suppress_records=source.suppress_records,
            unit=source.unit,
            people_sql=_people(platform, con, source),
            locale=source.locale,
        )
        facts = {
            "snapshot_id": raw["snapshot_id"],
            "settings": raw["settings"],
            "people": None if source.people is None else get_meta(con, "people")["snapshot_id"],
            "policy": [column.model_dump(mode="json") for column in policy],
            "unit": source.unit,
            "locale": source.locale,
            "identities": {column.name: column.identity for column in result.columns if column.identity is not None},
            "data_dependent": [column.name for column in result.columns if not column.fixed_rule],
            "answers": answers_label(source, raw["snapshot_id"]),
        }
        put_meta(con, facts)
        own = {*BOOKKEEPING, *(code_column(column) for column in source.randomized)}
        columns = tuple((column, kind) for column, kind in columns_of(con, "out.data") if column not in own)
        kept = _count_references(platform, con, source, policy)
    return Materialized(
        key=key,
        columns=columns,
        rows=result.rows,
        facts={"rows suppressed": result.suppressed_rows, "treatments": _describe(policy), **kept},
        lineage={
            column: tuple((f"raw/{name}", origin) for origin in result.lineage.get(column, (column,)))
            for column, _ in columns
        },
        tags={column.name: {"role": column.role, "treatment": column.treatment.kind} for column in policy},
        version=fingerprint(facts),
    )


UNJOINED = frozenset({"suppress", "suppress_cells", "randomize", "text"})
"""Treatments after which no key is meant to join."""


def _count_references(
    platform: Platform, con: duckdb.DuckDBPyConnection, source: Source, policy: Sequence[TreatedColumn]
) -> dict[str, Any]:
    """Count the references of a source in the raw and in the treated rows.

    Raises:
        SourceError: a treatment broke one.
    """
    found = {}
    kinds = {column.name: column.treatment.kind for column in policy}
    for reference in references_of(source):
        if UNJOINED & {kinds[column] for column in reference.columns if column in kinds}:
            continue
        target, raw, treated = platform.spec.source(reference.target), "raw", "out.data"
        if target.name != source.name:
            raw, treated = f"raw_{target.name}", f"{quote(f'treated_{target.name}')}.data"
            platform.warehouse.attach(con, f"raw/{target.name}", raw)
            platform.warehouse.attach(con, f"deidentified/{target.name}", f"treated_{target.name}")
        rows = [_unsuppressed(con, source, "raw"), _unsuppressed(con, target, raw)]
        before, after = tally(con, reference, *rows), tally(con, reference, "out.data", treated)
        if before != after:
            raise SourceError(
                f"deidentified/{source.name}: {reference} had {before.keys} keys, {before.orphans} orphans and "
                f"{before.pairs} joined rows, and has {after.keys}, {after.orphans} and {after.pairs} after treatment; "
                "pseudonymize both columns"
            )
        found[f"reference {reference}"] = f"{after.keys:,} keys, {after.orphans:,} orphans, as before"
    return found


def _unsuppressed(con: duckdb.DuckDBPyConnection, source: Source, alias: str) -> str:
    """The raw rows of a source that are not left out."""
    types = dict(columns_of(con, f"{quote(alias)}.data"))
    return f"(SELECT * FROM {quote(alias)}.data WHERE NOT ({suppressed(source.suppress_records, types)}))"


def answers_label(source: Source, snapshot_id: str) -> str:
    """What randomized answers are drawn for: another snapshot, or another way to read it, draws them anew."""
    return fingerprint("answers", source.name, snapshot_id, _settings(source))


def current_policy(warehouse: Warehouse, source: Source) -> list[TreatedColumn]:
    """The policy under today's spec and the last classification."""
    found = read_meta(warehouse, f"classified/{source.name}")["classifier"]
    verdicts = apply_decisions([ColumnVerdict.model_validate(verdict) for verdict in found], source.columns)
    return treated_columns(source, verdicts)


def read_treated(platform: Platform, source: Source) -> dict[str, Any]:
    """The facts of ``deidentified/<source>``.

    Raises:
        SourceError: the spec has changed since; what it asks for now has not been done to these rows.
    """
    facts = read_meta(platform.warehouse, f"deidentified/{source.name}")
    policy = [column.model_dump(mode="json") for column in current_policy(platform.warehouse, source)]
    if facts["policy"] != policy or facts["settings"] != _settings(source) or "answers" not in facts:
        raise SourceError(
            f"the spec's decisions on source {source.name} have changed since deidentified/{source.name} was made; "
            f"materialize it again with `--select '+deidentified/{source.name}'`"
        )
    return facts


def _people(platform: Platform, con: duckdb.DuckDBPyConnection, source: Source) -> str | None:
    """SQL of ``__unit`` and what names follow, from the source that lists the people of this one."""
    if source.people is None:
        return None
    platform.warehouse.attach(con, f"raw/{source.people}", "people")
    people = platform.spec.source(source.people)
    policy = current_policy(platform.warehouse, people)
    gender = next((column for column in policy if tells_gender(column)), None)
    home = max(filter(tells_home, policy), key=tells_home, default=None)
    told = [] if gender is None else [f"any_value({quote(gender.name)}) AS gender"]
    if home is not None:
        locale = home_expression(f"{quote(home.name)}::VARCHAR", home.entity_type == "language")
        told.append(f"max({locale}) AS home")
    return f"(SELECT __unit, {', '.join(told)} FROM people.data GROUP BY __unit)" if told else None


def _describe(policy: list[TreatedColumn]) -> str:
    return "; ".join(f"{column.name}: {column.treatment.describe()}" for column in policy)
