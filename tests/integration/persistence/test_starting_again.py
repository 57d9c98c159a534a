"""Rows that live a second time: an application after its rejection, a deposit after its end."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from bountyexpo.domain.ids import new_id
from bountyexpo.domain.market import bounty
from bountyexpo.domain.market.application import Status
from bountyexpo.domain.policy import Policy
from bountyexpo.errors import StaleVersion
from bountyexpo.persistence.market import bounty_writes, requests
from bountyexpo.persistence.market.bounties import Terms
from bountyexpo.persistence.market.bounty_writes import NewBounty
from bountyexpo.persistence.market.requests import Wish
from bountyexpo.persistence.money import payments
from bountyexpo.persistence.money.payments import Advance, NewPayment

if TYPE_CHECKING:
    from bountyexpo.persistence.pool import Pool


@pytest.fixture
async def people(database: Pool) -> tuple[str, str]:
    """A poster and a hunter."""
    found = new_id(), new_id()
    for user in found:
        await database.execute(
            "insert into users (id, username) values (%s, %s)", (user, f"user-{user[:13]}")
        )
        await database.execute("insert into user_profiles (user_id) values (%s)", (user,))
    return found


async def _apply(database: Pool, bounty_id: str, hunter: str, note: str) -> None:
    await requests.insert(
        database,
        new_id(),
        bounty_id,
        hunter,
        status=Status.PENDING,
        wish=Wish(message=note),
    )


async def test_a_rejected_application_waits_again_in_its_own_row(
    database: Pool, people: tuple[str, str]
) -> None:
    (poster, hunter), bounty_id = people, new_id()
    terms = Terms(title="Walk the dog", description="Twice a day, please.", amount_cents=500)
    new = NewBounty(
        terms=terms,
        funding=Policy().terms(),
        status=bounty.Status.OPEN,
        posted_at=datetime.now(UTC),
    )
    await bounty_writes.insert(database, bounty_id, poster, new)
    await _apply(database, bounty_id, hunter, "first")
    first = await requests.of_hunter(database, bounty_id, hunter)
    assert first is not None
    await requests.decide(database, {first.id: Status.REJECTED})
    assert await requests.count_of(database, hunter, Status.PENDING) == 0

    await _apply(database, bounty_id, hunter, "second")

    again = await requests.of_hunter(database, bounty_id, hunter)
    assert again is not None
    assert (again.id, again.status, again.message) == (first.id, "pending", "second")


async def test_a_deposit_that_ended_forgets_its_intent(
    database: Pool, people: tuple[str, str]
) -> None:
    new = NewPayment(
        id=new_id(),
        user_id=people[0],
        kind="deposit",
        amount_cents=500,
        status="creating",
        description=None,
        idempotency_key=None,
        request_hash="",
    )
    await payments.insert(database, new)
    made = await payments.get(database, new.id)
    await payments.advance(
        database, made, Advance(status="canceled", intent_id="pi_1", failure_code="expired")
    )
    ended = await payments.get(database, new.id)

    await payments.start_again(database, ended, "creating")

    again = await payments.get(database, new.id)
    assert (again.status, again.stripe_payment_intent_id, again.failure_code) == (
        "creating",
        None,
        None,
    )
    assert again.version == ended.version + 1
    assert again.replaced_intent_ids == ["pi_1"]
    assert await payments.of_intent(database, "pi_1") == again
    assert await payments.by_intent(database, "pi_1") is None
    with pytest.raises(StaleVersion):
        await payments.start_again(database, ended, "creating")
