"""The command line: each verb is one call of the library, and what a person sees of it.

What belongs here: options, tables in the terminal, exit codes. What does not: decisions. Heavy packages are imported
by the verbs that need them, so that ``validate`` and ``budget`` answer at once.
"""

from __future__ import annotations

import json
import os
import sys
import webbrowser
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from synth_assets import __version__
from synth_assets.errors import BudgetExceeded, SpecError, SynthAssetsError, sealed

if TYPE_CHECKING:
    from synth_assets.accounting import Ledger
    from synth_assets.classification import ColumnVerdict
    from synth_assets.execution import Outcome, Step
    from synth_assets.spec import Spec
    from synth_assets.starter import ScannedSource
    from synth_assets.storage import Warehouse

OK, FAILED, REFUSED = 0, 1, 3

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="From tables about people to tables that other teams may use.",
)
out = Console(highlight=False, width=None if sys.stdout.isatty() else 160)
err = Console(stderr=True, highlight=False)


class Format(StrEnum):
    """How a verb prints."""

    text = "text"
    json = "json"


SpecOption = Annotated[
    Path | None,
    typer.Option(
        "--spec", help="The spec; else $SYNTH_ASSETS_SPEC, else the demo in ./synth_demo.", show_default=False
    ),
]
HeaderOption = Annotated[
    bool | None,
    typer.Option("--header/--no-header", help="Whether the first record of a CSV names its columns; else if certain."),
]


class ClassifyFormat(StrEnum):
    """How `classify` prints: for people, as JSON, or as the metadata of others."""

    text = "text"
    json = "json"
    sdv = "sdv"
    smartnoise = "smartnoise"


MetadataOption = Annotated[
    Path | None,
    typer.Option("--metadata", help="SDV's metadata JSON or SmartNoise's YAML; what it decides becomes decisions."),
]
FormatOption = Annotated[Format, typer.Option("--format", help="Text for people or one JSON document.")]


def main() -> None:
    """Entry point: errors of ours become one sentence and an exit code, never a traceback."""
    try:
        with sealed("synth-assets"):
            app()
    except BudgetExceeded as error:
        _say_error(error)
        sys.exit(REFUSED)
    except SynthAssetsError as error:
        _say_error(error)
        sys.exit(FAILED)
    except KeyboardInterrupt:
        err.print("stopped; what was charged stays charged, and the next run takes up from here")
        sys.exit(130)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(FAILED)


def _say_error(error: SynthAssetsError) -> None:
    for line in str(error).splitlines():
        err.print(f"[red]error:[/] {_escape(line)}", soft_wrap=True)


def _escape(text: object) -> str:
    from rich.markup import escape

    return escape(str(text))


def _print_json(document: Any) -> None:
    sys.stdout.write(json.dumps(document, indent=2, ensure_ascii=False) + "\n")


@app.callback(invoke_without_command=True)
def _version(version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False) -> None:
    if version:
        out.print(f"synth-assets {__version__}")
        raise typer.Exit


@app.command()
def init(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Where synth.yaml is written.")],
    source: Annotated[list[Path], typer.Option("--source", help="A file to scan; may be repeated.")],
    more: Annotated[list[Path] | None, typer.Argument(metavar="FILE...", help="More files to scan.")] = None,
    header: HeaderOption = None,
    metadata: MetadataOption = None,
) -> None:
    """Scan files and write a starter spec: the classified policy to review, and one product to edit."""
    from synth_assets.starter import write_starter

    target, notes = write_starter(folder, [*source, *(more or [])], header, metadata)
    _print_notes(notes)
    out.print(f"wrote {_escape(target)}: review the columns, edit the product, then")
    out.print(f"  synth-assets run --spec {_escape(target)}", soft_wrap=True)


@app.command()
def classify(
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="Files that ingestion reads.")],
    header: HeaderOption = None,
    explain: Annotated[str | None, typer.Option("--explain", metavar="COLUMN", help="All about one column.")] = None,
    metadata: MetadataOption = None,
    format: Annotated[
        ClassifyFormat, typer.Option("--format", help="For people, JSON, or metadata as SDV or SmartNoise reads it.")
    ] = ClassifyFormat.text,
) -> None:
    """Roles and types of each column, with confidence and the three strongest pieces of evidence."""
    from synth_assets.starter import scan_all

    scanned, references = scan_all(files, header, metadata)
    _print_notes([note for source in scanned for note in source.notes])
    if format in {ClassifyFormat.sdv, ClassifyFormat.smartnoise}:
        _print_exchange(format, scanned, references)
        return
    verdicts = [(s.name, v) for s in scanned for v in s.verdicts if explain is None or v.column == explain]
    if not verdicts and explain is not None:
        from synth_assets.messages import nearest

        known = [v.column for source in scanned for v in source.verdicts]
        where = " or ".join(file.name for file in files)
        raise SpecError(f"{explain} is no column of {where}{nearest(explain, known)}")
    several = len(scanned) > 1
    if format is ClassifyFormat.json:
        keys = ("column", "entity_type", "role", "confidence", "evidence")
        documents = [(name, verdict.model_dump(mode="json")) for name, verdict in verdicts]
        _print_json([({"table": name} if several else {}) | {key: d[key] for key in keys} for name, d in documents])
    elif explain is not None:
        for name, verdict in verdicts:
            _print_all_about(name if several else None, verdict)
    else:
        _print_verdicts(verdicts, several)


def _print_verdicts(verdicts: list[tuple[str, ColumnVerdict]], several: bool) -> None:
    table = Table(*(["table"] if several else []), "column", "role", "entity type", "confidence", "rule", "evidence")
    for name, verdict in verdicts:
        what = (verdict.column, verdict.role, verdict.entity_type, f"{verdict.confidence:.2f}")
        row = (*([name] if several else []), *what, verdict.rule, "; ".join(verdict.strongest))
        table.add_row(*map(_escape, row))
    out.print(table)


def _print_all_about(table: str | None, verdict: ColumnVerdict) -> None:
    facts = verdict.model_dump(mode="json", exclude={"evidence"}, exclude_none=True)
    known = ({"table": table} if table else {}) | facts
    for name, said in [*known.items(), *(("evidence", line) for line in verdict.evidence)]:
        out.print(f"{name.replace('_', ' '):>15}  {_escape(said)}", soft_wrap=True)


def _print_exchange(
    format: ClassifyFormat, scanned: Sequence[ScannedSource], references: Sequence[tuple[str, str, str, str]]
) -> None:
    from synth_assets.classification.exchange import to_sdv, to_smartnoise

    described = [source.described for source in scanned]
    if format is ClassifyFormat.sdv:
        _print_json(to_sdv(described, references))
        return
    import textwrap

    import yaml

    ((name, schemas),) = to_smartnoise(described).items()
    text = yaml.safe_dump(schemas, sort_keys=False, allow_unicode=True)
    sys.stdout.write(f"{json.dumps(name)}:\n{textwrap.indent(text, '  ')}")


def _dagster_home(root: Path) -> Path:
    from resources.environment import dagster_home, who_else_reads

    home = dagster_home(root)
    if warning := who_else_reads(home):
        err.print(f"[yellow]warning:[/] {_escape(warning)}", soft_wrap=True)
    return home


def _print_notes(notes: Sequence[str]) -> None:
    for note in notes:
        err.print(f"[yellow]note:[/] {_escape(note)}; or run this again with `--header`", soft_wrap=True)


@app.command()
def validate(spec: SpecOption = None) -> None:
    """Check the spec alone, without data."""
    from resources.environment import find_spec, read_spec
    from synth_assets.planning import check_budgets

    read = read_spec(spec)
    problems = check_budgets(read)
    for problem in problems:
        err.print(f"[red]error:[/] {_escape(problem)}", soft_wrap=True)
    if problems:
        raise typer.Exit(FAILED)
    products = sum(1 for _ in read.products())
    out.print(f"{_escape(find_spec(spec))} is valid: {len(read.sources)} sources, {products} products", soft_wrap=True)


@app.command()
def plan(spec: SpecOption = None, format: FormatOption = Format.text) -> None:
    """What would run and what each release would charge; exit code 3 over a ceiling."""
    from resources.environment import now, read_spec
    from synth_assets import planning

    read = read_spec(spec)
    warehouse, ledger = _existing(read)
    planned = planning.plan(read, warehouse, ledger, now())
    over = planning.over_ceiling(planned)
    if format is Format.json:
        _print_json(planned)
    else:
        _print_plan(planned)
        for name in over:
            err.print(
                f"[red]over the ceiling:[/] {name}: what is planned does not fit into what remains", soft_wrap=True
            )
    if over:
        raise typer.Exit(REFUSED)


def _existing(spec: Spec) -> tuple[Warehouse | None, Ledger | None]:
    """The warehouse and the ledger where there are any; makes neither."""
    from resources.environment import open_warehouse
    from synth_assets.accounting import Ledger

    if not (spec.root / "ledger.db").exists():
        return None, None
    return open_warehouse(spec.root)[0], Ledger.open(spec.root / "ledger.db")


def _print_plan(planned: dict[str, Any]) -> None:
    table = Table("release", "source", "method", "epsilon", "delta", "note", title="Releases")
    for release in planned["releases"]:
        private = release["guarantee"] == "differential_privacy"
        notes = ["stored, costs nothing"] if release["cached"] else []
        if release["left_out"]:
            notes.append("left out (suppressed): " + ", ".join(release["left_out"]))
        if release["joins"]:
            notes.append("shares its key with " + ", ".join(release["joins"]))
        if release["policy"]:
            notes.append(f"policy {release['policy']}")
        if release["problem"]:
            notes.append(release["problem"])
        cost = (f"{release['epsilon']:g}", f"{release['delta']:g}") if private else ("heuristic", "-")
        table.add_row(
            *(
                _escape(cell)
                for cell in (release["asset"], release["source"], release["method"], *cost, "; ".join(notes))
            )
        )
    out.print(table)
    out.print(_budget_table(planned["sources"], with_plan=True))
    for reference in planned["references"]:
        out.print(_escape(f"treated alike: {reference}"), soft_wrap=True)
    if planned["heuristic"]:
        counted = Table("source", "made", "planned", "at most", title="Tables without a formal guarantee")
        for row in planned["heuristic"]:
            counted.add_row(row["source"], *(str(row[key]) for key in ("made", "planned", "most")))
        out.print(counted)


def _budget_table(sources: list[dict[str, Any]], with_plan: bool = False) -> Table:
    """Ceilings as (epsilon, delta) a source."""
    table = Table("source", "ceiling", "spent", "remaining", title="Budgets (epsilon, delta)")
    if with_plan:
        table.add_column("planned")
        table.add_column("schedule runs dry")
    for source in sources:
        cells = [source["source"], *(_pair(source[key]) for key in ("ceiling", "spent", "remaining"))]
        if with_plan:
            cells += [_pair(source["planned"]), source["exhausted_at"] or "never"]
        table.add_row(*cells)
    return table


def _pair(budget: dict[str, float] | None) -> str:
    return "-" if budget is None else f"{budget['epsilon']:.6g}, {budget['delta']:.3g}"


@app.command()
def run(
    spec: SpecOption = None,
    select: Annotated[
        list[str] | None, typer.Option("--select", help="Assets: KEY, pattern, or +KEY with its upstream; repeatable.")
    ] = None,
) -> None:
    """Materialize the graph with Dagster, and show what came out."""
    os.environ.setdefault("DAGSTER_DISABLE_TELEMETRY", "yes")
    from resources.environment import open_warehouse, read_spec

    read = read_spec(spec)
    warehouse, made = open_warehouse(read.root)
    if made:
        out.print(f"made the key of the warehouse, {_escape(read.root / 'secret.key')}: back it up", soft_wrap=True)
    with out.status("loading Dagster"):
        from synth_assets.execution import materialize
    chosen = [key for item in select or [] for key in item.replace(",", " ").split()]
    outcome = materialize(read, _dagster_home(read.root), chosen, _progress())
    _print_run(read, warehouse, outcome)
    if outcome.refused_by_budget:
        raise typer.Exit(REFUSED)
    if not outcome.success:
        raise typer.Exit(FAILED)


def _progress() -> Any:
    """A line for each asset as it is done, with its seconds."""
    import time

    started: dict[str, float] = {}

    def show(step: Step) -> None:
        if step.state == "started":
            started[step.key] = time.monotonic()
            return
        seconds = time.monotonic() - started.get(step.key, time.monotonic())
        rows = "" if step.rows is None else f"{step.rows:,} rows"
        mark = {"done": "[green]done[/]   ", "failed": "[red]failed[/] ", "skipped": "[yellow]skipped[/]"}[step.state]
        out.print(f"{mark} {_escape(step.key):<60} {rows:>16} {seconds:6.1f} s", soft_wrap=True)
        if step.note:
            out.print(f"[yellow]note:[/] {_escape(step.note)}", soft_wrap=True)

    return show


def _print_run(spec: Spec, warehouse: Warehouse, outcome: Outcome) -> None:
    """The summary: each product with method, charge, quality, risk and place; then the budgets; then what failed."""
    from synth_assets.accounting import Ledger
    from synth_assets.summary import summarize_run

    for step in outcome.failures:
        _say_error(SynthAssetsError(step.text))
    if any(step.error == "LedgerError" for step in outcome.failures):
        return
    ledger = Ledger.open(warehouse.ledger_path)
    table = Table("product", "method", "epsilon charged", "quality", "risk", "where", title="Products")
    for line in summarize_run(spec, warehouse, ledger, outcome.run_id):
        table.add_row(*(_escape(cell) for cell in line))
    out.print(table)
    known = ledger.summary()["sources"]
    if any(source["ceiling"] for source in known):
        out.print(_budget_table([source for source in known if source["ceiling"]]))
    charged = [c for s in known for c in s["charges"] if c["run_id"] == outcome.run_id and c["epsilon"] is not None]
    if not charged:
        out.print("nothing was charged in this run")


budget_app = typer.Typer(invoke_without_command=True, help="The ledger: ceilings, charges, what remains.")
app.add_typer(budget_app, name="budget")


@budget_app.callback()
def budget(context: typer.Context, spec: SpecOption = None, format: FormatOption = Format.text) -> None:
    """Ceilings, charges and what remains of each source."""
    if context.invoked_subcommand is not None:
        context.obj = spec
        return
    from resources.environment import read_spec
    from synth_assets.planning import standing

    read = read_spec(spec)
    document = standing(read, _existing(read)[1])
    if format is Format.json:
        _print_json(document)
        return
    out.print(_budget_table(document["sources"]))
    table = Table("charge", "asset", "mechanism", "epsilon", "delta", "at", "state", title="Charges")
    for source in document["sources"]:
        for charge in source["charges"]:
            keys = ("id", "asset", "mechanism", "epsilon", "delta", "at", "state")
            table.add_row(*("-" if charge[key] is None else _escape(charge[key]) for key in keys))
    out.print(table)


@budget_app.command()
def verify(context: typer.Context, spec: SpecOption = None) -> None:
    """Check the integrity of the ledger."""
    from resources.environment import read_spec

    ledger = _existing(read_spec(spec or context.obj))[1]
    if ledger is None:
        out.print("there is no ledger yet: nothing was ever charged")
        return
    problems = ledger.verify()
    for problem in problems:
        err.print(f"[red]error:[/] entry {problem.entry} {_escape(problem.what)}", soft_wrap=True)
    if problems:
        raise typer.Exit(FAILED)
    out.print("the ledger is whole: every entry is chained to the one before, and the sums hold")


@app.command()
def report(
    product: Annotated[str, typer.Argument(metavar="CONSUMER/PRODUCT")],
    spec: SpecOption = None,
    open_: Annotated[bool, typer.Option("--open", help="Open it in the browser.")] = False,
) -> None:
    """Decrypt a product's report for you to look at, and print where it is (HTML and JSON)."""
    from resources.environment import open_warehouse, read_spec

    read = read_spec(spec)
    read.product(product)
    if not read.root.exists():
        raise SpecError(f"report/{product} has not been made yet; run `synth-assets run`")
    warehouse = open_warehouse(read.root)[0]
    paths = [warehouse.open_view(f"reports/{product}/{name}") for name in ("report.html", "report.json")]
    for path in paths:
        out.print(_escape(path), soft_wrap=True)
    if open_:
        webbrowser.open(paths[0].as_uri())


@app.command()
def ui(
    spec: SpecOption = None,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on.")] = 3000,
) -> None:
    """Dagster's webserver and daemon on this spec."""
    from resources.environment import child_environment, find_spec, open_warehouse, read_spec

    read = read_spec(spec)
    open_warehouse(read.root)
    environment = child_environment(find_spec(spec), _dagster_home(read.root))
    command = [sys.executable, "-m", "dagster", "dev", "-m", "synth_assets.definitions"]
    out.print(f"the graph is at http://{host}:{port}; stop with Ctrl-C")
    os.execve(sys.executable, [*command, "-h", host, "-p", str(port)], {**environment})  # noqa: S606 - no shell wanted


if __name__ == "__main__":
    main()
