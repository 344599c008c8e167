"""Read and fill the labelled tables of ``classification_tables.txt``: the same rows on every machine with one Faker.

A third of the tables, chosen by a checksum of their names, is held back: looked at only as a figure, never to improve
the classifier. Those marked ``found`` have the column names of strangers' public schemas.
"""

from __future__ import annotations

import random
import re
import string
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import pandas as pd
from faker import Faker

from synth_assets.classification.vocabulary import DIRECT, PLACE_LIKE, QUASI, SENSITIVE

FILE = Path(__file__).with_name("classification_tables.txt")
ROWS = 120
SEED = 20240501

_CATEGORY_WORDS = {"direct", "quasi", "sensitive", "none"}
_ALTERNATIVE: dict[str, str] = (
    dict.fromkeys(("ip_address", "middle_name", "address_part", "ethnicity", "health", "religion"), "quasi")
    | dict.fromkeys(("date_of_birth", "latitude", "longitude", "geo_point"), "direct")
    | dict.fromkeys(("password", "card_cvv", "card_expiry"), "direct")
    | dict.fromkeys(("marital_status", "nationality", "free_text_pii", "amount"), "sensitive")
    | dict.fromkeys(("financial", "hr_evaluation", "name_title", "language", "timezone"), "none")
    | dict.fromkeys(("occupation", "education", "household", "person_date"), "none")
    | dict.fromkeys(("date", "organization"), "quasi")
)
"""The second reading that the labels of every table accept, by entity type."""


@dataclass(frozen=True)
class Column:
    """A column: how it is called, how it is filled, what it holds."""

    name: str
    values: str
    entity_type: str
    category: str
    alternatives: str


@dataclass(frozen=True)
class LabelledTable:
    """A table whose columns somebody has labelled."""

    name: str
    locale: str
    columns: tuple[Column, ...]
    found: bool = False

    @property
    def split(self) -> str:
        """``found``, or of the made-up tables ``held back`` (the third that nobody tunes on) or ``open``."""
        if self.found:
            return "found"
        return "held back" if zlib.crc32(self.name.encode()) % 3 == 0 else "open"

    def fill(self, rows: int = ROWS) -> pd.DataFrame:
        """Rows of made-up values."""
        seed = zlib.crc32(self.name.encode()) ^ SEED
        fake, chance = Faker(self.locale), random.Random(seed)
        fake.seed_instance(seed)
        return pd.DataFrame({column.name: _values(column.values, rows, fake, chance) for column in self.columns})


def read_tables(file: Path = FILE) -> list[LabelledTable]:
    """Every labelled table, in order."""
    text = "\n".join(line for line in file.read_text("utf-8").splitlines() if not line.startswith("#"))
    return [_table(block) for block in re.split(r"^@ ", text, flags=re.MULTILINE)[1:]]


def _table(block: str) -> LabelledTable:
    heading, body = block.split("\n", 1)
    name, locale, about, *found = heading.split()
    items = [item for line in body.splitlines() for item in line.split(" ; ")]
    columns = tuple(_column(item, about == "people") for item in items)
    return LabelledTable(name, locale, columns, bool(found))


def _column(item: str, people: bool) -> Column:
    name, values, label = (part.strip() for part in item.split(" : "))
    entity, _, said = label.partition("/")
    category, *others = said.split(",") if said else [_category(entity, people)]
    alternatives = others or ([_ALTERNATIVE[entity]] if entity in _ALTERNATIVE and not said else [])
    if not {category, *alternatives} <= _CATEGORY_WORDS:
        raise ValueError(f"{item}: unknown role")
    return Column(name, values, entity, category, "|".join(alternatives))


def _category(entity: str, people: bool) -> str:
    if not people and entity in PLACE_LIKE | {"date"}:
        return "none"
    if entity in DIRECT:
        return "direct"
    return "quasi" if entity in QUASI else "sensitive" if entity in SENSITIVE else "none"


def _values(text: str, rows: int, fake: Faker, chance: random.Random) -> list[object]:
    made = _maker(text.removeprefix("?") if len(text) > 1 else text, rows, fake, chance)
    values = [made(i) for i in range(rows)]
    return [None if text.startswith("?") and chance.random() < 1 / 3 else value for value in values]


def _maker(text: str, rows: int, fake: Faker, chance: random.Random) -> Callable[[int], object]:
    kind, *rest = text.split(" ")
    if text.startswith("#"):
        start = chance.randrange(1, 500)
        order = chance.sample(range(rows), rows)
        return lambda i: text[1:] % (start + order[i])
    if text.startswith("{"):
        options = [None if word == "?" else word for word in text[1:-1].split(",")]
        return lambda _: chance.choice(options)
    if kind == "n":
        return lambda _: chance.randint(int(rest[0]), int(rest[1]))
    if kind == "f":
        return lambda _: round(chance.uniform(float(rest[0]), float(rest[1])), 2)
    if kind in {"d", "t"}:
        form = rest[2] if len(rest) > 2 else "%Y-%m-%d" if kind == "d" else "%Y-%m-%d %H:%M:%S"
        first = datetime(int(rest[0]), 1, 1)
        seconds = int((datetime(int(rest[1]) + 1, 1, 1) - first).total_seconds())
        return lambda _: (first + timedelta(seconds=chance.randrange(seconds))).strftime(form)
    if kind == "words":
        return lambda _: " ".join(fake.words(chance.randint(int(rest[0]), int(rest[1])))).capitalize()
    if kind == "hex":
        return lambda _: "".join(chance.choices("0123456789abcdef", k=int(rest[0])))
    special = _SPECIAL.get(kind)
    return (lambda _: special(fake, chance)) if special else lambda _: getattr(fake, kind)()


def _curp(_: Faker, chance: random.Random) -> str:
    letters = "".join(chance.choices(string.ascii_uppercase, k=4))
    consonants = "".join(chance.choices("BCDFGHJKLMNPQRSTVWXYZ", k=3))
    day = f"{chance.randrange(40, 99):02d}{chance.randrange(1, 13):02d}{chance.randrange(1, 29):02d}"
    return f"{letters}{day}{chance.choice('HM')}DF{consonants}0{chance.randrange(10)}"


def _sentence(fake: Faker, chance: random.Random) -> str:
    facts = (f"Spoke to {fake.name()} on {fake.phone_number()}", f"{fake.name()} asked to write to {fake.email()}")
    return f"{chance.choice(facts)} about the order placed last week, will call back."


_SPECIAL: dict[str, Callable[[Faker, random.Random], object]] = {
    "bits": lambda _, chance: chance.randrange(2),
    "numerify": lambda fake, _: fake.numerify("919#######"),
    "curp": _curp,
    "pii_text": _sentence,
    "state": lambda fake, _: fake.state(),
    "rg": lambda fake, _: fake.numerify("##.###.###-#"),
}


def labels(tables: list[LabelledTable]) -> Iterator[dict[str, str]]:
    """The labels in the columns of the scorer: table, column, entity_type, category, alt_category."""
    for table in tables:
        for column in table.columns:
            yield {
                "table": table.name,
                "column": column.name,
                "entity_type": column.entity_type,
                "category": column.category,
                "alt_category": column.alternatives,
            }
