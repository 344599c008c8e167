"""Singling out: predicates, made from the product alone, that are true of exactly one person.

Univariate predicates name a value that only one synthetic row has, or lie at an extreme; multivariate ones join the
values of some columns of one synthetic row, where an amount extends to its side of the median: of three columns, and
of all (Giomi et al., PoPETs 2023, section 4.1). A whole row as it stands is a predicate too: there copies show. Only
predicates that isolate one synthetic row are tried, each once. A person counts once however many rows they own. The
attacker wants one predicate for each row of the product, up to a limit; those that cannot be made count as failures,
as in the paper: a dozen guesses, right or not, single out a dozen people at most.

**The control.** Whether a predicate isolates somebody depends on how many people there are, and the control sample is
smaller than the fitted one. So the control rate is that of a table of the *same* size: with N fitted and m control
units, replace m random fitted units by the control units and ask whether the predicate isolates one of the newcomers.
Averaged over all choices that is ``1[one control unit matches] * prod_{j<k} (m - j) / (N - j)``, where k fitted units
match; times N / m it estimates without bias what the predicates would do on a fresh table of N people. (Fitting a curve
through the control sample's own sizes, as Anonymeter does, needs a control sample of a thousand rows.)
The rate has a ceiling: a predicate that is true of a random person with probability w isolates one of N fresh people
with probability N w (1 - w)^(N - 1), which is at most (1 - 1/N)^(N - 1), about 37 % (Cohen and Nissim, 'Towards
formalizing the GDPR's notion of singling out', PNAS 2020). More than that is never common knowledge.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import comb

import numpy as np
import numpy.typing as npt

from synth_assets.evaluation.neighbours import Trial
from synth_assets.evaluation.predicates import MANY, Clause, Matches, Predicate, look_up, match
from synth_assets.evaluation.rates import Rate, measure_rate
from synth_assets.evaluation.sampling import Floats, Sample, fetch
from synth_assets.evaluation.tables import CONTROL, REAL, ROWS, SYNTHETIC, Column, Tables

BLIND = 300
"""Random predicates that stand for guessing."""
ATTEMPTS = 20
"""Predicates tried for each one wanted: where few isolate a row, half as many find too few to show a leak by."""
BATCH = 2000
"""Predicates made before it is seen whether they are enough."""
MADE_OF = 10
"""Rows of the product that predicates are made of, for each one wanted."""


def single_out(tables: Tables, known: Sequence[int], *, predicates: int, width: int, seed: int) -> list[Trial]:
    """The attacks over the known columns (positions) for which some predicate isolates a synthetic row."""
    rng = np.random.default_rng(seed)
    product = _sample_product(tables, MADE_OF * predicates, seed)
    if not len(product):
        return []
    made = [("univariate", 1, _univariate(tables, product, known, predicates, rng))]
    for columns in sorted({min(width, len(known)), len(known)} - {1}):
        kind = f"multivariate, {columns} columns"
        made.append((kind, columns, _multivariate(tables, product, known, columns, predicates, rng)))
    if len(known) > 1:
        made.append(("whole rows", len(known), _whole_rows(tables, product, known, predicates)))
    names = tuple(tables.columns[k].name for k in known)
    wanted = min(predicates, tables.rows[SYNTHETIC], tables.units[REAL])
    trials = []
    for kind, columns, found in made:
        if found:
            blind = [_random_predicate(tables.columns, product, known, columns, rng) for _ in found[:BLIND]]
            trials.append(_try(tables, kind, names, found, blind, wanted, seed))
    return trials


def _try(
    tables: Tables,
    kind: str,
    names: tuple[str, ...],
    found: list[Predicate],
    blind: list[Predicate],
    wanted: int,
    seed: int,
) -> Trial:
    """Count successes on fitted units, on control units in a table of the same size, and of random predicates."""
    real = match(tables, REAL, found + blind)
    people, guesses = Matches(real.units[: len(found)]), Matches(real.units[len(found) :])
    control = match(tables, CONTROL, found, people=tables.units[REAL], seed=seed)
    outsiders = min(tables.units[CONTROL], tables.units[REAL])
    return Trial(
        "singling_out",
        kind,
        names,
        _isolation_rate(people, np.ones(len(found)), wanted),
        _isolation_rate(
            control,
            room_for_outsider(people.counts(), tables.units[REAL], outsiders),
            wanted,
            tables.units[REAL] / outsiders if outsiders else 1.0,
            common_ceiling(tables.units[REAL]),
        ),
        _isolation_rate(guesses, np.ones(len(blind)), len(blind)),
    )


def common_ceiling(people: int) -> float:
    """The largest chance that a predicate chosen without seeing them isolates one of so many people."""
    return (1 - 1 / people) ** (people - 1) if people > 1 else 1.0


def room_for_outsider(matching: npt.NDArray[np.int64], fitted: int, outsiders: int) -> Floats:
    """The chance that all ``matching`` fitted units leave when ``outsiders`` of the ``fitted`` units are replaced."""
    chance = np.ones(len(matching))
    for step in range(min(int(matching.max(initial=0)), MANY)):
        factor = max(0, outsiders - step) / (fitted - step) if fitted > step else 0.0
        chance[matching > step] *= factor
    return chance


def _isolation_rate(
    matches: Matches, room: Floats, wanted: int, weight: float = 1.0, ceiling: float | None = None
) -> Rate:
    """The share of the wanted predicates that isolate one unit.

    Predicates that isolate the same unit are not independent: the number of effective attempts is divided by the mean
    size of their groups (the design effect of clusters).
    """
    alone = matches.counts() == 1
    isolated = np.array([units[0] for units, one in zip(matches.units, alone, strict=True) if one], dtype=np.uint64)
    attempts = max(len(alone), wanted)
    effective = float(attempts)
    if len(isolated):
        groups = np.unique(isolated, return_counts=True)[1]
        effective /= float((groups**2).sum() / groups.sum())
    return measure_rate(
        float(room[alone].sum()),
        attempts,
        weight=weight,
        effective=effective,
        ceiling=1.0 if ceiling is None else ceiling * len(alone) / attempts,
    )


def _sample_product(tables: Tables, limit: int, seed: int) -> Sample:
    return fetch(tables, f"SELECT * FROM {ROWS} WHERE src = {SYNTHETIC} ORDER BY hash(r, {seed}), r LIMIT {limit}")


def _univariate(
    tables: Tables, product: Sample, known: Sequence[int], limit: int, rng: np.random.Generator
) -> list[Predicate]:
    """A value that one synthetic row has; the extremes of an ordered column; missing, where one row lacks a value."""
    found: list[Predicate] = []
    for k in known:
        found += [((k, *clause),) for clause in _lonely(tables, tables.columns[k], limit)]
    order = rng.permutation(len(found))
    return _isolating(tables, product, [found[i] for i in order], limit)


def _lonely(tables: Tables, column: Column, limit: int) -> list[tuple[str, float, float]]:
    low, high = (f"lo{column.index}", f"hi{column.index}") if column.bounded else (column.v,) * 2
    relation = "among" if column.sets else "between"
    rows = tables.con.execute(
        f"SELECT a, b FROM (SELECT {low} AS a, {high} AS b FROM {ROWS} WHERE src = {SYNTHETIC}) GROUP BY a, b "
        f"HAVING count(*) = 1 ORDER BY hash(a, b), a, b LIMIT {limit}"
    ).fetchall()
    clauses = [(relation, float(low), float(high)) for low, high in rows if low is not None and high is not None]
    if len(clauses) < len(rows) and not column.generalized:
        clauses.append(("missing", 0.0, 0.0))
    if column.ordered:
        ends = tables.con.execute(f"SELECT max({low}), min({high}) FROM {ROWS} WHERE src = {SYNTHETIC}").fetchone()
        if ends and ends[0] is not None and ends[1] is not None:
            clauses += [("between", float(ends[0]), np.inf), ("between", -np.inf, float(ends[1]))]
    return clauses


def _multivariate(
    tables: Tables, product: Sample, known: Sequence[int], width: int, limit: int, rng: np.random.Generator
) -> list[Predicate]:
    """Values of ``width`` columns of one synthetic row; an ordered one extends to its side of the median."""
    medians = [float(np.nanmedian(v)) if not np.isnan(v).all() else 0.0 for v in product.values]
    seen: set[Predicate] = set()
    kept: list[Predicate] = []
    tries = min(ATTEMPTS * limit, len(product) * comb(len(known), width))
    for start in range(0, tries, BATCH):
        made: dict[Predicate, None] = {}
        for row in (i % len(product) for i in range(start, min(tries, start + BATCH))):
            chosen = sorted(int(k) for k in rng.choice(known, size=width, replace=False))
            clauses = (_clause(tables.columns[k], product, k, row, medians[k]) for k in chosen)
            made[tuple(clause for clause in clauses if clause is not None)] = None
        fresh = [predicate for predicate in made if predicate and predicate not in seen]
        seen.update(fresh)
        kept += _isolating(tables, product, fresh, limit)
        if len(kept) >= limit:
            break
    return kept[:limit]


def _whole_rows(tables: Tables, product: Sample, known: Sequence[int], limit: int) -> list[Predicate]:
    """Every known value of one synthetic row, exactly."""
    made: dict[Predicate, None] = {}
    for row in range(min(len(product), 4 * limit)):
        clauses = (_clause(tables.columns[k], product, k, row, None) for k in known)
        made[tuple(clause for clause in clauses if clause is not None)] = None
    made.pop((), None)
    return _isolating(tables, product, list(made), limit)


def _clause(column: Column, product: Sample, k: int, row: int, median: float | None) -> Clause | None:
    """What one cell says of a person: its value, or beyond it as seen from the median; a suppressed cell nothing."""
    value, low, high = product.values[k][row], product.low[k][row], product.high[k][row]
    if np.isnan(low) or np.isnan(high):
        return None if column.generalized else (k, "missing", 0.0, 0.0)
    if column.sets:
        return (k, "among", float(low), float(high))
    if median is None or not column.ordered or column.bounded:
        return (k, "between", float(low), float(high))
    return (k, "between", float(value), np.inf) if value > median else (k, "between", -np.inf, float(value))


def _isolating(tables: Tables, product: Sample, predicates: Sequence[Predicate], limit: int) -> list[Predicate]:
    """The first ``limit`` predicates that are true of exactly one synthetic row: screened on a sample, then on all."""
    screen = look_up(tables, SYNTHETIC, product)
    rare = [predicate for predicate in predicates if len(screen.true_of(predicate)) <= 1]
    kept: list[Predicate] = []
    for start in range(0, len(rare), limit):
        batch = rare[start : start + limit]
        counts = match(tables, SYNTHETIC, batch, limit=2).counts()
        kept += [predicate for predicate, count in zip(batch, counts, strict=True) if count == 1]
        if len(kept) >= limit:
            break
    return kept[:limit]


def _random_predicate(
    columns: Sequence[Column], product: Sample, known: Sequence[int], width: int, rng: np.random.Generator
) -> Predicate:
    """Blind guessing: random columns, the values of random rows, random relations."""
    clauses: list[Clause] = []
    for k in sorted(int(k) for k in rng.choice(known, size=width, replace=False)):
        row = int(rng.integers(len(product)))
        low, high = float(product.low[k][row]), float(product.high[k][row])
        if np.isnan(low) or np.isnan(high):
            clauses.append((k, "missing", 0.0, 0.0))
            continue
        relations = [("between", low, high), ("outside", low, high)]
        if columns[k].sets:
            relations = [("among", low, high), ("not among", low, high)]
        if columns[k].ordered:
            relations += [("between", low, np.inf), ("between", -np.inf, high)]
        relation, a, b = relations[int(rng.integers(len(relations)))]
        clauses.append((k, relation, a, b))
    return tuple(clauses)
