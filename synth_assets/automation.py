"""Jobs and schedules of a spec.

What belongs here: one job for everything, and for each product with a ``schedule`` a job over its upstream assets and
the schedule that starts it. What does not: conditions on data; a tick without a new snapshot costs nothing, because
the release is found in the ledger.
"""

from typing import Any

import dagster as dg

from synth_assets.spec import Spec

EVERYTHING = "everything"
"""The job that materializes the whole graph."""


def build_jobs(spec: Spec) -> list[Any]:
    """The job over everything and one job for each product."""
    jobs = [dg.define_asset_job(EVERYTHING, dg.AssetSelection.all(), description="The whole graph.")]
    for consumer, product in spec.products():
        published = dg.AssetSelection.assets(dg.AssetKey(["published", consumer.name, product.name]))
        jobs.append(
            dg.define_asset_job(
                job_name(consumer.name, product.name),
                published.upstream(),
                description=f"{product.name} for {consumer.name}, with all that it is made from.",
                tags={"consumer": consumer.name, "product": product.name},
            )
        )
    return jobs


def build_schedules(spec: Spec) -> list[dg.ScheduleDefinition]:
    """A running schedule for each product that has one."""
    return [
        dg.ScheduleDefinition(
            name=f"{job_name(consumer.name, product.name)}__schedule",
            job_name=job_name(consumer.name, product.name),
            cron_schedule=product.schedule,
            execution_timezone="UTC",
            default_status=dg.DefaultScheduleStatus.RUNNING,
        )
        for consumer, product in spec.products()
        if product.schedule is not None
    ]


def job_name(consumer: str, product: str) -> str:
    """The name of a product's job."""
    return f"{consumer}__{product}"
