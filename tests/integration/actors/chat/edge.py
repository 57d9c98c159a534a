"""The operations of conversations as both transports carry them out, without a transport."""

from __future__ import annotations

from ipaddress import ip_network
from types import SimpleNamespace

from bountyexpo.domain.identity import Identity
from bountyexpo.domain.ids import new_id
from bountyexpo.domain.policy import Policy
from bountyexpo.operations import areas
from bountyexpo.operations.batcher import BatchedReads
from bountyexpo.operations.call import Call
from bountyexpo.operations.catalogue import CATALOGUE
from bountyexpo.operations.dispatch import dispatch
from bountyexpo.operations.rate_limits import RateLimiter
from bountyexpo.runtime.clock import SystemClock


class NoSockets:
    """Nobody is there to be parted."""

    def separate(self, one, other):
        pass


class Edge:
    """Carries out operations for people, on a clock that only the test moves."""

    def __init__(self, town, transport="rest"):
        areas.declare()
        self.now = 0.0
        self.transport = transport
        self.services = SimpleNamespace(
            actors=town.actors,
            db=town.db,
            policy=Policy(),
            batched=BatchedReads(town.db),
            sockets=NoSockets(),
            rate_limiter=RateLimiter(lambda: self.now, allowed=[ip_network("10.1.0.0/16")]),
            clock=SystemClock(),
            settings=SimpleNamespace(media_hosts=("files.example.org",)),
        )

    async def call(self, user_id, operation, *, peer="192.0.2.1", **arguments):
        call = Call(
            self.services,
            request_id="r",
            transport=self.transport,
            identity=Identity(user_id=user_id, expires_at=2**40),
            peer=peer,
        )
        return await dispatch(CATALOGUE.get(operation), call, arguments)

    async def send(self, user_id, thread, **asked):
        self.now += 0.2  # as fast as one may send at all
        return await self.call(
            user_id,
            "message.send",
            conversationId=thread,
            **{"text": "hi", "clientMsgId": new_id(), **asked},
        )

    async def open(self, user_id, *others, **asked):
        self.now += 1.0
        return await self.call(user_id, "conversation.open", participantIds=list(others), **asked)
