"""What each error of the provider means: the one map from its words to ours.

Callers act on three verdicts (contract money §3.2):

    retry      nothing happened, and it is not the caller's fault   Unavailable
    refused    nothing happened, and asking again changes nothing   CardRefused, InvalidRequest,
                                                                    NotFound, Conflict
    unknown    it may have happened                                 ProviderFailed

A refusal by a code comes before the one by its type. What is not in the map has an unknown outcome.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import stripe

from bountyexpo.errors import (
    AlreadyMoved,
    BountyExpoError,
    CardRefused,
    IdempotencyConflict,
    InvalidRequest,
    NotFound,
    ProviderFailed,
    Unavailable,
)
from bountyexpo.observability.logs import get_logger

if TYPE_CHECKING:
    from collections.abc import Mapping

# What a limit of the provider asks us to wait is believed up to this.
RETRY_AFTER_MAX_S: Final = 60

log = get_logger(__name__)


def error_of(error: stripe.StripeError) -> BountyExpoError:
    """Return the error of ours that says to the caller what this one means."""
    by_code = BY_CODE.get(str(_details(error).get("code")))
    if by_code is not None:
        return by_code(error)
    for kind, meaning in BY_TYPE.items():
        if isinstance(error, kind):
            return meaning(error)
    return _unknown(error)


def _details(error: stripe.StripeError) -> Mapping[str, Any]:
    """Return what the provider has said; not every class of the SDK keeps all of it."""
    body = error.json_body if isinstance(error.json_body, dict) else {}
    details = body.get("error")
    return details if isinstance(details, dict) else {}


def _card_refused(error: stripe.StripeError) -> CardRefused:
    text = error.user_message
    # The app takes any text with this word for a fault of its own (contract rest-core §4.2).
    if text and "payment" in text.lower():
        text = None
    return CardRefused(text, code=error.code, decline_code=_details(error).get("decline_code"))


def _missing(_error: stripe.StripeError) -> NotFound:
    return NotFound()


def _moved(error: stripe.StripeError) -> AlreadyMoved:
    return AlreadyMoved(code=error.code)


def _reused(_error: stripe.StripeError) -> IdempotencyConflict:
    return IdempotencyConflict()


def _invalid(error: stripe.StripeError) -> InvalidRequest:
    return InvalidRequest("The card service cannot accept this request", code=error.code)


def _later(error: stripe.StripeError) -> Unavailable:
    asked = (error.headers or {}).get("retry-after", "")
    wait_s = int(asked) if asked.isdecimal() and len(asked) < 4 else 1
    return Unavailable(retry_after_s=min(max(wait_s, 1), RETRY_AFTER_MAX_S))


def _short(error: stripe.StripeError) -> Unavailable:
    return Unavailable(code=error.code)


def _ours(error: stripe.StripeError) -> Unavailable:
    """Nothing happened, and the caller is not at fault: a wrong key, or a right that we lack."""
    log.error("the card service refuses us", error=type(error).__name__, code=error.code)
    return Unavailable()


def _unknown(_error: stripe.StripeError) -> ProviderFailed:
    return ProviderFailed()


_Meaning: TypeAlias = Callable[[stripe.StripeError], BountyExpoError]

BY_CODE: Final[Mapping[str, _Meaning]] = {
    "resource_missing": _missing,
    # These speak of the object's state and not of the request: look at it.
    "payment_intent_unexpected_state": _moved,
    "setup_intent_unexpected_state": _moved,
    "charge_already_captured": _moved,
    "charge_already_refunded": _moved,
    "refund_disputed_payment": _moved,
    "transfer_already_reversed": _moved,
    "payout_already_canceled": _moved,
    # The same request runs at this moment, and what becomes of it is not known.
    "idempotency_key_in_use": _unknown,
    "lock_timeout": _later,
    "rate_limit": _later,
    # The money is not there, or not yet; whose it should be, the caller knows.
    "balance_insufficient": _short,
    "api_key_expired": _ours,
    "platform_api_key_expired": _ours,
    "secret_key_required": _ours,
    "testmode_charges_only": _ours,
    "livemode_mismatch": _ours,
    "account_invalid": _ours,
}

BY_TYPE: Final[Mapping[type[stripe.StripeError], _Meaning]] = {
    stripe.CardError: _card_refused,
    stripe.IdempotencyError: _reused,
    stripe.InvalidRequestError: _invalid,
    stripe.RateLimitError: _later,
    stripe.AuthenticationError: _ours,
    stripe.PermissionError: _ours,
    stripe.APIConnectionError: _unknown,
    stripe.APIError: _unknown,
}
