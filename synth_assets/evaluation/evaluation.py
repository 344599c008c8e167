"""The measurement of one product: quality, utility, risk and the verdict."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

import duckdb
from pydantic import BaseModel, ConfigDict, Field

from synth_assets.evaluation.attacks import RISKS, Attacks, Effort, attack_product
from synth_assets.evaluation.marginals import Marginals, measure_marginals
from synth_assets.evaluation.quality import Quality, score_quality
from synth_assets.evaluation.tables import REAL, SYNTHETIC, Tables, side_by_side
from synth_assets.evaluation.utility import Utility, train_and_test
from synth_assets.evaluation.verdict import Acceptance, Criterion, Verdict, decide, judge_risk, judge_score


class Limits(BaseModel):
    """Bounds of the work: pairs and triples of columns, rows a model is trained on, the effort of attacks."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    pairs: int = Field(default=300, ge=1)
    triples: int = Field(default=50, ge=0)
    train_rows: int = Field(default=20_000, ge=1)
    effort: Effort = Effort()


@dataclass(frozen=True)
class World:
    """What attackers know, where a product was made with a secret: people as they are.

    Attributes:
        real, control: as of :func:`evaluate`, without what the secret did to them.
        reach: by column how far the product's values may lie from these (of times in seconds), as its card says.
        doubted: columns of which a cell of the product is more often false than true: attackers do without them.
    """

    real: str
    control: str
    reach: Mapping[str, float] = field(default_factory=dict)
    doubted: Collection[str] = ()


class Evaluation(BaseModel):
    """All that was measured about one product. Counts, scores and column names only: no value of any row.

    ``rows`` and ``units`` count real, control and synthetic ones.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    columns: tuple[str, ...]
    rows: tuple[int, int, int]
    units: tuple[int, int, int]
    quality: Quality
    marginals: Marginals
    utility: Utility
    attacks: Attacks
    accept: Acceptance
    verdict: Verdict
    seed: int


def evaluate(
    con: duckdb.DuckDBPyConnection,
    real: str,
    control: str,
    synthetic: str,
    columns: Sequence[tuple[str, str]],
    *,
    target: str | None = None,
    accept: Acceptance,
    quasi_identifiers: Sequence[str] = (),
    sensitive: Sequence[str] = (),
    generalized: bool | None = None,
    seed: int,
    limits: Limits | None = None,
    world: World | None = None,
) -> Evaluation:
    """Measure a product against the rows it was made from.

    Args:
        con: where the three tables can be read; temporary tables named ``evaluation_*`` are made and dropped on it.
        real: what stands after FROM: the rows that were fitted. A column ``__unit`` says whose a row is.
        control, synthetic: rows of units that were held out of fitting, likewise; the product.
        columns: name and DuckDB type (as the source has it) of each column of the product.
        target: the column that a consumer will predict, for :mod:`~synth_assets.evaluation.utility`.
        accept: the thresholds of the verdict.
        quasi_identifiers: columns by which people are found; see :mod:`~synth_assets.evaluation.attacks`.
        sensitive, generalized: as of :func:`~synth_assets.evaluation.attacks.attack_product`.
        seed: of all samples. The same tables and seed give the same evaluation.
        limits: bounds of the work.
        world: what attackers know of the people, where that is not what ``real`` and ``control`` hold.

    Raises:
        DomainError: a table lacks a column.
    """
    limits = limits or Limits()
    attack = partial(
        attack_product,
        quasi_identifiers=quasi_identifiers,
        sensitive=sensitive,
        generalized=generalized,
        effort=limits.effort,
        seed=seed,
    )
    attacks = None if world is None else _attack(con, world, synthetic, columns, attack)
    with side_by_side(con, real, control, synthetic, columns) as tables:
        quality = score_quality(tables)
        attacks = attacks or attack(tables)
        return Evaluation(
            columns=tuple(column.name for column in tables.columns),
            rows=tables.rows,
            units=tables.units,
            quality=quality,
            marginals=measure_marginals(tables, seed=seed, pairs=limits.pairs, triples=limits.triples),
            utility=train_and_test(tables, target, rows=limits.train_rows, seed=seed),
            attacks=attacks,
            accept=accept,
            verdict=decide(_criteria(tables, quality, attacks, accept)),
            seed=seed,
        )


def _attack(
    con: duckdb.DuckDBPyConnection,
    world: World,
    synthetic: str,
    columns: Sequence[tuple[str, str]],
    attack: Callable[..., Attacks],
) -> Attacks:
    with side_by_side(con, world.real, world.control, synthetic, columns, world.reach) as tables:
        return attack(tables, doubted=world.doubted)


def _criteria(tables: Tables, quality: Quality, attacks: Attacks, accept: Acceptance) -> list[Criterion]:
    """One criterion a threshold. A product of one column has no pairs, and nothing to fail there."""
    empty = [name for name, src in (("real", REAL), ("synthetic", SYNTHETIC)) if not tables.rows[src]]
    reason = f"the {' and the '.join(empty)} table has no row" if empty else None
    criteria = [judge_score("column_shapes", quality.column_shapes, accept.column_shapes, reason)]
    if len(tables.columns) > 1:
        criteria.append(judge_score("pair_trends", quality.pair_trends, accept.pair_trends, reason))
    criteria += [judge_risk(getattr(attacks, name), getattr(accept, name)) for name in RISKS]
    return criteria
