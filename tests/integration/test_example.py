"""The example client of ``examples/chat.py`` chats with a server process."""

from __future__ import annotations

import json
import subprocess
import sys
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import trio
from bountyexpo.load.client.rest import Rest
from bountyexpo.load.people import make_accounts

from tests.patience import PATIENCE_S
from tests.server_process import ServerProcess, running

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

EXAMPLE = Path(__file__).parents[2] / "examples" / "chat.py"


class Chatter:
    """The example, with a person at its keyboard."""

    def __init__(self, process: trio.Process) -> None:
        self.process = process
        self._heard = b""

    async def write(self, line: str) -> None:
        assert self.process.stdin is not None
        await self.process.stdin.send_all(f"{line}\n".encode())

    async def wait_for(self, words: str) -> None:
        """Read on until the words were printed."""
        assert self.process.stdout is not None
        with trio.fail_after(PATIENCE_S):
            while words.encode() not in self._heard:
                chunk = await self.process.stdout.receive_some()
                if not chunk:
                    raise AssertionError(f"ended without {words!r}: {self._heard.decode()}")
                self._heard += chunk


@asynccontextmanager
async def chatting(url: str, token: str, conversation: str, folder: Path) -> AsyncIterator[Chatter]:
    """Run the example in a folder of its own."""
    await trio.Path(folder).mkdir(exist_ok=True)
    process = await trio.lowlevel.open_process(
        [sys.executable, str(EXAMPLE), f"{url}/v1/socket", token, conversation],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=folder,
    )
    try:
        yield Chatter(process)
    finally:
        process.kill()
        with trio.CancelScope(shield=True):
            await process.wait()


@pytest.fixture
async def server(folder: Path, dsn: str) -> AsyncIterator[ServerProcess]:
    process = ServerProcess(folder, DATABASE_URL=dsn)
    async with running(process):
        yield process


async def open_conversation(url: str, tokens: list[str]) -> str:
    rest = Rest(url)
    other = (await rest.get("/auth/me", token=tokens[1])).body["id"]
    opened = await rest.post("/api/conversations", {"participantIds": [other]}, token=tokens[0])
    await rest.aclose()
    return str(opened.body["id"])


async def test_two_people_chat_and_one_catches_up(server: ServerProcess, tmp_path: Path) -> None:
    tokens = await make_accounts(server.url, ["anna", "ben"])
    conversation = await open_conversation(server.url, tokens)
    url = server.url.replace("http", "ws")
    anna, ben = tmp_path / "anna", tmp_path / "ben"

    async with chatting(url, tokens[0], conversation, anna) as left:
        await left.wait_for("connected")
        async with chatting(url, tokens[1], conversation, ben) as right:
            await right.wait_for("connected")
            await left.write("At noon?")
            await right.wait_for("At noon?")
            await right.write("At noon!")
            await left.wait_for("At noon!")
            await right.wait_for("2  sent")
        await left.write("Bring the green paint.")
        await left.wait_for("3  sent")

    async with chatting(url, tokens[1], conversation, ben) as right:
        await right.wait_for("Bring the green paint.")

    memory = trio.Path(ben / f".chat-{conversation}.json")
    places = json.loads(await memory.read_text())
    assert places[f"conv:{conversation}"]["seq"] == 3


@pytest.mark.parametrize("token", ["wrong", "", "a.b.c"])
async def test_a_wrong_token_is_said_and_ends_it(
    server: ServerProcess, tmp_path: Path, token: str
) -> None:
    await ends_with_a_reason(tmp_path, f"{server.url.replace('http', 'ws')}/v1/socket", token)


async def test_an_address_without_a_socket_is_said_and_ends_it(
    server: ServerProcess, tmp_path: Path
) -> None:
    said = await ends_with_a_reason(tmp_path, f"{server.url.replace('http', 'ws')}/nothing", "x")

    assert "404" in said


async def ends_with_a_reason(folder: Path, url: str, token: str) -> str:
    """Run the example while somebody holds its keyboard and types nothing."""
    command = [sys.executable, str(EXAMPLE), url, token, "c1"]
    with trio.fail_after(PATIENCE_S):
        process = await trio.lowlevel.open_process(
            command, stdin=subprocess.PIPE, stderr=subprocess.PIPE, cwd=folder
        )
        said = b""
        async for chunk in process.stderr:
            said += chunk
        code = await process.wait()
        await process.stdin.aclose()
    assert code == 1
    assert said.decode().startswith("refused: ")
    assert len(said.splitlines()) == 1
    return said.decode()
