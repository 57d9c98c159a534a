"""The withdrawals of one user, step by step: asked for, transferred, paid out, or back again.

Each step is stored with its call before the provider is asked, and the call is in the outbox, too:
whoever dies between two steps is followed by the relay, which asks again with the same key
(contract money §3.5). The rules decide, their effects are those of ``effects.withdrawal``, and what
the calls come to is in ``effects.withdrawal_asks``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec
import trio

from bountyexpo.actors.money.effects.withdrawal import carry_out
from bountyexpo.actors.money.effects.withdrawal_asks import (
    answer,
    news_of_reversals,
    payout_as_it_is,
)
from bountyexpo.actors.money.effects.withdrawal_step import About, word
from bountyexpo.domain.machine import Outcome, Role
from bountyexpo.domain.money.withdrawal import Event, Status
from bountyexpo.domain.money.withdrawal_rules import MACHINE
from bountyexpo.errors import NotFound, Unavailable
from bountyexpo.persistence import inbox
from bountyexpo.persistence.money import ledger, withdrawals

if TYPE_CHECKING:
    from bountyexpo.actors.dependencies import ActorDependencies
    from bountyexpo.domain.machine import Decision
    from bountyexpo.domain.money.withdrawal import Facts
    from bountyexpo.persistence.money.withdrawals import Withdrawal

# How long a caller waits for the steps; what is left goes on without them.
STEPS_S: Final = 8.0


class Saga:
    """What happens to the withdrawals of one user, whose actor takes one thing at a time."""

    def __init__(self, ports: ActorDependencies) -> None:
        self._ports = ports

    async def begin(self, new: Withdrawal) -> Withdrawal:
        """Take the money from the wallet, and have it sent as far as it goes in a short time.

        Raises:
            InsufficientBalance: the wallet does not cover it and its fee.
            NotAllowed: nothing may leave the wallet.
            Conflict: another one is on its way.
        """
        db = self._ports.db
        wallet = await ledger.wallet(db, new.user_id)
        facts = msgspec.structs.replace(
            new.facts,
            is_blocked=not await ledger.is_clear(db, new.user_id),
            has_one_in_flight=await withdrawals.has_one_in_flight(db, new.user_id),
            has_funds=wallet.free_cents >= new.amount_cents + new.fee_cents,
        )
        decision = MACHINE.decide(None, Event.REQUEST, Role.OWNER, facts)
        begun = await self._commit(new, Event.REQUEST, decision, About(actor_id=new.user_id))
        return await self.go_on(begun, is_repeat=False)

    async def retry(self, known: Withdrawal, *, retry_id: str) -> Withdrawal:
        """Let ``retry_id`` be what tries it again.

        Raises:
            InvalidRequest: it was tried too often.
            Conflict: it has not come back.
        """
        retries_left = self._ports.policy.withdrawal_retries_max - known.retries
        facts = msgspec.structs.replace(known.facts, has_retries_left=retries_left > 0)
        decision = MACHINE.decide(known.status, Event.RETRY, Role.OWNER, facts)
        about = About(actor_id=known.user_id, retry_id=retry_id)
        return await self._commit(known, Event.RETRY, decision, about)

    async def go_on(self, withdrawal: Withdrawal, *, is_repeat: bool = True) -> Withdrawal:
        """Ask what is left to be asked, one call after the other, for a short time."""
        with trio.move_on_after(STEPS_S):
            while True:
                found = await answer(self._ports, withdrawal, is_repeat=is_repeat)
                if found is None:
                    break
                before = withdrawal.status
                withdrawal = await self.hear(withdrawal, *found)
                # Where haste was refused the payout without it follows in the same state.
                if withdrawal.status is before and found[0] is not Event.PAYOUT_REFUSED:
                    break
                # What follows has never been asked.
                is_repeat = False
        # A step that was cut off may have been written.
        return await self.present(withdrawal.id)

    async def wake(self, withdrawal: Withdrawal) -> Withdrawal:
        """Let what has waited for too long be asked again, by the outbox."""
        event = Event.LOOK if withdrawal.status is Status.PAYOUT_PENDING else Event.REPLAY
        decision = MACHINE.decide(withdrawal.status, event, Role.TIMER, withdrawal.facts)
        if not decision.is_move:
            return withdrawal
        return await self._commit(withdrawal, event, decision, About())

    async def hear_of_payout(
        self, withdrawal: Withdrawal, payout_id: str, *, inbox_id: int | None = None
    ) -> Withdrawal:
        """Take in what a payout has come to."""
        event, about = await payout_as_it_is(self._ports, withdrawal, payout_id)
        heard = await self.hear(withdrawal, event, about, inbox_id=inbox_id)
        return await self.go_on(heard, is_repeat=heard.status is withdrawal.status)

    async def hear_of_transfer(
        self, withdrawal: Withdrawal, transfer_id: str, *, inbox_id: int | None = None
    ) -> Withdrawal:
        """Take in that a transfer was made, and what has come back of it."""
        if withdrawal.transfer_id != transfer_id:
            about = About(transfer_id=transfer_id)
            withdrawal = await self.hear(withdrawal, Event.TRANSFER_MADE, about)
        for about in await news_of_reversals(self._ports, withdrawal, transfer_id):
            withdrawal = await self.hear(withdrawal, Event.REVERSED, about)
        if inbox_id is not None:
            await inbox.mark_processed(self._ports.db, inbox_id)
        return await self.go_on(withdrawal)

    async def hear(
        self, withdrawal: Withdrawal, event: Event, about: About, *, inbox_id: int | None = None
    ) -> Withdrawal:
        """Take in one thing that the provider has said.

        Raises:
            Unavailable: it speaks of what we have not heard of yet.
        """
        said = about.object_id
        cents = about.amount_cents
        facts = msgspec.structs.replace(
            withdrawal.facts,
            is_known=said is not None and word(event, said) in withdrawal.heard,
            is_part=cents is not None and cents < withdrawal.rest_cents,
        )
        decision = MACHINE.decide(withdrawal.status, event, Role.PROVIDER, facts)
        if decision.outcome is Outcome.POSTPONE:
            raise Unavailable("This withdrawal is still being sent.")
        if decision.is_move:
            return await self._commit(withdrawal, event, decision, about, inbox_id=inbox_id)
        if inbox_id is not None:
            await inbox.mark_processed(self._ports.db, inbox_id)
        return withdrawal

    async def present(self, withdrawal_id: str) -> Withdrawal:
        """Return a withdrawal as it is now.

        Raises:
            NotFound: there is none.
        """
        found = await withdrawals.get(self._ports.db, withdrawal_id)
        if found is None:
            raise NotFound("This withdrawal does not exist.")
        return found

    async def _commit(
        self,
        withdrawal: Withdrawal,
        event: Event,
        decision: Decision[Status, Facts],
        about: About,
        *,
        inbox_id: int | None = None,
    ) -> Withdrawal:
        async with self._ports.db.transaction() as tx:
            done = await carry_out(tx, withdrawal, event, decision, about)
            if inbox_id is not None:
                await inbox.mark_processed(tx, inbox_id)
        return done
