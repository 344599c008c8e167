"""When a schedule runs dry, on calendars that can be worked by hand."""

from datetime import UTC, datetime

from synth_assets.accounting import Spend, Tick, exhausted_at

START = datetime(2025, 1, 1, tzinfo=UTC)  # a Wednesday


def test_the_first_monday_that_no_longer_fits() -> None:
    # three Mondays fit in 0.3: 6, 13 and 20 January; the 27th does not
    found = exhausted_at(Spend(0.3, 0), [Tick("0 3 * * 1", 0.1)], START)
    assert found == datetime(2025, 1, 27, 3, tzinfo=UTC)


def test_two_schedules_share_one_budget() -> None:
    ticks = [Tick("0 0 * * *", 0.1), Tick("0 12 3 * *", 1.0)]
    # the 2nd costs 0.1, the 3rd 0.1 and, at noon, 1.0; the 4th would be 1.3 of 1.25
    assert exhausted_at(Spend(1.25, 0), ticks, START) == datetime(2025, 1, 4, tzinfo=UTC)


def test_delta_can_be_what_runs_dry() -> None:
    # 1 - 0.9^2 = 0.19 fits, 1 - 0.9^3 = 0.271 does not
    assert exhausted_at(Spend(100, 0.2), [Tick("0 0 1 * *", 1, 0.1)], START) == datetime(2025, 4, 1, tzinfo=UTC)


def test_nothing_left_is_dry_at_the_next_tick() -> None:
    assert exhausted_at(Spend(0, 0), [Tick("0 0 2 * *", 0.1)], START) == datetime(2025, 1, 2, tzinfo=UTC)


def test_free_or_absent_schedules_never_run_dry() -> None:
    assert exhausted_at(Spend(1, 0), [Tick("0 0 * * *", 0.0)], START) is None
    assert exhausted_at(Spend(1, 0), [], START) is None


def test_a_far_end_is_extrapolated_at_the_rate_of_the_first_ten_thousand_ticks() -> None:
    found = exhausted_at(Spend(30, 0), [Tick("0 * * * *", 0.001)], START)
    assert found is not None
    assert abs((found - START).total_seconds() / 3600 - 30_000) <= 1


def test_beyond_the_calendar_there_is_no_date() -> None:
    assert exhausted_at(Spend(1e9, 0), [Tick("0 * * * *", 1e-6)], START) is None
