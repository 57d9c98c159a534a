"""The one way to the provider: each call waits its turn, has an end, and is measured.

A call that is not made because too many are under way, or because the provider does not answer
anybody, is ``Unavailable``: nothing has happened. One that was made and whose answer did not come,
was a failure of theirs, or makes no sense is ``ProviderFailed``: it may have happened, so repeat it
with the same idempotency key, or look at the object (contract money §3.2).
"""

from __future__ import annotations

from contextlib import asynccontextmanager, contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec
import stripe
import trio

from bountyexpo.errors import BountyExpoError, ProviderFailed, Unavailable
from bountyexpo.integrations.stripe.breaker import Breaker
from bountyexpo.integrations.stripe.errors import error_of
from bountyexpo.integrations.stripe.transport import Transport
from bountyexpo.observability import metrics
from bountyexpo.observability.logs import get_logger

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping

# One version for calls and webhooks; the SDK's own types are of this version.
API_VERSION = "2026-10-28.endive"

# As many as the provider lists at once; nobody has as many cards, or payouts of one withdrawal.
LISTED_MAX = 100

# Repeats of a call whose answer was lost or was a 5xx; each waits 0.5 s and more.
RETRIES_MAX = 2

_T = TypeVar("_T")

log = get_logger(__name__)


class Bounds(msgspec.Struct, frozen=True, kw_only=True):
    """How much is asked of the provider at once, and how long it may take."""

    # One attempt; the SDK makes up to three.
    attempt_s: float = 10.0
    # A whole call with its repeats.
    deadline_s: float = 25.0
    # Calls at the same time; 50 deposits a second take 20 at a provider that needs 200 ms.
    calls_max: int = 48
    # Calls that wait for their turn, and for how long.
    waiting_max: int = 256
    wait_s: float = 5.0


class Calls:
    """Makes every call of the SDK.

    Bounds: ``calls_max`` at once and ``waiting_max`` behind them; more are refused at once.
    """

    def __init__(self, secret_key: str, api_base: str | None, bounds: Bounds) -> None:
        self._bounds = bounds
        self._turns = trio.Semaphore(bounds.calls_max)
        self._waiting = 0
        self._breaker = Breaker(trio.current_time)
        self._http = Transport(attempt_s=bounds.attempt_s, connections_max=bounds.calls_max)
        self.sdk = stripe.StripeClient(
            secret_key,
            stripe_version=API_VERSION,
            base_addresses={"api": api_base.rstrip("/")} if api_base else {},
            max_network_retries=RETRIES_MAX,
            http_client=self._http,
        ).v1

    async def ask(
        self,
        name: str,
        call: Callable[[], Awaitable[stripe.StripeObject]],
        read: Callable[[Mapping[str, Any]], _T],
    ) -> _T:
        """Make one call under ``name``, and read its answer.

        Raises:
            Unavailable: nothing has happened, and it is worth another try.
            ProviderFailed: it may have happened.
            BountyExpoError: it was refused, see ``errors``.
        """
        started, outcome = trio.current_time(), "cancelled"
        try:
            found = await self._in_turn(name, call, read)
            outcome = "ok"
        except BountyExpoError as error:
            outcome = _outcome(error)
            raise
        finally:
            took_ms = (trio.current_time() - started) * 1_000
            metrics.PROVIDER_CALL_MS.labels(call=name, outcome=outcome).observe(took_ms)
        return found

    async def aclose(self) -> None:
        """Close the connections."""
        await self._http.close_async()

    async def _in_turn(
        self,
        name: str,
        call: Callable[[], Awaitable[stripe.StripeObject]],
        read: Callable[[Mapping[str, Any]], _T],
    ) -> _T:
        # Nobody waits for a provider that does not answer.
        self._breaker.check()
        async with self._turn():
            with self._breaker.passage(), _ours(name):
                with trio.fail_after(self._bounds.deadline_s):
                    return read((await call()).to_dict())

    @asynccontextmanager
    async def _turn(self) -> AsyncIterator[None]:
        """Hold one of the turns, after a bounded wait in a bounded queue."""
        try:
            self._turns.acquire_nowait()
        except trio.WouldBlock:
            await self._wait()
        try:
            yield
        finally:
            self._turns.release()

    async def _wait(self) -> None:
        if self._waiting >= self._bounds.waiting_max:
            raise Unavailable
        self._waiting += 1
        try:
            with trio.move_on_after(self._bounds.wait_s) as wait:
                await self._turns.acquire()
        finally:
            self._waiting -= 1
        if wait.cancelled_caught:
            raise Unavailable


@contextmanager
def _ours(name: str) -> Iterator[None]:
    """Turn what a call may end with into errors of ours."""
    try:
        yield
    except trio.TooSlowError as error:
        raise ProviderFailed from error
    except stripe.StripeError as error:
        raise error_of(error) from error
    except Exception as error:
        # The SDK stumbles in many ways over an answer that is none, and the provider may have done
        # what it was asked: the outcome is not known.
        about = {"call": name, "error": type(error).__name__}
        if isinstance(error, msgspec.ValidationError):
            about["reason"] = str(error)
        log.error("an answer makes no sense", **about)  # noqa: TRY400 - it is no fault of ours
        raise ProviderFailed from error


def once(idempotency_key: str) -> Any:
    """Return the options of a call that a repeat with this key does not do twice."""
    return {"idempotency_key": idempotency_key}


def _outcome(error: BountyExpoError) -> str:
    if isinstance(error, ProviderFailed):
        return "unknown"
    return "retry" if isinstance(error, Unavailable) else "refused"
