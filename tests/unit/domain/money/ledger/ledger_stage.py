"""What tests of the book begin with: Anna, who has $100.00."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bountyexpo.domain.money.ledger import wallets
from bountyexpo.domain.money.ledger.book import Book

if TYPE_CHECKING:
    from bountyexpo.domain.money.ledger.transfers import Transfer


def deposit(cents: int, *, user: str = "anna", intent: str = "pi_1") -> Transfer:
    return wallets.deposit_captured(intent_id=intent, user_id=user, amount_cents=cents)


def hold(cents: int) -> Transfer:
    return wallets.escrow_held(bounty_id="b", poster_id="anna", amount_cents=cents)


def anna() -> Book:
    """Return a book in which Anna has $100.00."""
    found = Book()
    found.apply(deposit(10_000))
    return found
