"""Repeated requests: the same key and body get the reply of the first time (contract money §3.8).

``dispatch`` sends every operation through here that keeps its replies, over either transport. The
key is claimed, the handler runs, its reply is kept; so is a definite refusal. Another body under
the key is a conflict, and whoever comes while the first is at work is told to come again. An
outcome that nobody knows is not kept: the next repeat runs the handler again, which finds by keys
of its own what the first has done.
"""

from __future__ import annotations

from contextlib import suppress
from itertools import count
from typing import TYPE_CHECKING, Any, Final

import msgspec
import trio

from bountyexpo.errors import AskTimeout, BountyExpoError, DatabaseUnavailable
from bountyexpo.observability.logs import get_logger
from bountyexpo.operations.idempotency.keeps import Keeps
from bountyexpo.operations.idempotency.requests import mark_replayed, request_hash
from bountyexpo.persistence import idempotency, leases
from bountyexpo.persistence.idempotency import NOBODY, Begun, Claim, Kept

if TYPE_CHECKING:
    from collections.abc import Callable

    from bountyexpo.operations.call import Call
    from bountyexpo.operations.catalogue import Operation
    from bountyexpo.persistence.queries import Queries

# The work of one request ends before its claim does.
WORK_S: Final = idempotency.LEASE_S - 5

# From this status on the reply is a refusal.
REFUSED: Final = 400

# Whose fault it was is not known, or it was ours: a repeat may succeed.
UNDECIDED: Final = 500

log = get_logger(__name__)


class Replies:
    """The replies that this node keeps, and the attempts under way on it.

    ``term`` returns the term of the lease by which this node lives. It is part of each attempt, so
    that whoever finds one which nobody answered knows whether its node still does.
    """

    def __init__(self, db: Queries, term: Callable[[], str]) -> None:
        self._db = db
        self._term = term
        self._numbers = count(1)
        self._live: set[str] = set()

    async def once(
        self, operation: Operation, call: Call, request: msgspec.Struct | None, key: str
    ) -> Any:
        """Carry out a call that has a key, or return what was answered to it before.

        Raises:
            IdempotencyConflict: the key was used for a different request.
            RequestInProgress: the first is still at work.
            BountyExpoError: what the handler says now, or said then, or there is no database.
        """
        attempt = f"{self._term()}/{next(self._numbers)}"
        claim = Claim(
            scope=operation.name,
            user_id=call.identity.user_id if call.identity else NOBODY,
            key=key,
            request_hash="" if request is None else request_hash(request),
            attempt=attempt,
        )
        self._live.add(attempt)
        try:
            begun = await idempotency.begin(self._db, claim, is_dead=self._is_dead)
            if isinstance(begun, Begun):
                call.is_repeat = begun.is_repeat
                return await self._attempt(operation, call, request, claim)
        finally:
            self._live.discard(attempt)
        return await _again(operation, call, request, begun)

    async def _is_dead(self, attempt: str) -> bool:
        """Tell whether nothing will come of an attempt: it has ended here, or its node has."""
        term = attempt.rpartition("/")[0]
        if term == self._term():
            return attempt not in self._live
        return await leases.has_ended(self._db, term)

    async def _attempt(
        self, operation: Operation, call: Call, request: msgspec.Struct | None, claim: Claim
    ) -> Any:
        try:
            with trio.fail_after(WORK_S):
                reply = await operation.run(call, request)
        except trio.TooSlowError:
            # It may still finish; a repeat finds what it has done, or queues behind it.
            await self._release(claim)
            raise AskTimeout from None
        except BountyExpoError as error:
            if _is_definite(error):
                await self._keep(claim, error.status, _refusal(error))
            else:
                await self._release(claim)
            raise
        status = call.reply_status or operation.status
        await self._keep(claim, status, _kept(operation, reply))
        return reply

    async def _keep(self, claim: Claim, status: int, response: Any) -> None:
        """Keep a reply; without a database the work is done and a repeat will find that out."""
        try:
            await idempotency.finish(self._db, claim, status, response)
        except DatabaseUnavailable:
            log.warning("a reply was not kept", operation=claim.scope)

    async def _release(self, claim: Claim) -> None:
        with suppress(DatabaseUnavailable):
            await idempotency.release(self._db, claim)


async def _again(
    operation: Operation, call: Call, request: msgspec.Struct | None, kept: Kept
) -> Any:
    """Answer as the first time."""
    if kept.status_code >= REFUSED:
        mark_replayed(call, kept.status_code)
        raise _raised(kept.response)
    if operation.keeps is Keeps.KEY:
        call.is_repeat = True
        reply = await operation.run(call, request)
    else:
        reply = kept.response["body"]
        if kept.response["hidden"]:
            assert operation.refill is not None, operation.name
            reply = reply | await operation.refill(call, reply)
    mark_replayed(call, kept.status_code)
    return reply


def _kept(operation: Operation, reply: Any) -> dict[str, Any] | None:
    """Return what is stored of a reply: all but its secrets, which are asked for again."""
    if operation.keeps is Keeps.KEY:
        return None
    body = msgspec.to_builtins(reply)
    hidden = [name for name in operation.secrets if body.get(name) is not None]
    if hidden:
        body |= dict.fromkeys(hidden)
    return {"body": body, "hidden": hidden}


def _is_definite(error: BountyExpoError) -> bool:
    """Tell whether a repeat would hear the same."""
    return error.status < UNDECIDED and not error.retryable and error.retry_after_s is None


def _refusal(error: BountyExpoError) -> dict[str, Any]:
    return {
        "kind": type(error).__name__,
        "message": error.message,
        "code": error.error_code,
        "fields": error.fields,
    }


def _raised(refusal: dict[str, Any]) -> BountyExpoError:
    kind = _kinds().get(refusal["kind"], BountyExpoError)
    error = kind.__new__(kind)
    # Subclasses have constructors of their own; what they made of it is what was kept.
    BountyExpoError.__init__(error, refusal["message"], code=refusal["code"], **refusal["fields"])
    return error


def _kinds() -> dict[str, type[BountyExpoError]]:
    found, waiting = dict[str, type[BountyExpoError]](), [BountyExpoError]
    while waiting:
        kind = waiting.pop()
        found[kind.__name__] = kind
        waiting += kind.__subclasses__()
    return found
