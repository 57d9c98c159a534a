"""Mail and text messages that the emulators would send: a folder of files, and pages to read them.

    GET    /sandbox/messages[?to=<address>][&limit=50]   the latest first
    GET    /sandbox/messages/<id>                        one of them
    DELETE /sandbox/messages                             away with them

Each message is one JSON file in the folder, named by its time, so that a person can read them, too.
Old ones make room for new ones.
"""

from __future__ import annotations

import os
import re
import secrets
from contextlib import suppress
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Literal

import msgspec
import trio
from quart import Blueprint, Response, request

from bountyexpo.errors import InvalidRequest, NotFound
from bountyexpo.sandbox.replies import add_routes, reply

if TYPE_CHECKING:
    from pathlib import Path

KEPT_MAX = 500

PAGE_DEFAULT = 50

# More would be a loop of somebody's.
PER_HOUR_MAX = 500

_HOUR = timedelta(hours=1)
_ID = re.compile(r"\d{8}T\d{12}-[0-9a-f]{8}")


class SentMessage(msgspec.Struct, frozen=True, kw_only=True):
    """One message as its recipient would see it; ``code`` and ``link`` stand in its text, too."""

    id: str
    channel: Literal["email", "sms"]
    to: str
    subject: str
    text: str
    sent_at: datetime
    about: str
    code: str
    link: str | None = None


class MessageSink:
    """Keeps what would be sent.

    Owns:      the folder.
    Overload:  the oldest of ``KEPT_MAX`` files make room; ``has_room`` says when to send no more.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._sent_at: list[datetime] = []

    def has_room(self, now: datetime) -> bool:
        """Tell whether another may be sent within this hour."""
        self._sent_at = [moment for moment in self._sent_at if now - moment < _HOUR]
        return len(self._sent_at) < PER_HOUR_MAX

    async def send(self, message: SentMessage) -> None:
        """Keep a message."""
        self._sent_at.append(message.sent_at)
        await trio.to_thread.run_sync(self._write, message)

    async def latest(self, to: str | None, limit: int) -> list[SentMessage]:
        """Return messages, the latest first."""
        return await trio.to_thread.run_sync(self._read_latest, to, limit)

    async def get(self, message_id: str) -> SentMessage | None:
        """Return one message."""
        if not _ID.fullmatch(message_id):
            return None
        return await trio.to_thread.run_sync(_read, self._folder / f"{message_id}.json")

    async def clear(self) -> None:
        """Throw all messages away."""
        await trio.to_thread.run_sync(self._keep_only, 0)

    def blueprint(self) -> Blueprint:
        """Return the pages."""
        routes = Blueprint("messages", __name__, url_prefix="/sandbox/messages")
        add_routes(
            routes,
            ("GET", "", self._list_page),
            ("GET", "/<message_id>", self._message_page),
            ("DELETE", "", self._clear_page),
        )
        return routes

    async def _list_page(self) -> Response:
        limit = request.args.get("limit", str(PAGE_DEFAULT))
        if not limit.isdecimal() or not 1 <= int(limit) <= KEPT_MAX:
            raise InvalidRequest(f"limit must be from 1 to {KEPT_MAX}.")
        return reply({"messages": await self.latest(request.args.get("to"), int(limit))})

    async def _message_page(self, message_id: str) -> Response:
        found = await self.get(message_id)
        if found is None:
            raise NotFound("There is no such message.")
        return reply(found)

    async def _clear_page(self) -> Response:
        await self.clear()
        return reply({})

    def _write(self, message: SentMessage) -> None:
        # What is in it opens accounts.
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        path = self._folder / f"{message.id}.json"
        fresh = path.with_suffix(".new")
        with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(msgspec.json.format(msgspec.json.encode(message), indent=2))
        fresh.replace(path)
        self._keep_only(KEPT_MAX)

    def _read_latest(self, to: str | None, limit: int) -> list[SentMessage]:
        wanted = None if to is None else to.strip().lower().removeprefix("+")
        found: list[SentMessage] = []
        for path in self._paths():
            message = _read(path)
            if message is not None and wanted in {None, message.to}:
                found.append(message)
                if len(found) == limit:
                    break
        return found

    def _paths(self) -> list[Path]:
        return sorted(self._folder.glob("*.json"), reverse=True)

    def _keep_only(self, count: int) -> None:
        for path in self._paths()[count:]:
            path.unlink(missing_ok=True)


def message_id(now: datetime) -> str:
    """Return an id whose order is that of time."""
    return f"{now:%Y%m%dT%H%M%S%f}-{secrets.token_hex(4)}"


def _read(path: Path) -> SentMessage | None:
    """Return the message in a file; None when it was thrown away, or somebody else's file."""
    with suppress(OSError, msgspec.MsgspecError):
        return msgspec.json.decode(path.read_bytes(), type=SentMessage)
    return None
