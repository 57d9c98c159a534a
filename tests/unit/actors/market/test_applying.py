"""Who may apply again, and when."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from bountyexpo.errors import RateLimited

from tests.unit.actors.market.stage import NOW

if TYPE_CHECKING:
    from bountyexpo.actors.market.rows import Rows

    from tests.unit.actors.market.stage import ScriptedStage

DAY = timedelta(days=1)


async def rejected(stage: ScriptedStage, *, age: timedelta, by_poster: bool) -> tuple[Rows, str]:
    """A bounty, and the hunter whose application to it was rejected so long ago."""
    rows, first = await stage.applied(await stage.posted())
    stage.applications[first.bounty_id, first.hunter_id] |= {
        "status": "rejected",
        "decided_at": NOW - age,
        "decided_by": rows.bounty.poster_id if by_poster else None,
    }
    return rows, first.hunter_id


@pytest.mark.parametrize("age", [timedelta(), DAY / 2, DAY - timedelta(seconds=1)])
async def test_whom_the_poster_has_rejected_waits_for_a_day(
    stage: ScriptedStage, age: timedelta
) -> None:
    rows, hunter_id = await rejected(stage, age=age, by_poster=True)

    with pytest.raises(RateLimited) as refused:
        await stage.applied(rows, hunter_id)

    assert refused.value.error_code == "APPLIED_TOO_SOON"
    assert refused.value.retry_after_s == (DAY - age).total_seconds()


@pytest.mark.parametrize(
    ("age", "by_poster"),
    [(DAY, True), (timedelta(), False)],
    ids=["a day later", "closed because another was accepted"],
)
async def test_others_may_apply_again_at_once(
    stage: ScriptedStage, age: timedelta, *, by_poster: bool
) -> None:
    rows, hunter_id = await rejected(stage, age=age, by_poster=by_poster)

    _, again = await stage.applied(rows, hunter_id)

    assert again.status == "pending"
