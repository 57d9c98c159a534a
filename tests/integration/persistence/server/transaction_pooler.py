"""A pooler in transaction mode: each transaction gets another session of the server."""

from __future__ import annotations

import struct
from collections import deque
from functools import partial

import trio
from psycopg.conninfo import conninfo_to_dict

HOST = "127.0.0.1"
CANCEL = 80877102
PROTOCOL = 196608


class Line:
    """One side of a conversation, message by message."""

    def __init__(self, stream: trio.abc.Stream) -> None:
        self.stream = stream
        self._data = b""

    async def exactly(self, size: int) -> bytes:
        while len(self._data) < size:
            got = await self.stream.receive_some()
            if not got:
                raise ConnectionError
            self._data += got
        taken, self._data = self._data[:size], self._data[size:]
        return taken

    async def message(self) -> bytes:
        head = await self.exactly(5)
        return head + await self.exactly(struct.unpack(">I", head[1:])[0] - 4)

    async def until(self, kinds: bytes) -> list[bytes]:
        """Read up to the first message of one of these kinds."""
        messages = [await self.message()]
        while messages[-1][:1] not in kinds:
            messages.append(await self.message())
        return messages

    async def start_up(self) -> tuple[int, bytes]:
        body = await self.exactly(struct.unpack(">I", await self.exactly(4))[0] - 4)
        return struct.unpack(">I", body[:4])[0], body[4:]


class TransactionPooler:
    """Lends ``sessions`` sessions of a server, the last that came back first, or the other way."""

    def __init__(
        self, dsn: str, *, sessions: int = 3, is_lifo: bool = False, refuses_options: bool = False
    ) -> None:
        self._parts = conninfo_to_dict(dsn)
        self._count = sessions
        self._is_lifo = is_lifo
        self._refuses_options = refuses_options
        self._free: deque[Line] = deque()
        self._count_free = trio.Semaphore(0)
        self._welcome = b""
        self._lines: list[Line] = []
        self.dsn = ""

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        try:
            for _ in range(self._count):
                self._give_back(await self._session())
            async with trio.open_nursery() as nursery:
                serve = partial(trio.serve_tcp, self._serve, 0, host=HOST)
                listeners = await nursery.start(serve)
                port = listeners[0].socket.getsockname()[1]
                user, name = self._parts["user"], self._parts["dbname"]
                self.dsn = f"postgresql://{user}@{HOST}:{port}/{name}"
                task_status.started()
        finally:
            for line in self._lines:
                line.stream.socket.close()

    async def _session(self) -> Line:
        line = Line(await trio.open_unix_socket(f"{self._parts['host']}/.s.PGSQL.5432"))
        self._lines.append(line)
        words = ("user", self._parts["user"], "database", self._parts["dbname"])
        body = struct.pack(">I", PROTOCOL) + "\0".join(words).encode() + b"\0\0"
        await line.stream.send_all(struct.pack(">I", len(body) + 4) + body)
        self._welcome = b"".join(await line.until(b"Z"))
        return line

    def _give_back(self, line: Line) -> None:
        self._free.append(line)
        self._count_free.release()

    async def _borrow(self) -> Line:
        await self._count_free.acquire()
        return self._free.pop() if self._is_lifo else self._free.popleft()

    async def _serve(self, stream: trio.SocketStream) -> None:
        client = Line(stream)
        try:
            if await self._let_in(client):
                while True:
                    await self._transaction(client)
        except (ConnectionError, trio.BrokenResourceError):
            pass

    async def _let_in(self, client: Line) -> bool:
        code, words = await client.start_up()
        while code not in {CANCEL, PROTOCOL}:
            await client.stream.send_all(b"N")  # neither TLS nor GSS
            code, words = await client.start_up()
        if code == CANCEL:
            return False
        if self._refuses_options and b"options\0" in words:
            text = b"SFATAL\0C08P01\0Munsupported startup parameter: options\0\0"
            await client.stream.send_all(b"E" + struct.pack(">I", len(text) + 4) + text)
            return False
        await client.stream.send_all(self._welcome)
        return True

    async def _transaction(self, client: Line) -> None:
        batch = await self._batch(client)
        server = await self._borrow()
        is_over = False
        try:
            while not is_over:
                await server.stream.send_all(batch)
                answer = await server.until(b"Z")
                is_over = answer[-1][5:6] == b"I"
                await client.stream.send_all(b"".join(answer))
                batch = b"" if is_over else await self._batch(client)
        finally:
            with trio.move_on_after(2, shield=True):
                self._give_back(server if is_over else await self._another(server))

    async def _batch(self, client: Line) -> bytes:
        messages = await client.until(b"QSX")
        if messages[-1][:1] == b"X":
            raise ConnectionError
        return b"".join(messages)

    async def _another(self, server: Line) -> Line:
        """End a session, and its transaction with it."""
        await server.stream.aclose()
        return await self._session()
