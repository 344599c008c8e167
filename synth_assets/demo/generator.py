"""A believable source of personal data, invented: people, and their visits to a hospital.

Names are drawn from Faker's lists. National numbers lie in ranges that are never issued, telephone numbers in those
kept for fiction (555-01xx), addresses of mail in domains kept for examples. Income hangs together with age, occupation
and postcode, diagnoses with age and sex, visits with both, as such data do. A register lists everybody of the region,
patient or not, and a trial of a drug some of the patients. Any likeness is chance.
"""

from __future__ import annotations

import csv
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from synth_assets.demo.population import (
    ALCOHOL,
    ARMS,
    CITIES,
    DEPARTMENTS,
    DIAGNOSES,
    ETHNICITIES,
    ETHNICITY_SHARES,
    EVENTS,
    MAIL_DOMAINS,
    NOTES,
    OCCUPATIONS,
    OUTCOME_WEIGHTS,
    OUTCOMES,
    RESPONSES,
    RETIRED,
    SEX_SHARES,
    SEXES,
    STREETS,
    STUDENT,
    TRIAL_DIAGNOSES,
    UNEMPLOYED,
)

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Texts = NDArray[np.str_]
Cells = NDArray[Any]
Table = dict[str, Cells]

_TODAY = np.datetime64("2026-01-01")
_FIRST_VISIT = np.datetime64("2024-01-01")
_MAX_AGE = 98


def generate(directory: Path, people: int = 20_000, seed: int = 2026) -> tuple[Path, ...]:
    """Write ``patients.csv`` (one row a person) and ``visits.csv`` (about three rows a person), of everybody who lives
    there ``register.csv`` (twice as many rows), and of some patients ``trial.csv`` (7 in 100 take part, or fewer).

    The same arguments write the same bytes; a file appears whole or not at all.

    Args:
        directory: is made if it is missing.
        people: number of rows of ``patients.csv``, at least 1.
        seed: of the random numbers.

    Returns:
        The four paths, in that order.

    Raises:
        ValueError: ``people`` is out of range.
    """
    if not 1 <= people <= 4_000_000:
        raise ValueError(f"people ({people}) must lie within 1 and 4,000,000: there are no more invented numbers")
    rng, later = np.random.default_rng(seed), np.random.default_rng([seed, 1])
    patients, age = _patients(rng, people)
    visits = _visits(rng, patients, age)
    note = patients.pop("note")
    patients |= {"alcohol": _missing(later, _drinking(later, age), 0.05), "note": note}
    tables = {"patients": patients, "visits": visits, "register": _register(later, patients)}
    tables["trial"] = _trial(later, patients, age)
    directory.mkdir(parents=True, exist_ok=True)
    return tuple(_write(directory / f"{name}.csv", table) for name, table in tables.items())


# -- patients --------------------------------------------------------------------------------------------------------


def _patients(rng: np.random.Generator, people: int) -> tuple[Table, Integers]:
    born = _TODAY - _ages_in_days(rng, people)
    age = np.asarray((_TODAY - born).astype(np.int64) / 365.2425, dtype=np.int64)
    sex = np.asarray(rng.choice(SEXES, people, p=SEX_SHARES))
    postcode, city, wealth = _places(rng, people)
    occupation = _occupations(rng, age, wealth)
    first, last = _names(rng, sex)
    identity: Table = {
        "person_id": np.char.add("P", np.char.zfill(rng.permutation(people).astype(str), 7)),
        "first_name": first,
        "last_name": last,
        "ssn": _national_ids(rng, people),
        "email": _missing(rng, _mails(rng, first, last), 0.06),
        "phone": _missing(rng, _phones(rng, people), 0.04),
        "street": _missing(rng, _streets(rng, people), 0.02),
        "city": city,
        "postcode": postcode,
        "date_of_birth": born.astype(str),
        "age": age,
        "sex": sex,
        "ethnicity": _missing(rng, np.asarray(rng.choice(ETHNICITIES, people, p=ETHNICITY_SHARES)), 0.03),
        "occupation": _missing(rng, occupation, 0.02),
        "income": _incomes(rng, age, occupation, wealth),
        "diagnosis": _missing(rng, _diagnoses(rng, age, sex), 0.02),
    }
    return {**identity, "note": _notes(rng, identity)}, age


def _ages_in_days(rng: np.random.Generator, people: int) -> Integers:
    """A population that is flat to sixty and thins out afterwards."""
    years = np.arange(_MAX_AGE + 1)
    weight = 1 / (1 + np.exp((years - 72) / 8.0))
    chosen = rng.choice(years, people, p=weight / weight.sum())
    return np.asarray(chosen * 365.2425 + rng.integers(1, 365, people), dtype=np.int64)


def _places(rng: np.random.Generator, people: int) -> tuple[Texts, Texts, Floats]:
    """Postcode, its city, and how wealthy it is (mean 0, standard deviation about 1)."""
    codes = np.array([code for group in CITIES.values() for code in group])
    cities = np.array([city for city, group in CITIES.items() for _ in group])
    wealth = np.linspace(-1.7, 1.7, len(codes))[rng.permutation(len(codes))]
    size = rng.dirichlet(np.full(len(codes), 6.0))
    home = rng.choice(len(codes), people, p=size)
    return codes[home], cities[home], wealth[home]


def _occupations(rng: np.random.Generator, age: Integers, wealth: Floats) -> Texts:
    weight = np.array([row[0] for row in OCCUPATIONS.values()])
    slope = np.array([row[1] for row in OCCUPATIONS.values()])
    chosen = _draw(rng, list(OCCUPATIONS), weight + slope * wealth[:, None])
    chance = rng.random(len(age))
    student = (age < 16) | (chance < np.clip((26 - age) / 12.0, 0, 1))
    retired = chance < np.clip((age - 58) / 10.0, 0, 1)
    idle = chance > 0.95
    return np.asarray(np.select([student, retired, idle], [STUDENT, RETIRED, UNEMPLOYED], chosen))


def _incomes(rng: np.random.Generator, age: Integers, occupation: Texts, wealth: Floats) -> Cells:
    """Yearly income: it rises to fifty, falls afterwards; children have none, and the rich tell it less often."""
    names = [*OCCUPATIONS, STUDENT, RETIRED, UNEMPLOYED]
    level = np.array([*(row[2] for row in OCCUPATIONS.values()), 9.0, 10.1, 9.3])
    order = np.argsort(names)
    base = level[order][np.searchsorted(np.array(names)[order], occupation)]
    logarithm = base - 0.0004 * (age - 50.0) ** 2 + 0.15 * wealth + rng.normal(0, 0.25, len(age))
    income = np.round(np.exp(logarithm) / 100) * 100
    silent = rng.random(len(age)) < np.clip(0.04 + 0.08 * (logarithm - 10.5), 0.01, 0.3)
    told: Cells = income.astype(np.int64).astype(object)
    told[(age < 16) | silent] = None
    return told


def _diagnoses(rng: np.random.Generator, age: Integers, sex: Texts) -> Texts:
    weight, slope, male = (np.array([row[part] for row in DIAGNOSES.values()], dtype=float) for part in range(3))
    decades = (age[:, None] - 40) / 10.0
    return _draw(rng, list(DIAGNOSES), weight + slope * decades + male * (sex[:, None] == "Male"))


def _names(rng: np.random.Generator, sex: Texts) -> tuple[Texts, Texts]:
    """First names after the sex, both as often as in Faker's lists."""
    from faker.providers.person.en_US import Provider

    female = _weighted(rng, Provider.first_names_female, len(sex))
    male = _weighted(rng, Provider.first_names_male, len(sex))
    either = np.where(rng.random(len(sex)) < 0.5, female, male)
    first = np.select([sex == "Female", sex == "Male"], [female, male], either)
    return np.asarray(first), _weighted(rng, Provider.last_names, len(sex))


def _weighted(rng: np.random.Generator, words: Mapping[str, float], size: int) -> Texts:
    weight = np.array(list(words.values()), dtype=float)
    return np.asarray(rng.choice(list(words), size, p=weight / weight.sum()))


def _national_ids(rng: np.random.Generator, people: int) -> Texts:
    """Area 900 to 999, group 01 to 49: neither social security nor taxpayer numbers lie there. All different."""
    number = rng.choice(100 * 49 * 9999, people, replace=False)
    area, group, serial = 900 + number // (49 * 9999), 1 + number // 9999 % 49, 1 + number % 9999
    return _join([area.astype(str), np.char.zfill(group.astype(str), 2), np.char.zfill(serial.astype(str), 4)], "-")


def _phones(rng: np.random.Generator, people: int) -> Texts:
    """555-0100 to 555-0199 in any area; households share one now and then."""
    area, line = rng.integers(200, 990, people).astype(str), rng.integers(0, 100, people).astype(str)
    return np.char.add(np.char.add(np.char.add("(", area), ") 555-01"), np.char.zfill(line, 2))


def _mails(rng: np.random.Generator, first: Texts, last: Texts) -> Texts:
    """first.last, numbered where two people share it, at a domain kept for examples."""
    local = np.char.lower(_join([first, last], "."))
    order = np.argsort(local, kind="stable")
    _, start, size = np.unique(local[order], return_index=True, return_counts=True)
    rank = np.empty(len(local), dtype=np.int64)
    rank[order] = np.arange(len(local)) - np.repeat(start, size)
    number = np.where(rank == 0, "", (rank + 1).astype(str))
    return _join([np.char.add(local, number), np.asarray(rng.choice(MAIL_DOMAINS, len(local)))], "@")


def _streets(rng: np.random.Generator, people: int) -> Texts:
    from faker.providers.person.en_US import Provider

    number = rng.integers(1, 999, people).astype(str)
    name = np.asarray(rng.choice(list(Provider.last_names)[:400], people))
    return _join([number, name, np.asarray(rng.choice(STREETS, people))], " ")


def _notes(rng: np.random.Generator, identity: Table) -> Cells:
    """Free text for half the people; half of it names the person, or how to reach them."""
    people = len(identity["person_id"])
    which = rng.integers(0, len(NOTES), people)
    note = np.full(people, None, dtype=object)
    for index, template in enumerate(NOTES):
        fields = [name for name in ("first", "last", "phone", "email") if f"{{{name}}}" in template]
        columns = [identity[{"first": "first_name", "last": "last_name"}.get(name, name)] for name in fields]
        here = which == index
        for column in columns:
            here &= ~_empty(column)
        if not here.any():
            continue
        text = np.full(here.sum(), template)
        for name, column in zip(fields, columns, strict=True):
            text = np.char.replace(text, f"{{{name}}}", column[here].astype(str))
        note[here] = text
    note[rng.random(people) < 0.5] = None
    return note


def _drinking(rng: np.random.Generator, age: Integers) -> Texts:
    """How often somebody drinks; children do not."""
    weight, slope = (np.array([row[part] for row in ALCOHOL.values()]) for part in range(2))
    answers = _draw(rng, list(ALCOHOL), weight + slope * (age[:, None] - 40) / 10.0)
    return np.where(age < 16, "Never", answers)


# -- visits ----------------------------------------------------------------------------------------------------------


def _visits(rng: np.random.Generator, patients: Table, age: Integers) -> Table:
    """None to many rows a person, more with age and illness."""
    sick = ~np.isin(patients["diagnosis"].astype(str), ["Healthy", "None"])
    rate = np.exp(-0.5 + 0.02 * age + 0.9 * sick) * rng.gamma(2.0, 0.5, len(age))
    person = np.repeat(np.arange(len(age)), rng.poisson(rate))
    born = patients["date_of_birth"].astype("datetime64[D]")[person]
    span = int((_TODAY - _FIRST_VISIT).astype(np.int64))
    day = np.maximum(_FIRST_VISIT + rng.integers(0, span, len(person)), born)
    order = np.argsort(day, kind="stable")
    person, day = person[order], day[order]
    department = _departments(rng, patients["diagnosis"][person].astype(str))
    return {
        "visit_id": np.arange(1, len(person) + 1),
        "person_id": patients["person_id"][person],
        "patient_name": _join([patients["first_name"], patients["last_name"]], " ")[person],
        "email": patients["email"][person],
        "visit_date": day.astype(str),
        "department": department,
        "cost": _missing(rng, _costs(rng, department, age[person]), 0.01),
        "outcome": _missing(rng, _outcomes(rng, department, age[person]), 0.02),
    }


def _departments(rng: np.random.Generator, diagnosis: Texts) -> Texts:
    """Seven visits in ten go where the diagnosis is treated."""
    usual = np.array([row[3] for row in DIAGNOSES.values()])
    place = np.searchsorted(list(DIAGNOSES), diagnosis, sorter=np.argsort(list(DIAGNOSES)))
    treated = usual[np.argsort(list(DIAGNOSES))[np.minimum(place, len(DIAGNOSES) - 1)]]
    weight = np.array([row[0] for row in DEPARTMENTS.values()])
    other = _draw(rng, list(DEPARTMENTS), np.tile(weight, (len(diagnosis), 1)))
    return np.where((rng.random(len(diagnosis)) < 0.7) & (diagnosis != "None"), treated, other)


def _costs(rng: np.random.Generator, department: Texts, age: Integers) -> Cells:
    level = _of_department(department, 1)
    return np.round(np.exp(level + 0.006 * (age - 40) + rng.normal(0, 0.45, len(age))), 2)


def _outcomes(rng: np.random.Generator, department: Texts, age: Integers) -> Texts:
    weights = np.tile(OUTCOME_WEIGHTS, (len(age), 1))
    weights[:, OUTCOMES.index("Admitted")] += _of_department(department, 2) + 0.02 * (age - 40)
    return _draw(rng, OUTCOMES, weights)


def _of_department(department: Texts, part: int) -> Floats:
    names = list(DEPARTMENTS)  # in alphabetical order
    return np.array([row[part] for row in DEPARTMENTS.values()])[np.searchsorted(names, department)]


# -- the register and the trial --------------------------------------------------------------------------------------


def _register(rng: np.random.Generator, patients: Table) -> Table:
    """Who lives in the region: all patients, and as many who never were; in the order of numbers of its own."""
    people = len(patients["sex"])
    others: Table = {
        "date_of_birth": (_TODAY - _ages_in_days(rng, people)).astype(str),
        "sex": np.asarray(rng.choice(SEXES, people, p=SEX_SHARES)),
        "postcode": patients["postcode"][rng.integers(0, people, people)],
    }
    order = rng.permutation(2 * people)
    everybody = {name: np.concatenate([patients[name], cells])[order] for name, cells in others.items()}
    return {"citizen_id": np.char.add("R", np.char.zfill(np.arange(2 * people).astype(str), 7)), **everybody}


def _trial(rng: np.random.Generator, patients: Table, age: Integers) -> Table:
    """Adults with a disease of heart or sugar who take a drug, or a placebo; it helps, more than it harms."""
    fit = np.flatnonzero(np.isin(patients["diagnosis"].astype(str), TRIAL_DIAGNOSES) & (age >= 18) & (age < 80))
    chosen = rng.permutation(fit)[: int(0.07 * len(age))]
    arm = np.asarray(rng.choice(ARMS, len(chosen)))
    return {
        "subject_id": np.array([f"T{number:05d}" for number in range(1, len(chosen) + 1)], dtype=np.str_),
        "patient_name": _join([patients["first_name"][chosen], patients["last_name"][chosen]], " "),
        **{name: patients[name][chosen] for name in ("date_of_birth", "sex", "postcode")},
        "arm": arm,
        "response": _observed(rng, RESPONSES, arm, age[chosen]),
        "adverse_event": _observed(rng, EVENTS, arm, age[chosen]),
    }


def _observed(
    rng: np.random.Generator, words: Mapping[str, tuple[float, float, float]], arm: Texts, age: Integers
) -> Texts:
    weight, drug, slope = (np.array([row[part] for row in words.values()]) for part in range(3))
    return _draw(rng, list(words), weight + drug * (arm[:, None] == "Drug") + slope * (age[:, None] - 50) / 10.0)


# -- both ------------------------------------------------------------------------------------------------------------


def _draw(rng: np.random.Generator, words: Sequence[str], weights: Floats) -> Texts:
    """One word a row with odds exp(weight): the greatest of the weights, each with a Gumbel number added."""
    drawn: Texts = np.array(words)[np.argmax(weights + rng.gumbel(size=weights.shape), axis=1)]
    return drawn


def _missing(rng: np.random.Generator, cells: Cells, share: float) -> Cells:
    """The cells as objects; None for a share of them."""
    objects: Cells = cells.astype(object)
    objects[rng.random(len(cells)) < share] = None
    return objects


def _empty(cells: Cells) -> NDArray[np.bool_]:
    nothing = np.full(len(cells), None, dtype=object)
    return np.asarray(np.equal(cells.astype(object), nothing), dtype=np.bool_)


def _join(parts: Sequence[Cells], separator: str) -> Texts:
    joined = parts[0]
    for part in parts[1:]:
        joined = np.char.add(np.char.add(joined, separator), part)
    return joined


def _write(path: Path, table: Table) -> Path:
    temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with temporary.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(table)
            writer.writerows(zip(*(column.tolist() for column in table.values()), strict=True))
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    return path
