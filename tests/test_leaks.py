"""Nothing that a person can be known by leaves the restricted zone: a byte search over all that a run leaves behind."""

from __future__ import annotations

import csv
import random
import string
from collections.abc import Iterator
from pathlib import Path

import pytest

from synth_assets.demo import ensure
from synth_assets.demo.generator import generate
from tests.workspace import command

CANARIES = 50
DIRECT = ("first_name", "last_name", "email", "phone", "address", "note")


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str], str]:
    """The demo after a run over fewer people, with canaries planted in its sources, and what the terminal showed."""
    folder = tmp_path_factory.mktemp("demo")
    generate(folder / "synth_demo" / "data", people=2500)
    spec = ensure(folder / "synth_demo")
    canaries = plant(folder / "synth_demo" / "data" / "patients.csv")
    done = command("run", "--spec", str(spec), cwd=folder)
    assert done.returncode in {0, 1}, done.stderr
    return folder / "synth_demo", canaries, done.stdout + done.stderr


def plant(path: Path) -> list[str]:
    """Put unique words into every text column of 50 rows; returns them."""
    rng = random.Random(5)
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    canaries = []
    texts = [name for name in rows[0] if name not in {"person_id", "date_of_birth", "income"}]
    for row in rng.sample(rows, CANARIES):
        word = "Qx" + "".join(rng.choices(string.ascii_lowercase, k=9)) + "zq"
        canaries.append(word)
        column = rng.choice(texts)
        row[column] = f"{word}@example.org" if column == "email" else word
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return canaries


def identifiers(data: Path) -> set[str]:
    """Every raw value of the direct identifiers that is long enough to be nobody else's word."""
    found: set[str] = set()
    with (data / "patients.csv").open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            found |= {row[name] for name in row if name in {"person_id", "ssn", "national_id", "email", "phone"}}
            if row.get("first_name") and row.get("last_name"):
                found.add(f"{row['first_name']} {row['last_name']}")
    return {value for value in found if len(value) >= 6}


def files(folder: Path) -> Iterator[Path]:
    return (path for path in folder.rglob("*") if path.is_file())


def test_rows_are_made_of_fewer_people_too(demo: tuple[Path, list[str], str]) -> None:
    for product in ("testing/patients", "testing/visits", "open_data/diagnoses", "sponsor/trial_results"):
        assert f"done    staged/{product} " in demo[2], product


def test_no_canary_leaves(demo: tuple[Path, list[str], str]) -> None:
    folder, canaries, terminal = demo
    places = [folder / "warehouse" / "published", folder / "warehouse" / "dagster"]
    searched = 0
    for place in places:
        for path in files(place):
            content = path.read_bytes()
            searched += 1
            assert not [word for word in canaries if word.encode() in content], path
    assert searched > 20
    assert not [word for word in canaries if word in terminal]


def test_no_canary_lies_readable_in_the_restricted_zone(demo: tuple[Path, list[str], str]) -> None:
    folder, canaries, _ = demo
    for path in files(folder / "warehouse" / "restricted"):
        content = path.read_bytes()
        assert not [word for word in canaries if word.encode() in content], path


BY_CHANCE = 3
"""An invented social security number is another person's of the demo by chance: both begin with 900 and more, of which
there are 61 million. Of 2,500 people that happens to .1 on average, to more than three in four of a million runs."""


def test_no_direct_identifier_is_published(demo: tuple[Path, list[str], str]) -> None:
    folder, _, terminal = demo
    values = identifiers(folder / "data")
    assert len(values) > 5000
    for place in (folder / "warehouse" / "published", folder / "warehouse" / "dagster"):
        for path in files(place):
            found = words_of(path) & values
            assert len(found) <= BY_CHANCE, f"{path} holds {len(found)} raw identifiers"
    assert not [value for value in values if value in terminal]


def words_of(path: Path) -> set[str]:
    """The cells of a Parquet or DuckDB file; of other files every line's pieces."""
    import duckdb

    if path.suffix == ".parquet":
        with duckdb.connect() as con:
            return cells(con, f"read_parquet('{path}')")
    if path.suffix == ".duckdb":
        with duckdb.connect(str(path), read_only=True) as con:
            tables = [row[0] for row in con.execute("SHOW TABLES").fetchall()]
            return set().union(*(cells(con, f'"{table}"') for table in tables))
    import re

    return set(re.split(r"[\"',|\s\x00]+", path.read_bytes().decode("utf-8", "replace")))


def cells(con: object, relation: str) -> set[str]:
    columns = con.execute(f"DESCRIBE SELECT * FROM {relation}").fetchall()  # type: ignore[attr-defined]
    found: set[str] = set()
    for column in columns:
        quoted = '"' + column[0].replace('"', '""') + '"'
        rows = con.execute(f"SELECT DISTINCT CAST({quoted} AS VARCHAR) FROM {relation}").fetchall()  # type: ignore[attr-defined]
        found |= {row[0] for row in rows if row[0]}
    return found


BAD = "sources:\n  - name: people\n    path: people.csv\n    unit: id\n    control: 0.2\n"


@pytest.mark.parametrize(
    ("content", "extra"),
    [
        ("id,age\n" + "".join(f"{i},{i}\n" for i in range(300)) + "7,QxCanaryWord\n", ""),
        ("id,age\n1,QxCanaryWord,3,4\n2,3\n", ""),
        ("id,age\n1,\xffQxCanaryWord\n", ""),
    ],
)
def test_errors_do_not_quote_cells(tmp_path: Path, content: str, extra: str) -> None:
    (tmp_path / "people.csv").write_bytes(content.encode("latin-1"))
    (tmp_path / "synth.yaml").write_text(BAD + extra)
    done = command("run", "--spec", "synth.yaml", cwd=tmp_path)
    assert "QxCanaryWord" not in done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    for path in files(tmp_path / "warehouse"):
        assert b"QxCanaryWord" not in path.read_bytes(), path
