"""Releases to be audited and pairs of tables that differ by one unit, the canary.

The worst canary for a count is alone in its categories and has as many rows as a unit may have: every question that a
method asks moves by all of them.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import duckdb

from synth_assets.domain import Domain
from synth_assets.mechanisms import NoiseSource
from synth_assets.statistics import Statistics, quantile
from synth_assets.synthesis import AIM, MST, Independent, PrivBayes, Synthesizer, mst, rounds
from tests.audit.games import Release, Target

ROWS = 400
"""Of the table without the canary."""
ROWS_PER_UNIT = 10
EPSILON, DELTA = 12.0, 1e-9
"""So much that the worlds are told apart often (mu is 1.7), and the laws coarse in no way."""

Worlds = tuple[duckdb.DuckDBPyRelation, duckdb.DuckDBPyRelation]

DECLARED = Domain.from_spec(
    {
        "kind": {"categories": ["red", "green", "canary"]},
        "town": {"categories": ["north", "south", "west", "canary"]},
        "size": {"bounds": [80, 100], "bins": 4},
    }
)
NUMBERS_ONLY = Domain.from_spec({"size": {"bounds": [80, 100], "bins": 4}})

METHODS: tuple[type[Synthesizer], ...] = (Independent, MST, AIM, PrivBayes)
CHOOSING = {
    "independent": 0.0,
    "mst": float(mst.SELECTION),
    "aim": float(rounds.SELECTION),
    "privbayes": float(rounds.SELECTION),
    "statistics": float(quantile.CHOICE) / 5,
}
"""The most of the budget that choices may take; quantiles, which choose, have a fifth of the weights of the figures."""

FIGURES: Mapping[str, Any] = {
    "count": [{}, {"by": ["kind", "town"]}],
    "sum": {"of": "size"},
    "mean": {"of": "size", "by": "kind"},
    "quantiles": {"of": "size", "by": "town"},
    "kmeans": {"of": ["size"], "clusters": 2},
    "weights": {"count": 0.5, "kmeans": 1},
}


def tables(canary: str, rows: int = ROWS) -> Worlds:
    """A table of ``rows`` rows of kind, town, size and note, without and with rows of a SELECT, which come last.

    The values of a column differ in how often they occur, the commonest first, so that a new one is the rarest.
    """
    con = duckdb.connect(config={"threads": 1})
    con.execute(
        "CREATE TABLE without AS SELECT CASE WHEN i % 5 < 3 THEN 'red' ELSE 'green' END AS kind, CASE WHEN i % 7 < 4"
        " THEN 'north' WHEN i % 7 < 6 THEN 'south' ELSE 'west' END AS town, CAST(80 + i % 14 AS INTEGER) AS size"
        f" FROM range({rows}) AS t(i)"
    )
    return with_and_without(con, canary)


def with_and_without(con: duckdb.DuckDBPyConnection, canary: str) -> Worlds:
    """The table ``without``, and a copy of it with the rows of a SELECT."""
    con.execute(f"CREATE TABLE with_ AS FROM without; INSERT INTO with_ {canary}")
    return con.table("without"), con.table("with_")


def canary(kind: str = "'canary'", town: str = "'canary'", size: str = "1000") -> str:
    """The rows of a canary, whose number is out of bounds unless another is given."""
    columns = f"{kind} AS kind, {town} AS town, CAST({size} AS INTEGER) AS size"
    return f"SELECT {columns} FROM range({ROWS_PER_UNIT})"


def synthesizer_target(
    method: type[Synthesizer], domain: Domain, epsilon: float = EPSILON, delta: float = DELTA
) -> Target:
    """All that a fit makes public: the file of the model, which holds every fact of it."""
    made = method.model_validate({"epsilon": epsilon, "delta": delta})
    hidden = 0 if domain is DECLARED else ROWS_PER_UNIT
    release = _fitting(made, domain)
    return Target(made.method, release, epsilon, delta, CHOOSING[made.method], hidden)


def _fitting(method: Synthesizer, domain: Domain) -> Release:
    def release(table: duckdb.DuckDBPyRelation, source: NoiseSource) -> str:
        model = method.fit(table, domain, rng=source, rows_per_unit=ROWS_PER_UNIT)
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "it.model"
            model.save(path)
            return path.read_bytes().hex()

    return release


def statistics_target(
    domain: Domain, epsilon: float = EPSILON, delta: float = DELTA, figures: Mapping[str, Any] = FIGURES
) -> Target:
    """All that a release of figures makes public: its table, charge, errors, and what it learned."""
    block = Statistics.model_validate({**figures, "epsilon": epsilon, "delta": delta})
    con = duckdb.connect(config={"threads": 1})

    def release(table: duckdb.DuckDBPyRelation, source: NoiseSource) -> str:
        with tempfile.TemporaryDirectory() as folder:  # a relation belongs to its own connection
            table.write_parquet(f"{folder}/t.parquet")
            con.execute(f"CREATE OR REPLACE TEMP TABLE t AS FROM read_parquet('{folder}/t.parquet')")
        told = block.release(con, "t", domain, rows_per_unit=ROWS_PER_UNIT, rng=source)
        return f"{told.frame.to_csv()} {told.charge} {told.errors} {told.learned}"

    hidden = 0 if domain is DECLARED else ROWS_PER_UNIT
    return Target("statistics", release, epsilon, delta, CHOOSING["statistics"], hidden)


def every_target(domain: Domain, epsilon: float = EPSILON, delta: float = DELTA) -> list[Target]:
    """The methods and the figures."""
    targets = [synthesizer_target(method, domain, epsilon, delta) for method in METHODS]
    return [*targets, statistics_target(domain, epsilon, delta)]
