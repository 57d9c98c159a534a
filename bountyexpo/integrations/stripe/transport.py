"""The SDK's way out, on httpx and trio (decision 8).

The SDK's own httpx client hands over bodies in a manner that httpx has deprecated, and takes every
exception, a bug of ours included, for a lost connection.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import httpx
import stripe
import trio

from bountyexpo.integrations.tls import trusted

if TYPE_CHECKING:
    from collections.abc import Mapping

# No answer of the processor comes near; whatever sends more is something else.
ANSWER_BYTES_MAX = 8 << 20

# At DEBUG the SDK logs bodies, and bodies carry client secrets.
logging.getLogger("stripe").setLevel(logging.WARNING)

# Telemetry would write a file in the home directory from inside the event loop.
stripe.enable_telemetry = False


class Transport(stripe.HTTPClient):
    """Sends what the SDK has built; whether to repeat it is the SDK's decision."""

    name = "httpx"

    def __init__(self, *, attempt_s: float, connections_max: int) -> None:
        super().__init__()
        limits = httpx.Limits(
            max_connections=connections_max, max_keepalive_connections=connections_max
        )
        self._client = httpx.AsyncClient(verify=trusted(), timeout=attempt_s, limits=limits)
        self._attempt_s = attempt_s

    async def request_async(
        self, method: str, url: str, headers: Mapping[str, str] | None, post_data: Any = None
    ) -> tuple[bytes, int, Mapping[str, str]]:
        """Make one attempt; an answer that does not come, or never ends, is a lost connection."""
        try:
            # httpx limits each read: an answer that trickles in would take for ever.
            with trio.fail_after(self._attempt_s):
                return await self._attempt(method, url, headers, post_data)
        except (httpx.HTTPError, trio.TooSlowError) as error:
            raise _lost(type(error).__name__) from error

    async def sleep_async(self, secs: float) -> None:
        """Wait between two attempts."""
        await trio.sleep(secs)

    async def close_async(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    async def _attempt(
        self, method: str, url: str, headers: Mapping[str, str] | None, post_data: Any
    ) -> tuple[bytes, int, Mapping[str, str]]:
        body, plain = bytearray(), {**(headers or {}), "accept-encoding": "identity"}
        async with self._client.stream(method, url, headers=plain, content=post_data) as answer:
            async for part in answer.aiter_raw():
                # What is too large is read to its end, or ours, and thrown away.
                if len(body) <= ANSWER_BYTES_MAX:
                    body += part
        if len(body) > ANSWER_BYTES_MAX:
            raise _lost("the answer is too large")
        return bytes(body), answer.status_code, answer.headers


def _lost(reason: str) -> stripe.APIConnectionError:
    return stripe.APIConnectionError(reason, should_retry=True)  # type: ignore[no-untyped-call]
