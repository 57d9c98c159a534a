"""One step of an escrow: from the row that was read to the row that will be written."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from bountyexpo.actors.money import postings
from bountyexpo.domain.money.escrow import Event, Facts, Intent, State
from bountyexpo.domain.money.fees import Settlement
from bountyexpo.domain.policy import FundingTerms
from bountyexpo.errors import Conflict

if TYPE_CHECKING:
    from bountyexpo.domain.machine import Decision, Role
    from bountyexpo.domain.money.ledger.transfers import Transfer
    from bountyexpo.persistence.money.escrows import Escrow
    from bountyexpo.persistence.transaction import Transaction


class About(msgspec.Struct, frozen=True, kw_only=True):
    """What a command, or the provider, says besides that it happened."""

    actor_id: str | None = None
    hunter_id: str | None = None
    dispute_id: str | None = None
    # Who gets what, where it is not all for one side.
    parts: Settlement | None = None
    # The fee that an admin has ordered, instead of that of the funding.
    fee_bps: int | None = None
    intent_id: str | None = None
    received_cents: int | None = None
    chargeback_id: str | None = None
    chargeback_cents: int | None = None
    refund_id: str | None = None
    transfer_id: str | None = None
    stripe_account_id: str | None = None
    # The key of the call whose outcome this is.
    call_key: str | None = None


# What an escrow remembers of what it is about; each names money that later steps move.
KEPT = ("dispute_id", "chargeback_id", "chargeback_cents")


class Step:
    """An escrow on its way to its next version; what handlers change is written at the end."""

    __slots__ = ("about", "before", "decision", "escrow", "event", "role")

    def __init__(self, before: Escrow, about: About) -> None:
        self.before = before
        self.escrow = msgspec.structs.replace(before, version=before.version + 1)
        self.about = about
        self.role: Role
        self.event: Event
        self.decision: Decision[State, Facts]

    def take(self, event: Event, role: Role, decision: Decision[State, Facts]) -> None:
        """Let the escrow be as it was decided, before the effects are carried out."""
        self.event, self.role, self.decision = event, role, decision
        facts = decision.facts
        if facts.intent is Intent.STRAY:
            # A word about an earlier round says nothing of this one's money.
            return
        self.change(
            state=decision.state,
            has_dispute=facts.has_dispute,
            has_chargeback=facts.has_chargeback,
            is_chargeback_lost=facts.is_chargeback_lost,
            has_refund=facts.has_refund,
            is_posted=facts.intent is Intent.POSTED,
        )
        named = ((name, getattr(self.about, name)) for name in KEPT)
        self.change(**{name: value for name, value in named if value is not None})

    def change(self, **columns: Any) -> None:
        """Let columns of the escrow have other values from here on."""
        self.escrow = msgspec.structs.replace(self.escrow, **columns)

    @property
    def fee_bps(self) -> int:
        """The fee of a release: that of the funding, unless an admin has ordered another."""
        escrow = self.escrow
        terms = FundingTerms(
            policy_version=escrow.policy_version, platform_fee_bps=escrow.platform_fee_bps
        )
        return terms.release_fee_bps(self.about.fee_bps)

    @property
    def chargeback_id(self) -> str:
        """The chargeback that this step is about."""
        assert self.escrow.chargeback_id is not None
        return self.escrow.chargeback_id

    @property
    def disputed_cents(self) -> int:
        """What the card network wants: the whole price, unless it has said so."""
        return self.escrow.chargeback_cents or self.escrow.amount_cents

    async def move(self, tx: Transaction, transfer: Transfer) -> None:
        """Write a transfer that this step brings about.

        Raises:
            Conflict: it was written before, although the escrow is only now where it happens.
        """
        if not await postings.post(tx, transfer, actor_id=self.about.actor_id):
            raise Conflict("This was booked before.", code="already_booked")
