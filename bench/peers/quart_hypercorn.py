"""Quart-Trio on Hypercorn: "b…" goes to everybody, anything else goes back."""

from __future__ import annotations

import os

import trio
from hypercorn.config import Config
from hypercorn.trio import serve
from quart import websocket
from quart_trio import QuartTrio

app = QuartTrio(__name__)
CHANNELS: set[trio.MemorySendChannel[str]] = set()


@app.websocket("/v1/socket")
async def socket() -> None:
    send, receive = trio.open_memory_channel[str](256)
    CHANNELS.add(send)
    try:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(forward, receive)
            while True:
                await answer(await websocket.receive())
    finally:
        CHANNELS.discard(send)


async def answer(message: str) -> None:
    if message[0] != "b":
        await websocket.send(message)
        return
    for each in list(CHANNELS):
        await each.send(message)


async def forward(receive: trio.MemoryReceiveChannel[str]) -> None:
    # A socket of Quart belongs to its own task, so a broadcast passes through a channel.
    ours = websocket._get_current_object()
    async for message in receive:
        await ours.send(message)


if __name__ == "__main__":
    config = Config()
    config.bind = [f"127.0.0.1:{os.environ['PORT']}"]
    config.backlog = 4096
    trio.run(serve, app, config)
