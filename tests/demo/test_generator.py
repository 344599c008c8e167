"""The invented hospital: the same bytes from the same seed, and columns that hang together as such data do.

Statistics are judged on one fixed seed, so a test never fails by chance; the margins hold for nearly every seed.
"""

from __future__ import annotations

import csv
import re
from collections import Counter
from itertools import compress
from pathlib import Path

import numpy as np
import pytest

from synth_assets.demo import ensure, generate
from synth_assets.demo.population import ARMS, DEPARTMENTS, DIAGNOSES, MAIL_DOMAINS, TRIAL_DIAGNOSES
from synth_assets.spec import load_spec

Table = dict[str, list[str]]
PEOPLE = 6_000


def read(path: Path) -> Table:
    with path.open(encoding="utf-8", newline="") as file:
        header, *records = csv.reader(file)
    return dict(zip(header, map(list, zip(*records, strict=True)), strict=True))


@pytest.fixture(scope="module")
def everything(tmp_path_factory: pytest.TempPathFactory) -> list[Table]:
    return [read(path) for path in generate(tmp_path_factory.mktemp("demo"), people=PEOPLE, seed=7)]


@pytest.fixture(scope="module")
def tables(everything: list[Table]) -> tuple[Table, Table]:
    return everything[0], everything[1]


def numbers(cells: list[str]) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    return np.array([float(cell) if cell else np.nan for cell in cells])


def rank_correlation(left: list[str], right: list[str]) -> float:
    """Spearman's, over rows where both are known."""
    x, y = numbers(left), numbers(right)
    known = ~np.isnan(x) & ~np.isnan(y)
    ranks = [np.unique(part[known], return_inverse=True)[1] for part in (x, y)]
    first, second = (np.cumsum(np.bincount(rank))[rank] - np.bincount(rank)[rank] / 2 for rank in ranks)
    return float(np.corrcoef(first, second)[0, 1])


def missing(cells: list[str]) -> float:
    return cells.count("") / len(cells)


def test_same_seed_same_bytes(tmp_path: Path) -> None:
    first = [path.read_bytes() for path in generate(tmp_path / "a", people=300, seed=5)]
    assert [path.read_bytes() for path in generate(tmp_path / "b", people=300, seed=5)] == first
    assert [path.read_bytes() for path in generate(tmp_path / "a", people=300, seed=5)] == first
    assert [path.read_bytes() for path in generate(tmp_path / "a", people=300, seed=6)] != first
    names = ["patients.csv", "register.csv", "trial.csv", "visits.csv"]
    assert sorted(path.name for path in (tmp_path / "a").iterdir()) == names


@pytest.mark.parametrize("people", [1, 2, 40])
def test_small_populations(tmp_path: Path, people: int) -> None:
    patients, visits, register, _ = generate(tmp_path, people=people)
    assert len(read(patients)["person_id"]) == people
    assert len(read(register)["citizen_id"]) == 2 * people
    assert visits.read_text().startswith("visit_id,person_id,patient_name,email,visit_date,department,cost,outcome\n")


def test_population_must_fit(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="within 1 and"):
        generate(tmp_path, people=0)


def test_identifiers_are_unique_and_fictional(tables: tuple[Table, Table]) -> None:
    patients, _ = tables
    for column in ("person_id", "ssn"):
        assert len(set(patients[column])) == PEOPLE
    mails = [mail for mail in patients["email"] if mail]
    assert len(set(mails)) == len(mails)
    assert {mail.split("@")[1] for mail in mails} == set(MAIL_DOMAINS)
    assert all(re.fullmatch(r"9\d\d-(0[1-9]|[1-4]\d)-(?!0000)\d{4}", number) for number in patients["ssn"])
    assert all(re.fullmatch(r"\([2-9]\d\d\) 555-01\d\d", phone) for phone in patients["phone"] if phone)


def test_missing_values(tables: tuple[Table, Table]) -> None:
    patients, visits = tables
    for column in ("person_id", "first_name", "last_name", "ssn", "city", "postcode", "date_of_birth", "age", "sex"):
        assert missing(patients[column]) == 0
    for column, low, high in (
        ("email", 0.04, 0.08),
        ("phone", 0.025, 0.055),
        ("diagnosis", 0.01, 0.03),
        ("note", 0.45, 0.57),
    ):
        assert low < missing(patients[column]) < high
    adults = [income for income, age in zip(patients["income"], patients["age"], strict=True) if int(age) >= 16]
    assert 0.02 < missing(adults) < 0.15
    assert missing(visits["person_id"]) == 0


def test_columns_hang_together(tables: tuple[Table, Table]) -> None:
    patients, visits = tables
    age = patients["age"]
    idle = {"Student", "Retired", "Unemployed", ""}
    jobs = zip(patients["occupation"], map(int, age), strict=True)
    worker = [job not in idle and 20 <= years < 50 for job, years in jobs]
    young = {name: list(compress(patients[name], worker)) for name in ("age", "income")}
    assert 0.1 < rank_correlation(young["age"], young["income"]) < 0.8
    by_place: dict[str, list[float]] = {}
    for place, income in zip(patients["postcode"], patients["income"], strict=True):
        by_place.setdefault(place, []).extend([float(income)] if income else [])
    medians = sorted(float(np.median(incomes)) for incomes in by_place.values() if len(incomes) >= 30)
    assert medians[-1] > 1.4 * medians[0]
    heart = [str(int(d == "Coronary heart disease")) for d in patients["diagnosis"]]
    assert rank_correlation(age, heart) > 0.12
    asthma = [str(int(d == "Asthma")) for d in patients["diagnosis"]]
    assert rank_correlation(age, asthma) < -0.05
    count = Counter(visits["person_id"])
    assert rank_correlation(age, [str(count[person]) for person in patients["person_id"]]) > 0.2
    assert rank_correlation([str(DEPARTMENTS[d][1]) for d in visits["department"]], visits["cost"]) > 0.6


def test_diagnoses_suit_the_sex(tables: tuple[Table, Table]) -> None:
    patients, _ = tables
    pairs = Counter(zip(patients["sex"], patients["diagnosis"], strict=True))
    assert pairs["Male", "Prostate cancer"] > 0
    assert pairs["Female", "Breast cancer"] > 10
    assert pairs["Female", "Prostate cancer"] <= 1
    assert pairs["Male", "Breast cancer"] <= 1
    assert set(patients["diagnosis"]) == {*DIAGNOSES, ""}


def test_visits_belong_to_patients(tables: tuple[Table, Table]) -> None:
    patients, visits = tables
    names = {
        p: f"{f} {n}"
        for p, f, n in zip(patients["person_id"], patients["first_name"], patients["last_name"], strict=True)
    }
    assert all(names[p] == name for p, name in zip(visits["person_id"], visits["patient_name"], strict=True))
    count = Counter(visits["person_id"])
    assert len(count) < PEOPLE
    assert max(count.values()) > 10
    born = dict(zip(patients["person_id"], patients["date_of_birth"], strict=True))
    assert all(born[p] <= day for p, day in zip(visits["person_id"], visits["visit_date"], strict=True))
    assert visits["visit_date"] == sorted(visits["visit_date"])
    assert set(visits["department"]) == set(DEPARTMENTS)


def test_everybody_is_in_the_register(everything: list[Table]) -> None:
    patients, _, register, trial = everything
    known = ("date_of_birth", "sex", "postcode")
    crowd = Counter(zip(*(register[name] for name in known), strict=True))
    for table in (patients, trial):
        assert Counter(zip(*(table[name] for name in known), strict=True)) <= crowd
    assert len(register["citizen_id"]) == len(set(register["citizen_id"])) == 2 * PEOPLE


def test_the_drug_helps_some_patients(everything: list[Table]) -> None:
    patients, _, _, trial = everything
    fit = {
        (f"{first} {last}", born)
        for first, last, born, ill in zip(
            *(patients[name] for name in ("first_name", "last_name", "date_of_birth", "diagnosis")), strict=True
        )
        if ill in TRIAL_DIAGNOSES
    }
    assert set(zip(trial["patient_name"], trial["date_of_birth"], strict=True)) <= fit
    helped = Counter(zip(trial["arm"], trial["response"], strict=True))
    drug, placebo = (helped[arm, "Improved"] / sum(n for (a, _), n in helped.items() if a == arm) for arm in ARMS)
    assert 300 < len(trial["subject_id"]) <= 0.07 * PEOPLE
    assert drug > placebo + 0.1


def test_notes_name_people(tables: tuple[Table, Table]) -> None:
    patients, _ = tables
    rows = list(zip(patients["note"], patients["first_name"], patients["phone"], strict=True))
    assert 0.1 < sum(bool(note) and first in note for note, first, _ in rows) / PEOPLE < 0.4
    assert any(phone and phone in note for note, _, phone in rows)
    assert any("\n" in note for note, _, _ in rows)
    assert not any("{" in note for note, _, _ in rows)


def test_the_demo_is_made_once_and_its_spec_is_valid(tmp_path: Path) -> None:
    path = ensure(tmp_path / "demo")
    spec = load_spec(path, {})
    assert [source.name for source in spec.sources] == ["patients", "visits", "register", "trial"]
    consumers = {"dashboard", "research", "testing", "open_data", "sponsor"}
    assert {consumer.name for consumer, _ in spec.products()} == consumers
    for source in spec.sources:
        with (path.parent / source.path).open(encoding="utf-8", newline="") as file:
            header = next(csv.reader(file))
        assert list(source.columns) == header
    path.write_text("mine")
    assert ensure(tmp_path / "demo").read_text() == "mine"


def test_declared_categories_are_those_of_the_population(tmp_path: Path) -> None:
    spec = load_spec(ensure(tmp_path), {})
    for source in spec.sources:
        table = read(spec.base / source.path)
        for name, column in source.columns.items():
            if column.categories is not None:
                assert set(table[name]) - {""} <= set(column.categories)
