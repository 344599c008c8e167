"""What attackers know of the people in a treated source: all of the world, but no key.

A treatment by a rule can be repeated by whoever knows the value: the attackers of a report are given what it makes.
What is drawn, moved or invented person by person cannot. There they know the person's own value, and of moved dates how
far they may have been moved, as the card says. (Anonymeter's attackers likewise hold the original data.) What is
invented for a value is a cipher whose words are as frequent as before: it is taken for broken, and attackers know it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import duckdb

from synth_assets.deidentification import Fake, Keep, Randomize, Shift, Suppress, TreatedColumn, deidentify, response
from synth_assets.errors import SourceError
from synth_assets.mechanisms import RandomizedResponse
from synth_assets.pipeline import Platform
from synth_assets.products import settled_columns
from synth_assets.spec import Source
from synth_assets.storage import columns_of, get_meta, quote

_DAY = 86_400.0


def secret_columns(columns: Sequence[TreatedColumn]) -> set[str]:
    """Names of :func:`~synth_assets.products.settled_columns` of which no rule tells a person's treated value."""
    return {
        column.name
        for column in columns
        if column.treatment.kind in {"shift", "randomize", "text"}
        or (isinstance(column.treatment, Fake) and column.treatment.identity == "unit")
    }


def hidden_columns(con: duckdb.DuckDBPyConnection, names: Sequence[str]) -> list[TreatedColumn]:
    """The columns among ``names`` of which attackers know other values than ``d.data`` has."""
    columns = settled_columns(get_meta(con, "d"))
    secret = secret_columns(columns)
    return [column for column in columns if column.name in secret and column.name in names]


def make_world(platform: Platform, con: duckdb.DuckDBPyConnection, source: Source, names: Sequence[str]) -> None:
    """Make ``world.data``: the columns ``names`` of the raw rows as attackers know them, with the source's own keys.

    Raises:
        SourceError: the raw rows are of another snapshot than the treated ones.
    """
    facts = get_meta(con, "d")
    columns = settled_columns(facts)
    secret = secret_columns(columns)
    platform.warehouse.attach(con, f"raw/{source.name}", "raw")
    if get_meta(con, "raw")["snapshot_id"] != facts["snapshot_id"]:
        raise SourceError(
            f"raw/{source.name} was read anew since it was treated; materialize deidentified/{source.name} again"
        )
    known = [
        column
        if isinstance(column.treatment, Fake) and column.name not in secret
        else column.model_copy(update={"treatment": _known(column, names, secret)})
        for column in columns
    ]
    con.execute("ATTACH IF NOT EXISTS ':memory:' AS world")
    deidentify(
        con,
        "raw.data",
        known,
        "world.data",
        suppress_records=source.suppress_records,
        unit=source.unit,
        locale=source.locale,
    )


def _known(column: TreatedColumn, names: Sequence[str], secret: set[str]) -> Any:
    if column.name not in names:
        return Suppress()
    return Keep() if column.name in secret else column.treatment


def world_rows(con: duckdb.DuckDBPyConnection, names: Sequence[str], anew: frozenset[str]) -> str:
    """The alias of what attackers know, after what is invented for values was done again under the keys of ``con``."""
    facts, kinds = get_meta(con, "d"), dict(columns_of(con, "world.data"))
    columns = settled_columns(facts)
    secret = secret_columns(columns)
    invented = {c.name for c in columns if c.treatment.kind in anew and c.name not in secret}
    if not invented & set(names):
        return "world"
    again = [
        column.model_copy(
            update={
                "treatment": column.treatment if column.name in invented else Keep(),
                "data_type": kinds[column.name],
                "unique": column.unique and column.name in names,
            }
        )
        for column in columns
        if column.name in names or column.name in invented
    ]
    con.execute("ATTACH IF NOT EXISTS ':memory:' AS known")
    deidentify(con, "world.data", again, "known.data", unit=facts["unit"], locale=facts.get("locale", "en_US"))
    return "known"


def doubted_columns(columns: Sequence[TreatedColumn]) -> set[str]:
    """Names of the columns that attackers had better leave out of what they look for: a cell is more often false."""
    moved = {column.name for column in columns if isinstance(column.treatment, Shift)}
    trusted = {c.name for c in columns if isinstance(c.treatment, Randomize) and _truth(c.treatment) >= 0.5}
    return secret_columns(columns) - moved - trusted


def _truth(rule: Randomize) -> float:
    """The chance that an answer is the person's own value, over values that are all as likely."""
    mechanism = response(rule)
    return mechanism.p if isinstance(mechanism, RandomizedResponse) else float(mechanism.channel().diagonal().mean())


def reach_of(columns: Sequence[TreatedColumn]) -> Mapping[str, float]:
    """By how many seconds the dates of columns may have been moved."""
    return {c.name: c.treatment.days * _DAY for c in columns if isinstance(c.treatment, Shift)}


def as_matched(rows: str, columns: Sequence[TreatedColumn]) -> str:
    """FROM-able rows whose moved dates are as alike as attackers can tell: in spans as wide as the moves.

    Who looks for a date finds all that may have been moved there, which are those of ``2 * days + 1`` days.
    """
    spans = [
        f"date_diff('day', DATE '1970-01-01', {quote(c.name)}::DATE) // {2 * c.treatment.days + 1} AS {quote(c.name)}"
        for c in columns
        if isinstance(c.treatment, Shift)
    ]
    return f"(SELECT * REPLACE ({', '.join(spans)}) FROM {rows})" if spans else rows


__all__ = ["as_matched", "doubted_columns", "hidden_columns", "make_world", "reach_of", "secret_columns", "world_rows"]
