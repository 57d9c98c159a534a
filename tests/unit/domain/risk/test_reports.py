"""How urgent a report is."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from bountyexpo.domain.risk.reports import PRESSING, URGENCIES, Reason, priority

NOW = datetime(2026, 5, 4, tzinfo=UTC)


# The table of operations §2.4.
@pytest.mark.parametrize(
    ("reason", "first", "hours", "later"),
    [
        ("fraud", "high", 24, "critical"),
        ("harassment", "high", 48, "critical"),
        ("inappropriate", "medium", 72, "high"),
        ("spam", "low", 96, "medium"),
    ],
)
def test_a_report_becomes_more_urgent_while_it_waits(
    reason: str, first: str, hours: int, later: str
) -> None:
    due = NOW - timedelta(hours=hours)

    assert priority(Reason(reason), NOW, NOW) == first
    assert priority(Reason(reason), due + timedelta(seconds=1), NOW) == first
    assert priority(Reason(reason), due, NOW) == later


@pytest.mark.parametrize("reason", Reason)
def test_it_is_pressing_from_the_hour_that_is_counted(reason: Reason) -> None:
    hours = URGENCIES[reason].hours_to_high
    waits = timedelta(hours=hours if hours is not None else 10_000)

    assert (priority(reason, NOW - waits, NOW) in PRESSING) is (hours is not None)
