"""Who may act, as the sessions of tests are told."""

from __future__ import annotations

import msgspec
import trio
from bountyexpo.domain.identity import Identity
from bountyexpo.errors import AccountClosed, NotAuthenticated, SessionRevoked, TokenExpired

from tests.unit.ws.session.fake_database import START


class Verifier:
    """Believes ``<user>`` and ``<user>@<seconds to live>``."""

    def __init__(self):
        self.identities = {}

    async def verify(self, token):
        await trio.lowlevel.checkpoint()
        if token in self.identities:
            return self.identities[token]
        user_id, _, left = token.partition("@")
        if user_id == "bad":
            raise NotAuthenticated("No such key.", code="INVALID_TOKEN")
        if user_id == "expired":
            raise TokenExpired
        expires_at = int(START.timestamp() + trio.current_time() + int(left or 3600))
        return Identity(user_id=user_id, expires_at=expires_at)


class Authority:
    """Lets everybody act whose account is open and whose sign-in is not over."""

    def __init__(self, verifier):
        self._verifier = verifier
        self.status = {}
        self.roles = {}
        self.ended = set()
        # Who is banned after having been let in so many times.
        self.lets_in = {}
        self.changes = trio.open_memory_channel(100)
        self.is_hearing = True

    async def verify(self, token):
        return await self.admit(await self._verifier.verify(token))

    async def admit(self, identity):
        left = self.lets_in.get(identity.user_id)
        if left is not None:
            self.lets_in[identity.user_id] = left - 1
        status = "banned" if left == 0 else self.status.get(identity.user_id, "active")
        if status != "active":
            raise AccountClosed(f"This account is {status}.")
        if identity.session_id in self.ended:
            raise SessionRevoked
        if identity.is_admin and self.roles.get(identity.user_id) != "admin":
            return msgspec.structs.replace(identity, is_admin=False)
        return identity

    def change(self, user_id, status):
        self.status[user_id] = status
        self.tell(user_id)

    def end(self, user_id, session_id=None):
        self.ended.add(session_id)
        self.tell(user_id)

    def tell(self, user_id):
        self.changes[0].send_nowait([user_id])

    async def wait_changed(self):
        return await self.changes[1].receive()
