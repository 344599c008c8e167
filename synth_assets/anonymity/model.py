"""What an anonymized product asks for, and what it got."""

from __future__ import annotations

import csv
import io
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator, model_validator

from synth_assets.anonymity.losses import LossName
from synth_assets.anonymity.risk import Attackers

Role = Literal["direct_identifier", "quasi_identifier", "sensitive", "insensitive", "undecided"]


class Hierarchy(BaseModel):
    """How a person wants one column generalized; the steps from fine to coarse, after the value itself.

    Exactly one of ``widths`` (of intervals that start at 0, each a multiple of the one before), ``prefixes`` (numbers
    of leading characters kept, falling) and ``groups`` (each step maps every value to the name of its group; values
    left out keep their own, and a later step maps the names of the step before). ``file`` is a CSV file without a
    header, from which the groups are read: in each record a value and its names, from fine to coarse, as ARX takes
    them. ``suppressible: false`` takes away the last step, '*'.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    widths: tuple[float, ...] = ()
    prefixes: tuple[int, ...] = ()
    groups: tuple[dict[str, str], ...] = ()
    file: str | None = None
    suppressible: bool = True

    @model_validator(mode="before")
    @classmethod
    def _file_or_groups(cls, data: Any) -> Any:
        if isinstance(data, dict) and data.get("file") is not None and data.get("groups"):
            raise ValueError("give `groups`, or `file`, from which they are read; not both")
        return data

    @model_validator(mode="after")
    def _groups_of_file(self, info: ValidationInfo) -> Self:
        """Read the file, once; it lies beside the spec, whose folder the context names."""
        if self.file is not None and not self.groups:
            folder = Path((info.context or {}).get("folder", "."))
            object.__setattr__(self, "groups", read_groups(folder / self.file))
        return self

    @field_validator("widths")
    @classmethod
    def _widths_nest(cls, widths: tuple[float, ...]) -> tuple[float, ...]:
        if any(not 0 < width < float("inf") for width in widths):
            raise ValueError("widths must be positive and finite")
        exactly = [Fraction(repr(width)) for width in widths]
        if any(later <= before or later % before for before, later in pairwise(exactly)):
            raise ValueError("each width must be a multiple of the one before, as in [5, 10, 20]")
        return widths

    @field_validator("prefixes")
    @classmethod
    def _prefixes_fall(cls, prefixes: tuple[int, ...]) -> tuple[int, ...]:
        falling = all(later < before for before, later in pairwise(prefixes))
        if not falling or any(length < 1 for length in prefixes):
            raise ValueError("prefixes must be positive and falling, as in [4, 3, 2]")
        return prefixes

    @model_validator(mode="after")
    def _one_kind(self) -> Self:
        if sum(map(bool, (self.widths, self.prefixes, self.groups))) > 1:
            raise ValueError("give one of `widths`, `prefixes` and `groups`")
        return self

    def called(self, steps: int) -> dict[str, str]:
        """What each listed value is called after so many steps of ``groups``; others keep their names."""
        names = {value: value for step in self.groups[:steps] for value in step}
        for step in self.groups[:steps]:
            names = {value: step.get(name, name) for value, name in names.items()}
        return names


def read_groups(path: Path) -> tuple[dict[str, str], ...]:
    """The steps that a CSV file describes: for each column but the first, its names by those of the one before.

    Raises:
        ValueError: the file cannot be read, its records differ in length, or a name has two names one step further.
    """
    try:
        text = path.read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"file ({path}) cannot be read ({type(error).__name__}); name a UTF-8 file") from None
    first = text.partition("\n")[0]
    delimiter = max(";,\t|", key=first.count)
    records = [record for record in csv.reader(io.StringIO(text), delimiter=delimiter) if record]
    lengths = {len(record) for record in records}
    if len(lengths) != 1 or lengths == {1}:
        raise ValueError(f"file ({path}) must have a value and its groups in each record, and as many in all of them")
    steps: list[dict[str, str]] = [{} for _ in range(lengths.pop() - 1)]
    for number, record in enumerate(records, start=1):
        for names, fine, coarse in zip(steps, record, record[1:], strict=False):
            if names.setdefault(fine, coarse) != coarse:
                raise ValueError(
                    f"file ({path}), record {number}: a name stands in two groups of the next step; let what is "
                    "one group stay one group"
                )
    return tuple(steps)


class Recursive(BaseModel):
    """Recursive (c, l)-diversity: the most frequent value is rarer than ``c`` times all from the ``l``-th on."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    c: float = Field(gt=0, le=1000)
    l: int = Field(ge=2)  # noqa: E741 - the letter of the literature


class Anonymize(BaseModel):
    """The privacy model of a product of rows; at least one of ``k`` and ``k_map``.

    ``k``: every class of rows with equal quasi-identifiers holds the rows of at least k privacy units (Sweeney 2002,
    counted over units instead of rows). ``k_map``: and at least so many units of ``population``, a source of which this
    one is a part, look the same. ``delta_presence``: and the share of these that the table holds lies within two bounds
    (Nergiz et al. 2007). ``l``: and at least l distinct values of each sensitive column, where NULL is one (distinct
    l-diversity, Machanavajjhala et al. 2007). ``entropy_l`` and ``recursive``: and their shares are as even as these
    two models of the same paper ask for. ``t``: and their shares differ from those of the whole table by an earth
    mover's distance of at most t (t-closeness, Li et al. 2007), where numbers and dates have an order, NULL below all.
    Each of these holds for every sensitive column by itself.

    ``method``: ``full_domain`` gives every column one step for all rows and leaves rows of classes that fail out, up to
    the share ``suppression_limit`` of all rows; ``mondrian`` cuts the table into boxes and leaves nothing out.
    ``loss`` is what ``full_domain`` keeps as small as it can; ``queries`` lists the columns of each marginal that is to
    be kept. ``hierarchies`` overrules the generated steps of single columns.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    k: int | None = Field(default=None, ge=2)
    k_map: int | None = Field(default=None, ge=2)
    delta_presence: tuple[float, float] | None = None
    population: str | None = None
    l: int | None = Field(default=None, ge=2)  # noqa: E741 - the letter of the literature and of the spec
    entropy_l: float | None = Field(default=None, gt=1)
    recursive: Recursive | None = None
    t: float | None = Field(default=None, gt=0, lt=1)
    method: Literal["full_domain", "mondrian"] = "full_domain"
    suppression_limit: float = Field(default=0.05, ge=0, lt=1)
    loss: LossName = "entropy"
    queries: tuple[tuple[str, ...], ...] = ()
    hierarchies: dict[str, Hierarchy] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _belongs_together(self) -> Self:
        if self.k is None and self.k_map is None:
            raise ValueError("needs `k`, or `k_map` with a `population`; write `k: 5`")
        of_population = self.k_map is not None or self.delta_presence is not None
        if of_population != (self.population is not None):
            raise ValueError("k_map and delta_presence need `population`, a source, which serves nothing else")
        if self.delta_presence is not None and not 0 <= self.delta_presence[0] <= self.delta_presence[1] <= 1:
            raise ValueError("delta_presence must be two rising shares, as in [0, 0.5]")
        if (self.loss == "queries") != bool(self.queries):
            raise ValueError("`queries` and `loss: queries` need each other; list columns, as in [[age, diagnosis]]")
        if any(not query or len(set(query)) < len(query) for query in self.queries):
            raise ValueError("each of queries must list columns, each once, as in [[age, diagnosis]]")
        if self.method == "mondrian" and (of_population or self.loss != "entropy"):
            raise ValueError("method mondrian takes neither `population` nor `loss`; leave them out, or `method`")
        return self

    @property
    def wished(self) -> str:
        """The model in short, as ``k=5, l=2``."""
        recursive = None if self.recursive is None else f"({self.recursive.c:g}, {self.recursive.l})"
        presence = None if self.delta_presence is None else "[{:g}, {:g}]".format(*self.delta_presence)
        sizes = {"k": self.k, "k_map": self.k_map, "delta_presence": presence}
        given = {**sizes, "l": self.l, "entropy_l": self.entropy_l, "recursive": recursive, "t": self.t}
        return ", ".join(f"{name}={value}" for name, value in given.items() if value is not None)

    @property
    def least(self) -> int:
        """How many units must share what a row shows: in the table, or at least in the population."""
        return self.k or self.k_map or 2

    @property
    def diverse(self) -> bool:
        """Whether the model asks anything of sensitive values."""
        return self.shares or self.l is not None

    @property
    def shares(self) -> bool:
        """Whether the model looks at the shares of sensitive values, and not at their number alone."""
        return any(part is not None for part in (self.entropy_l, self.recursive, self.t))


class AnonymizedColumn(BaseModel):
    """One column as :func:`anonymize` needs to know it.

    ``data_type`` is DuckDB's name of its type; ``bounds`` its public range, used for the widths of intervals.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    data_type: str
    role: Role
    bounds: tuple[Any, Any] | None = None


class Generalization(BaseModel):
    """The step that was chosen for one column: ``level`` of ``levels``, 0 being the value itself, and its meaning.

    ``levels`` is 0 where each class has intervals and sets of its own. ``loss`` is the column's part of the table's
    non-uniform entropy, whichever loss was asked for.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    level: int
    levels: int
    meaning: str
    loss: float = 0.0


class Anonymization(BaseModel):
    """What was done and what was reached; counts and column names only, but computed from real rows: restricted.

    ``levels`` has one entry a generalized column; ``min_k``, ``min_l`` (None without sensitive columns),
    ``min_entropy_l`` and ``max_t`` (None unless the model looks at shares), ``min_k_map`` and ``presence`` (least and
    greatest share of a population) were counted on the finished rows; ``loss`` is 0 where all quasi-identifiers stay at
    level 0 and 1 where nothing is left of them; ``optimal`` says whether the search proved that no other choice of
    levels loses less; ``few_units`` are the suppressed rows of classes of too few units, the others were suppressed for
    their sensitive values, or ``held_back`` as no earlier table shows their units; ``attackers`` are what is left to
    them.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    k: int | None
    l: int | None  # noqa: E741 - as above
    levels: dict[str, Generalization]
    rows: int
    suppressed_rows: int
    classes: int
    min_k: int
    min_l: int | None
    min_entropy_l: float | None = None
    max_t: float | None = None
    min_k_map: int | None = None
    presence: tuple[float, float] | None = None
    loss: float
    optimal: bool
    few_units: int = 0
    held_back: int = 0
    attackers: Attackers | None = None
    explanation: dict[str, Any]

    @property
    def steps(self) -> dict[str, str]:
        """For each generalized column the level that it reached, in words."""
        return {
            name: f"{chosen.meaning} (step {chosen.level} of {chosen.levels - 1})" if chosen.levels else chosen.meaning
            for name, chosen in self.levels.items()
        }

    @property
    def story(self) -> dict[str, str]:
        """What was done and why, for people; with exact counts of real rows."""
        chosen = [f"{name}: {text}, loss {self.levels[name].loss:.3f}" for name, text in self.steps.items()]
        share = self.suppressed_rows / max(self.rows + self.suppressed_rows, 1)
        uneven = self.suppressed_rows - self.few_units - self.held_back
        held = f"; {self.held_back} of units that no earlier table shows" if self.held_back else ""
        whole = f"{self.loss:.3f} of 1, {self.explanation.get('loss', 'non-uniform entropy')}"
        proof = ", proved least" if self.optimal else ", the least that was found"
        return {
            "model": str(self.explanation["model"]),
            "generalized": "; ".join(chosen),
            "loss": whole + (proof if self.explanation.get("lattice") else ""),
            "rows left out": f"{self.suppressed_rows} ({share:.1%}); {self.few_units} in groups of too few units; "
            f"{uneven} in groups whose sensitive values did not suffice{held}",
        }
