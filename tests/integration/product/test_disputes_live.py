"""What both sides hear of a dispute: live, on the socket that comes back, and replayed."""

from __future__ import annotations

from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
import trio
from bountyexpo.ws.session import frame_splice
from bountyexpo.ws.transport.frames import encode_frame
from bountyexpo.ws.v1.serializer import JSON, MSGPACK

from tests.integration.product.market.jobs import Job
from tests.integration.product.wire import Wire

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.integration.product.product import Person, Product
    from tests.integration.product.scene import Scene

LIMIT_S = 40.0
SERIALIZERS = {"json": JSON, "msgpack": MSGPACK}
# What the dispute is told to be after each step: opened, answered three times, taken up, decided.
TOLD = ["open", "open", "open", "open", "under_review", "resolved"]


class Side:
    """One side of a bounty, with a socket that stays and one that will be cut off."""

    def __init__(self, job: Job, person: Person, codec: str) -> None:
        self.job, self.person, self.codec = job, person, codec
        self.stays: Wire
        self.leaves: Wire
        self.sid = ""

    @property
    def stream(self) -> str:
        return f"bounty:{self.job.id}"

    @asynccontextmanager
    async def opened(self, **hello: Any) -> AsyncIterator[Wire]:
        async with Wire.opened(self.job.product, self.person, codec=self.codec, **hello) as wire:
            yield wire

    async def arrive(self, stack: AsyncExitStack) -> None:
        self.stays = await stack.enter_async_context(self.opened())
        self.leaves = await stack.enter_async_context(self.opened(caps=["resume"]))
        (welcome,) = [frame for frame in self.leaves.heard if frame["type"] == "welcome"]
        self.sid = welcome["sid"]

    def told(self, wire: Wire) -> list[tuple[dict[str, Any], bytes]]:
        """What a socket was told of the bounty, as it came."""
        return [
            (frame, raw)
            for frame, raw in zip(wire.heard, wire.raw, strict=True)
            if frame.get("stream") == self.stream
        ]

    def marked(self, raw: bytes, **fields: Any) -> bytes:
        """The same bytes with the mark of a session in front."""
        serializer = SERIALIZERS[self.codec]
        whole = encode_frame(serializer.opcode, raw)
        return frame_splice.payload_of(frame_splice.with_fields(serializer, whole, **fields))

    async def hear_the_end(self) -> list[bytes]:
        """Everything that the socket that stays has heard of the bounty, in its order."""
        while (await self.stays.hear("dispute.updated"))["status"] != TOLD[-1]:
            pass
        # What is committed with the decision comes behind it.
        await self.stays.say(type="ping")
        await self.stays.hear("pong")
        return [raw for _, raw in self.told(self.stays)]


def argue(job: Job, admin: Person) -> str:
    """Let a dispute be opened; return it."""
    body = {"bounty_id": job.id, "stage": "in_progress", "reason": "It was to be green."}
    dispute_id: str = job.done("/api/disputes", body, by=job.poster)["id"]
    path = f"/api/disputes/{dispute_id}"
    job.done(f"{path}/comments", {"comment": "It is green."}, by=job.hunter)
    job.done(f"{path}/evidence", {"type": "text", "content": "A photo."}, by=job.hunter)
    job.done(f"{path}/comments", {"comment": "I see.", "isInternal": True}, by=admin)
    job.done(f"{path}/comments", {"comment": "Show me the can."}, by=admin)
    return dispute_id


def decide(job: Job, admin: Person, dispute_id: str) -> None:
    """Let an admin take it up and decide."""
    path = f"/admin/disputes/{dispute_id}"
    taken = job.product.send("PATCH", f"{path}/status", {"status": "under_review"}, by=admin)
    assert taken.is_success, taken.text
    ruling = {"outcome": "split", "amountToHunterCents": 501, "amountToPosterCents": 500}
    job.done(f"{path}/resolve", ruling | {"rationale": "Each is half right."}, by=admin)


@pytest.mark.parametrize("codec", SERIALIZERS)
async def test_both_sides_hear_it_live_and_again_by_the_same_bytes(
    scene: Scene, product: Product, codec: str
) -> None:
    in_thread = trio.to_thread.run_sync
    admin, stranger = await in_thread(product.admin), await in_thread(product.person)
    job = await in_thread(Job, scene)
    sides = [Side(job, person, codec) for person in (job.poster, job.hunter)]
    with trio.fail_after(LIMIT_S):
        async with AsyncExitStack() as stack:
            for side in sides:
                await side.arrive(stack)
            other = await stack.enter_async_context(Wire.opened(product, stranger, codec=codec))
            dispute_id = await in_thread(partial(argue, job, admin))
            for side in sides:
                heard = await side.leaves.hear("dispute.updated")
                # The line is cut: no close frame, nothing.
                await side.leaves.client.aclose()
                side.leaves.heard[:] = [heard]
            await in_thread(partial(decide, job, admin, dispute_id))
            for side in sides:
                await check(side)
            await other.say(type="sync", id="s", streams={f"bounty:{job.id}": {"seq": 0}})
            await other.hear("synced")
            assert not [frame for frame in other.heard if "dispute" in frame["type"]]
    (poster, hunter) = [[raw for _, raw in side.told(side.stays)] for side in sides]
    assert poster == hunter


async def check(side: Side) -> None:
    """Compare what came live, what came with the next socket, and what is replayed."""
    live = await side.hear_the_end()
    disputes = [f for f, _ in side.told(side.stays) if f["type"] == "dispute.updated"]
    assert [frame["status"] for frame in disputes] == TOLD
    numbers = [frame["seq"] for frame, _ in side.told(side.stays)]
    assert numbers == sorted(set(numbers))

    (last,) = side.leaves.heard
    async with side.opened(resume={"sid": side.sid, "n": last["n"]}) as back:
        assert (await back.hear("resumed"))["limited"] == []
        missed = side.told(back)
        assert [frame["n"] for frame, _ in missed] == sorted(frame["n"] for frame, _ in missed)
        assert [raw for _, raw in missed] == [
            side.marked(raw, n=frame["n"], replay=True)
            for (frame, _), raw in zip(missed, live[-len(missed) :], strict=True)
        ]
        assert missed[0][0]["seq"] == last["seq"] + 1

    async with side.opened() as late:
        await late.say(type="sync", id="s", streams={side.stream: {"seq": numbers[0] - 1}})
        assert (await late.hear("synced"))["limited"] == []
        replayed = [raw for _, raw in side.told(late)]
        assert replayed == [side.marked(raw, replay=True) for raw in live]
