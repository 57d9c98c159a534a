"""Disputes by the clock: idle ones close, old ones are escalated, decisions become final."""

from __future__ import annotations

import pytest
from bountyexpo.actors.market.bounty_messages import Said, TakeDisputeStep
from bountyexpo.domain.ids import new_id
from bountyexpo.domain.machine import Role
from bountyexpo.domain.market.bounty import Event as BountyEvent
from bountyexpo.domain.market.bounty import Stage
from bountyexpo.domain.market.dispute import APPEAL_WINDOW_S, AUTO_CLOSE_S, ESCALATE_S, Event
from bountyexpo.jobs.market.disputes import TIMERS, forget_staged, tell_due
from bountyexpo.persistence.market import dispute_answers, disputes
from bountyexpo.persistence.market.dispute_answers import Evidence

MINUTE_S = 60


class Quarrel:
    """A dispute about a bounty of $10.00."""

    def __init__(self, market) -> None:
        self.market = market

    async def begin(self):
        market = self.market
        self.poster, self.hunter = await market.person(cents=1_000), await market.person()
        self.admin = await market.person()
        self.bounty_id = await market.bounty(self.poster, cents=1_000)
        applied = await market.apply(self.hunter, self.bounty_id)
        await market.accept(self.poster, self.bounty_id, applied.id)
        said = Said(text="It is red.", stage=Stage.IN_PROGRESS)
        taken = await market.step(self.bounty_id, BountyEvent.DISPUTE, self.poster, said=said)
        self.id = taken.dispute.id
        return self

    async def take(self, event, actor_id, role=None, **said):
        message = TakeDisputeStep(
            dispute_id=self.id, event=event, actor_id=actor_id, role=role, said=Said(**said)
        )
        return (await self.market.actors.bounty(self.bounty_id).ask(message)).dispute

    async def after(self, seconds, *timers):
        """Let time pass, and the jobs run twice."""
        self.market.clock.late_s = seconds
        for event in (timers or TIMERS) * 2:
            await tell_due(event, await self.market.job_run())
        return await disputes.get(self.market.db, self.id)

    async def escrow(self):
        return (await self.market.escrow(self.bounty_id)).state


@pytest.fixture
async def quarrel(market):
    return await Quarrel(market).begin()


async def test_one_that_nobody_answers_closes_after_seven_days(quarrel):
    early = await quarrel.after(AUTO_CLOSE_S - MINUTE_S)
    assert (early.status, await quarrel.escrow()) == ("open", "frozen")

    closed = await quarrel.after(AUTO_CLOSE_S + MINUTE_S)

    assert (closed.status, await quarrel.escrow()) == ("closed", "held")
    events = await quarrel.market.events(quarrel.bounty_id, "dispute.updated")
    assert [event.payload["status"] for event in events] == ["open", "closed"]


async def test_one_that_is_open_for_fourteen_days_goes_to_an_admin(quarrel):
    early = await quarrel.after(ESCALATE_S - MINUTE_S, Event.ESCALATE)
    assert (early.status, early.escalated_at) == ("open", None)

    late = await quarrel.after(ESCALATE_S + MINUTE_S, Event.ESCALATE)

    assert late.status == "under_review"
    assert late.escalated_at is not None
    # An admin has it now, so nobody closes it.
    assert (await quarrel.after(ESCALATE_S + MINUTE_S)).status == "under_review"


async def test_an_early_tick_changes_nothing(quarrel):
    before = await disputes.get(quarrel.market.db, quarrel.id)

    for event in TIMERS:
        await quarrel.take(event, None, Role.TIMER)

    assert await disputes.get(quarrel.market.db, quarrel.id) == before


async def test_one_under_review_is_escalated_once(quarrel):
    await quarrel.take(Event.REVIEW, quarrel.admin, Role.ADMIN)
    early = await quarrel.after(ESCALATE_S - MINUTE_S)
    assert early.escalated_at is None

    late = await quarrel.after(ESCALATE_S + MINUTE_S)

    assert (late.status, await quarrel.escrow()) == ("under_review", "frozen")
    assert late.escalated_at is not None
    notices = await quarrel.market.db.fetch(
        "select audience from notices where dedupe_key = %s", (f"esc:{quarrel.id}",)
    )
    assert [row["audience"] for row in notices] == ["admins"]
    assert (await quarrel.after(2 * ESCALATE_S)).version == late.version


async def test_a_decision_is_final_after_seven_days_unless_it_is_appealed(quarrel):
    await quarrel.take(Event.RESOLVE_POSTER, quarrel.admin, Role.ADMIN, text="It is red.")
    early = await quarrel.after(APPEAL_WINDOW_S - MINUTE_S)
    assert early.status == "resolved_poster_wins"
    await quarrel.take(Event.APPEAL, quarrel.hunter, text="It was to be red.")

    waiting = await quarrel.after(APPEAL_WINDOW_S + MINUTE_S)
    assert (waiting.status, waiting.has_open_appeal) == ("resolved_poster_wins", True)
    await quarrel.take(Event.UPHOLD_FOR_HUNTER, quarrel.admin, Role.ADMIN, text="So it was.")
    upheld = await quarrel.after(APPEAL_WINDOW_S - MINUTE_S)
    assert upheld.status == "resolved_hunter_wins"

    final = await quarrel.after(APPEAL_WINDOW_S + MINUTE_S)

    assert (final.status, final.winner) == ("closed", "hunter")
    assert await quarrel.market.available(quarrel.hunter) == 950


async def test_evidence_that_is_never_shown_is_forgotten(market):
    person = await market.person()
    shown = Evidence(type="text", body="It is red.")
    kept, gone = new_id(), new_id()
    await dispute_answers.stage(market.db, kept, person, shown, ttl_s=600.0, most=2)
    await dispute_answers.stage(market.db, gone, person, shown, ttl_s=-1.0, most=2)
    assert await dispute_answers.stage(market.db, new_id(), person, shown, ttl_s=9, most=2) is None

    await forget_staged(await market.job_run())

    assert [row.id for row in await dispute_answers.staged(market.db, [kept, gone])] == [kept]
