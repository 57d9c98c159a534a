"""The life of a deposit: our status, and what the provider's word makes of it (money §3.4).

The provider speaks more than once and out of order; the status only moves forward. Money that
has arrived is credited whatever was said before.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final


class PaymentStatus(StrEnum):
    """The states of a deposit; ``credited`` is the only one that moved money."""

    CREATING = "creating"
    INTENT = "intent"
    ACTION = "action"
    PROCESSING = "processing"
    CREDITED = "credited"
    CANCELED = "canceled"
    FAILED = "failed"


# What the provider calls the state of an intent, and what that is to us.
PROVIDER_STATUSES: Final = {
    "requires_payment_method": PaymentStatus.INTENT,
    "requires_confirmation": PaymentStatus.INTENT,
    "requires_action": PaymentStatus.ACTION,
    "requires_capture": PaymentStatus.PROCESSING,
    "processing": PaymentStatus.PROCESSING,
    "succeeded": PaymentStatus.CREDITED,
    "canceled": PaymentStatus.CANCELED,
}

ENDED: Final = frozenset({PaymentStatus.CANCELED, PaymentStatus.FAILED})


def next_status(status: PaymentStatus, provider_status: str) -> PaymentStatus:
    """Return the status after the provider has said ``provider_status``.

    An unknown word changes nothing. A credited deposit stays credited; one that has ended is
    revived by nothing but money.
    """
    told = PROVIDER_STATUSES.get(provider_status, status)
    if status is PaymentStatus.CREDITED or told is PaymentStatus.CREDITED:
        return PaymentStatus.CREDITED
    return status if status in ENDED else told
