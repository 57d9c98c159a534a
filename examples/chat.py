"""A small client of the socket protocol: connects, catches up, chats. Needs only ``websockets``.

    python examples/chat.py ws://127.0.0.1:3001/v1/socket <token> <conversation id>

Lines from the keyboard are sent; what others write is printed. What was heard is kept in a file,
so the next start goes on where this one stopped.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import sys
import uuid
from contextlib import suppress
from pathlib import Path

from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus

# Close codes after which coming back by itself is wrong: a bug, no credentials, or sent away.
FINAL = {1003, 1007, 4401, 4403, 4409, 4410, 4411, 4426}
# Answers of HTTP, instead of a socket, after which it may be better later.
PASSING = {408, 425, 429, 500, 502, 503, 504}


class Refused(Exception):
    """The server does not want us; coming back would not help."""


class Client:
    """One user's connection. ``places`` is all there is to remember between two runs."""

    def __init__(self, url: str, token: str, *, on_message, places: dict | None = None):
        self.url, self.token, self.on_message = url, token, on_message
        self.places: dict[str, dict] = places or {}  # stream -> {"seq", "epoch"}
        self.welcomed = asyncio.Event()
        self._unanswered: dict[str, tuple[dict, asyncio.Future]] = {}
        self._socket = None

    async def run(self) -> None:
        """Stay connected until cancelled, with full jitter between the tries.

        Raises:
            Refused: there is no use in another try.
        """
        ceiling_s, after_s = 1.0, 0.0
        while True:
            try:
                headers = {"Authorization": f"Bearer {self.token}"}
                async with connect(
                    self.url,
                    subprotocols=["bounty.v1.json"],
                    additional_headers=headers,
                    compression=None,
                ) as self._socket:
                    await self._say(type="hello", v=1, streams=self.places)
                    async for data in self._socket:
                        frame = json.loads(data)
                        if frame["type"] == "reconnect":  # the server is about to restart
                            after_s = frame["afterMs"] / 1000
                            break
                        if frame["type"] == "welcome":
                            ceiling_s = 1.0
                        await self._take(frame)
            except ConnectionClosed as closed:
                if closed.rcvd and closed.rcvd.code in FINAL:
                    raise Refused(f"{closed.rcvd.code} {closed.rcvd.reason}") from closed
            except InvalidStatus as answer:
                if answer.response.status_code not in PASSING:
                    raise Refused(said_by(answer)) from answer
            except (OSError, InvalidHandshake):
                pass
            finally:
                self._socket = None
                self.welcomed.clear()
            await asyncio.sleep(after_s or random.uniform(0, ceiling_s))
            ceiling_s, after_s = min(ceiling_s * 2, 30.0), 0.0

    async def send(self, conversation_id: str, text: str) -> dict:
        """Send a message, again and again until it is answered; it is stored once."""
        return await self.request(
            "message.send", conversationId=conversation_id, text=text, clientMsgId=str(uuid.uuid4())
        )

    async def request(self, kind: str, **fields) -> dict:
        """Send a frame and return its ``ack``, over as many connections as it takes."""
        frame = {"type": kind, "id": uuid.uuid4().hex, **fields}
        answer = asyncio.get_running_loop().create_future()
        self._unanswered[frame["id"]] = frame, answer
        if self.welcomed.is_set():
            await self._say(**frame)
        return await answer

    async def _take(self, frame: dict) -> None:
        kind, stream = frame["type"], frame.get("stream")
        if kind == "welcome":
            # Conversations that are new to us begin at their heads; the rest is being replayed.
            for name, head in frame["heads"].items():
                self.places.setdefault(name, head)
            self.welcomed.set()
            for waiting, _ in list(self._unanswered.values()):
                await self._say(**waiting)
        elif kind == "ping":
            await self._say(type="pong", t=frame.get("t"))
        elif kind == "gap":  # we read too slowly, and the server dropped events
            streams = {name: self.places.get(name, {"seq": 0}) for name in frame["streams"]}
            await self._say(type="sync", streams=streams)
        elif kind in ("ack", "error") and frame.get("re") in self._unanswered:
            self._answer(frame)
        elif stream and "seq" in frame:
            await self._event(frame, stream)

    def _answer(self, frame: dict) -> None:
        if frame["type"] == "error" and frame["retryable"]:
            pause_s = frame.get("retryAfterMs", 1000) / 1000
            request = self._unanswered[frame["re"]][0]
            asyncio.get_running_loop().call_later(
                pause_s, lambda: asyncio.ensure_future(self._say(**request))
            )
            return
        request, answer = self._unanswered.pop(frame["re"])
        place = self.places.get(f"conv:{frame.get('conversationId')}")
        if place and place["seq"] + 1 == frame.get("seq"):
            place["seq"] += 1  # the ack of our own message is our copy of it
        if answer.done():
            return
        if frame["type"] == "error":
            answer.set_exception(RuntimeError(f"{frame['code']}: {frame['message']}"))
        else:
            answer.set_result(frame)

    async def _event(self, frame: dict, stream: str) -> None:
        place = self.places.setdefault(stream, {"seq": 0, "epoch": frame["epoch"]})
        if frame["seq"] <= place["seq"]:
            return  # heard before
        # Our own messages are told by their acks, so a number may be missing here; after the next
        # reconnect the replay begins behind the last one heard, which is all that matters.
        self.places[stream] = {"seq": frame["seq"], "epoch": frame["epoch"]}
        if frame["type"] == "message.new":
            self.on_message(frame)

    async def _say(self, **frame) -> None:
        if self._socket is not None:
            with suppress(ConnectionClosed):
                await self._socket.send(json.dumps(frame))


def said_by(answer: InvalidStatus) -> str:
    """What an answer of HTTP says to people."""
    status, body = answer.response.status_code, answer.response.body
    with suppress(ValueError, AttributeError):
        return f"{status} {json.loads(body)['message']}"
    return str(status)


async def main(url: str, token: str, conversation_id: str, places: dict, memory: Path) -> None:
    """Chat with the keyboard."""

    def show(frame: dict) -> None:
        memory.write_text(json.dumps(client.places))
        print(f"{frame['seq']:>4}  {frame['senderId'][:8]}  {frame['text']}", flush=True)

    client = Client(url, token, on_message=show, places=places)

    async def type_on() -> None:
        await client.welcomed.wait()
        print("connected", flush=True)
        while line := await asyncio.to_thread(sys.stdin.readline):
            ack = await client.send(conversation_id, line.rstrip("\n"))
            print(f"{ack['seq']:>4}  sent", flush=True)

    tasks = [asyncio.create_task(client.run()), asyncio.create_task(type_on())]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    finally:
        for task in tasks:
            task.cancel()


if __name__ == "__main__":
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    file = Path(f".chat-{sys.argv[3]}.json")
    known = json.loads(file.read_text()) if file.exists() else {}
    try:
        asyncio.run(main(*sys.argv[1:4], known, file))
    except Refused as refusal:
        # Not ``sys.exit``: it would wait for a line from the keyboard that may never come.
        print(f"refused: {refusal}", file=sys.stderr, flush=True)
        os._exit(1)
