"""A handler that fails, wherever it stands, leaves nothing of its step behind."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from bountyexpo.actors.money import escrow
from bountyexpo.actors.money.effects.escrow import HANDLERS
from bountyexpo.actors.money.effects.escrow_step import About
from bountyexpo.domain.money.escrow import Effect, Event
from bountyexpo.persistence.money import escrows

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from bountyexpo.persistence.money.escrows import Escrow

    from tests.integration.actors.money.conftest import Money

EVERYTHING = (
    "escrows",
    "ledger_transfers",
    "ledger_entries",
    "ledger_pending_entries",
    "ledger_accounts",
    "ledger_holds",
    "stream_events",
    "outbox",
    "notices",
    "findings",
)


class Broken(Exception):
    """The process ends here."""


async def release_by_wallet(money: Money) -> Callable[[], Awaitable[Any]]:
    held = await money.hold()
    return lambda: money.do(escrow.release, held)


async def refuse_by_card(money: Money) -> Callable[[], Awaitable[Any]]:
    known: Escrow = await money.do(escrow.release, await money.hold_by_card())
    assert known.call is not None
    about = About(call_key=known.call.key)
    return lambda: money.hear(known, Event.REFUSED, about)


async def refund_by_card(money: Money) -> Callable[[], Awaitable[Any]]:
    held = await money.hold_by_card()
    return lambda: money.do(escrow.refund, held)


async def lose(money: Money) -> Callable[[], Awaitable[Any]]:
    held = await money.hold_by_card()
    about = About(intent_id="pi_1", chargeback_id="dp_1")
    return lambda: money.hear(held, Event.CHARGEBACK_LOST, about)


async def everything(money: Money) -> dict[str, list[dict[str, Any]]]:
    return {
        table: await money.db.fetch(f"select * from {table} order by 1, 2") for table in EVERYTHING
    }


@pytest.mark.parametrize(
    ("prepare", "effect"),
    [
        (release_by_wallet, Effect.POST_RELEASE),
        (release_by_wallet, Effect.COMPLETE_BOUNTY),
        (refuse_by_card, Effect.REVERSE_POSTING),
        (refuse_by_card, Effect.RECORD_FINDING),
        (refund_by_card, Effect.POST_REFUND),
        (refund_by_card, Effect.MAKE_REFUND),
        (lose, Effect.CONSUME_ESCROW),
        (lose, Effect.CANCEL_BOUNTY),
    ],
)
@pytest.mark.parametrize("is_after", [False, True])
async def test_a_crash_in_a_handler_leaves_nothing(
    money: Money, monkeypatch: Any, prepare: Any, effect: Effect, is_after: bool
) -> None:
    step = await prepare(money)
    before, usual = await everything(money), HANDLERS[effect]

    async def broken(tx: Any, taken: Any) -> None:
        if is_after:
            await usual(tx, taken)
        raise Broken

    with monkeypatch.context() as patch:
        patch.setitem(HANDLERS, effect, broken)
        with pytest.raises(Broken):
            await step()

    assert await everything(money) == before
    # Nothing stands in the way of the same step afterwards.
    assert await step() == await escrows.newest(money.db, money.bounty)
