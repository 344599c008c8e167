"""The spec: one YAML file, the contract of the platform.

What belongs here: the frozen model of ``synth.yaml``, its cross-checks that need no data, and messages that name the
place, the rule and the remedy. What does not: reading sources, the environment or the clock; the caller hands in what
``${NAME}`` may refer to. Parameters of a method are declared beside that method and only put together here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property
from math import comb
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, PrivateAttr, ValidationError, field_validator, model_validator

from synth_assets.accounting import Budget, Share
from synth_assets.accounting.budget import check_cost
from synth_assets.anonymity import Anonymize, nothing_to_generalize
from synth_assets.classification.vocabulary import EntityType, Role, role_of
from synth_assets.deidentification import (
    Locale,
    Policy,
    Randomize,
    RecordCondition,
    Treatment,
    check_randomized,
    follow_references,
)
from synth_assets.domain import Domain
from synth_assets.errors import DomainError, SpecError
from synth_assets.evaluation import Acceptance
from synth_assets.ingestion import SourceFormat
from synth_assets.loading import Loader, expand
from synth_assets.messages import explain, join, nearest
from synth_assets.statistics import Statistics
from synth_assets.synthesis import AnySynthesizer
from synth_assets.synthesis.buckets import COMBINATION
from synth_assets.synthesis.diffix import MAX_TABLES

Name = Annotated[str, Field(pattern=r"^[a-z](_?[a-z0-9])*_?$", max_length=60)]
"""Names of sources, consumers and products become folder names and asset keys; ``__`` joins two of them."""

Scalar = bool | int | float | str


class _Block(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ColumnDecision(_Block):
    """What a person has decided about one column; it outranks the classifier.

    ``bounds``, ``categories`` and ``bins`` declare the public domain of the column: they must come from knowledge
    of the subject, never from a look at the rows.
    """

    role: Role | None = None
    type: EntityType | None = None
    subtype: str | None = None
    treatment: Treatment | None = None
    bounds: tuple[Any, Any] | None = None
    categories: tuple[Scalar, ...] | None = None
    bins: int | None = None
    description: str | None = None
    refers_to: str | None = None

    @model_validator(mode="after")
    def _randomizes_what_is_declared(self) -> Self:
        if isinstance(self.treatment, Randomize):
            object.__setattr__(self, "treatment", self.treatment.over(self.categories, self.bounds, self.bins))
        return self

    @property
    def domain(self) -> dict[str, Any]:
        """The public domain of the column, as :meth:`Domain.from_spec` takes it."""
        return self.model_dump(include={"bounds", "categories", "bins"}, exclude_none=True)


class Source(_Block):
    """A table about people.

    Attributes:
        path: a file, a glob, or ``file.duckdb::table``; relative to the spec.
        unit: the column that says who is protected; without it each row is a unit of its own.
        max_rows_per_unit: rows of one unit that a differentially private product may read.
        control: share of units split off by keyed hash, never fitted, against which attacks are judged.
        budget: the ceiling; needed by differentially private products.
        max_heuristic_releases: tables that products without a formal guarantee may have, over all time.
        suppress_records: rows that no product may hold.
        people: the source that lists the units of this one, where that is another; fakes take the gender from it.
        policy: a law whose treatments are the least that columns get.
    """

    name: Name
    path: str
    format: SourceFormat = SourceFormat()
    unit: str | None = None
    max_rows_per_unit: int = Field(default=1, ge=1, le=10_000)
    control: float = Field(default=0.1, gt=0, le=0.5)
    budget: Budget | None = None
    max_heuristic_releases: int = Field(default=200, ge=0)
    columns: Mapping[str, ColumnDecision] = {}
    suppress_records: tuple[RecordCondition, ...] = ()
    people: Name | None = None
    locale: Locale = "en_US"
    policy: Policy | None = None
    owner: str | None = None
    description: str | None = None

    def is_unit(self, column: str) -> bool:
        """Whether this is the privacy unit's column; like ingestion, in whichever case its name is written."""
        return self.unit is not None and column.lower() == self.unit.lower()

    @model_validator(mode="after")
    def _rows_are_units(self) -> Self:
        if self.unit is None and self.max_rows_per_unit != 1:
            raise ValueError("max_rows_per_unit needs `unit`; without a unit each row is one; name the unit's column")
        try:
            Domain.from_spec({name: column.domain for name, column in self.columns.items() if column.domain})
        except DomainError as error:
            raise ValueError(str(error)) from None
        return self

    @property
    def randomized(self) -> dict[str, Randomize]:
        """The columns whose values are answered at random, which is charged."""
        treated = ((name, column.treatment) for name, column in self.columns.items())
        return {name: treatment for name, treatment in treated if isinstance(treatment, Randomize)}

    @model_validator(mode="after")
    def _keeps_to_its_policy(self) -> Self:
        for name, column in self.columns.items():
            if self.policy is None or column.type is None or column.treatment is None:
                continue
            try:
                self.policy.check(f"columns.{name}.treatment", column.type, column.role, column.treatment)
            except SpecError as error:
                raise ValueError(str(error)) from None
        return self

    @model_validator(mode="after")
    def _randomizes_what_it_may(self) -> Self:
        looked_at = {condition.column for condition in self.suppress_records}
        looked_at |= {str(getattr(column.treatment, "column", None)) for column in self.columns.values()}
        check_randomized(list(self.randomized), self.unit, self.budget is not None, looked_at)
        return self


class Rows(_Block):
    """De-identified rows as they are: pseudonymized, still personal data, and called so.

    Attributes:
        share: share of the units whose rows are given, chosen by keyed hash.
        rare: text that fewer units than this hold is withheld, as a rare word names its owner.
    """

    share: float = Field(default=1.0, gt=0, le=1)
    rare: int = Field(default=5, ge=2, le=10_000)


KINDS = ("synthesizer", "statistics", "anonymize", "rows")
"""The blocks of a product of which exactly one says how its table is made."""


class Product(_Block):
    """One table made for one consumer: only its columns, by the method and the budget that suit its purpose."""

    name: Name
    source: Name
    columns: tuple[str, ...] = ()
    synthesizer: AnySynthesizer | None = None
    statistics: Statistics | None = None
    anonymize: Anonymize | None = None
    rows: Rows | None = None
    size: int | None = Field(default=None, ge=1)
    target: str | None = None
    accept: Acceptance = Acceptance()
    schedule: str | None = None
    description: str | None = None

    @field_validator("schedule")
    @classmethod
    def _cron(cls, value: str | None) -> str | None:
        if value is not None and not is_schedule(value):
            raise ValueError(f"({value!r}) is not a cron expression; write five fields such as '0 3 * * 1'")
        return value

    @model_validator(mode="after")
    def _one_kind(self) -> Self:
        kinds = [kind for kind in KINDS if getattr(self, kind) is not None]
        if len(kinds) != 1:
            found = " and ".join(kinds) or "none"
            raise ValueError(f"needs exactly one of {join(list(KINDS))} (found {found})")
        if self.statistics is not None:
            self._follow_statistics(self.statistics.columns)
        elif not self.columns:
            raise ValueError("needs `columns`; list those of the source that its table holds")
        if repeated := sorted({column for column in self.columns if self.columns.count(column) > 1}):
            raise ValueError(f"columns lists {join(repeated)} more than once; list each column once")
        if self.target is not None and self.target not in self.columns:
            raise ValueError(f"target ({self.target}) must be one of the product's columns; add it to `columns`")
        if self.size is not None and self.synthesizer is None:
            raise ValueError("size is for synthesized tables; remove it, or use `rows: {share: ...}`")
        if self.width is not None:
            self._check_combinations(self.width)
        if self.target is not None and self.synthesizer is not None:
            object.__setattr__(self, "synthesizer", _aimed(self.synthesizer, self.target))
        return self

    def _check_combinations(self, width: int) -> None:
        tables = comb(len(self.columns), width)
        if not 1 <= tables <= MAX_TABLES:
            raise ValueError(
                f"synthesizer.combinations ({width}) makes {tables} tables of {len(self.columns)} columns; list at "
                f"least {width} columns, and so few that there are at most {MAX_TABLES} tables"
            )
        if COMBINATION in (name.lower() for name in self.columns):
            raise ValueError(
                f"columns must not list `{COMBINATION}`, which a table of combinations has itself; leave it out"
            )
        if self.target is not None:
            raise ValueError("target is for one table; remove it, as every combination serves the same")

    def _follow_statistics(self, needed: tuple[str, ...]) -> None:
        """A product of figures reads the columns that they are made from, and no other."""
        lacking = [column for column in needed if self.columns and column not in self.columns]
        if lacking:
            raise ValueError(
                f"columns lacks {join(lacking)} of `statistics`; leave `columns` out, it follows from them"
            )
        if self.target is not None:
            raise ValueError("target is for tables of rows; remove it, as figures train no model")
        object.__setattr__(self, "columns", needed)

    @property
    def width(self) -> int | None:
        """Of how many columns each of its tables is, where it asks for all combinations; None for one table."""
        return getattr(self.synthesizer, "combinations", None)

    def tables(self, columns: int) -> int:
        """How many tables it has, of so many columns that are left to it."""
        return 1 if self.width is None else max(1, comb(columns, self.width))

    @property
    def kind(self) -> str:
        """The block that says how the table is made."""
        return next(kind for kind in KINDS if getattr(self, kind) is not None)

    @property
    def _private(self) -> AnySynthesizer | Statistics | None:
        return self.synthesizer or self.statistics

    @property
    def method(self) -> str:
        """How the table is made, in one word."""
        if self._private is not None:
            return self._private.method
        return "k_anonymity" if self.anonymize is not None else "deidentified_rows"

    @property
    def guarantee(self) -> Literal["differential_privacy", "heuristic"]:
        """What the method promises."""
        return self._private.guarantee if self._private is not None else "heuristic"

    def cost(self) -> tuple[float, float]:
        """The (epsilon, delta) that one release is charged; zeros for a heuristic method."""
        return self._private.cost() if self._private is not None else (0.0, 0.0)


def _aimed(synthesizer: AnySynthesizer, target: str) -> AnySynthesizer:
    """The synthesizer with the product's target, where its method serves one.

    Raises:
        ValueError: it has another target of its own.
    """
    own = getattr(synthesizer, "target", target)
    if own not in (None, target):
        raise ValueError(f"synthesizer.target ({own}) must be the product's target ({target}); write one of them")
    return synthesizer.model_copy(update={"target": target}) if hasattr(synthesizer, "target") else synthesizer


class Consumer(_Block):
    """A downstream team and its products.

    Attributes:
        budget: its share of the sources' ceilings.
        key: consumers that name the same key get the same pseudonyms and fakes, and can join their tables; without one
            a consumer has a key of its own.
    """

    name: Name
    owner: str | None = None
    budget: Share | None = None
    key: Name | None = None
    products: tuple[Product, ...] = ()
    description: str | None = None

    @property
    def key_label(self) -> str:
        """What its key is derived by; no name of a shared key is that of a consumer's own."""
        return f"consumer/own/{self.name}" if self.key is None else f"consumer/shared/{self.key}"


class Spec(_Block):
    """The whole contract; see :func:`load_spec`."""

    warehouse: str = "warehouse"
    sources: tuple[Source, ...]
    consumers: tuple[Consumer, ...] = ()
    _base: Path = PrivateAttr(default=Path("."))

    @model_validator(mode="after")
    def _cross_checks(self) -> Self:
        if not self.sources:
            raise ValueError("sources is empty; name at least one source")
        _unique("sources", [source.name for source in self.sources])
        follow_references(self.sources)
        _unique("consumers", [consumer.name for consumer in self.consumers])
        for consumer in self.consumers:
            _unique(f"consumers.{consumer.name}.products", [product.name for product in consumer.products])
        for source in self.sources:
            if source.people is not None and (source.people not in self._sources or source.unit is None):
                raise ValueError(
                    f"sources.{source.name}.people ({source.people}) must be a source, and {source.name} needs a `unit`"
                    f"{nearest(source.people, self._sources)}"
                )
        for consumer, product in self.products():
            _check_product(self, f"consumers.{consumer.name}.products.{product.name}", product)
        return self

    @cached_property
    def _sources(self) -> dict[str, Source]:
        return {source.name: source for source in self.sources}

    @property
    def base(self) -> Path:
        """The folder of the spec, from which its paths start."""
        return self._base

    @property
    def root(self) -> Path:
        """The warehouse's folder."""
        return (self.base / self.warehouse).resolve()

    def source(self, name: str) -> Source:
        """The source of that name."""
        return self._sources[name]

    def products(self) -> Iterator[tuple[Consumer, Product]]:
        """Every product with its consumer, in the order of the spec."""
        for consumer in self.consumers:
            for product in consumer.products:
                yield consumer, product

    def sharing(self, consumer: Consumer) -> list[str]:
        """The other consumers that have the same key, and so the same pseudonyms and fakes."""
        others = (other for other in self.consumers if other.name != consumer.name)
        return [other.name for other in others if other.key_label == consumer.key_label]

    def product(self, key: str) -> tuple[Consumer, Product]:
        """The product ``consumer/product``.

        Raises:
            SpecError: there is none; the nearest is named.
        """
        found = {f"{consumer.name}/{product.name}": (consumer, product) for consumer, product in self.products()}
        if key not in found:
            raise SpecError(f"there is no product {key} in the spec{nearest(key, found)}")
        return found[key]


def is_schedule(text: str) -> bool:
    """Whether five cron fields name a moment that ever comes."""
    from croniter import CroniterError, croniter

    if len(text.split()) != 5 or not croniter.is_valid(text):
        return False
    try:
        croniter(text, 0).get_next()
    except CroniterError:
        return False
    return True


def _unique(place: str, names: list[str]) -> None:
    if repeated := sorted({name for name in names if names.count(name) > 1}):
        raise ValueError(f"{place} has more than one {join(repeated)}; names must differ")


def _check_product(spec: Spec, place: str, product: Product) -> None:
    """The rules of one product that need no data."""
    if product.source not in spec._sources:
        raise ValueError(
            f"{place}.source ({product.source}) is not among the sources{nearest(product.source, spec._sources)}"
        )
    source = spec.source(product.source)
    if product.rows is None and (direct := direct_identifiers(source, product.columns)):
        raise ValueError(
            f"{place}.columns must hold no direct identifier ({join(direct)}); remove it, or make a product of "
            "de-identified `rows`"
        )
    if product.rows is not None:
        direct = direct_identifiers(source, product.columns)
        kept = [c for c in direct if c in source.columns and _keeps(source.columns[c].treatment)]
        if kept:
            raise ValueError(
                f"{place}.columns holds direct identifiers that sources.{source.name} keeps as they are "
                f"({join(kept)}); give them a treatment such as `pseudonymize`"
            )
    crowd = product.anonymize.population if product.anonymize else None
    if crowd is not None and (crowd not in spec._sources or crowd == product.source):
        raise ValueError(
            f"{place}.anonymize.population ({crowd}) must be another source, of which {product.source} is a part"
            f"{nearest(crowd, spec._sources)}"
        )
    roles = [(name, declared_role(source, name)) for name in product.columns]
    if product.anonymize is not None and (why := nothing_to_generalize(roles)):
        raise ValueError(f"{place}.{why}")
    check_cost(f"{place}.{product.kind}", *product.cost())
    if any(product.cost()) and source.budget is None:
        raise ValueError(
            f"sources.{source.name}.budget is needed, as {place} is differentially private; write "
            "`budget: {epsilon: 4, delta: 1e-6}`"
        )


def declared_role(source: Source, column: str) -> Role | None:
    """The role that the spec itself gives a column, by name or by its type; None where the classifier decides."""
    decision = source.columns.get(column, ColumnDecision())
    return decision.role or (None if decision.type is None else role_of(decision.type))


def direct_identifiers(source: Source, columns: tuple[str, ...]) -> list[str]:
    """The columns that the spec itself calls direct identifiers, the unit's column among them."""
    found = []
    for name in columns:
        role = declared_role(source, name)
        if role == "direct_identifier" or (role is None and source.is_unit(name)):
            found.append(name)
    return found


def _keeps(treatment: Treatment | None) -> bool:
    return treatment is not None and getattr(treatment, "kind", None) == "keep"


# -- reading ---------------------------------------------------------------------------------------------------------


def load_spec(path: Path, environ: Mapping[str, str]) -> Spec:
    """Read and check a spec.

    Args:
        path: the YAML file; paths inside it are relative to its folder.
        environ: what ``${NAME}`` may refer to.

    Raises:
        SpecError: one line for each thing that is wrong: the place, the rule, the remedy.
    """
    try:
        text = path.read_text("utf-8-sig")
    except FileNotFoundError:
        raise SpecError(f"{path} does not exist; make one with `synth-assets init DIR --source FILE`") from None
    except (OSError, UnicodeDecodeError) as error:
        raise SpecError(f"{path} cannot be read ({type(error).__name__}); it must be a UTF-8 text file") from None
    return parse_spec(text, path, environ)


def parse_spec(text: str, path: Path, environ: Mapping[str, str]) -> Spec:
    """As :func:`load_spec`, from text; ``path`` is where it stands or will stand."""
    try:
        data = yaml.load(text, Loader)  # noqa: S506 - a subclass of SafeLoader
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f"line {mark.line + 1}: " if mark else ""
        raise SpecError(f"{path}: {where}not valid YAML ({getattr(error, 'problem', 'unreadable')})") from None
    except SpecError as error:
        raise SpecError(f"{path}: {error}") from None
    if not isinstance(data, dict):
        raise SpecError(f"{path} must hold a mapping with `sources` and `consumers`")
    try:
        spec = Spec.model_validate(expand(data, environ, ""), context={"folder": path.parent})
    except ValidationError as error:
        lines = [f"{path}: {line}" for line in explain(error, data, Spec)]
        raise SpecError("\n".join(dict.fromkeys(lines))) from None
    spec._base = path.parent
    return spec
