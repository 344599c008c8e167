"""The method ``diffix``: SynDiffix, trees of suppressed and noisy buckets (arXiv 2311.09628). Heuristic."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal
from uuid import uuid4

import numpy as np
from pydantic import Field as Setting

from synth_assets.diffix.clustering import Cluster, choose_clusters
from synth_assets.diffix.forest import Forest
from synth_assets.diffix.harvest import harvest
from synth_assets.diffix.microdata import Decoder, flatten, numbers_of, texts_of
from synth_assets.diffix.parameters import Anonymization, Bucketization, Clustering, Suppression
from synth_assets.diffix.pieces import Harvest
from synth_assets.diffix.reading import Table as Read
from synth_assets.diffix.reading import is_number, read_table
from synth_assets.diffix.sticky import Salt
from synth_assets.domain import Domain
from synth_assets.errors import DomainError, sealed
from synth_assets.mechanisms import DiscreteGaussian, NoiseSource, NoNoise, noise_source
from synth_assets.synthesis.allowance import Charge
from synth_assets.synthesis.attributes import Attribute
from synth_assets.synthesis.base import Guarantee, Synthesizer
from synth_assets.synthesis.buckets import BucketFacts, BucketModel, Part, label_combination
from synth_assets.synthesis.learning import declared
from synth_assets.synthesis.schema import Field
from synth_assets.synthesis.table import Rows, opened

if TYPE_CHECKING:
    import duckdb

    from synth_assets.synthesis.table import Table


MAX_TABLES = 1000
"""Tables that one fit makes at the most."""


class Diffix(Synthesizer):
    """SynDiffix: microdata drawn from the buckets of trees over few columns.

    Nothing is differentially private here: buckets of few units are suppressed, counts get noise that sticks to the
    bucket and to its units, heavy units are flattened. The published parameters can be made stricter, not laxer.
    ``least_units``: buckets of fewer units are never shown (and of a few more only by chance). ``noise``: the standard
    deviation of each of the two layers, in rows of a typical unit. ``safe``: columns whose values may be shown whoever
    has them (a public list of codes, say). ``target``: in a wide table, the column whose relations matter most.
    ``combinations``: a table for every so many columns instead of one table for all, from shared trees.
    """

    guarantee: ClassVar[Guarantee] = "heuristic"
    method: Literal["diffix"] = "diffix"
    least_units: int = Setting(default=3, ge=3)
    noise: float = Setting(default=1.0, ge=1)
    safe: tuple[str, ...] = ()
    target: str | None = None
    combinations: int | None = Setting(default=None, ge=1, le=4)

    def cost(self) -> tuple[float, float]:
        """Nothing that differential privacy could count; the ledger notes a heuristic release."""
        return 0.0, 0.0

    def fit(
        self,
        table: Table,
        domain: Domain | None = None,
        *,
        rng: np.random.Generator | NoiseSource | None = None,
        rows_per_unit: int = 1,
        units: str | Sequence[str] | None = None,
        salt: bytes | None = None,
    ) -> BucketModel:
        """Fit a table; see :meth:`Synthesizer.fit`.

        Args:
            table: as there; it also holds the columns that ``units`` names.
            domain: public knowledge of the columns.
            rng: makes a salt where none is given; the operating system does without it.
            rows_per_unit: the most rows of one unit. With one, every row is a unit.
            units: the column that says whose each row is, or several for several kinds of units. Left out, every row is
                a unit of its own, or, if a unit may have several rows, as many rows as that count for one unit.
            salt: the secret that noise sticks to, 16 bytes or more. The same table with the same salt gives the same
                buckets; a new salt for each fit lets noise be averaged away.

        Raises:
            DomainError: the domain does not suit the table, or ``units``, ``safe`` or ``target`` name no column.
            SourceError: the table cannot be read.
            SealedError: anything else that fails while rows are at hand.
        """
        if rows_per_unit < 1:
            raise ValueError(f"rows_per_unit ({rows_per_unit}) must be at least 1")
        source = noise_source(rng)
        named = (units,) if isinstance(units, str) else tuple(units or ())
        with sealed(f"fitting {self.method}"):
            plain, renamed = _without_reserved(table, named)
            with opened(plain) as rows:
                secret, seeded = (salt, isinstance(rng, NoNoise)) if salt else (_made_salt(source), source.seeded)
                rule = self._anonymization(quiet=isinstance(rng, NoNoise))
                places = _places(rows.fields, renamed, "units")
                known = declared(rows, domain or Domain())
                read = read_table(rows, known, places, Salt(secret), rule, rows_per_unit)
                fields = [field for i, field in enumerate(rows.fields) if i not in places]
            kept = [attribute for i, attribute in enumerate(known) if i not in places]
            return self._model(read, fields, kept, rows_per_unit, seeded)

    def _fit(self, rows: Rows, domain: Domain, source: NoiseSource, rows_per_unit: int) -> BucketModel:
        raise NotImplementedError("diffix needs a salt and units; call fit")

    def _anonymization(self, quiet: bool) -> Anonymization:
        """The published parameters, made as strict as asked for; ``quiet`` takes the noise away, for tests."""
        suppression = Suppression(low_threshold=self.least_units, layer_sd=0.0 if quiet else 1.0)
        return Anonymization(suppression=suppression, noise_sd=0.0 if quiet else self.noise)

    def _model(
        self, read: Read, fields: list[Field], known: list[Attribute | None], rows_per_unit: int, seeded: bool
    ) -> BucketModel:
        charge = Charge(mechanism=self.method, epsilon=0, delta=0, rows_per_unit=rows_per_unit, seeded=seeded)
        safe = set(_places(tuple(fields), self.safe, "safe"))
        target = _places(tuple(fields), (self.target,), "target")[0] if self.target is not None else None
        apart = self.combinations is not None
        clusters = self._apart(fields) if apart else ()
        if not read.encoded.people.rows.any():
            return BucketModel(BucketFacts.of_nothing(fields, charge, clusters, apart), ())
        forest = Forest(read.encoded, Bucketization(), tuple(i in safe for i in range(len(fields))))
        clusters = clusters or choose_clusters(forest, Clustering(), target)
        salt = read.encoded.people.salt
        shared: dict[tuple[int, ...], Harvest] = {}
        parts = tuple(Part(*flatten(harvest(forest, c.columns, shared), salt.generator("flatten"))) for c in clusters)
        decoders = tuple(_decoder(forest, i, fields[i], known[i], read, clusters, parts) for i in range(len(fields)))
        roots = [forest.tree((i,)) for i in range(len(fields))]
        facts = BucketFacts(
            method=self.method,
            charge=charge,
            fields=tuple(fields),
            decoders=decoders,
            clusters=clusters,
            roots=tuple((float(tree.low[0, 0]), float(tree.high[0, 0])) for tree in roots),
            apart=apart,
        )
        return BucketModel(facts, parts)

    def _apart(self, fields: list[Field]) -> tuple[Cluster, ...]:
        """Every combination of columns, as a cluster that stands alone.

        Raises:
            DomainError: there are fewer columns, too many tables, or tables that would be called the same.
        """
        width = self.combinations or 1
        groups = list(combinations(range(len(fields)), width))
        if not 1 <= len(groups) <= MAX_TABLES:
            raise DomainError(
                f"diffix: combinations ({width}) makes {len(groups)} tables of {len(fields)} columns; there must be at "
                f"least one and at most {MAX_TABLES}, so list other columns"
            )
        labels = {label_combination([fields[i].name for i in group]) for group in groups}
        if len(labels) < len(groups):
            raise DomainError("diffix: two combinations would have the same name; rename the columns that hold ` x `")
        return tuple(Cluster(columns=group) for group in groups)


def _decoder(
    forest: Forest,
    i: int,
    field: Field,
    known: Attribute | None,
    read: Read,
    clusters: Sequence[Cluster],
    parts: Sequence[Part],
) -> Decoder:
    """How positions of column ``i`` become values."""
    if is_number(field):
        numeric = known is not None and known.form == "numeric"
        first, last = (known.edges[0], known.edges[-1]) if numeric and known is not None else (None, None)  # type: ignore[union-attr]
        if last is not None and first is not None:
            last = max(first, last - 1) if field.whole else last
        return numbers_of(forest, i, field, (first, last))
    uses = [
        (part, cluster.columns.index(i)) for part, cluster in zip(parts, clusters, strict=True) if i in cluster.columns
    ]
    low = np.concatenate([part.low[:, place] for part, place in uses])
    high = np.concatenate([part.high[:, place] for part, place in uses])
    return texts_of(forest, i, read.texts[i] or (), read.public[i], low, high)


def _places(fields: tuple[Field, ...], names: Sequence[str | None], what: str) -> list[int]:
    """Where columns stand. Raises DomainError where there is none of that name."""
    known = [field.name for field in fields]
    for name in names:
        if name not in known:
            raise DomainError(f"diffix: {what} names the column {name}, which the table lacks; correct the name")
    return [known.index(str(name)) for name in names]


def _made_salt(source: NoiseSource) -> bytes:
    """A salt from a source of noise: 64 draws of a very wide normal law hold far more than 256 random bits."""
    drawn = source.add(np.zeros(64, dtype=np.int64), DiscreteGaussian(2.0**20))
    return hashlib.blake2b(drawn.tobytes(), digest_size=32).digest()


def _without_reserved(table: Table, units: Sequence[str]) -> tuple[Table, list[str]]:
    """The table with its columns of units under names of this call, as their own may be reserved, and those names."""
    if not units:
        return table, []
    names = {name: f"unit_{place}_{uuid4().hex}" for place, name in enumerate(units)}
    missing = [name for name in names if name not in _column_names(table)]
    if missing:
        raise DomainError(f"diffix: units names the column {missing[0]}, which the table lacks; correct the name")
    if isinstance(table, str | Path):
        return table, list(units)
    return _renamed(table, names), list(names.values())


def _column_names(table: Table) -> list[str]:
    if isinstance(table, str | Path):
        with opened(table) as rows:
            return [field.name for field in rows.fields]
    return [str(column) for column in table.columns]


def _renamed(table: duckdb.DuckDBPyRelation | Any, names: dict[str, str]) -> Any:
    import duckdb

    from synth_assets.storage import quote

    if isinstance(table, duckdb.DuckDBPyRelation):
        listed = (f"{quote(c)} AS {quote(names.get(c, c))}" for c in table.columns)
        return table.project(", ".join(listed))
    return table.rename(columns=names)


__all__ = ["Diffix"]
