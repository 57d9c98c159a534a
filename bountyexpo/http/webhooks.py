"""Webhooks: the raw bytes go on untouched, because the signature was made over exactly these."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bountyexpo.errors import InvalidRequest, NotAuthenticated, RateLimited, TooLarge
from bountyexpo.http.binding import encode_reply
from bountyexpo.http.exchange import answer
from bountyexpo.http.limits import BODY_BYTES_MAX, UNSIGNED
from bountyexpo.operations.allowances import charge, refused
from bountyexpo.operations.routes import OLD_PREFIX

if TYPE_CHECKING:
    from bountyexpo.http.messages import HttpRequest, HttpResponse
    from bountyexpo.operations.call import Call
    from bountyexpo.operations.services import Services

# Every path at which a card processor was ever told to reach us; one handler for all. They are
# set in its dashboard, where nobody reads deprecation headers, so they carry none.
STRIPE_PATHS = (
    "/webhooks/stripe",
    "/webhooks",
    "/payments/webhook",
    f"{OLD_PREFIX}/webhooks",
    f"{OLD_PREFIX}/webhooks/stripe",
    f"{OLD_PREFIX}/payments/webhook",
)

SIGNATURE_HEADER = "stripe-signature"


async def receive_stripe(request: HttpRequest, services: Services) -> HttpResponse:
    """Hand one webhook to the service and acknowledge it."""
    is_old = request.path != STRIPE_PATHS[0]
    return await answer(request, services, _receive, is_old=is_old)


async def _receive(request: HttpRequest, call: Call) -> HttpResponse:
    if len(request.body) > BODY_BYTES_MAX:
        raise TooLarge
    signature = request.headers.get(SIGNATURE_HEADER, "")
    limiter, address = call.services.rate_limiter, call.peer
    try:
        limiter.check(UNSIGNED, user_id=None, address=address)
    except RateLimited as error:
        refused(call, error, UNSIGNED.name)
        raise
    try:
        reply = await call.services.receive_webhook(request.body, signature)
    except (InvalidRequest, NotAuthenticated):
        # Only what is not good is counted: the processor may send as much as it likes.
        charge(call, UNSIGNED, UNSIGNED.name)
        raise
    return encode_reply(200, reply)
