"""Test payment methods: their names are Stripe's own, and so is what each of them does."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Any


class Outcome(Enum):
    """What happens when money is asked of a method."""

    SUCCEEDS = "succeeds"
    DECLINED = "declined"
    NEEDS_AUTHENTICATION = "needs authentication"
    TAKES_DAYS = "takes days"


@dataclass(frozen=True, kw_only=True)
class PaymentMethod:
    """One method, and for a declined one the reason."""

    outcome: Outcome = Outcome.SUCCEEDS
    type: str = "card"
    code: str | None = None
    decline_code: str | None = None
    message: str | None = None

    def error(self) -> dict[str, Any]:
        """Return the refusal as the API words it."""
        return {
            "type": "card_error",
            "code": self.code,
            "decline_code": self.decline_code,
            "message": self.message,
        }


def _declined(decline_code: str, message: str, code: str = "card_declined") -> PaymentMethod:
    return PaymentMethod(
        outcome=Outcome.DECLINED, code=code, decline_code=decline_code, message=message
    )


_GENERIC = _declined("generic_decline", "Your card was declined.")
_INSUFFICIENT = _declined("insufficient_funds", "Your card has insufficient funds.")
_AUTHENTICATION = PaymentMethod(outcome=Outcome.NEEDS_AUTHENTICATION)
_BANK = PaymentMethod(outcome=Outcome.TAKES_DAYS, type="us_bank_account")

METHODS: dict[str, PaymentMethod] = {
    "pm_card_visa": PaymentMethod(),
    "pm_card_visa_debit": PaymentMethod(),
    "pm_card_mastercard": PaymentMethod(),
    "pm_card_amex": PaymentMethod(),
    "pm_card_chargeDeclined": _GENERIC,
    "pm_card_visa_chargeDeclined": _GENERIC,
    "pm_card_chargeDeclinedInsufficientFunds": _INSUFFICIENT,
    "pm_card_visa_chargeDeclinedInsufficientFunds": _INSUFFICIENT,
    "pm_card_visa_chargeDeclinedLostCard": _declined("lost_card", "Your card was declined."),
    "pm_card_visa_chargeDeclinedStolenCard": _declined("stolen_card", "Your card was declined."),
    "pm_card_chargeDeclinedExpiredCard": _declined(
        "expired_card", "Your card has expired.", "expired_card"
    ),
    "pm_card_chargeDeclinedIncorrectCvc": _declined(
        "incorrect_cvc", "Your card's security code is incorrect.", "incorrect_cvc"
    ),
    "pm_card_chargeDeclinedProcessingError": _declined(
        "processing_error",
        "An error occurred while processing your card. Try again in a little bit.",
        "processing_error",
    ),
    "pm_card_authenticationRequired": _AUTHENTICATION,
    "pm_card_threeDSecure2Required": _AUTHENTICATION,
    "pm_usBankAccount": _BANK,
    "pm_usBankAccount_success": _BANK,
}


# By the name that stands in those of the methods, the last digits of its test card.
BRANDS = {"visa": "4242", "mastercard": "4444", "amex": "8431"}


def shown(name: str) -> dict[str, Any]:
    """Return a method as the API shows it.

    At Stripe a fingerprint tells one card's number from another's; here it is the name of the
    method that a stored one was made from.
    """
    method = METHODS[name]
    details: dict[str, Any]
    if method.type == "card":
        brand = next((each for each in BRANDS if each in name), "visa")
        details = {"brand": brand, "exp_month": 12, "exp_year": 2034, "last4": BRANDS[brand]}
    else:
        details = {"account_type": "checking", "bank_name": "STRIPE TEST BANK", "last4": "6789"}
    return {
        "id": name,
        "object": "payment_method",
        "created": 0,
        "customer": None,
        "livemode": False,
        "metadata": {},
        "type": method.type,
        method.type: {**details, "fingerprint": name},
    }


def method_of(found: dict[str, Any]) -> PaymentMethod:
    """Return what a method does that the API shows so."""
    return METHODS[found[found["type"]]["fingerprint"]]


AUTHENTICATION_FAILED = {
    "type": "invalid_request_error",
    "code": "payment_intent_authentication_failure",
    "message": "The provided PaymentMethod has failed authentication. You can provide "
    "payment_method_data or a new PaymentMethod to attempt to fulfill this PaymentIntent again.",
}

BANK_REFUSED = {
    "type": "invalid_request_error",
    "code": "payment_intent_payment_attempt_failed",
    "message": "The customer's bank account could not be debited.",
}
