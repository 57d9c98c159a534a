"""Starlette on uvicorn (uvloop, httptools): sockets, and one row by its id with asyncpg."""

from __future__ import annotations

import json
import os
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import asyncpg
import uvicorn
from starlette.applications import Starlette
from starlette.responses import Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from starlette.requests import Request

SOCKETS: set[WebSocket] = set()
DATABASE_URL = os.environ.get("DATABASE_URL")
QUERY = os.environ.get("QUERY", "")


async def socket(websocket: WebSocket) -> None:
    await websocket.accept()
    SOCKETS.add(websocket)
    try:
        while True:
            message = await websocket.receive_text()
            for each in list(SOCKETS) if message[0] == "b" else (websocket,):
                await each.send_text(message)
    except WebSocketDisconnect:
        pass
    finally:
        SOCKETS.discard(websocket)


async def bounty(request: Request) -> Response:
    row = await request.app.state.pool.fetchrow(QUERY, request.path_params["id"])
    if row is None:
        return Response(status_code=404)
    return Response(encode(dict(row)), media_type="application/json")


def encode(row: dict[str, Any]) -> bytes:
    return json.dumps(row, default=str, separators=(",", ":")).encode()


@asynccontextmanager
async def lifespan(app: Starlette) -> AsyncIterator[None]:
    if DATABASE_URL is None:
        yield
        return
    size = int(os.environ["POOL_SIZE"])
    settings = {"search_path": os.environ["SEARCH_PATH"]}
    async with asyncpg.create_pool(
        DATABASE_URL, min_size=size, max_size=size, server_settings=settings
    ) as pool:
        app.state.pool = pool
        yield


routes = [WebSocketRoute("/v1/socket", socket), Route("/api/bounties/{id}", bounty)]
app = Starlette(routes=routes, lifespan=lifespan)

if __name__ == "__main__":
    uvicorn.run(
        app,
        host="127.0.0.1",
        port=int(os.environ["PORT"]),
        backlog=4096,
        access_log=False,
        log_level="warning",
        ws_per_message_deflate=False,
    )
