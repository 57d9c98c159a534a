"""People who talk without a pause while a test breaks the server under them.

Each sends the next message when the last one was acknowledged, and sends it again until it is. Who
is far ahead of what the other has heard waits for them: more than a replay brings is refetched over
REST, which is tested elsewhere. What must be so at the end, whatever happened: every acknowledged
message is stored under the number of its ack, and both sides have heard every number once and in
order.
"""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import psycopg
import trio
from bountyexpo.domain.ids import new_id
from bountyexpo.load.client.socket_client import SocketClient
from bountyexpo.ws.session.limits import SessionLimits

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from bountyexpo.load.client.stream_log import Frame

    from tests.integration.product.product import Product

PAIRS = 4
# Long enough for the return of a database.
PATIENCE_S = 30.0
# Long enough for the start of a process; the test's own limit ends it before that.
RESTART_S = 120.0
# Messages that one may be ahead of the other, so that both together stay below a replay.
AHEAD_MAX = SessionLimits().replay_stream_events_max // 4
STORED = """
    select seq, client_message_id from app.messages where conversation_id = %s order by seq
"""


class Speaker:
    """One of a pair."""

    def __init__(self, client: SocketClient) -> None:
        self.client = client
        self.conversation_id = ""
        # Cancelled when they leave for good.
        self.presence = trio.CancelScope()
        # What was acknowledged: the client's id of each number.
        self.acked: dict[int, str] = {}

    @property
    def stream(self) -> str:
        """The stream of the conversation."""
        return f"conv:{self.conversation_id}"

    @property
    def heard(self) -> list[Frame]:
        """The messages of the conversation as they came, one's own by their acks."""
        return [
            event
            for event in self.client.log.events
            if event["type"] == "message.new"
            and event.get("stream", f"conv:{event['conversationId']}") == self.stream
        ]

    async def stay(self) -> None:
        """Keep a socket until they leave."""
        with self.presence:
            await self.client.run()

    async def say(self) -> None:
        """Send one message and keep at it until it is acknowledged."""
        name = new_id()
        ack = await self.client.send_message(
            self.conversation_id, name, "Still there?", deadline_s=RESTART_S
        )
        self.acked[ack["seq"]] = name

    async def hear(self, seq: int) -> None:
        """Come to this number of the conversation."""
        log = self.client.log
        await self.client.wait_until(
            lambda: log.place(self.stream)["seq"] >= seq, "the messages", deadline_s=RESTART_S
        )


class Chat:
    """All pairs; ``goes_on`` waits until everybody got through again."""

    def __init__(self, product: Product) -> None:
        self.product = product
        self.speakers: list[Speaker] = []
        self._is_over = False
        self._progress = trio.Event()

    async def gather(self, nursery: trio.Nursery) -> None:
        """Bring the people, two and two, one over each codec."""
        for number in range(2 * PAIRS):
            token = self.product.token(new_id())
            codec = ("json", "msgpack")[number % 2]
            client = SocketClient(self.product.url, token, codec=codec)
            speaker = Speaker(client)
            self.speakers.append(speaker)
            nursery.start_soon(speaker.stay)
        for speaker in self.speakers:
            await speaker.client.wait_open()
        for first, second in self.pairs:
            wanted = {"participantIds": [second.client.welcome["userId"]]}
            reply = await first.client.request("call", op="conversation.open", args=wanted)
            result = reply["result"]
            first.conversation_id = second.conversation_id = result.get("conversation", result)[
                "id"
            ]

    @property
    def pairs(self) -> list[tuple[Speaker, Speaker]]:
        """Who talks with whom."""
        return list(zip(self.speakers[::2], self.speakers[1::2], strict=True))

    def connections(self) -> list[int]:
        """How many sockets each has had."""
        return [speaker.client.connections for speaker in self.speakers]

    async def talk(self) -> None:
        """Talk until it is over."""
        async with trio.open_nursery() as nursery:
            for first, second in self.pairs:
                nursery.start_soon(self._talk, first, second)
                nursery.start_soon(self._talk, second, first)

    async def goes_on(self, messages: int = 3) -> None:
        """Wait until everybody has had this many more messages acknowledged."""
        wanted = {speaker: len(speaker.acked) + messages for speaker in self.speakers}
        with trio.fail_after(PATIENCE_S):
            while any(len(speaker.acked) < count for speaker, count in wanted.items()):
                await self._progress.wait()

    def finish(self) -> None:
        """Let everybody come to the end of their sentence."""
        self._is_over = True

    async def _talk(self, speaker: Speaker, other: Speaker) -> None:
        while not self._is_over:
            await speaker.say()
            self._progress.set()
            self._progress = trio.Event()
            await other.hear(list(speaker.acked)[-AHEAD_MAX:][0])

    async def check(self) -> None:
        """Check what is promised."""
        for pair in self.pairs:
            await self._check_pair(*pair)

    async def _check_pair(self, first: Speaker, second: Speaker) -> None:
        acked = first.acked | second.acked
        assert len(acked) == len(first.acked) + len(second.acked)
        head = max(acked)
        for speaker in (first, second):
            await speaker.client.wait_for(
                "message.new", lambda event: event["seq"] >= head, deadline_s=PATIENCE_S
            )
            assert [event["seq"] for event in speaker.heard] == list(range(1, head + 1))
            assert {event["seq"]: event["clientMsgId"] for event in speaker.heard} == acked
            faults = speaker.client.log.faults
            assert not faults, faults
        with psycopg.connect(self.product.dsn) as session:
            stored = session.execute(STORED, [first.conversation_id]).fetchall()
        assert stored == sorted(acked.items())


@asynccontextmanager
async def chatting(product: Product) -> AsyncIterator[Chat]:
    """Talk inside, and check at the end that nothing was lost, doubled or out of order."""
    chat = Chat(product)
    async with trio.open_nursery() as sockets:
        await chat.gather(sockets)
        async with trio.open_nursery() as talk:
            talk.start_soon(chat.talk)
            await chat.goes_on()
            yield chat
            await chat.goes_on()
            chat.finish()
        await chat.check()
        sockets.cancel_scope.cancel()
