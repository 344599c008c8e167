"""When a schedule runs dry: the charges of coming ticks laid over what remains of a budget."""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import NamedTuple

from synth_assets.accounting.budget import NOTHING, Spend, Total, exact

_TICKS_WALKED = 10_000


class Tick(NamedTuple):
    """What one schedule charges each time it fires; ``cron`` has the five usual fields."""

    cron: str
    epsilon: float
    delta: float = 0.0


def exhausted_at(remaining: Spend, ticks: Sequence[Tick], start: datetime) -> datetime | None:
    """Return the first time after ``start`` at which a scheduled charge would no longer fit.

    Ticks are walked one by one for the first 10,000 charges; where the budget outlasts these, the rate seen so far
    is extrapolated. ``start`` may carry a time zone, in which the schedules are then read. Returns None when nothing
    scheduled costs anything, or when the budget outlasts the calendar.

    Raises:
        ValueError: a cron expression is malformed, which the spec has checked before.
    """
    priced = [tick for tick in ticks if tick.epsilon > 0 or tick.delta > 0]
    ceiling = Total(exact(remaining.epsilon), exact(remaining.delta))
    spent = NOTHING
    for walked, (moment, tick) in enumerate(_fire(priced, start), start=1):
        after = spent.plus(Total(exact(tick.epsilon), exact(tick.delta)))
        if not after.fits(ceiling):
            return moment
        spent = after
        if walked == _TICKS_WALKED:
            return _extrapolate(start, moment, spent, ceiling)
    return None


def _fire(ticks: Sequence[Tick], start: datetime) -> Iterator[tuple[datetime, Tick]]:
    """Yield the moments at which schedules fire, in the order of time; equal moments in the order given."""
    from croniter import CroniterBadDateError, croniter

    schedules = [croniter(tick.cron, start) for tick in ticks]
    heap: list[tuple[datetime, int]] = []
    for place, schedule in enumerate(schedules):
        heapq.heappush(heap, (schedule.get_next(datetime), place))
    while heap:
        moment, place = heapq.heappop(heap)
        yield moment, ticks[place]
        try:
            heapq.heappush(heap, (schedules[place].get_next(datetime), place))
        except (CroniterBadDateError, OverflowError):
            continue  # this schedule never fires again


def _extrapolate(start: datetime, moment: datetime, spent: Total, ceiling: Total) -> datetime | None:
    parts = zip(ceiling, spent, strict=True)
    times = min(float(most / used) for most, used in parts if used > 0)
    try:
        return start + (moment - start) * times
    except OverflowError:
        return None
