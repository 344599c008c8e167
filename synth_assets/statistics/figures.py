"""One release of statistics: the budget split, the rows read once, every total with noise, the figures in one table."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np
from pydantic import BaseModel, ConfigDict

from synth_assets.domain import Domain
from synth_assets.errors import DomainError, sealed
from synth_assets.mechanisms import NoNoise, noise_source
from synth_assets.statistics.block import Count, Histogram, Kind, KMeans, Statistics
from synth_assets.statistics.cells import Floats, Groups, Selection, group_attributes, require_few
from synth_assets.statistics.clusters import find_starts, measure_clusters
from synth_assets.statistics.jobs import Counting, Figures, Job, Moments, Quantiling, Summing
from synth_assets.statistics.moments import Meter, addend, basis, declared_range
from synth_assets.statistics.quantile import quantile_edges
from synth_assets.synthesis.allowance import Allowance, Charge
from synth_assets.synthesis.attributes import Attribute, Categorical
from synth_assets.synthesis.learning import find_categories
from synth_assets.synthesis.table import Rows, opened

if TYPE_CHECKING:
    import duckdb
    import pandas as pd

    from synth_assets.mechanisms import NoiseSource

FINDING = Fraction(1, 10)
"""The share of the budget that finds categories of groups, where any have to be found."""
OWN_COLUMNS = ("statistic", "of", "at", "value", "error", "truth", "within")
"""Names that the table, or its report, needs for itself."""


class Learned(BaseModel):
    """What a release found out privately: categories of group columns, and the points that rows are assigned to.

    With it the same figures can be computed again without noise, in the restricted zone.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    categories: dict[str, tuple[str, ...]] = {}
    starts: tuple[tuple[tuple[float, ...], ...], ...] = ()


@dataclass(frozen=True)
class Released:
    """A table of figures and what may be told about it.

    ``frame`` has a row for each figure: ``statistic``, the column it is ``of``, the quantile, cell or cluster it stands
    ``at``, its group (null in a column that it is not grouped by), ``value`` and ``error``: the true figure of the rows
    that were read lies within value - error and value + error with a probability of 95 % at least.
    """

    frame: pd.DataFrame
    charge: Charge
    errors: list[dict[str, Any]]
    learned: Learned


def release_figures(
    block: Statistics,
    con: duckdb.DuckDBPyConnection,
    relation_sql: str,
    domain: Domain,
    *,
    rows_per_unit: int,
    rng: np.random.Generator | NoiseSource | None = None,
) -> Released:
    """Make one release; see :meth:`Statistics.release`."""
    if rows_per_unit < 1:
        raise ValueError(f"rows_per_unit ({rows_per_unit}) must be at least 1")
    with sealed("statistics"), opened(con.sql(_chosen(block, relation_sql))) as rows:
        known = _known_cells(block, rows, domain)
        allowance = Allowance(
            block.epsilon, block.delta, rows_per_unit, noise_source(rng), hides_categories=None in known.values()
        )
        work = _Work(block, rows, domain, Meter(allowance), known)
        figures = list(work.figures())
    learned = Learned(categories=work.found, starts=tuple(work.starts))
    return Released(_frame(block, figures), allowance.charge(block.method), _errors(figures), learned)


def true_figures(
    block: Statistics,
    con: duckdb.DuckDBPyConnection,
    relation_sql: str,
    domain: Domain,
    learned: Learned,
    *,
    rows_per_unit: int,
) -> pd.DataFrame:
    """The table of a release as it would be without noise, row by row the same figures; a figure of no row is NaN.

    Not private: for the report, in the restricted zone.
    """
    with sealed("true statistics"), opened(con.sql(_chosen(block, relation_sql))) as rows:
        known = _known_cells(block, rows, domain)
        places = {f.name: i for i, f in enumerate(rows.fields)}
        for (name, bins), attribute in known.items():
            if attribute is None:
                known[name, bins] = Categorical(field=rows.fields[places[name]], values=learned.categories[name])
        allowance = Allowance(block.epsilon, block.delta, rows_per_unit, NoNoise(), hides_categories=False)
        work = _Work(block, rows, domain, Meter(allowance, exact=True), known, given=learned.starts)
        return _frame(block, list(work.figures()))


def check_figures(block: Statistics, con: duckdb.DuckDBPyConnection, relation_sql: str, domain: Domain) -> None:
    """Whether the block suits the columns' types and domain; reads no row.

    Raises DomainError that names the column and the remedy.
    """
    nothing = f"(SELECT * FROM {relation_sql} LIMIT 0)"
    with sealed("checking statistics"), opened(con.sql(_chosen(block, nothing))) as rows:
        known = _known_cells(block, rows, domain)
        allowance = Allowance(block.epsilon, block.delta, 1, NoNoise(), hides_categories=False)
        for cells, attribute in known.items():
            if attribute is None:
                place = next(i for i, f in enumerate(rows.fields) if f.name == cells[0])
                known[cells] = Categorical(field=rows.fields[place], values=())
        _Work(block, rows, domain, Meter(allowance, exact=True), known)


def _chosen(block: Statistics, relation_sql: str) -> str:
    """Only what is needed; a table of which rows are counted alone has no column that is."""
    from synth_assets.storage import quote

    chosen = ", ".join(quote(name) for name in block.columns) or "TRUE AS present"
    return f"SELECT {chosen} FROM {relation_sql}"


Cells = dict[tuple[str, int | None], Attribute | None]
"""The cells of each column that is grouped by, under the number of bins that an entry asks for."""


def _known_cells(block: Statistics, rows: Rows, domain: Domain) -> Cells:
    known: Cells = {}
    for kind, entry in block.entries():
        names = [(name, None) for name in entry.groups]
        names += [(entry.of, entry.bins)] if kind == "histogram" else []
        for name, bins in names:
            known[name, bins] = group_attributes(rows, [name], domain, {name: bins} if bins else None)[0]
    unknown = sorted({name for (name, _), attribute in known.items() if attribute is None})
    if unknown and block.delta == 0:
        raise DomainError(
            f"nobody declared the categories of {', '.join(unknown)}, and finding them needs a delta above 0; declare "
            "`categories` for each, or set `delta`"
        )
    return known


@dataclass
class _Work:
    """The jobs of a block over one snapshot of rows."""

    block: Statistics
    rows: Rows
    domain: Domain
    meter: Meter
    cells: Cells
    given: tuple[tuple[tuple[float, ...], ...], ...] = ()
    found: dict[str, tuple[str, ...]] = field(default_factory=dict)
    starts: list[tuple[tuple[float, ...], ...]] = field(default_factory=list)
    jobs: list[Job] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.places = {f.name: i for i, f in enumerate(self.rows.fields)}
        self.selection = Selection(self.rows)
        self.left = Fraction(1)
        self._find_categories()
        self.whole = sum((self.block.weight(kind) for kind, _ in self.block.entries()), Fraction(0))
        self._plan()

    def _find_categories(self) -> None:
        unknown = [cells for cells, attribute in self.cells.items() if attribute is None]
        names = list(dict.fromkeys(name for name, _ in unknown))
        for name in names:
            share = Fraction(1, len(names))
            measured = find_categories(self.rows, self.places[name], self.meter.allowance, FINDING * share, share)
            attribute = measured.attribute
            if isinstance(attribute, Categorical):
                self.found[name] = attribute.values
            for cells in unknown:
                if cells[0] == name:
                    self.cells[cells] = attribute
        self.left -= FINDING if names else 0

    def _share(self, kind: Kind) -> Fraction:
        return self.left * self.block.weight(kind) / self.whole

    def _groups(self, columns: list[tuple[str, int | None]]) -> Groups:
        attributes = [attribute for cells in columns if (attribute := self.cells[cells]) is not None]
        slots = [
            self.selection.codes(self.places[name], attribute)
            for (name, _), attribute in zip(columns, attributes, strict=True)
        ]
        groups = Groups(tuple(name for name, _ in columns), tuple(attributes), tuple(slots))
        require_few(groups)
        return groups

    def _plan(self) -> None:
        """One job for each entry; the mean and the variance of the same groups share one."""
        moments: dict[tuple[str, tuple[str, ...]], dict[Kind, Any]] = {}
        for kind, entry in self.block.entries():
            if kind in ("mean", "variance"):
                moments.setdefault((entry.of, entry.by), {})[kind] = entry
            elif kind != "kmeans":
                self.jobs.append(self._job(kind, entry))
            else:
                for name in entry.of:
                    declared_range(self.rows, name, self.domain)
        self.jobs += [self._moments(entries) for entries in moments.values()]

    def _job(self, kind: Kind, entry: Any) -> Job:
        share = self._share(kind)
        names: list[tuple[str, int | None]] = [(name, None) for name in entry.by]
        if isinstance(entry, Count):
            return Counting(kind, entry, self._groups(names), share)
        if isinstance(entry, Histogram):
            return Counting(kind, entry, self._groups([*names, (entry.of, entry.bins)]), share)
        groups, bounds = self._groups(names), declared_range(self.rows, entry.of, self.domain)
        slot = self.selection.values(self.places[entry.of])
        if kind == "sum":
            return Summing(entry, groups, share, slot, addend(bounds, self.meter.allowance, share))
        require_few(groups, len(entry.at))
        return Quantiling(entry, groups, share, slot, bounds, quantile_edges(bounds, groups.size))

    def _moments(self, entries: dict[Kind, Any]) -> Moments:
        share = sum((self._share(kind) for kind in entries), Fraction(0))
        entry = next(iter(entries.values()))
        groups = self._groups([(name, None) for name in entry.by])
        bounds = declared_range(self.rows, entry.of, self.domain)
        slot = self.selection.values(self.places[entry.of])
        degree = 2 if "variance" in entries else 1
        return Moments(entries, groups, share, slot, basis(bounds, degree, self.meter.allowance, share))

    def figures(self) -> Iterator[Figures]:
        """Read the rows, then tell every figure in the order of the block."""
        if self.jobs:
            for size, block in self.selection.blocks():
                for job in self.jobs:
                    job.add(block, size)
        told = [figures for job in self.jobs for figures in job.tell(self.meter)]
        for i, entry in enumerate(self.block.kmeans):
            told += self._clusters(i, entry)
        for kind, entry in self.block.entries():
            yield from (figures for figures in told if figures.kind == kind and figures.entry == entry)

    def _clusters(self, i: int, entry: KMeans) -> list[Figures]:
        columns = tuple(self.places[name] for name in entry.of)
        bounds = tuple(declared_range(self.rows, name, self.domain) for name in entry.of)
        share = self._share("kmeans")
        if self.meter.exact:
            starts = np.array(self.given[i])
        else:
            starts = find_starts(self.rows, columns, bounds, entry.clusters, self.meter.allowance, share)
        self.starts.append(tuple(tuple(point) for point in starts.tolist()))
        nearest = measure_clusters(self.rows, columns, bounds, starts, self.meter, share)
        at = tuple(str(k + 1) for k in range(entry.clusters))
        sizes = nearest.sizes()
        empty: Any = (sizes.value <= 0) if self.meter.exact else np.zeros(len(starts), dtype=np.bool_)
        return [
            Figures("kmeans", entry, "cluster size", None, at, {}, sizes),
            *(
                Figures("kmeans", entry, "cluster centre", name, at, {}, centre.without(empty))
                for name, centre in zip(entry.of, nearest.centres(), strict=True)
            ),
        ]


# ------------------------------------------------------------------------------------------------ the table
def group_names(block: Statistics) -> dict[str, str]:
    """What each group column is called in the table: as in the source, unless the table has such a column itself."""
    taken, names = set(OWN_COLUMNS), {}
    for name in block.group_columns:
        called = name
        while called.lower() in taken:
            called = f"by {called}"
        taken.add(called.lower())
        names[name] = called
    return names


def _frame(block: Statistics, figures: list[Figures]) -> pd.DataFrame:
    import pandas as pd

    names = group_names(block)
    columns: dict[str, list[Any]] = {name: [] for name in ("statistic", "of", "at", *names.values())}
    for part in figures:
        size = len(part.estimate.value)
        columns["statistic"] += [part.statistic] * size
        columns["of"] += [part.of] * size
        columns["at"] += list(part.at) if isinstance(part.at, tuple) else [part.at] * size
        for name, called in names.items():
            columns[called] += part.groups.get(name, [None] * size)
    texts = {name: pd.Series(values, dtype="object") for name, values in columns.items()}
    value = np.concatenate([np.zeros(0), *(part.estimate.value for part in figures)])
    error = np.concatenate([np.zeros(0), *(part.estimate.error for part in figures)])
    return pd.DataFrame({**texts, "value": value, "error": error})


def _errors(figures: list[Figures]) -> list[dict[str, Any]]:
    """For the data card: the median error of the figures of each entry, and where it can be said, of their size."""
    return [
        {
            "statistic": part.statistic if not isinstance(part.at, str) else f"{part.statistic} {part.at}",
            "of": part.of,
            "by": list(part.groups),
            "figures": len(part.estimate.value),
            "error": _median(part.estimate.error),
            "value": _median(np.abs(part.estimate.value)),
        }
        for part in figures
    ]


def _median(values: Floats) -> float:
    return float(np.median(values)) if len(values) else 0.0
