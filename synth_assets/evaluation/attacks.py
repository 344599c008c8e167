"""The three attacks on a product, each against fitted people, against control people and by blind guessing.

After Giomi et al., 'A Unified Framework for Quantifying Privacy Risk in Synthetic Data' (PoPETs 2023): singling out,
linkability and inference, the risks that the Article 29 Working Party names (opinion 05/2014). What an attacker learns
about people in general, the control people show; the risk is what they learn about fitted people beyond that.

Who knows what: an attacker on synthetic rows, or on real ones that nothing hides, knows all columns but the secret.
k-anonymity promises nothing about what is not a quasi-identifier: on rows that were generalized until they hide each
other the attacker knows the quasi-identifiers, and the report says so.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from synth_assets.evaluation.neighbours import Trial, count_inferences, count_links, nearest_rows
from synth_assets.evaluation.rates import Rate, Risk, residual_risk
from synth_assets.evaluation.sampling import Sample, candidates, targets
from synth_assets.evaluation.singling_out import single_out
from synth_assets.evaluation.tables import CONTROL, REAL, SYNTHETIC, Tables

RiskName = Literal["singling_out", "linkability", "inference"]
RISKS: tuple[RiskName, ...] = ("singling_out", "linkability", "inference")
FALSE_ALARM = 0.001
"""The probability with which a product that leaks nothing may fail, over all attacks of one evaluation."""
LEAST_UNITS = 20
"""With fewer fitted or control people no risk is measured."""


class Effort(BaseModel):
    """How hard the attacks try: predicates a kind, people attacked, synthetic rows searched, columns a predicate.

    ``alarms``: the probability that they fail a product that leaks nothing, all together.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    predicates: int = Field(default=1000, ge=1)
    people: int = Field(default=500, ge=1)
    product_rows: int = Field(default=20_000, ge=1)
    width: int = Field(default=3, ge=1)
    alarms: float = Field(default=FALSE_ALARM, gt=0, lt=1)


class Attack(BaseModel):
    """One attack: its rates on fitted people (main), on control people and of blind guessing, and the risk left."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: RiskName
    kind: str
    columns: tuple[str, ...]
    main: Rate
    control: Rate
    baseline: Rate
    risk: Risk
    note: str | None = None


class RiskScore(BaseModel):
    """The largest risk over the attacks of one name (None: not measurable); ``reason``: why there is none."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: RiskName
    value: float | None
    attacks: tuple[Attack, ...] = ()
    reason: str | None = None


class Attacks(BaseModel):
    """All three risks and what the attacker was taken to know."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    singling_out: RiskScore
    linkability: RiskScore
    inference: RiskScore
    known: tuple[str, ...]
    generalized: bool


def attack_product(
    tables: Tables,
    *,
    quasi_identifiers: Sequence[str] = (),
    sensitive: Sequence[str] = (),
    generalized: bool | None = None,
    doubted: Collection[str] = (),
    effort: Effort | None = None,
    seed: int,
) -> Attacks:
    """Run every attack that applies.

    ``sensitive``: the secrets of inference (every column, if none is given). ``generalized``: whether the rows are
    real ones, coarsened to hide each other; found out from the cells if left out. ``doubted``: columns that attackers
    do not rely on, unless they know no others.
    """
    effort = effort or Effort()
    coarse = tables.generalized if generalized is None else generalized
    names = [column.name for column in tables.columns]
    quasi = [k for k, name in enumerate(names) if name in set(quasi_identifiers)]
    known = quasi if coarse and quasi else list(range(len(names)))
    known = [k for k in known if names[k] not in doubted] or known
    secrets = [k for k, name in enumerate(names) if name in set(sensitive)] or list(range(len(names)))
    reason = _obstacle(tables)
    if reason is not None:
        value = 0.0 if tables.units[REAL] and not tables.rows[SYNTHETIC] else None
        scores = {name: RiskScore(name=name, value=value, reason=reason) for name in RISKS}
    else:
        found, reasons = _run(tables, known, quasi if not coarse else [], secrets, effort, seed)
        scores = _score(found, reasons, effort.alarms)
    return Attacks(**scores, known=tuple(names[k] for k in known), generalized=coarse)


def _obstacle(tables: Tables) -> str | None:
    """Why nothing can be attacked or measured."""
    real, control = tables.units[REAL], tables.units[CONTROL]
    if real and not tables.rows[SYNTHETIC]:
        return "an empty product gives nothing away"
    if real < LEAST_UNITS or control < LEAST_UNITS:
        return (
            f"{real} fitted and {control} control units; at least {LEAST_UNITS} of each are needed to tell a leak from "
            "what is common knowledge"
        )
    return None


def _run(
    tables: Tables, known: list[int], quasi: list[int], secrets: list[int], effort: Effort, seed: int
) -> tuple[list[Trial], dict[RiskName, str]]:
    """All attacks, counted; and for a name without any the reason."""
    reasons: dict[RiskName, str] = {
        "singling_out": "no predicate over the known columns isolates one row of the product",
        "linkability": "one known column cannot be split in two halves",
        "inference": "nothing is known beside the secret",
    }
    trials = single_out(tables, known, predicates=effort.predicates, width=effort.width, seed=seed)
    people = [targets(tables, src, effort.people, seed) for src in (REAL, CONTROL)]
    product = candidates(tables, effort.product_rows, seed)
    trials += _search(tables, people, product, _splits(product, known, quasi), (known, secrets), seed)
    return trials, reasons


def _splits(product: Sample, known: list[int], quasi: list[int]) -> list[tuple[list[int], list[int]]]:
    """How the known columns are divided between two data sets that an attacker would link.

    Dealt by turns, the columns with most values first, so that both halves tell as much as they can; and, where
    quasi-identifiers are named, those against all others: who somebody is against what is known of them.
    """
    if len(known) < 2:
        return []
    by_values = sorted(known, key=lambda k: (-len(np.unique(product.values[k])), k))
    splits = [(sorted(by_values[0::2]), sorted(by_values[1::2]))]
    others = [k for k in known if k not in set(quasi)]
    if quasi and others and (sorted(quasi), others) not in splits and (others, sorted(quasi)) not in splits:
        splits.append((sorted(quasi), others))
    return splits


def _search(
    tables: Tables,
    people: list[Sample],
    product: Sample,
    splits: list[tuple[list[int], list[int]]],
    roles: tuple[list[int], list[int]],
    seed: int,
) -> list[Trial]:
    """Linkability and inference from one pass of nearest neighbour searches."""
    known, secrets = roles
    aux = {secret: [k for k in known if k != secret] for secret in secrets}
    secrets = [secret for secret in secrets if aux[secret]]
    views = [half for split in splits for half in split] + [aux[secret] for secret in secrets]
    if not views:
        return []
    rng = np.random.default_rng(seed)
    found = nearest_rows(tables.columns, people, product, views)
    trials = []
    for i, split in enumerate(splits):
        names = tuple(" + ".join(tables.columns[k].name for k in half) for half in split)
        first, second = ([rows[2 * i + half] for rows in found] for half in (0, 1))
        kind = "two halves" if i == 0 else "quasi-identifiers and the rest"
        trials.append(count_links(kind, first, second, names, len(product), rng))
    for i, secret in enumerate(secrets, 2 * len(splits)):
        trials.append(
            count_inferences(tables.columns[secret], secret, people, product, [rows[i] for rows in found], rng)
        )
    return trials


def _score(trials: list[Trial], reasons: dict[RiskName, str], alarms: float) -> dict[RiskName, RiskScore]:
    """Turn counts into risks. The false alarms are shared out equally among all attacks (Bonferroni)."""
    attacks = [_judge(trial, alarms / len(trials)) for trial in trials]
    scores = {}
    for name in RISKS:
        own = tuple(attack for attack in attacks if attack.name == name)
        value = max((attack.risk.value for attack in own), default=0.0)
        scores[name] = RiskScore(name=name, value=value, attacks=own, reason=None if own else reasons[name])
    return scores


def _judge(trial: Trial, tail: float) -> Attack:
    note = None
    if trial.control.value >= 1:
        note = "every guess also holds of control people: nothing here is special to those who were fitted"
    elif trial.main.value <= trial.baseline.value:
        note = "the attack is no better than blind guessing, so it says little"
    return Attack(
        name=trial.name,
        kind=trial.kind,
        columns=trial.columns,
        main=trial.main,
        control=trial.control,
        baseline=trial.baseline,
        risk=residual_risk(trial.main, trial.control, tail),
        note=note,
    )
