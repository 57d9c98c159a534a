"""One step of a withdrawal: from the row that was read to the row that will be written."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from bountyexpo.actors.money import postings
from bountyexpo.errors import Conflict

if TYPE_CHECKING:
    from bountyexpo.domain.machine import Decision
    from bountyexpo.domain.money.ledger.transfers import Transfer
    from bountyexpo.domain.money.withdrawal import Event, Facts, Status
    from bountyexpo.persistence.money.withdrawals import Withdrawal
    from bountyexpo.persistence.transaction import Transaction


class About(msgspec.Struct, frozen=True, kw_only=True):
    """What the one who acts, or the provider, says besides that it happened."""

    actor_id: str | None = None
    reason: str | None = None
    transfer_id: str | None = None
    payout_id: str | None = None
    reversal_id: str | None = None
    # How much of the money a reversal is about.
    amount_cents: int | None = None
    # What tries it again, where who asks for that has named it.
    retry_id: str | None = None
    failure_code: str | None = None
    failure_message: str | None = None

    @property
    def object_id(self) -> str | None:
        """The object of the provider that was spoken of."""
        return self.reversal_id or self.payout_id or self.transfer_id


# What a withdrawal remembers of what it is about.
KEPT = ("transfer_id", "payout_id")


def word(event: Event, object_id: str) -> str:
    """Return how it is remembered that this was said of an object."""
    return f"{event.value}:{object_id}"


class Step:
    """A withdrawal on its way to its next version; what handlers change is written at the end."""

    __slots__ = ("about", "before", "decision", "event", "withdrawal")

    def __init__(
        self,
        before: Withdrawal,
        event: Event,
        decision: Decision[Status, Facts],
        about: About,
    ) -> None:
        self.before = before
        self.event, self.decision, self.about = event, decision, about
        facts = decision.facts
        self.withdrawal = msgspec.structs.replace(
            before,
            status=decision.state,
            is_instant=facts.is_instant,
            was_paid=facts.was_paid,
            is_stuck=facts.is_stuck,
            version=before.version + 1,
        )
        named = ((name, getattr(about, name)) for name in KEPT)
        self.change(**{name: value for name, value in named if value is not None})
        if about.object_id is not None:
            self.change(heard=[*before.heard, word(event, about.object_id)])

    def change(self, **columns: Any) -> None:
        """Let columns of the withdrawal have other values from here on."""
        self.withdrawal = msgspec.structs.replace(self.withdrawal, **columns)

    async def move(self, tx: Transaction, transfer: Transfer) -> None:
        """Write a transfer that this step brings about.

        Raises:
            Conflict: it was written before, although the withdrawal is only now where it happens.
        """
        about = self.about
        if not await postings.post(tx, transfer, actor_id=about.actor_id, reason=about.reason):
            raise Conflict("This was booked before.", code="already_booked")
