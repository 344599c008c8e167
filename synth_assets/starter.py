"""A first spec for tables that nobody has described yet: the classified policy to review and one product to edit.

Bounds and categories are left out on purpose. What a spec declares is taken for public knowledge; a look at the rows
is not. A differentially private product learns them from its own budget until a person declares them.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import duckdb

from synth_assets.classification import ColumnVerdict, apply_decisions, classify
from synth_assets.classification.exchange import ROWS_OF_A_UNIT, Described, Reference, TableFacts, read_metadata
from synth_assets.classification.inclusion import Listing, find_inclusions, of_persons, with_inclusions
from synth_assets.classification.values import excerpt
from synth_assets.deidentification import locale_of_country, resolve_treatment
from synth_assets.errors import SpecError, sealed
from synth_assets.ingestion import SourceFormat, open_relation
from synth_assets.storage import quote

_TEXT_TYPES = {"text", "free_text_pii", "url", "photo"}
_PLAIN = re.compile(r"^[A-Za-z_][A-Za-z0-9_]*$")
_YAML_WORDS = {"y", "n", "yes", "no", "on", "off", "true", "false", "null"}
_SMALL, _TINY = 5000, 1000  # rows; below, the noise of epsilon 1 over many columns would drown the table
_MOST_WORDS = 100  # distinct values of a text column in the starter's product
_NOTHING_DECLARED = TableFacts()
_MOST_PEOPLE = 0.9  # share of units that must be listed in a source for it to be the list of people


@dataclass(frozen=True)
class ScannedSource:
    """One file as the scan saw it.

    ``plain`` are the columns that mostly hold something and, where they hold text, few enough different words for a
    first product. ``unit`` is the column that names the person, if one does; ``many_rows`` whether a person has
    several rows, ``header`` what a person said about the first record of the file, ``notes`` what was decided in doubt,
    ``declared`` what a document of others' says about it.
    """

    name: str
    path: Path
    verdicts: tuple[ColumnVerdict, ...]
    rows: int
    plain: frozenset[str]
    unit: str | None = None
    many_rows: bool = False
    header: bool | None = None
    notes: tuple[str, ...] = ()
    declared: TableFacts = _NOTHING_DECLARED

    @property
    def described(self) -> Described:
        """The source for a document of others'."""
        bounds = {name: told.bounds for name, told in self.declared.columns.items() if told.bounds is not None}
        rows = self.declared.max_rows_per_unit
        return Described(self.name, self.verdicts, self.unit, self.many_rows, bounds, rows)


def write_starter(
    folder: Path, files: list[Path], header: bool | None = None, metadata: Path | None = None
) -> tuple[Path, tuple[str, ...]]:
    """Scan the files and write ``folder/synth.yaml``.

    Args:
        folder: made if it is not there.
        files: each becomes a source.
        header: whether the first records of CSV files name their columns; None: where that is certain.
        metadata: SDV's JSON or SmartNoise's YAML that describes the files; what it decides becomes decisions.

    Returns:
        The path of the spec, and notes for the user.

    Raises:
        SpecError: the spec exists already, or two files would have the same name.
        SourceError: a file cannot be read.
    """
    target = folder / "synth.yaml"
    if target.exists():
        raise SpecError(f"{target} exists already; remove it or choose another folder")
    scanned, references = scan_all(files, header, metadata)
    names = [source.name for source in scanned]
    for name in names:
        if names.count(name) > 1:
            raise SpecError(f"two files would both be source `{name}`; rename one of them")
    text = render(scanned, folder, references)
    folder.mkdir(parents=True, exist_ok=True)
    temporary = target.with_name(".synth.yaml.part")
    temporary.write_text(text, "utf-8")
    temporary.replace(target)
    return target, tuple(note for source in scanned for note in source.notes)


def scan_all(
    files: list[Path], header: bool | None = None, metadata: Path | None = None
) -> tuple[list[ScannedSource], list[Reference]]:
    """Classify files and what they say about each other: columns that lie in a key of persons of another are keys, too.

    Args:
        files, header, metadata: as :func:`write_starter`.

    Returns:
        The files, and which columns lie in which key.
    """
    scanned = [scan(file, header) for file in files]
    references: list[Reference] = []
    if len({source.name for source in scanned}) == len(scanned) > 1:
        scanned, references = _compared(scanned)
    if metadata is not None:
        document = _read(metadata)
        scanned = [_declared(source, read_metadata(document, source.name)) for source in scanned]
    return scanned, references


def _compared(scanned: list[ScannedSource]) -> tuple[list[ScannedSource], list[Reference]]:
    with sealed("comparing the files"), duckdb.connect() as con:
        listings = []
        for source in scanned:
            view = f"scanned_{source.name}"
            open_relation(con, str(source.path.resolve()), Path("/"), SourceFormat(header=source.header), view)
            listings.append(Listing(source.name, view, source.verdicts, source.rows))
        found = find_inclusions(con, listings)
    told = of_persons(found, listings)
    settled = [_settled(source, with_inclusions(source.name, source.verdicts, told)) for source in scanned]
    return settled, [(one.table, one.column, one.to, one.key) for one in found]


def _settled(source: ScannedSource, verdicts: Sequence[ColumnVerdict]) -> ScannedSource:
    """A source with other verdicts, and whose rows they are then."""
    unit = _unit(list(verdicts))
    many = unit is not None and not unit.unique
    return replace(source, verdicts=tuple(verdicts), unit=unit.column if unit else None, many_rows=many)


def _read(metadata: Path) -> object:
    import yaml

    try:
        return yaml.safe_load(metadata.read_text("utf-8"))  # JSON is YAML
    except (OSError, UnicodeDecodeError, yaml.YAMLError):
        raise SpecError(f"{metadata} cannot be read; give SDV's JSON or SmartNoise's YAML") from None


def _declared(source: ScannedSource, declared: TableFacts) -> ScannedSource:
    columns = [verdict.column for verdict in source.verdicts]
    for name in [*declared.columns, *([declared.unit] if declared.unit else [])]:
        if name not in columns:
            raise SpecError(f"the metadata describes `{name}`, which is no column of {source.path.name}; correct it")
    settled = _settled(source, apply_decisions(source.verdicts, declared.columns, "the metadata"))
    if declared.unit is None:
        return replace(settled, declared=declared)
    unique = {verdict.column for verdict in settled.verdicts if verdict.unique}
    return replace(settled, declared=declared, unit=declared.unit, many_rows=declared.unit not in unique)


def scan(file: Path, header: bool | None = None) -> ScannedSource:
    """Classify the columns of a file and find the column that names the person; ``header`` as :func:`write_starter`."""
    with sealed(f"scanning {file.name}"), duckdb.connect() as con:
        columns, notes = open_relation(con, str(file.resolve()), Path("/"), SourceFormat(header=header), "scanned")
        verdicts = classify(con, "scanned", columns, table_name=file.stem)
        rows = con.execute("SELECT count(*) FROM scanned").fetchall()[0][0]
        plain = _plain_columns(con, columns, rows)
    unit = _unit(verdicts)
    many = unit is not None and not unit.unique
    name = unit.column if unit else None
    return ScannedSource(source_name(file), file, tuple(verdicts), rows, plain, name, many, header, notes)


def _plain_columns(con: duckdb.DuckDBPyConnection, columns: Sequence[tuple[str, str]], rows: int) -> frozenset[str]:
    words = min(_MOST_WORDS, max(10, rows // 50))
    facts = [
        f"2 * count({quote(name)}) > count(*)"
        + (f" AND approx_count_distinct({quote(name)}) <= {words}" if data_type == "VARCHAR" else "")
        for name, data_type in columns
    ]
    verdicts = con.execute(f"SELECT {', '.join(facts)} FROM {excerpt(con, 'scanned', rows)}").fetchall()[0]
    return frozenset(name for (name, _), verdict in zip(columns, verdicts, strict=True) if verdict)


def find_people(source: ScannedSource, others: list[ScannedSource]) -> str | None:
    """The source that lists the people of this one, one row each: nearly all units of this one are found there."""
    for other in others:
        if source.unit is None or other.unit is None or other.many_rows or not source.many_rows:
            continue
        with sealed(f"comparing {source.name} with {other.name}"), duckdb.connect() as con:
            for name, one in (("mine", source), ("theirs", other)):
                open_relation(con, str(one.path.resolve()), Path("/"), SourceFormat(header=one.header), name)
            mine, theirs = (f"CAST({quote(unit)} AS VARCHAR)" for unit in (source.unit, other.unit))
            listed = f"CAST(unit IN (SELECT {theirs} FROM theirs) AS INTEGER)"
            found = con.execute(f"SELECT avg({listed}) FROM (SELECT DISTINCT {mine} AS unit FROM mine)").fetchall()[0][
                0
            ]
        if found is not None and found >= _MOST_PEOPLE:
            return other.name
    return None


def source_name(file: Path) -> str:
    """A source's name from a file's."""
    name = re.sub(r"[^a-z0-9]+", "_", file.name.split(".")[0].lower()).strip("_")
    return name if name[:1].isalpha() else f"source_{name}".rstrip("_")


def _unit(verdicts: list[ColumnVerdict]) -> ColumnVerdict | None:
    """The first key of persons, a unique one before others."""
    keys = [verdict for verdict in verdicts if verdict.entity_type == "person_id"]
    unique = [verdict for verdict in keys if verdict.unique]
    return next(iter([*unique, *keys]), None)


def proposed_references(sources: list[ScannedSource], found: Sequence[Reference]) -> dict[tuple[str, str], str]:
    """What the spec can let refer where, as SOURCE.COLUMN, of (source, column) whose values lie in a key of another.

    One for each column, to the list of most rows first; one to each source, as two would be a key together (whoever
    buys and whoever sells are two people); and never so that they lead sources in a circle.
    """
    known = {source.name: source for source in sources}
    unique = {(name, verdict.column): verdict.unique for name in known for verdict in known[name].verdicts}
    order = {name: (-source.rows, place) for place, (name, source) in enumerate(known.items())}
    chosen: dict[tuple[str, str], str] = {}
    leading = {name: {name} for name in known}  # itself, and the sources from which references lead to it
    followed: set[tuple[str, str]] = set()
    for table, column, to, key in sorted(found, key=lambda one: (unique[one[0], one[1]], order[one[2]])):
        if (table, column) in chosen or (table, to) in followed or to in leading[table]:
            continue
        chosen[table, column] = f"{to}.{key}"
        followed.add((table, to))
        for name in known:
            if to in leading[name]:
                leading[name] |= leading[table]
    return chosen


def render(sources: list[ScannedSource], folder: Path, found: Sequence[Reference] = ()) -> str:
    """The starter as YAML with comments; ``found`` are the columns whose values lie in a key of another source."""
    lines = [
        "# A starter to review. Each column below shows what the scan found; what you write here outranks it.",
        "# Roles: direct_identifier, quasi_identifier, sensitive, insensitive. A column that is commented out is",
        "# undecided and stays suppressed until you decide.",
        "warehouse: warehouse",
        "sources:",
    ]
    for source in sources:
        lines += _render_source(source, folder, find_people(source, sources), _followed(source, sources, found))
    first = next((source for source in sources if not source.many_rows), sources[0])
    return "\n".join([*lines, *_render_consumer(first)]) + "\n"


def _followed(
    source: ScannedSource, sources: list[ScannedSource], found: Sequence[Reference]
) -> dict[str, tuple[str, bool]]:
    """Of each column that may refer to another: to which, and whether both are decided alike, as they must be."""
    known = {other.name: other for other in sources}
    own = {verdict.column: (verdict.role, verdict.entity_type) for verdict in source.verdicts}
    told = {}
    for (name, column), target in proposed_references(sources, found).items():
        if name == source.name:
            to, _, key = target.partition(".")
            theirs = next(verdict for verdict in known[to].verdicts if verdict.column == key)
            kind = "person_id" if known[to].unit == key else theirs.entity_type
            alike = own[column] == (theirs.role, kind) and theirs.role != "undecided"
            told[column] = target, alike
    return told


def _render_source(
    source: ScannedSource, folder: Path, people: str | None, followed: dict[str, tuple[str, bool]]
) -> list[str]:
    path = os.path.relpath(source.path.resolve(), folder.resolve())
    lines = [f"  - name: {source.name}", f"    path: {_scalar(path)}"]
    if source.header is not None:
        lines.append(f"    format: {{header: {str(source.header).lower()}}}")
    lines += [f"    # {note}" for note in source.notes]
    if source.unit is not None:
        lines.append(f"    unit: {_scalar(source.unit)}  # the column that says who is protected")
        if source.many_rows:
            lines.append(
                f"    max_rows_per_unit: {source.declared.max_rows_per_unit or ROWS_OF_A_UNIT}"
                "  # rows of one person that a private product may read"
            )
        if people is not None:
            lines.append(f"    people: {people}  # the source that lists these people")
    else:
        lines.append("    # unit: ...  # the column that says who is protected; without it each row is its own unit")
    lines += _render_locale(source)
    lines.append("    budget: {epsilon: 4, delta: 1e-5}  # the most this source may ever be charged")
    lines.append("    columns:")
    for verdict in source.verdicts:
        sure = f"# confidence {verdict.confidence:.2f}"
        declared = source.declared.columns.get(verdict.column)
        if verdict.decided_by == "spec":
            sure = "# from the metadata"
        target, alike = followed.get(verdict.column, ("", False))
        refers = f"refers_to: {_scalar(target)}"
        if target:
            sure += f", its values lie in {target}" + ("" if alike else f"; if it refers there, write only {refers}")
        bounds = f"bounds: {json.dumps(declared.bounds)}" if declared and declared.bounds else ""
        if verdict.role != "undecided":
            what = ", ".join(
                filter(None, (f"role: {verdict.role}", f"type: {verdict.entity_type}", refers if alike else "", bounds))
            )
            lines.append(f"      {_scalar(verdict.column)}: {{{what}}}  {sure}")
        elif bounds:
            lines.append(f"      {_scalar(verdict.column)}: {{{bounds}}}  {sure}, undecided: add `role`")
        else:
            lines.append(f"      # {_scalar(verdict.column)}: {{role: insensitive}}  {sure}, undecided")
    if all(line.startswith("      # ") for line in lines[-len(source.verdicts) :]):
        lines[-len(source.verdicts) - 1] = "    columns: {}"
    return lines


def _render_locale(source: ScannedSource) -> list[str]:
    """Whose words fakes are made of, where the numbers of persons are all of one country and it is not the default."""
    found = {v.subtype[:2]: v.column for v in source.verdicts if v.entity_type == "national_id" and v.subtype}
    locale = locale_of_country(next(iter(found), "")) if len(found) == 1 else None
    if locale is None or locale == "en_US":
        return []
    return [f"    locale: {locale}  # whose words fakes are made of: the numbers of persons are of that country"]


def _render_consumer(source: ScannedSource) -> list[str]:
    told = source.rows // (ROWS_OF_A_UNIT if source.many_rows else 1)  # as many rows of one person, as much noise
    small = told < _SMALL
    epsilon = 3 if told < _TINY else 2 if small else 1
    delta = "1e-6" if small else "1e-9"
    usable = [verdict.column for verdict in source.verdicts if _usable(verdict, source)]
    chosen = usable[: 4 if small else 12]
    if not chosen:
        return ["consumers: []  # no column is fit for a product yet: decide on columns above, then add one"]
    return [
        "consumers:",
        "  - name: research",
        "    products:",
        f"      - name: {source.name}_table  # one product to edit: its columns, method and share of the budget",
        f"        source: {source.name}",
        f"        columns: [{', '.join(_scalar(column) for column in chosen)}]",
        f"        synthesizer: {{method: mst, epsilon: {epsilon}, delta: {delta}}}",
    ]


def _usable(verdict: ColumnVerdict, source: ScannedSource) -> bool:
    """Whether a column is fit for a first product: decided, kept as it is, no identifier and no free text."""
    if verdict.role in {"undecided", "direct_identifier"} or verdict.column == source.unit:
        return False
    if verdict.entity_type in _TEXT_TYPES or resolve_treatment(verdict).kind != "keep":
        return False
    return verdict.column in source.plain


def _scalar(text: str) -> str:
    """A YAML scalar for any text."""
    return text if _PLAIN.match(text) and text.lower() not in _YAML_WORDS else json.dumps(text, ensure_ascii=False)
