"""How the table of a product is made from treated rows: by a synthesizer, as figures, k-anonymous, or as they are.

Each kind reads the rows that it may read and no others: the control sample is never fitted, a unit has at most so many
rows, and a domain holds only what the spec declares and a treatment leaves true. What does not belong here: what a
release is, what it costs, whether it was made before.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import duckdb

from synth_assets.anonymity import AnonymizedColumn, Earlier, anonymize, common_cells, like_withheld, withhold_rare
from synth_assets.deidentification import (
    KNOWN_GENDER,
    KNOWN_HOME,
    KNOWN_SHIFT,
    Fake,
    Generalize,
    Keep,
    Randomize,
    Shift,
    TreatedColumn,
    count_query,
    deidentify,
    response,
)
from synth_assets.domain import Domain, as_instant
from synth_assets.errors import PublicationRefused, SourceError, SpecError
from synth_assets.spec import Product, Rows, Source
from synth_assets.statistics import Statistics, check_figures
from synth_assets.storage import ROW, columns_of, get_meta, literal, quote, whole_row
from synth_assets.synthesis import Diffix, Model
from synth_assets.synthesis.buckets import COMBINATION, BucketModel, label_combination

if TYPE_CHECKING:
    import pandas as pd


def make_table(
    con: duckdb.DuckDBPyConnection,
    source: Source,
    product: Product,
    policy: list[TreatedColumn],
    salt: bytes,
    earlier: Earlier | None = None,
) -> dict[str, Any]:
    """Make ``out.data`` of the treated rows in ``d.data``, and return what the method says of it.

    ``con`` has the consumer's keys for fakes, pseudonyms and randomized answers, which have been charged for.
    ``salt`` is what the noise of ``diffix`` sticks to. A k-anonymous table is made beside ``earlier`` ones, and
    ``out.members`` says who is in which of its classes, ``out.told`` what they tell of sensitive values.
    """
    if product.synthesizer is not None:
        return _synthesize(con, source, product, policy, salt)
    if product.statistics is not None:
        return _tell(con, source, product.statistics, policy)
    if product.anonymize is not None:
        return _anonymize(con, source, product, policy, earlier)
    return _take_rows(con, product, policy)


def check_declarations(
    con: duckdb.DuckDBPyConnection, source: Source, product: Product, policy: list[TreatedColumn]
) -> None:
    """Whether the product can be made of the columns as they are declared; reads no row.

    Raises:
        DomainError: it cannot.
    """
    if product.statistics is not None:
        check_figures(product.statistics, con, *figure_rows(con, source, policy))
    elif product.synthesizer is not None:
        nobody = f"SELECT * FROM {fitted_rows([column.name for column in policy])} LIMIT 0"
        domain = declared_domain(source, policy, dict(columns_of(con, f"({nobody})")))
        product.synthesizer.fit(con.sql(nobody), domain, rows_per_unit=source.max_rows_per_unit)


def fitted_rows(columns: list[str], control: bool = False, alias: str = "d") -> str:
    """SQL for the rows of the units that may be fitted on, or of the control sample."""
    chosen = ", ".join(quote(column) for column in columns)
    return f"(SELECT {chosen} FROM {quote(alias)}.data WHERE {'' if control else 'NOT '}__control)"


def bounded_rows(columns: list[str], rows_per_unit: int, everybody: bool = False, alias: str = "d") -> str:
    """As :func:`fitted_rows`, with at most ``rows_per_unit`` rows of a unit, chosen by a keyed hash of the row.

    The choice looks at the unit's own rows alone, so that adding a unit changes no other unit's rows. ``everybody``
    reads the control sample too, for products that are no model and face no attack.
    """
    chosen = ", ".join(quote(column) for column in columns) or "TRUE AS present"
    kept = "TRUE" if everybody else "NOT __control"
    return (
        f"(SELECT {chosen} FROM {quote(alias)}.data AS {ROW} WHERE {kept} "
        "QUALIFY row_number() OVER (PARTITION BY __unit "
        f"ORDER BY keyed_int('bound', {whole_row()})) <= {rows_per_unit})"
    )


INVENTED = frozenset({"fake", "pseudonymize", "shift", "text"})
"""Treatments whose values stand for a person or a value in the tables of one consumer, and in no other's."""

DRAWN = frozenset({"randomize"})
"""Treatments whose values are drawn for one consumer, whatever the product."""

OF_ROWS = frozenset({"rows", "anonymize"})
"""The kinds of products that show rows of the source, and so what was invented in them."""


def made_anew(product: Product) -> frozenset[str]:
    """The treatments that are done once more, under the consumer's keys, for the rows that a product is made of."""
    return DRAWN | INVENTED if product.kind in OF_ROWS else DRAWN


def settled_columns(facts: dict[str, Any]) -> list[TreatedColumn]:
    """All columns of a treated source, whose fakes say whom they stand for; ``facts`` are the treated table's."""
    columns = [TreatedColumn.model_validate(column) for column in facts["policy"]]
    fakes = {column.name: column.treatment for column in columns if isinstance(column.treatment, Fake)}
    whose = {
        name: fake.model_copy(update={"identity": facts["identities"].get(name, fake.identity)})
        for name, fake in fakes.items()
    }
    return [column.model_copy(update={"treatment": whose.get(column.name, column.treatment)}) for column in columns]


def own_rows(
    con: duckdb.DuckDBPyConnection,
    policy: Sequence[TreatedColumn],
    chosen: str = "TRUE",
    anew: frozenset[str] = DRAWN | INVENTED,
) -> str:
    """Make the treated rows that meet ``chosen`` anew: what is in ``anew`` is done again, under the keys of ``con``.

    What is invented already stands for the same people and values as before and gets their name among this consumer's.
    Columns that follow from others of the source (a maiden name from the last name) need these beside them.

    Returns:
        The alias of the database that holds them as ``data``; ``d`` where ``policy`` has no such column.
    """
    names = {column.name for column in policy}
    if not any(column.treatment.kind in anew for column in policy):
        return "d"
    facts, kinds = get_meta(con, "d"), dict(columns_of(con, "d.data"))
    columns = [
        column.model_copy(
            update={
                "treatment": column.treatment if column.treatment.kind in anew else Keep(),
                "data_type": kinds[column.name],
                "unique": column.unique and column.name in names,
            }
        )
        for column in settled_columns(facts)
        if column.name in names or (isinstance(column.treatment, Fake) and "fake" in anew)
    ]
    con.execute("ATTACH IF NOT EXISTS ':memory:' AS own")
    female, home, shift = (name if name in kinds else None for name in (KNOWN_GENDER, KNOWN_HOME, KNOWN_SHIFT))
    rows = f"(SELECT * FROM d.data WHERE {chosen})"
    deidentify(
        con,
        rows,
        columns,
        "own.data",
        unit=facts["unit"],
        female=female,
        home=home,
        shift=shift,
        answers=facts["answers"],
        locale=facts.get("locale", "en_US"),
    )
    return "own"


def _synthesize(
    con: duckdb.DuckDBPyConnection, source: Source, product: Product, policy: list[TreatedColumn], salt: bytes
) -> dict[str, Any]:
    """Fit and sample; the domain holds only what the spec declares and the treatment leaves true."""
    synthesizer = product.synthesizer
    if synthesizer is None:
        raise SourceError(f"product {product.name} has no synthesizer")
    columns = [column.name for column in policy]
    alias = own_rows(con, policy, anew=DRAWN)
    types = dict(columns_of(con, fitted_rows(columns, alias=alias)))
    domain = declared_domain(source, policy, types)
    most = source.max_rows_per_unit
    if isinstance(synthesizer, Diffix):
        rows = con.sql(f"SELECT * FROM {bounded_rows([*columns, '__unit'], most, alias=alias)}")
        model: Model = synthesizer.fit(rows, domain, rows_per_unit=most, units="__unit", salt=salt)
    else:
        rows = con.sql(f"SELECT * FROM {bounded_rows(columns, most, alias=alias)}")
        model = synthesizer.fit(rows, domain, rows_per_unit=most)
    if model.charge.seeded:
        raise PublicationRefused(f"product {product.name}: noise from a seed protects nobody; fit without `rng`")
    made = {"charge": model.charge.model_dump(mode="json"), "errors": model.errors}
    if product.width is not None and isinstance(model, BucketModel):
        return {**made, "combinations": _write_combinations(con, model, product.size, types, columns)}
    _write_sample(con, model.sample(product.size), types, "CREATE TABLE out.data AS SELECT")
    return made


def _write_sample(con: duckdb.DuckDBPyConnection, frame: pd.DataFrame, types: Mapping[str, str], verb: str) -> None:
    """Write sampled rows with the types of the source; ``verb`` stands before the columns."""
    con.register("sampled", frame)
    casts = [f"CAST({quote(c)} AS {_storable(types[c])}) AS {quote(c)}" for c in map(str, frame.columns)]
    con.execute(f"{verb} {', '.join(casts)} FROM sampled")
    con.unregister("sampled")


def _write_combinations(
    con: duckdb.DuckDBPyConnection, model: BucketModel, size: int | None, types: Mapping[str, str], columns: list[str]
) -> dict[str, list[str]]:
    """Write the rows of all combinations below one another, and return the columns of each by its name."""
    listed = ", ".join(f"{quote(column)} {_storable(types[column])}" for column in columns)
    con.execute(f"CREATE TABLE out.data ({COMBINATION} VARCHAR, {listed})")
    labels = {}
    for place, own in enumerate(model.combinations):
        label = label_combination(own)
        verb = f"INSERT INTO out.data BY NAME SELECT {literal(label)} AS {COMBINATION},"
        _write_sample(con, model.sample_combination(place, size), types, verb)
        labels[label] = list(own)
    return labels


def _tell(
    con: duckdb.DuckDBPyConnection, source: Source, statistics: Statistics, policy: list[TreatedColumn]
) -> dict[str, Any]:
    """Figures of everybody's rows; there is no model that an attack could be judged on, and a count should be whole."""
    rows, domain = figure_rows(con, source, policy, own_rows(con, policy, anew=DRAWN))
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


def figure_rows(
    con: duckdb.DuckDBPyConnection, source: Source, policy: list[TreatedColumn], alias: str = "d"
) -> tuple[str, Domain]:
    """The rows that figures are made of, as SQL, and what is publicly known of their columns."""
    rows = bounded_rows([column.name for column in policy], source.max_rows_per_unit, everybody=True, alias=alias)
    return rows, declared_domain(source, policy, dict(columns_of(con, rows)))


def declared_domain(source: Source, policy: list[TreatedColumn], types: Mapping[str, str]) -> Domain:
    """What the spec declares of the columns, as far as it holds of treated rows of these types."""
    declared = {column.name: _still_true(column, source, types[column.name]) for column in policy}
    return Domain.from_spec({name: facts for name, facts in declared.items() if facts})


def _still_true(column: TreatedColumn, source: Source, kind: str) -> dict[str, Any]:
    """What the spec declares of a column's domain, as the column's treatment leaves it.

    Values that are kept, randomized, or coded at a bound, stay in the declared domain. A generalization is applied to
    the declaration too. Other treatments lead out of it, and what they lead to is learned.
    """
    if column.name not in source.columns or kind != column.data_type:
        return {}
    declared, treatment = source.columns[column.name].domain, column.treatment
    if isinstance(treatment, Generalize):
        return _generalized(declared, treatment)
    if isinstance(treatment, Shift):
        return _moved(declared, treatment)
    return declared if treatment.kind in {"keep", "code", "randomize"} else {}


def _moved(declared: dict[str, Any], treatment: Shift) -> dict[str, Any]:
    """A declared domain after a shift: bounds as much wider; none near the end of the calendar."""
    first, last = (as_instant(bound) for bound in declared.get("bounds", (0, 0)))
    far = timedelta(days=treatment.days)
    if first is None or last is None or first < datetime.min + far or last > datetime.max - far:
        return {}
    return {"bounds": ((first - far).date(), (last + far).date())}


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
    con: duckdb.DuckDBPyConnection,
    source: Source,
    product: Product,
    policy: list[TreatedColumn],
    earlier: Earlier | None,
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
    alias = own_rows(con, policy, "NOT __control")
    fitted = fitted_rows([*(column.name for column in policy), "__unit"], alias=alias)
    rows = _withhold(con, fitted, columns, product.anonymize.least)
    people = None if product.anonymize.population is None else population_rows(con, policy)
    result = anonymize(con, rows, columns, product.anonymize, "out.data", people, earlier, "out.members", "out.told")
    return result.model_dump(mode="json")


def _withhold(con: duckdb.DuckDBPyConnection, fitted: str, columns: list[AnonymizedColumn], least: int) -> str:
    """As :func:`withhold_rare`; where there are fewer units than that in all, the search says what is possible."""
    try:
        return withhold_rare(con, fitted, columns, least)
    except SpecError:
        if int(con.execute(f"SELECT count(DISTINCT __unit) FROM {fitted}").fetchall()[0][0]) >= least:
            raise
        return fitted


POPULATION = "population"
"""The alias of the treated rows of a product's population."""


def population_rows(con: duckdb.DuckDBPyConnection, policy: list[TreatedColumn]) -> str:
    """SQL for the quasi-identifiers of everybody in the population, as :func:`withhold_rare` left the product's.

    The control sample is among them: nothing is fitted on the population, and a crowd a tenth too small is wrong.
    """
    roles = [(column.name, column.role) for column in policy]
    return like_withheld(con, f"{POPULATION}.data", roles)


def without_rare_text(con: duckdb.DuckDBPyConnection, policy: list[TreatedColumn], least: int, alias: str = "d") -> str:
    """SQL for the fitted rows of ``alias``, with text that fewer than ``least`` fitted units hold withheld.

    A word that one person alone has (a misspelt occupation, a rare diagnosis) would name its owner in real rows,
    whatever else was generalized. Fakes and pseudonyms are unique by design and stand for no word of the source; the
    words of randomized answers are declared.
    """
    rows = fitted_rows([*(column.name for column in policy), "__unit"])
    kinds = dict(columns_of(con, rows))
    invented = {column.name for column in policy if column.treatment.kind in INVENTED | DRAWN}
    chosen = []
    for place, column in enumerate(column.name for column in policy):
        exact = kinds[column] != "VARCHAR" or column in invented
        chosen.append(quote(column) if exact else common_cells(con, rows, column, least, place))
    return (
        f"(SELECT {', '.join(chosen)}, __unit FROM {fitted_rows([*(c.name for c in policy), '__unit'], alias=alias)})"
    )


def _take_rows(con: duckdb.DuckDBPyConnection, product: Product, policy: list[TreatedColumn]) -> dict[str, Any]:
    """De-identified rows of a share of the units, in an order that tells nothing of the source's."""
    if product.rows is None:
        raise SourceError(f"product {product.name} has no `rows`")
    chosen = ", ".join(quote(column.name) for column in policy)
    alias = own_rows(con, policy, f"NOT __control AND {drawn_units(product.rows)}")
    con.execute(
        f"CREATE TABLE out.data AS SELECT {chosen} FROM {given_rows(con, product.rows, policy, alias)}"
        f" AS {ROW} ORDER BY keyed_int('shuffle', {whole_row()})"
    )
    given = f"(SELECT * FROM {quote(alias)}.data WHERE NOT __control AND {drawn_units(product.rows)})"
    return {"share": product.rows.share, "answers": _count_answers(con, policy, given)}


def _count_answers(con: duckdb.DuckDBPyConnection, policy: list[TreatedColumn], rows: str) -> dict[str, list[int]]:
    """Of each randomized column the units that gave each answer, the last of them nothing."""
    found = {}
    for column in policy:
        if isinstance(column.treatment, Randomize):
            counts = dict(con.execute(count_query(column.treatment, column, rows)).fetchall())
            last = response(column.treatment).outcomes - 1
            found[column.name] = [int(counts.get(place, 0)) for place in (*range(last), None)]
    return found


def drawn_units(rows: Rows) -> str:
    """SQL that is true of the rows of the units whose rows are given."""
    return f"keyed_int('shuffle', CAST(__unit AS VARCHAR)) / 18446744073709551616.0 < {rows.share!r}"


def given_rows(con: duckdb.DuckDBPyConnection, rows: Rows, policy: list[TreatedColumn], alias: str = "d") -> str:
    """SQL for the rows of a product of ``rows``, and ``__unit``."""
    return f"(SELECT * FROM {without_rare_text(con, policy, rows.rare, alias)} AS {ROW} WHERE {drawn_units(rows)})"


__all__ = [
    "DRAWN",
    "INVENTED",
    "POPULATION",
    "bounded_rows",
    "check_declarations",
    "declared_domain",
    "figure_rows",
    "fitted_rows",
    "given_rows",
    "made_anew",
    "make_table",
    "own_rows",
    "population_rows",
    "settled_columns",
    "without_rare_text",
]
