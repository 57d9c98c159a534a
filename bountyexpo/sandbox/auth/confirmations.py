"""Mail and text messages of the auth API, and what people do with the codes in them.

A code is confirmed with ``POST /verify`` by an app, or with ``GET /verify`` by the link of a mail,
which leads back to the app. As on the real server with its confirmation of sign-ups turned off, a
new address is told and the old one, too, and the first that answers decides.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode, urlsplit

from quart import Response, request

from bountyexpo.sandbox.auth import one_time
from bountyexpo.sandbox.auth.bodies import Proof, Recovery, email_of, phone_of, read
from bountyexpo.sandbox.auth.one_time import GAP, Taken, TooSoon, Wrong, hashed
from bountyexpo.sandbox.auth.store import Banned
from bountyexpo.sandbox.auth.views import AuthRefusal
from bountyexpo.sandbox.edge import is_local
from bountyexpo.sandbox.messages import MessageSink, SentMessage, message_id
from bountyexpo.sandbox.replies import reply

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bountyexpo.runtime.clock import Clock
    from bountyexpo.sandbox.auth.one_time import Kind, OneTimeTokens
    from bountyexpo.sandbox.auth.sessions import Sessions
    from bountyexpo.sandbox.auth.store import AuthStore, Row, Session

# What a proof is for, and by which codes it can be given.
TYPES: Mapping[str, tuple[Kind, ...]] = {
    "recovery": (one_time.RECOVERY,),
    "email": (one_time.RECOVERY,),
    "magiclink": (one_time.RECOVERY,),
    "email_change": (one_time.EMAIL_NEW, one_time.EMAIL_CURRENT),
    "phone_change": (one_time.PHONE,),
    # Addresses are confirmed at sign-up, so that no codes of these kinds were ever sent.
    "signup": (),
    "invite": (),
    "sms": (),
}

SUBJECTS = {"recovery": "Reset your password", "email_change": "Confirm your new email address"}

# Apps are opened by a scheme of their own; what a browser runs by itself is none.
_APP = re.compile(r"(?!https?:)[a-z][a-z0-9+.-]*://", re.IGNORECASE)


class Confirmations:
    """The routes of codes, and the sending of them."""

    def __init__(
        self,
        store: AuthStore,
        tokens: OneTimeTokens,
        sink: MessageSink,
        sessions: Sessions,
        clock: Clock,
        *,
        address: str,
        site_url: str,
    ) -> None:
        self._store = store
        self._tokens = tokens
        self._sink = sink
        self._sessions = sessions
        self._clock = clock
        self._address = address
        self._site_url = site_url

    async def recover(self) -> Response:
        """Mail a reset link; the answer does not tell who has an account."""
        body = await read(Recovery)
        if not body.email:
            text = "Password recovery requires an email"
            raise AuthRefusal(400, "validation_failed", text)
        user = await self._store.user_by_email(email_of(body.email))
        if user is not None:
            wanted: dict[Kind, str] = {one_time.RECOVERY: user["email"]}
            await self._send(user, wanted, {}, "recovery")
        return reply({})

    async def change_email(self, user: Row, email: str) -> None:
        """Ask for the confirmation of a new address, there and at the present one."""
        if await self._store.has_address("email", email):
            text = "A user with this email address has already been registered"
            raise AuthRefusal(422, "email_exists", text)
        wanted: dict[Kind, str] = {
            one_time.EMAIL_NEW: email,
            one_time.EMAIL_CURRENT: user["email"],
        }
        await self._send(user, wanted, {"email": email}, "email_change")

    async def change_phone(self, user: Row, phone: str) -> None:
        """Ask for the confirmation of a new number."""
        if await self._store.has_address("phone", phone):
            text = "A user with this phone number has already been registered"
            raise AuthRefusal(422, "phone_exists", text)
        await self._send(user, {one_time.PHONE: phone}, {"phone": phone}, "phone_change")

    async def verify(self) -> Response:
        """Confirm a code for an app."""
        body = await read(Proof)
        if bool(body.token) == bool(body.token_hash):
            text = "Verify requires either a token or a token hash"
            raise AuthRefusal(400, "validation_failed", text)
        if body.token_hash:
            return self._sessions.reply(await self._spend(body.type, body.token_hash, None))
        if bool(body.email) == bool(body.phone):
            text = "Only an email address or phone number should be provided on verify"
            raise AuthRefusal(400, "validation_failed", text)
        sent_to = email_of(body.email) if body.email else phone_of(body.phone)
        session = await self._spend(body.type, hashed(sent_to, body.token), sent_to)
        return self._sessions.reply(session)

    async def follow(self) -> Response:
        """Confirm the code of a link, and lead back to the app with the session."""
        asked, purpose = request.args.get("token", ""), request.args.get("type", "")
        goal = self._goal(request.args.get("redirect_to", ""))
        try:
            session = await self._spend(purpose, asked, None)
        except AuthRefusal as refusal:
            told = {"error": "access_denied", "error_code": refusal.code}
            return _lead(goal, told | {"error_description": refusal.message})
        shown = self._sessions.view(session)
        names = ("access_token", "expires_at", "expires_in", "refresh_token", "token_type")
        return _lead(goal, {name: shown[name] for name in names} | {"type": purpose})

    async def _spend(self, purpose: str, token_hash: str, sent_to: str | None) -> Session:
        if purpose not in TYPES:
            text = "Verify requires a verification type"
            raise AuthRefusal(400, "validation_failed", text)
        try:
            now = self._clock.now()
            return await self._tokens.spend(TYPES[purpose], token_hash, sent_to, now)
        except (Wrong, LookupError):
            what = "Email link is invalid or has expired"
            text = what if sent_to is None else "Token has expired or is invalid"
            raise AuthRefusal(403, "otp_expired", text) from None
        except Banned:
            raise AuthRefusal(403, "user_banned", "User is banned") from None
        except Taken:
            text = "A user with this email address has already been registered"
            raise AuthRefusal(422, "email_exists", text) from None

    async def _send(
        self, user: Row, wanted: Mapping[Kind, str], changes: Mapping[str, str], about: str
    ) -> None:
        """Make the codes, store them, and send each to its address."""
        now = self._clock.now()
        code = "over_sms_send_rate_limit" if one_time.PHONE in wanted else _MAIL_LIMIT
        if not self._sink.has_room(now):
            what = "SMS" if one_time.PHONE in wanted else "email"
            raise AuthRefusal(429, code, f"{what} rate limit exceeded")
        try:
            codes = await self._tokens.issue(user, wanted, changes, now)
        except TooSoon:
            wait_s = int(GAP.total_seconds())
            text = f"For security purposes, you can only request this after {wait_s} seconds."
            raise AuthRefusal(429, code, text) from None
        for kind, sent_to in wanted.items():
            await self._sink.send(self._message(kind, sent_to, codes[kind], about))

    def _message(self, kind: Kind, sent_to: str, code: str, about: str) -> SentMessage:
        now = self._clock.now()
        told: dict[str, Any] = {"id": message_id(now), "to": sent_to, "sent_at": now}
        if kind == one_time.PHONE:
            text = f"Your code is {code}"
            return SentMessage(channel="sms", subject="", text=text, about=about, code=code, **told)
        goal = self._goal(request.args.get("redirect_to", ""))
        asked = {"token": hashed(sent_to, code), "type": about, "redirect_to": goal}
        # A name from elsewhere in the request must not get into somebody's mail.
        here = f"http://{request.host}" if is_local(request.host) else self._address
        link = f"{here}/auth/v1/verify?{urlencode(asked)}"
        subject = SUBJECTS[about]
        text = f"{subject}\n\nFollow this link:\n{link}\n\nor enter the code: {code}\n"
        return SentMessage(
            channel="email", subject=subject, text=text, about=about, code=code, link=link, **told
        )

    def _goal(self, wanted: str) -> str:
        """Return where a link leads: to an app or a page of this machine, else to the site."""
        is_ours = _APP.match(wanted) or (
            wanted.startswith(("http://", "https://")) and is_local(urlsplit(wanted).netloc)
        )
        return wanted if is_ours else self._site_url


_MAIL_LIMIT = "over_email_send_rate_limit"


def _lead(goal: str, told: Mapping[str, Any]) -> Response:
    return Response("", 303, {"Location": f"{goal.partition('#')[0]}#{urlencode(told)}"})
