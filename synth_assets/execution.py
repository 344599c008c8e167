"""Running the graph in this process, for the command line and for tests.

What belongs here: selection of assets, a run of Dagster with its progress turned into plain steps, and what failed
and why. What does not: printing.
"""

import fnmatch
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import dagster as dg
from dagster import DagsterEvent, DagsterEventType

from synth_assets.automation import EVERYTHING
from synth_assets.definitions import build_defs
from synth_assets.errors import SpecError
from synth_assets.messages import nearest
from synth_assets.spec import Spec

_QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


@dataclass(frozen=True)
class Step:
    """One asset of a run. ``state`` is ``started``, ``done``, ``failed`` or ``skipped``.

    ``note`` is what the user should know about an asset that was done.
    ``error`` is the name of the error's class and ``text`` its sentence, where it failed.
    """

    key: str
    state: str
    rows: int | None = None
    note: str = ""
    error: str = ""
    text: str = ""


@dataclass(frozen=True)
class Outcome:
    """What became of a run."""

    run_id: str
    success: bool
    failures: tuple[Step, ...]

    @property
    def refused_by_budget(self) -> bool:
        """Whether a ceiling refused a release."""
        return any(step.error == "BudgetExceeded" for step in self.failures)


def select_assets(spec: Spec, select: Sequence[str]) -> list[dg.AssetKey]:
    """The assets that a selection names: keys or patterns (``published/*``), ``+KEY`` with all that is upstream.

    Raises:
        SpecError: a selection matches no asset.
    """
    defs = build_defs(spec)
    graph = defs.resolve_asset_graph()
    keys = {key.to_user_string(): key for key in graph.get_all_asset_keys()}
    chosen: set[dg.AssetKey] = set()
    for pattern in select:
        plain = pattern.removeprefix("+").strip("/")
        found = {key for name, key in keys.items() if name == plain or fnmatch.fnmatchcase(name, plain)}
        if not found:
            raise SpecError(f"--select {pattern} matches no asset{nearest(plain, keys)}")
        chosen |= found
        if pattern.startswith("+"):
            chosen |= {key for one in found for key in dg.AssetSelection.assets(one).upstream().resolve(graph)}
    return sorted(chosen)


def materialize(spec: Spec, home: Path, select: Sequence[str] = (), progress: Callable[[Step], object] = id) -> Outcome:
    """Materialize the graph, or a selection of it, in this process; Dagster's records go to ``home``.

    Raises:
        SpecError: a selection matches no asset.
    """
    from dagster._core.utils import make_new_run_id

    defs = build_defs(spec)
    keys = select_assets(spec, select) if select else None
    run_id = make_new_run_id()
    failures: list[Step] = []
    verdicts: dict[str, str] = {}

    def listen(entry: dg.EventLogEntry) -> None:
        step = _step(entry.dagster_event, verdicts) if entry.dagster_event else None
        if step is not None:
            if step.state == "failed":
                failures.append(step)
            progress(step)

    with dg.DagsterInstance.from_config(str(home)) as instance:
        instance.add_event_listener(run_id, listen)
        result = defs.resolve_job_def(EVERYTHING).execute_in_process(
            run_config=_QUIET, instance=instance, asset_selection=keys, run_id=run_id, raise_on_error=False
        )
    return Outcome(run_id, result.success, tuple(failures))


def _step(event: DagsterEvent, verdicts: dict[str, str]) -> Step | None:
    """An event of Dagster as a step; None for those that nobody waits for.

    ``verdicts`` keeps what a failed report said, for the failure of its step that follows.
    """
    key = (event.step_key or "").removeprefix("make__").replace("__", "/", 2)
    match event.event_type:
        case DagsterEventType.STEP_START:
            return Step(key, "started")
        case DagsterEventType.ASSET_MATERIALIZATION:
            made = event.step_materialization_data.materialization
            if "failed criteria" in made.metadata:
                verdicts[key] = str(made.metadata["failed criteria"].value)
                return None
            rows = made.metadata.get("dagster/row_count")
            notice = made.metadata.get("notice")
            return Step(
                made.asset_key.to_user_string(),
                "done",
                rows=int(str(rows.value)) if rows else None,
                note=str(notice.value) if notice else "",
            )
        case DagsterEventType.STEP_SKIPPED:
            return Step(key, "skipped")
        case DagsterEventType.STEP_FAILURE:
            return _failure(key, event, verdicts.get(key, ""))
        case _:
            return None


def _failure(key: str, event: DagsterEvent, verdict: str) -> Step:
    failed = event.step_failure_data.user_failure_data
    if failed is not None and "error" in failed.metadata:
        return Step(key, "failed", error=str(failed.metadata["error"].value), text=failed.description or "")
    error = event.step_failure_data.error
    name = (error.cls_name if error is not None else None) or "failure"
    if name == "DagsterAssetCheckFailedError":
        product = key.removeprefix("report/")
        told = f"{key} failed ({verdict}): nothing is published; look at it with `synth-assets report {product}`"
        return Step(key, "failed", error="CertificateFailed", text=told)
    return Step(
        key, "failed", error=name, text=f"{key} failed with {name}; its text is withheld, see Dagster's run page"
    )
