"""Where money may go, of what an account has (contract money §2.4: codes and their order)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bountyexpo.errors import InvalidRequest

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bountyexpo.integrations.stripe.accounts import Bank, DebitCard


def bank_of(banks: Sequence[Bank], bank_id: str | None) -> Bank:
    """Return the account's first choice, which alone may be named.

    Raises:
        InvalidRequest: ``no_bank_account``, ``bank_account_not_found`` or
            ``bank_account_not_default``.
    """
    if not banks:
        raise InvalidRequest("Please add a bank account first.", code="no_bank_account")
    first = next((each for each in banks if each.default_for_currency), banks[0])
    named = next((each for each in banks if each.id == bank_id), None)
    if bank_id is not None and named is None:
        raise InvalidRequest("This bank account was not found.", code="bank_account_not_found")
    if named is not None and named is not first:
        raise InvalidRequest(
            "Please make this bank account your default one first.",
            code="bank_account_not_default",
        )
    return first


def card_of(cards: Sequence[DebitCard], card_id: str | None) -> DebitCard:
    """Return the card that is named, or the first that money reaches at once.

    Raises:
        InvalidRequest: ``no_debit_card``, ``debit_card_not_found``, ``card_not_instant_eligible``
            or ``no_instant_eligible_card``.
    """
    if not cards:
        raise InvalidRequest("Please add a debit card first.", code="no_debit_card")
    if card_id is None:
        first = next((each for each in cards if each.is_instant), None)
        if first is None:
            raise InvalidRequest(
                "None of your cards can be paid at once.", code="no_instant_eligible_card"
            )
        return first
    named = next((each for each in cards if each.id == card_id), None)
    if named is None:
        raise InvalidRequest("This debit card was not found.", code="debit_card_not_found")
    if not named.is_instant:
        raise InvalidRequest("This card cannot be paid at once.", code="card_not_instant_eligible")
    return named
