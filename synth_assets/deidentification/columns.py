"""A column with its treatment, what became of it, and what its name and treatment say of people."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from pydantic import BaseModel, ConfigDict

from synth_assets.classification.vocabulary import EntityType, Role
from synth_assets.deidentification.fakes import GENDERED
from synth_assets.deidentification.forms import Treatment
from synth_assets.deidentification.locales import NAMES
from synth_assets.deidentification.treatments import Fake, Keep, Randomize

KNOWN_HOME = "__home"
"""A column of the treated table where names depend on it: the locale of the person's country; NULL if nobody knows."""

KNOWN_GENDER = "__female"
"""A column of the treated table where fakes depend on it: whether the person is a woman, NULL where nobody knows."""


KNOWN_SHIFT = "__shift"
"""A column of the treated table where dates are shifted: the number of its unit that says how far."""


class TreatedColumn(BaseModel):
    """A column of a source and what is done with it.

    Attributes:
        unique: whether different rows hold different values, so that different values must get different fakes.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    name: str
    data_type: str
    entity_type: EntityType
    role: Role
    treatment: Treatment
    unique: bool = False


@dataclass(frozen=True)
class ColumnOutcome:
    """What happened to one column; no values.

    Attributes:
        inputs: the source's columns that the treated values depend on.
        identity: whom the fakes stand for, where there are fakes.
        suppressed_cells: cells that held a value and hold none now.
        redrawn: identities whose fake was another's already and who got another one.
        fixed_rule: whether each treated value depends on its own unit's rows alone (else no differentially private
            method may fit the column).
    """

    name: str
    treatment: str
    output_type: str
    inputs: tuple[str, ...]
    identity: Literal["unit", "value"] | None
    suppressed_cells: int
    redrawn: int
    fixed_rule: bool


@dataclass(frozen=True)
class Deidentification:
    """What :func:`deidentify` did; no values.

    Attributes:
        rows: rows of the treated table.
        suppressed_rows: rows left out by ``suppress_records``.
        pools_digest: identifies the word lists of the fakes; empty without fakes.
    """

    target: str
    rows: int
    suppressed_rows: int
    columns: tuple[ColumnOutcome, ...]
    pools_digest: str

    @property
    def lineage(self) -> dict[str, tuple[str, ...]]:
        """For each column the source's columns that it depends on."""
        return {column.name: column.inputs for column in self.columns}


def asks_for_units(columns: Sequence[TreatedColumn]) -> bool:
    """Whether it matters that no unit has two rows: they could differ in a name, a trait, in what is randomized."""
    fakes = [column.treatment for column in columns if isinstance(column.treatment, Fake)]
    gender = any(tells_gender(column) for column in columns)
    randomized = any(isinstance(column.treatment, Randomize) for column in columns)
    home = any(tells_home(column) for column in columns)
    return randomized or any(
        not fake.fixed_rule or (gender and fake.fake in GENDERED) or (home and fake.fake in NAMES) for fake in fakes
    )


def tells_gender(column: TreatedColumn) -> bool:
    """Whether fakes may follow a column; one that is randomized must not be told by a given name."""
    return column.entity_type == "gender" and not isinstance(column.treatment, Randomize)


def tells_home(column: TreatedColumn) -> int:
    """How well a column tells the country that names may follow; 0 where they must not, as a name would tell it on.

    Only what is kept as it is and is no secret: whoever coarsens, withholds or draws a country hides it.
    """
    order: tuple[EntityType, ...] = ("country", "nationality", "language")
    if column.entity_type not in order or column.role == "sensitive" or not isinstance(column.treatment, Keep):
        return 0
    return 1 + order.index(column.entity_type)


def names_person(column: TreatedColumn) -> bool | None:
    """Whether a column holds a name that begins with a given one, or only a surname; None if it is no name."""
    kind = column.treatment.fake if isinstance(column.treatment, Fake) else None
    if kind == "last_name" or column.entity_type == "last_name":
        return False
    names = {"name", "first_name", "middle_name", "person_name"}
    return True if kind in names or column.entity_type in names else None
