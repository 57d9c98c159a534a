"""The auth server and the card provider: reachable, with keys that fit, and of the same time."""

from __future__ import annotations

from datetime import timedelta
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

import httpx

from bountyexpo.doctor.database import clock
from bountyexpo.doctor.diagnosis import failure, warning, well
from bountyexpo.runtime.clock import SystemClock

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from bountyexpo.doctor.diagnosis import Diagnosis
    from bountyexpo.settings import Settings

TIMEOUT_S: Final = 5.0

STRIPE_URL: Final = "https://api.stripe.com"


def examine(settings: Settings) -> Iterator[Diagnosis]:
    """Ask each real provider one harmless question; an emulator starts with the service."""
    if settings.supabase_url is None:
        yield well("auth server", "the emulator, which starts with the service")
    else:
        yield from _auth_server(settings, settings.supabase_url)
    if settings.stripe_secret_key is None:
        yield well("card provider", "the emulator, which starts with the service")
    else:
        yield from _card_provider(settings, settings.stripe_secret_key)


def _auth_server(settings: Settings, url: str) -> Iterator[Diagnosis]:
    subject = "auth server"
    headers = {"apikey": settings.supabase_anon_key or ""}
    before = SystemClock().now()
    try:
        reply = httpx.get(f"{url}/auth/v1/settings", headers=headers, timeout=TIMEOUT_S)
    except httpx.HTTPError as error:
        yield failure(subject, f"no answer: {type(error).__name__}", "Check SUPABASE_URL.")
        return
    if reply.status_code in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
        yield failure(subject, "it refuses the anon key", "Copy SUPABASE_ANON_KEY again.")
    elif reply.is_error:
        yield failure(subject, f"it answers {reply.status_code}", "Check SUPABASE_URL.")
    else:
        yield well(subject, "answers, and takes the anon key")
        yield _signing_keys(settings, url, headers)
    yield from _clock_of(reply, before)


def _signing_keys(settings: Settings, url: str, headers: dict[str, str]) -> Diagnosis:
    if settings.supabase_jwt_secret is not None:
        return well("signing keys", "tokens are checked with SUPABASE_JWT_SECRET")
    try:
        reply = httpx.get(
            f"{url}/auth/v1/.well-known/jwks.json", headers=headers, timeout=TIMEOUT_S
        )
        count = len(reply.json()["keys"])
    except (httpx.HTTPError, ValueError, KeyError, TypeError):
        count = 0
    if not count:
        return failure(
            "signing keys",
            "the auth server publishes none",
            "Give it an asymmetric signing key, or set SUPABASE_JWT_SECRET.",
        )
    return well("signing keys", f"{count} public")


def _card_provider(settings: Settings, key: str) -> Iterator[Diagnosis]:
    subject = "card provider"
    base = settings.stripe_api_base or STRIPE_URL
    before = SystemClock().now()
    try:
        reply = httpx.get(f"{base}/v1/balance", auth=(key, ""), timeout=TIMEOUT_S)
    except httpx.HTTPError as error:
        yield failure(
            subject, f"no answer: {type(error).__name__}", "Let this machine reach api.stripe.com."
        )
        return
    if reply.status_code == HTTPStatus.UNAUTHORIZED:
        yield failure(subject, "it refuses the key", "Copy STRIPE_SECRET_KEY again.")
    elif reply.status_code == HTTPStatus.FORBIDDEN:
        yield warning(
            subject, "the key may not read the balance", "Give a restricted key the rights we need."
        )
    elif reply.is_error:
        yield failure(subject, f"it answers {reply.status_code}", "Look at status.stripe.com.")
    else:
        mode = "live" if key.startswith("sk_live_") else "test"
        yield well(subject, f"answers, and takes the {mode} key")
    yield from _clock_of(reply, before)


def _clock_of(reply: httpx.Response, before: datetime) -> Iterator[Diagnosis]:
    """Compare the time with the header ``Date``, which has whole seconds (RFC 9110 §6.6.1)."""
    try:
        there = parsedate_to_datetime(reply.headers["date"])
    except (KeyError, ValueError):
        return
    after = SystemClock().now()
    host = reply.request.url.host
    yield clock("clock", before - timedelta(seconds=1), there, after, whose=f"that of {host}")
