"""A client of plain HTTP that sends any bytes and reads answers one by one."""

from __future__ import annotations

from dataclasses import dataclass

HEAD_END = b"\r\n\r\n"


@dataclass
class Reply:
    """One answer; header names are in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def closes(self):
        return self.headers.get("connection") == "close"


class PlainClient:
    """One connection."""

    def __init__(self, stream):
        self.stream = stream
        self.data = b""

    async def ask(self, line, body=b"", **fields):
        await self.send(line, body, **fields)
        return await self.reply(with_body=not line.startswith("HEAD "))

    async def send(self, line, body=b"", **fields):
        await self.raw(request(line, body, **fields))

    async def raw(self, data):
        await self.stream.send_all(data)

    async def reply(self, *, with_body=True):
        """Return the next answer; one that is given up in the middle can be asked for again."""
        while HEAD_END not in self.data:
            await self._more()
        head = self.data.partition(HEAD_END)[0]
        first, *lines = head.decode("latin-1").split("\r\n")
        pairs = [line.split(": ", 1) for line in lines]
        headers = {name.lower(): value for name, value in pairs}
        assert len(headers) == len(pairs), lines
        start = len(head) + len(HEAD_END)
        end = start + (int(headers.get("content-length", "0")) if with_body else 0)
        while len(self.data) < end:
            await self._more()
        body, self.data = self.data[start:end], self.data[end:]
        return Reply(int(first.split(" ")[1]), headers, body)

    async def end(self):
        """Return what still comes before the server ends the connection."""
        rest = self.data
        while chunk := await self.stream.receive_some():
            rest += chunk
        return rest

    async def _more(self):
        chunk = await self.stream.receive_some()
        assert chunk, self.data
        self.data += chunk


def request(line, body=b"", **fields):
    """The bytes of a request; ``Content_Type="…"`` is a header, None leaves a usual one out."""
    named = {"Host": "x", **{name.replace("_", "-"): text for name, text in fields.items()}}
    if body:
        named.setdefault("Content-Length", str(len(body)))
    head = "".join(f"{name}: {value}\r\n" for name, value in named.items() if value is not None)
    version = "" if " HTTP/" in line else " HTTP/1.1"
    return f"{line}{version}\r\n{head}\r\n".encode() + body
