"""What Dagster loads.

What belongs here: the one function that puts assets, jobs, schedules and resources together. What does not: logic.
"""

import dagster as dg

from resources.accountant import BudgetAccountantResource
from resources.environment import read_spec
from resources.warehouse import WarehouseResource
from synth_assets.assets import build_assets
from synth_assets.automation import build_jobs, build_schedules
from synth_assets.spec import Spec

_FORKSERVER = {"forkserver": {"preload_modules": ["dagster", "synth_assets.assets"]}}
"""Steps fork from a process that has imported the graph, instead of importing it anew for seconds each."""


def build_defs(spec: Spec) -> dg.Definitions:
    """The definitions of a spec; tests and the command line use the same."""
    return dg.Definitions(
        assets=build_assets(spec),
        jobs=build_jobs(spec),
        schedules=build_schedules(spec),
        resources={
            "warehouse": WarehouseResource(root=str(spec.root)),
            "accountant": BudgetAccountantResource(path=str(spec.root / "ledger.db")),
        },
        executor=dg.multiprocess_executor.configured({"max_concurrent": 2, "start_method": _FORKSERVER}),
    )


@dg.definitions
def defs() -> dg.Definitions:
    """The definitions of the spec that the environment names."""
    return build_defs(read_spec())
