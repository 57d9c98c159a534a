"""The account that earnings are paid into: what each word of the provider makes of it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from bountyexpo.actors.money.effects import connect_account as effects
from bountyexpo.actors.money.effects.connect_account import Told
from bountyexpo.domain.ids import new_id
from bountyexpo.domain.machine import Outcome, Role
from bountyexpo.domain.money.connect_account import MACHINE, Effect, Event, Facts, State
from bountyexpo.errors import StaleVersion
from bountyexpo.persistence.money import connect_accounts

if TYPE_CHECKING:
    from bountyexpo.persistence.money.connect_accounts import ConnectAccount
    from bountyexpo.persistence.pool import Pool

NOW = datetime(2026, 1, 2, tzinfo=UTC)
SUBMITTED = Told(stripe_account_id="acct_1", are_details_submitted=True)
ENABLED = Told(
    stripe_account_id="acct_1",
    are_details_submitted=True,
    are_charges_enabled=True,
    are_payouts_enabled=True,
)
RESTRICTED = Told(
    stripe_account_id="acct_1",
    are_details_submitted=True,
    disabled_reason="requirements.past_due",
    requirements=["individual.id_number"],
)


class Owner:
    """A hunter who sets up a payout account."""

    def __init__(self, db: Pool) -> None:
        self.db, self.id = db, new_id()

    async def open(self) -> None:
        await self.db.execute(
            "insert into users (id, username) values (%s, %s)", (self.id, self.id[:13])
        )

    async def step(
        self,
        known: ConnectAccount,
        event: Event,
        told: Told | None = None,
        *,
        role: Role = Role.PROVIDER,
        now: datetime = NOW,
    ) -> ConnectAccount:
        facts = Facts(
            are_details_submitted=told is not None and told.are_details_submitted,
            are_payouts_enabled=told is not None and told.are_payouts_enabled,
            is_newest=known.told_at is None or now > known.told_at,
            was_onboarded=known.onboarded_at is not None,
        )
        decision = MACHINE.decide(known.state, event, role, facts)
        if decision.outcome is not Outcome.MOVE:
            return known
        async with self.db.transaction() as tx:
            done = await effects.carry_out(tx, known, decision, told=told, now=now)
        assert done == await connect_accounts.of_user(self.db, self.id)
        return done

    async def created(self) -> ConnectAccount:
        absent = await connect_accounts.of_user(self.db, self.id)
        return await self.step(absent, Event.CREATE, role=Role.OWNER)

    async def told(self) -> list[dict[str, Any]]:
        rows = await self.db.fetch(
            "select payload from stream_events where type = 'connect.updated' order by seq"
        )
        return [row["payload"] for row in rows]

    async def notices(self) -> list[str]:
        return [row["kind"] for row in await self.db.fetch("select kind from notices")]


@pytest.fixture
async def owner(database: Pool) -> Owner:
    found = Owner(database)
    await found.open()
    return found


async def test_two_calls_at_once_make_one_account(owner: Owner) -> None:
    created = await owner.created()
    again = await owner.step(created, Event.CREATE, role=Role.OWNER)

    assert (created.state, again) == (State.CREATED, created)
    [row] = await owner.db.fetch("select type, payload from outbox")
    assert row["type"] == "connect.create_account"
    assert row["payload"]["key"] == f"connect_acct_{owner.id}_1"


async def test_the_details_are_given_and_then_payouts_are_enabled(owner: Owner) -> None:
    submitted = await owner.step(await owner.created(), Event.TOLD, SUBMITTED)
    assert (submitted.state, submitted.stripe_account_id) == (State.DETAILS_SUBMITTED, "acct_1")
    assert await owner.told() == []

    later = NOW + timedelta(hours=1)
    enabled = await owner.step(submitted, Event.TOLD, ENABLED, now=later)

    assert (enabled.state, enabled.onboarded_at) == (State.PAYOUTS_ENABLED, later)
    assert await owner.told() == [
        {
            "accountId": "acct_1",
            "status": "payouts_enabled",
            "payoutsEnabled": True,
            "reason": None,
        }
    ]
    assert await owner.notices() == ["connect"]


async def test_who_is_restricted_and_comes_back_was_onboarded_once(owner: Owner) -> None:
    enabled = await owner.step(await owner.created(), Event.TOLD, ENABLED)

    later = NOW + timedelta(hours=1)
    restricted = await owner.step(enabled, Event.TOLD, RESTRICTED, now=later)
    assert (restricted.state, restricted.requirements) == (
        State.RESTRICTED,
        ["individual.id_number"],
    )
    again = await owner.step(restricted, Event.TOLD, ENABLED, now=later + timedelta(hours=1))

    assert (again.state, again.onboarded_at) == (State.PAYOUTS_ENABLED, NOW)
    assert [told["status"] for told in await owner.told()] == [
        "payouts_enabled",
        "restricted",
        "payouts_enabled",
    ]
    assert await owner.notices() == ["connect"] * 3


async def test_an_account_that_was_taken_away_is_forgotten(owner: Owner) -> None:
    enabled = await owner.step(await owner.created(), Event.TOLD, ENABLED)

    gone = await owner.step(enabled, Event.DEAUTHORIZED)

    assert (gone.state, gone.stripe_account_id) == (State.NONE, None)
    assert not gone.are_payouts_enabled
    assert (await owner.told())[-1]["status"] == "none"
    # Another one has another key.
    await owner.step(gone, Event.CREATE, role=Role.OWNER)
    keys = await owner.db.fetch("select payload->>'key' as key from outbox order by id")
    assert len({row["key"] for row in keys}) == 2


async def test_something_older_does_not_replace_what_is_known(owner: Owner) -> None:
    enabled = await owner.step(await owner.created(), Event.TOLD, ENABLED)

    assert await owner.step(enabled, Event.TOLD, RESTRICTED, now=NOW) == enabled


async def test_two_at_once_are_told_apart_by_the_version(owner: Owner) -> None:
    created = await owner.created()
    await owner.step(created, Event.TOLD, SUBMITTED)

    with pytest.raises(StaleVersion):
        await owner.step(created, Event.TOLD, ENABLED)


async def test_a_crash_in_a_handler_leaves_nothing(owner: Owner, monkeypatch: Any) -> None:
    created = await owner.created()

    async def broken(_tx: Any, _step: Any) -> None:
        raise ZeroDivisionError

    monkeypatch.setitem(effects.HANDLERS, Effect.NOTIFY_OWNER, broken)
    with pytest.raises(ZeroDivisionError):
        await owner.step(created, Event.TOLD, ENABLED)

    assert await connect_accounts.of_user(owner.db, owner.id) == created
    assert (await owner.told(), await owner.notices()) == ([], [])
