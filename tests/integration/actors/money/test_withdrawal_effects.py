"""Money on its way to a bank: what each step of its machine books, asks, keeps and tells."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from bountyexpo.actors.money import postings
from bountyexpo.actors.money.effects import withdrawal as effects
from bountyexpo.actors.money.effects.withdrawal_step import About, word
from bountyexpo.domain.ids import new_id
from bountyexpo.domain.machine import Outcome, Role
from bountyexpo.domain.money.ledger.wallets import deposit_captured
from bountyexpo.domain.money.withdrawal import Effect, Event, Status
from bountyexpo.domain.money.withdrawal_rules import MACHINE
from bountyexpo.errors import Conflict, InsufficientBalance, StaleVersion
from bountyexpo.persistence.money import ledger, withdrawals
from bountyexpo.persistence.money.withdrawals import Withdrawal

if TYPE_CHECKING:
    from bountyexpo.persistence.pool import Pool

CENTS = 9_500
TRANSFER = About(transfer_id="tr_1")
PAYOUT = About(payout_id="po_1")
REVERSAL = About(reversal_id="trr_1")


class Payee:
    """A hunter with $100.00 in the wallet."""

    def __init__(self, db: Pool) -> None:
        self.db, self.id = db, new_id()

    async def open(self) -> None:
        await self.db.execute(
            "insert into users (id, username) values (%s, %s)", (self.id, self.id[:13])
        )
        async with self.db.transaction() as tx:
            deposit = deposit_captured(intent_id="pi_1", user_id=self.id, amount_cents=10_000)
            await postings.post(tx, deposit)

    def new(self, **columns: Any) -> Withdrawal:
        return Withdrawal(
            **{
                "id": new_id(),
                "user_id": self.id,
                "amount_cents": CENTS,
                "stripe_account_id": "acct_1",
                **columns,
            }
        )

    async def step(
        self,
        known: Withdrawal,
        event: Event,
        about: About | None = None,
        *,
        role: Role = Role.PROVIDER,
        **facts: Any,
    ) -> Withdrawal:
        """Decide and carry out; what is returned is what is stored."""
        about = about or About()
        is_known = about.object_id is not None and word(event, about.object_id) in known.heard
        told = msgspec.structs.replace(known.facts, is_known=is_known, **facts)
        decision = MACHINE.decide(known.status if known.version else None, event, role, told)
        if decision.outcome is not Outcome.MOVE:
            return known
        async with self.db.transaction() as tx:
            done = await effects.carry_out(tx, known, event, decision, about)
        assert done == await withdrawals.get(self.db, done.id)
        return done

    async def requested(self, **columns: Any) -> Withdrawal:
        return await self.step(self.new(**columns), Event.REQUEST, role=Role.OWNER)

    async def transferred(self, **columns: Any) -> Withdrawal:
        return await self.step(await self.requested(**columns), Event.TRANSFER_MADE, TRANSFER)

    async def pending(self, **columns: Any) -> Withdrawal:
        return await self.step(await self.transferred(**columns), Event.PAYOUT_MADE, PAYOUT)

    async def paid(self) -> Withdrawal:
        return await self.step(await self.pending(), Event.PAID, PAYOUT)

    async def available(self) -> int:
        assert await ledger.imbalance_cents(self.db) == 0
        return (await ledger.wallet(self.db, self.id)).available_cents

    async def accounts(self) -> dict[str, int]:
        """Where the money is that is in no wallet."""
        rows = await self.db.fetch(
            """select kind, sum(balance_cents)::bigint as cents from ledger_accounts
               where kind <> 'user_available' and balance_cents <> 0 group by 1"""
        )
        return {row["kind"]: row["cents"] for row in rows}

    async def calls(self) -> list[tuple[str, dict[str, Any]]]:
        rows = await self.db.fetch("select type, payload from outbox order by id")
        return [(row["type"], row["payload"]) for row in rows]

    async def told(self) -> list[tuple[str, str | None]]:
        rows = await self.db.fetch(
            """select type, payload from stream_events
               where stream = %s and type like 'payout.%%' order by seq""",
            (f"user:{self.id}",),
        )
        return [(row["type"], row["payload"].get("reason")) for row in rows]

    async def notices(self) -> list[tuple[str, str]]:
        rows = await self.db.fetch("select kind, dedupe_key from notices order by id")
        return [(row["kind"], row["dedupe_key"]) for row in rows]

    async def findings(self) -> list[str]:
        return [row["type"] for row in await self.db.fetch("select type from findings")]


@pytest.fixture
async def payee(database: Pool) -> Payee:
    found = Payee(database)
    await found.open()
    return found


async def test_a_request_takes_the_money_before_anybody_is_asked(payee: Payee) -> None:
    requested = await payee.requested()

    assert requested.status is Status.REQUESTED
    assert await payee.available() == 500
    assert (await payee.accounts())["withdrawal_in_flight"] == CENTS
    [(kind, call)] = await payee.calls()
    assert kind == "withdrawal.make_transfer"
    assert (call["key"], call["amountCents"]) == (f"transfer_{requested.id}", CENTS)
    assert call["accountId"] == "acct_1"
    [row] = await payee.db.fetch("select due_at is not null as is_due from withdrawals")
    assert row["is_due"]


async def test_what_the_wallet_does_not_hold_is_not_sent(payee: Payee) -> None:
    with pytest.raises(InsufficientBalance):
        await payee.requested(amount_cents=10_001)

    assert await payee.available() == 10_000
    assert await payee.db.fetch("select 1 from withdrawals") == []


async def test_one_at_a_time_is_on_its_way(payee: Payee) -> None:
    await payee.requested(amount_cents=1_000)

    with pytest.raises(Conflict) as refusal:
        await payee.requested(amount_cents=1_000)

    assert refusal.value.error_code == "withdrawal_in_progress"
    assert await payee.available() == 9_000


async def test_a_withdrawal_that_goes_well(payee: Payee) -> None:
    transferred = await payee.transferred()
    assert (transferred.status, transferred.transfer_id) == (Status.TRANSFERRED, "tr_1")
    assert (await payee.accounts())["stripe_connect"] == -CENTS
    kind, call = (await payee.calls())[-1]
    assert (kind, call["key"]) == ("withdrawal.make_payout", f"payout_{transferred.id}")

    pending = await payee.step(transferred, Event.PAYOUT_MADE, PAYOUT)
    assert (pending.status, pending.payout_id) == (Status.PAYOUT_PENDING, "po_1")
    paid = await payee.step(pending, Event.PAID, PAYOUT)
    again = await payee.step(paid, Event.PAID, PAYOUT)

    assert (paid.status, paid.was_paid, again) == (Status.PAID, True, paid)
    assert await payee.accounts() == {"stripe_platform": -500}
    assert await payee.told() == [("payout.paid", None)]
    assert await payee.notices() == [("payout", "po:po_1:paid")]
    [row] = await payee.db.fetch("select settled_at is not null as is_settled from withdrawals")
    assert row["is_settled"]


async def test_a_refused_transfer_puts_the_money_back(payee: Payee) -> None:
    refused = await payee.step(
        await payee.requested(),
        Event.TRANSFER_REFUSED,
        About(failure_code="account_closed", failure_message="x" * 600),
    )

    assert (refused.status, refused.failure_code) == (Status.VOID, "account_closed")
    assert await payee.available() == 10_000
    assert await payee.told() == [("payout.failed", "account_closed")]
    assert await payee.notices() == [("transfer", f"tr:{refused.id}:failed")]


async def test_an_unknown_outcome_is_asked_for_again_word_for_word(payee: Payee) -> None:
    requested = await payee.requested()
    unknown = await payee.step(requested, Event.TRANSFER_UNKNOWN)
    assert (unknown.status, await payee.available()) == (Status.REQUESTED, 500)

    await payee.step(unknown, Event.REPLAY, role=Role.TIMER)

    first, second = await payee.calls()
    assert first == second


async def test_a_failed_payout_is_reversed_before_the_wallet_has_it(payee: Payee) -> None:
    about = About(payout_id="po_1", failure_code="account_closed")
    reversing = await payee.step(await payee.pending(), Event.PAYOUT_FAILED, about)
    assert (reversing.status, await payee.available()) == (Status.REVERSING, 500)
    kind, call = (await payee.calls())[-1]
    assert (kind, call["key"], call["transferId"]) == (
        "withdrawal.make_reversal",
        "reverse_tr_1",
        "tr_1",
    )

    back = await payee.step(reversing, Event.REVERSED, REVERSAL)
    again = await payee.step(back, Event.REVERSED, REVERSAL)

    assert (back.status, again) == (Status.REVERSED, back)
    assert await payee.available() == 10_000
    assert await payee.accounts() == {"stripe_platform": -10_000}
    assert await payee.notices() == [("transfer", "tr:tr_1:reversed")]


async def test_a_bank_may_send_back_what_it_had(payee: Payee) -> None:
    about = About(payout_id="po_1", failure_code="returned")
    reversing = await payee.step(await payee.paid(), Event.PAYOUT_FAILED, about)
    assert (await payee.accounts())["withdrawal_in_flight"] == CENTS
    # The old word that it was paid does not count any more.
    assert await payee.step(reversing, Event.PAID, About(payout_id="po_2")) == reversing

    back = await payee.step(reversing, Event.REVERSED, REVERSAL)

    assert back.status is Status.REVERSED
    assert await payee.available() == 10_000


async def test_a_part_that_comes_back_leaves_the_rest_on_its_way(payee: Payee) -> None:
    part = About(reversal_id="trr_0", amount_cents=4_000)
    pending = await payee.step(await payee.pending(), Event.REVERSED, part, is_part=True)
    assert (pending.status, pending.rest_cents) == (Status.PAYOUT_PENDING, 5_500)
    assert await payee.available() == 4_500
    assert await payee.findings() == ["unexpected_reversal"]

    paid = await payee.step(pending, Event.PAID, PAYOUT)
    assert paid.status is Status.PAID
    assert await payee.accounts() == {"stripe_platform": -4_500}


async def test_a_part_that_comes_back_from_the_bank(payee: Payee) -> None:
    part = About(reversal_id="trr_0", amount_cents=4_000)
    paid = await payee.step(await payee.paid(), Event.REVERSED, part, is_part=True)
    assert (paid.status, await payee.available()) == (Status.PAID, 4_500)
    assert await payee.accounts() == {"stripe_platform": -4_500}

    back = await payee.step(paid, Event.REVERSED, REVERSAL)

    assert (back.status, await payee.available()) == (Status.REVERSED, 10_000)
    assert await payee.accounts() == {"stripe_platform": -10_000}


async def test_a_reversal_that_is_refused_waits_for_people(payee: Payee) -> None:
    reversing = await payee.step(await payee.pending(), Event.PAYOUT_FAILED, PAYOUT)

    stuck = await payee.step(reversing, Event.REVERSAL_REFUSED)

    assert (stuck.status, stuck.is_stuck) == (Status.REVERSING, True)
    assert await payee.available() == 500
    assert await payee.findings() == ["reversal_refused"]
    settled = await payee.step(
        stuck, Event.ADMIN_SETTLE, About(reason="paid by cheque"), role=Role.ADMIN
    )
    assert settled.status is Status.MANUALLY_PAID
    assert await payee.accounts() == {
        "stripe_platform": -10_000,
        "platform_adjustments": CENTS,
    }
    [row] = await payee.db.fetch("select action, reason from audit_log")
    assert row == {"action": "withdrawal_admin_settle", "reason": "paid by cheque"}
    assert (await payee.notices())[-1] == ("payout", f"po:{settled.id}:manually_paid")


async def test_what_came_back_is_taken_again_before_it_is_paid_by_hand(payee: Payee) -> None:
    void = await payee.step(await payee.requested(), Event.TRANSFER_REFUSED)

    with pytest.raises(Conflict):
        await payee.step(void, Event.ADMIN_SETTLE, role=Role.ADMIN)
    await payee.step(void, Event.ADMIN_SETTLE, role=Role.ADMIN, is_debited_again=True)

    assert await payee.available() == 500
    assert (await payee.accounts())["platform_adjustments"] == CENTS


async def test_a_transfer_after_its_refusal_is_taken_back(payee: Payee) -> None:
    void = await payee.step(await payee.requested(), Event.TRANSFER_REFUSED)

    late = await payee.step(void, Event.TRANSFER_MADE, TRANSFER)

    assert late.status is Status.VOID
    assert await payee.findings() == ["late_transfer"]
    assert (await payee.calls())[-1][0] == "withdrawal.make_reversal"


async def test_a_payout_after_the_end_is_looked_at(payee: Payee) -> None:
    reversing = await payee.step(await payee.pending(), Event.PAYOUT_FAILED, PAYOUT)
    back = await payee.step(reversing, Event.REVERSED, REVERSAL)

    await payee.step(back, Event.PAID, PAYOUT)

    assert await payee.findings() == ["paid_twice"]
    assert await payee.available() == 10_000


async def test_an_instant_payout_costs_its_fee_until_it_is_not_instant(payee: Payee) -> None:
    transferred = await payee.transferred(amount_cents=9_000, fee_cents=90, is_instant=True)
    assert await payee.available() == 910
    assert (await payee.accounts())["platform_instant_fees"] == 90

    standard = await payee.step(transferred, Event.PAYOUT_REFUSED)

    assert (standard.status, standard.is_instant) == (Status.TRANSFERRED, False)
    assert await payee.available() == 1_000
    kind, call = (await payee.calls())[-1]
    assert (kind, call["key"]) == (
        "withdrawal.make_standard_payout",
        f"standard_payout_{standard.id}",
    )
    assert await payee.notices() == [("payout", f"po:{standard.id}:standard")]


async def test_an_instant_payout_that_fails_gives_its_fee_back(payee: Payee) -> None:
    requested = await payee.requested(amount_cents=9_000, fee_cents=90, is_instant=True)

    await payee.step(requested, Event.TRANSFER_REFUSED)

    assert await payee.available() == 10_000


async def test_trying_again_is_a_new_withdrawal_that_names_this_one(payee: Payee) -> None:
    void = await payee.step(await payee.requested(), Event.TRANSFER_REFUSED)

    retried = await payee.step(void, Event.RETRY, role=Role.OWNER)

    assert retried.retries == 1
    kind, call = (await payee.calls())[-1]
    assert kind == "withdrawal.start_retry"
    assert (call["retryOf"], call["amountCents"]) == (void.id, CENTS)


async def test_a_replay_stays_due_while_other_things_are_heard(payee: Payee) -> None:
    transferred = await payee.transferred()
    part = About(reversal_id="trr_0", amount_cents=1_000)

    await payee.step(transferred, Event.REVERSED, part, is_part=True)

    [row] = await payee.db.fetch("select due_at is not null as is_due from withdrawals")
    assert row["is_due"]


async def test_two_at_once_are_told_apart_by_the_version(payee: Payee) -> None:
    requested = await payee.requested()
    await payee.step(requested, Event.TRANSFER_MADE, TRANSFER)

    with pytest.raises(StaleVersion):
        await payee.step(requested, Event.TRANSFER_UNKNOWN)
    with pytest.raises((StaleVersion, Conflict)):
        await payee.step(requested, Event.TRANSFER_REFUSED)


@pytest.mark.parametrize("effect", [Effect.POST_TRANSFERRED, Effect.MAKE_PAYOUT])
async def test_a_crash_in_a_handler_leaves_nothing(
    payee: Payee, monkeypatch: Any, effect: Effect
) -> None:
    requested = await payee.requested()
    before = (await payee.accounts(), await payee.calls())
    usual = effects.HANDLERS[effect]

    async def broken(tx: Any, step: Any) -> None:
        await usual(tx, step)
        raise ZeroDivisionError

    with monkeypatch.context() as patch:
        patch.setitem(effects.HANDLERS, effect, broken)
        with pytest.raises(ZeroDivisionError):
            await payee.step(requested, Event.TRANSFER_MADE, TRANSFER)

    assert (await payee.accounts(), await payee.calls()) == before
    assert await withdrawals.get(payee.db, requested.id) == requested
