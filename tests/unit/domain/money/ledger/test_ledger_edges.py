"""Events of the ledger at their edges: impossible amounts, later rounds, imports."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from bountyexpo.domain.money.fees import Settlement
from bountyexpo.domain.money.ledger import chargebacks, payouts, wallets
from bountyexpo.domain.money.ledger.accounts import RULES as ACCOUNTS
from bountyexpo.domain.money.ledger.accounts import (
    Account,
    AccountKind,
    Owner,
    Sign,
    available,
    escrow,
)
from bountyexpo.domain.money.ledger.book import Balance
from bountyexpo.domain.money.ledger.transfers import Kind, Phase, Transfer, in_currency
from bountyexpo.errors import InvalidRequest

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

A = 10_000
OPENED = chargebacks.chargeback_opened(
    chargeback_id="dp", user_id="u", amount_cents=A, available_cents=4_000
)
TRANSFER = {"withdrawal_id": "w", "stripe_account_id": "acct", "amount_cents": A}


def lines(transfer: Transfer) -> set[str]:
    return {f"{line.account} {line.amount_cents:+}" for line in transfer.postings}


REFUSED: list[tuple[Callable[[], Any], str]] = [
    (
        lambda: wallets.deposit_captured(intent_id="pi", user_id="u", amount_cents=0),
        "invalid_amount",
    ),
    (
        lambda: wallets.escrow_released(bounty_id="b", hunter_id="h", amount_cents=-1, fee_bps=500),
        "invalid_amount",
    ),
    (
        lambda: wallets.escrow_released_to_connect(
            bounty_id="b", withdrawal_id="w", amount_cents=0, fee_bps=500
        ),
        "invalid_amount",
    ),
    (
        lambda: wallets.balance_adjusted(request_id="a", user_id="u", amount_cents=0),
        "invalid_amount",
    ),
    (
        lambda: wallets.balance_imported(user_id="u", balance_cents=10, held_cents=11),
        "invalid_opening",
    ),
    (
        lambda: wallets.balance_imported(user_id="u", balance_cents=10, held_cents=-1),
        "invalid_opening",
    ),
    (
        lambda: wallets.escrow_settled(
            bounty_id="b", poster_id="p", hunter_id=None, parts=Settlement(hunter_cents=1)
        ),
        "no_hunter",
    ),
    (lambda: chargebacks.reserve_released(hold=OPENED.hold), "not_a_reserve"),
    (lambda: in_currency(OPENED, "eur"), "unsupported_currency"),
]


@pytest.mark.parametrize(("make", "code"), REFUSED)
def test_impossible_amounts_are_refused_by_name(make: Callable[[], Any], code: str) -> None:
    with pytest.raises(InvalidRequest) as refusal:
        make()

    assert refusal.value.error_code == code


def test_a_transfer_can_be_made_in_us_dollars() -> None:
    assert in_currency(OPENED, "usd") == OPENED


def test_a_later_round_has_keys_of_its_own() -> None:
    held = wallets.escrow_held(bounty_id="b", poster_id="p", amount_cents=A, funding_round=2)
    back = wallets.escrow_refunded(bounty_id="b", poster_id="p", amount_cents=A, funding_round=2)

    assert (held.business_key, back.business_key) == ("escrow:b:2", "settle:b:2")
    with pytest.raises(AssertionError):
        wallets.escrow_held(bounty_id="b", poster_id="p", amount_cents=A, funding_round=0)


def test_a_refund_to_a_card_is_pending() -> None:
    assert wallets.escrow_refund_requested(bounty_id="b", amount_cents=A).phase is Phase.PENDING


def test_an_imported_release_has_the_fee_that_was_taken() -> None:
    parts = Settlement(hunter_cents=9_501, fee_cents=499)
    to_wallet = wallets.release_imported(bounty_id="b", to=available("h"), parts=parts)
    to_bank = wallets.release_imported(
        bounty_id="b", to=Account(AccountKind.WITHDRAWAL_IN_FLIGHT, "w"), parts=parts
    )

    assert (to_wallet.kind, to_bank.kind) == (Kind.RELEASE, Kind.RELEASE_TO_CONNECT)
    assert "user:h:available +9501" in lines(to_wallet)
    assert to_wallet.business_key == to_bank.business_key == "settle:b"


def test_a_returned_payout_is_the_payout_taken_back() -> None:
    paid = payouts.payout_paid(payout_id="po", **TRANSFER)
    returned = payouts.payout_returned(paid)

    assert lines(returned) == {"withdrawal:w:in_flight +10000", "stripe:connect:acct -10000"}
    assert returned.reference_type == "payout_returned"
    with pytest.raises(AssertionError):
        payouts.payout_returned(OPENED)


def test_an_account_has_an_owner_where_its_kind_says_so() -> None:
    with pytest.raises(AssertionError):
        Account(AccountKind.USER_HELD)
    with pytest.raises(AssertionError):
        Account(AccountKind.PLATFORM_FEES, "somebody")
    assert available("u").user_id == "u"
    assert escrow("b").user_id is None
    assert all(
        ("{}" in rule.name) is (rule.owner is not Owner.PLATFORM) for rule in ACCOUNTS.values()
    )


@pytest.mark.parametrize(
    ("sign", "allowed"),
    [(Sign.NON_NEGATIVE, {0, 1}), (Sign.NON_POSITIVE, {-1, 0}), (Sign.ANY, {-1, 0, 1})],
)
def test_a_sign_allows_its_balances(sign: Sign, allowed: set[int]) -> None:
    assert {cents for cents in (-1, 0, 1) if sign.allows(cents)} == allowed


@pytest.mark.parametrize(
    "written",
    [
        OPENED,
        OPENED.hold,
        OPENED.postings[0],
        OPENED.postings[0].account,
        OPENED.postings[0].account.rule,
        Balance(),
        Settlement(),
    ],
    ids=lambda written: type(written).__name__,
)
def test_what_is_written_cannot_be_changed(written: Any) -> None:
    for name in written.__struct_fields__:
        with pytest.raises(AttributeError):
            setattr(written, name, None)


def test_an_imported_balance_may_be_held_wholly_or_not_at_all() -> None:
    free = wallets.balance_imported(user_id="u", balance_cents=A)
    wholly = wallets.balance_imported(user_id="u", balance_cents=A, held_cents=A)

    assert lines(free) == {"platform:opening -10000", "user:u:available +10000"}
    assert lines(wholly) == {"platform:opening -10000", "user:u:held +10000"}
