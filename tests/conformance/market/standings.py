"""Bounties in every status, under everything that lies over one, placed by the hundred at once.

What is placed is what the steps that lead there would have left: rows, escrow and its postings.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import groupby
from typing import TYPE_CHECKING, Any, Final

import msgspec
from bountyexpo.domain.ids import new_id
from bountyexpo.domain.market.bounty import Stage, Status
from bountyexpo.domain.market.cancellation import Status as Cancelled
from bountyexpo.domain.market.completion import State as Work

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from tests.integration.product.product import Product

CENTS: Final = 100
BEFORE, LATER = timedelta(days=-1), timedelta(days=1)

OPEN, IN_PROGRESS, COMPLETED = Status.OPEN, Status.IN_PROGRESS, Status.COMPLETED
REQUESTED = Status.CANCELLATION_REQUESTED
FUNDED: Final = (OPEN, IN_PROGRESS, REQUESTED)
HANDED_IN: Final = (Work.PENDING, Work.REVISION_REQUESTED, Work.APPROVED, Work.REJECTED)


@dataclass(frozen=True, kw_only=True)
class Overlay:
    """Where a bounty stands, and what lies over it."""

    status: Status
    is_paid: bool = False
    work: Work = Work.NONE
    # How the hunter's wish to cancel stands, where there was one.
    cancellation: Cancelled | None = None
    is_disputed: bool = False
    is_stale: bool = False
    is_expired: bool = False
    # For both sides.
    is_hidden: bool = False
    is_rated: bool = False
    # The hunter has applied, and was accepted where the bounty is not open.
    is_applied: bool = True

    @property
    def has_hunter(self) -> bool:
        return self.status is not OPEN

    @property
    def stage(self) -> Stage:
        """What the open dispute is about."""
        return Stage.CANCELLATION if self.status is REQUESTED else Stage.IN_PROGRESS

    @property
    def escrow_state(self) -> str:
        if self.is_disputed:
            return "frozen"
        if self.status in FUNDED:
            return "held"
        return "released" if self.status is COMPLETED else "refunded"


def _plain(status: Status, **more: Any) -> Overlay:
    """A bounty as it comes to this status without any trouble."""
    work = {OPEN: Work.NONE, COMPLETED: Work.APPROVED, Status.CANCELLED: Work.REJECTED}
    asked = {REQUESTED: Cancelled.PENDING, Status.CANCELLED: Cancelled.ACCEPTED}
    usual = {"work": work.get(status, Work.PENDING), "cancellation": asked.get(status)}
    return Overlay(status=status, **usual | more)


# Bounties without any trouble: for honor, and with a price.
PLAIN: Final[dict[str, Overlay]] = {
    **{status.value: _plain(status) for status in Status},
    **{f"paid {status.value}": _plain(status, is_paid=True) for status in Status},
}
OVERLAYS: Final[dict[str, Overlay]] = {
    **PLAIN,
    "open, nobody applied": _plain(OPEN, is_applied=False, is_paid=True),
    "open, hidden": _plain(OPEN, is_hidden=True),
    "open, expired": _plain(OPEN, is_expired=True),
    "no work": _plain(IN_PROGRESS, work=Work.NONE),
    "ready": _plain(IN_PROGRESS, work=Work.READY, is_paid=True),
    "to be changed": _plain(IN_PROGRESS, work=Work.REVISION_REQUESTED, is_paid=True),
    "stale": _plain(IN_PROGRESS, is_stale=True, is_paid=True),
    "stale, disputed": _plain(IN_PROGRESS, is_stale=True, is_disputed=True, is_paid=True),
    "disputed": _plain(IN_PROGRESS, is_disputed=True, is_paid=True),
    "rejected": _plain(IN_PROGRESS, cancellation=Cancelled.REJECTED, is_paid=True),
    "taken back": _plain(IN_PROGRESS, cancellation=Cancelled.WITHDRAWN, is_paid=True),
    "cancellation disputed": _plain(
        REQUESTED, cancellation=Cancelled.DISPUTED, is_disputed=True, is_paid=True
    ),
    "cancellation stale": _plain(REQUESTED, is_stale=True),
    "completed, rated": _plain(COMPLETED, is_rated=True),
    "completed, no work": _plain(COMPLETED, work=Work.NONE, is_paid=True),
    "archived, hidden": _plain(Status.ARCHIVED, is_hidden=True),
    "deleted, hidden": _plain(Status.DELETED, is_hidden=True),
}


@dataclass(frozen=True)
class Standing:
    """A placed bounty with all that an operation may name."""

    overlay: Overlay
    bounty_id: str = field(default_factory=new_id)
    request_id: str = field(default_factory=new_id)
    submission_id: str = field(default_factory=new_id)
    cancellation_id: str = field(default_factory=new_id)
    dispute_id: str = field(default_factory=new_id)
    evidence_id: str = field(default_factory=new_id)


Rows = dict[str, list[dict[str, Any]]]


class Placing:
    """Places bounties of two people."""

    def __init__(self, product: Product, poster_id: str, hunter_id: str) -> None:
        self.product = product
        self.poster_id = poster_id
        self.hunter_id = hunter_id

    def place(self, wanted: Iterable[tuple[Overlay, str]]) -> list[Standing]:
        """Place one of each, with evidence that is staged by whoever is named beside it."""
        tables: Rows = defaultdict(list)
        made = [(Standing(overlay), uploader_id) for overlay, uploader_id in wanted]
        for each, uploader_id in made:
            self._describe(each, tables)
            tables["dispute_evidence"].append(_evidence(each, uploader_id))
        with self.product.session.transaction():
            # A trigger names tables as the product does.
            self.product.session.execute("set local search_path to app")
            for name, rows in tables.items():
                self._insert(name, rows)
            self._accept([each for each, _ in made])
            self._fund([each for each, _ in made if _is_funded(each.overlay)])
        return [each for each, _ in made]

    def forget(self) -> None:
        """Let what waits of earlier bounties take no room of others."""
        forget = "update app.bounty_requests set status = 'withdrawn' where status = 'pending'"
        self.product.session.execute(forget)
        self.product.session.execute("delete from app.dispute_evidence where state <> 'committed'")

    def _insert(self, table: str, rows: Sequence[dict[str, Any]]) -> None:
        for columns, alike in groupby(sorted(rows, key=sorted), key=tuple):
            names, told = ", ".join(columns), msgspec.json.encode(list(alike)).decode()
            self.product.session.execute(
                f"insert into {table} ({names}) select {names}"
                f" from json_populate_recordset(null::{table}, %s)",
                (told,),
            )

    def _describe(self, each: Standing, tables: Rows) -> None:
        overlay, now = each.overlay, datetime.now(UTC)
        sides = (self.poster_id, self.hunter_id)
        tables["bounties"].append(self._bounty(each, now))
        if overlay.is_applied:
            waits = overlay.status is OPEN
            tables["bounty_requests"].append(
                {
                    "id": each.request_id,
                    "bounty_id": each.bounty_id,
                    "hunter_id": self.hunter_id,
                    "status": "pending" if waits else "accepted",
                    "decided_at": None if waits else now,
                }
            )
        if overlay.work is Work.READY:
            said = {"bounty_id": each.bounty_id, "hunter_id": self.hunter_id}
            tables["completion_ready"].append(said)
        if overlay.work in HANDED_IN:
            tables["completion_submissions"].append(
                {
                    "id": each.submission_id,
                    "bounty_id": each.bounty_id,
                    "hunter_id": self.hunter_id,
                    "message": "Done.",
                    "status": overlay.work.value,
                    "reviewed_at": None if overlay.work is Work.PENDING else now,
                }
            )
        if overlay.cancellation is not None:
            tables["bounty_cancellations"].append(self._cancellation(each, now))
        if overlay.is_disputed:
            tables["disputes"].append(self._dispute(each))
        for one, other in (sides, sides[::-1]):
            if overlay.is_hidden:
                tables["bounty_hidden"].append({"bounty_id": each.bounty_id, "user_id": one})
            if overlay.is_rated:
                rated = {"id": new_id(), "bounty_id": each.bounty_id, "from_user_id": one}
                tables["ratings"].append(rated | {"to_user_id": other, "rating_tenths": 50})
        if overlay.is_paid:
            tables["escrows"].append(self._escrow(each))

    def _bounty(self, each: Standing, now: datetime) -> dict[str, Any]:
        overlay = each.overlay
        return {
            "id": each.bounty_id,
            "poster_id": self.poster_id,
            "hunter_id": self.hunter_id if overlay.has_hunter else None,
            "title": f"Carry the sofa ({each.bounty_id[:8]})",
            "description": "It is heavy and must go upstairs.",
            "amount_cents": CENTS * overlay.is_paid,
            "platform_fee_bps": 500,
            "policy_version": 1,
            "is_for_honor": not overlay.is_paid,
            "status": overlay.status.value,
            "is_stale": overlay.is_stale,
            "stale_reason": "inactive" if overlay.is_stale else None,
            "stale_detected_at": now if overlay.is_stale else None,
            "end_date": now + (BEFORE if overlay.is_expired else LATER),
            # Its poster knows, so that no clock steps in.
            "expiry_notified_at": now if overlay.is_expired else None,
        }

    def _cancellation(self, each: Standing, now: datetime) -> dict[str, Any]:
        status = each.overlay.cancellation
        assert status is not None
        is_over = status not in {Cancelled.PENDING, Cancelled.DISPUTED}
        is_answered = status in {Cancelled.ACCEPTED, Cancelled.REJECTED}
        return {
            "id": each.cancellation_id,
            "bounty_id": each.bounty_id,
            "requester_id": self.hunter_id,
            "requester_role": "hunter",
            "responder_id": self.poster_id if is_answered else None,
            "reason": "It rains.",
            "status": status.value,
            "refund_bps": 10_000,
            "refund_cents": CENTS * each.overlay.is_paid,
            "resolved_at": now if is_over else None,
        }

    def _dispute(self, each: Standing) -> dict[str, Any]:
        stage = each.overlay.stage
        is_about_it = stage is Stage.CANCELLATION
        return {
            "id": each.dispute_id,
            "bounty_id": each.bounty_id,
            "cancellation_id": each.cancellation_id if is_about_it else None,
            "stage": stage.value,
            "initiator_id": self.poster_id,
            "respondent_id": self.hunter_id,
            "reason": "It is red.",
            "status": "open",
            "frozen_cents": CENTS,
        }

    def _escrow(self, each: Standing) -> dict[str, Any]:
        overlay = each.overlay
        return {
            "bounty_id": each.bounty_id,
            "round": 1,
            "poster_id": self.poster_id,
            "hunter_id": self.hunter_id if overlay.has_hunter else None,
            "source": "wallet",
            "amount_cents": CENTS,
            "policy_version": 1,
            "platform_fee_bps": 500,
            "state": overlay.escrow_state,
            "has_dispute": overlay.is_disputed,
            "dispute_id": each.dispute_id if overlay.is_disputed else None,
            "has_refund": overlay.escrow_state == "refunded",
            "settlement_round": 1,
        }

    def _accept(self, made: list[Standing]) -> None:
        self.product.session.execute(
            "update bounties b set accepted_request_id = r.id from bounty_requests r"
            " where r.bounty_id = b.id and r.status = 'accepted' and b.id = any(%s)",
            ([each.bounty_id for each in made],),
        )

    def _fund(self, made: list[Standing]) -> None:
        """Move the price of each out of the poster's wallet, by one transfer each."""
        [wallet] = self.product.rows(
            "select id, balance_cents, last_entry_seq from ledger_accounts"
            " where user_id = %s and kind = 'user_available' for update",
            self.poster_id,
        )
        left, seq = wallet["balance_cents"], wallet["last_entry_seq"]
        with self.product.session.cursor() as cursor:
            for each in made:
                kind = "bounty_escrow_frozen" if each.overlay.is_disputed else "bounty_escrow"
                left, seq = left - CENTS, seq + 1
                cursor.execute(
                    FUND,
                    {
                        "account": kind,
                        "bounty": each.bounty_id,
                        "transfer": new_id(),
                        "wallet": wallet["id"],
                        "cents": CENTS,
                        "seq": seq,
                        "left": left,
                    },
                )
            cursor.execute(
                "update ledger_accounts set balance_cents = %s, last_entry_seq = %s where id = %s",
                (left, seq, wallet["id"]),
            )


FUND = """
    with locked as (
        insert into ledger_accounts (kind, sign_rule, bounty_id, balance_cents, last_entry_seq)
        values (%(account)s, 'non_negative', %(bounty)s, %(cents)s, 1) returning id
    ), made as (
        insert into ledger_transfers
            (id, kind, business_key, reference_type, reference_id, amount_cents)
        values (%(transfer)s, 'escrow', 'escrow:' || %(bounty)s, 'bounty', %(bounty)s, %(cents)s)
        returning id
    )
    insert into ledger_entries
        (transfer_id, account_id, amount_cents, account_seq, balance_after_cents)
    select made.id, locked.id, %(cents)s, 1, %(cents)s from made, locked
    union all
    select made.id, %(wallet)s, -%(cents)s, %(seq)s, %(left)s from made
"""


def _is_funded(overlay: Overlay) -> bool:
    return overlay.is_paid and overlay.status in FUNDED


def _evidence(each: Standing, uploader_id: str) -> dict[str, Any]:
    return {
        "id": each.evidence_id,
        "uploader_id": uploader_id,
        "type": "text",
        "body": "It is green.",
        "state": "uploaded",
        "expires_at": datetime.now(UTC) + LATER,
    }
