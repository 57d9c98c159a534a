"""What becomes of a kept reply when something breaks, at each step on its way."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
import trio
from bountyexpo.domain.identity import Identity
from bountyexpo.domain.ids import new_id
from bountyexpo.errors import (
    AskTimeout,
    BountyExpoError,
    CardRefused,
    Conflict,
    Crashed,
    DatabaseUnavailable,
    IdempotencyConflict,
    InsufficientBalance,
    InternalError,
    NotAllowed,
    NotFound,
    ProviderFailed,
    RateLimited,
    RequestInProgress,
    StaleVersion,
    Unavailable,
)
from bountyexpo.operations.call import Call
from bountyexpo.operations.idempotency import replies
from bountyexpo.operations.idempotency.keeps import Keeps
from bountyexpo.operations.idempotency.replies import Replies
from bountyexpo.persistence import idempotency, leases

if TYPE_CHECKING:
    from collections.abc import Callable

    from bountyexpo.persistence.pool import Pool

USER = new_id()

RUN_OUT = "update idempotency_keys set lease_until = now() - interval '1 second'"


class Pay(msgspec.Struct, kw_only=True):
    """What is asked for."""

    amount: int


class Paid(msgspec.Struct, kw_only=True):
    """What is answered."""

    number: int
    secret: str | None = None


class Work:
    """An operation whose work is counted, and that fails as it is told to."""

    name = "toy.pay"
    status = 201

    def __init__(self, keeps: Keeps = Keeps.REPLY) -> None:
        self.keeps = keeps
        self.secrets: tuple[str, ...] = ()
        self.refill: Any = None
        self.done = 0
        self.repeats: list[bool] = []
        self.fails: Callable[[], Any] | None = None

    async def run(self, call: Call, _request: Pay) -> Paid:
        self.repeats.append(call.is_repeat)
        self.done += 1
        if self.fails is not None:
            await trio.lowlevel.checkpoint()
            raise self.fails()
        return Paid(number=self.done, secret="s" if self.secrets else None)


class Desk:
    """Asks a node to do the work under one key."""

    def __init__(self, db: Pool, work: Work, term: str) -> None:
        self.node = Replies(db, lambda: term)
        self.work = work
        self.call: Call

    async def ask(self, amount: int = 5, key: str = "k", user: str = USER) -> Any:
        self.call = Call(
            SimpleNamespace(),
            request_id="r",
            identity=Identity(user_id=user, expires_at=2**40),
        )
        return await self.node.once(self.work, self.call, Pay(amount=amount), key)

    async def number(self, **asked: Any) -> int:
        reply = await self.ask(**asked)
        return reply["number"] if isinstance(reply, dict) else reply.number


@pytest.fixture
def work() -> Work:
    return Work()


async def term_of(database: Pool, name: str) -> str:
    """The term of a node that lives."""
    epoch = await leases.take(database, name, name, 3600)
    assert epoch is not None
    return leases.term(name, epoch)


async def ask_and_die(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Do the work, and never write down that it was done."""

    async def die(*_args: Any) -> bool:
        raise KeyboardInterrupt

    with monkeypatch.context() as broken:
        broken.setattr(idempotency, "finish", die)
        with pytest.raises(KeyboardInterrupt):
            await desk.ask()


@pytest.fixture
async def desk(database: Pool, work: Work) -> Desk:
    return Desk(database, work, await term_of(database, "node"))


async def test_the_first_reply_comes_again_with_its_status(desk: Desk) -> None:
    assert [await desk.number() for _ in range(3)] == [1, 1, 1]
    assert desk.work.done == 1
    assert (desk.call.reply_status, desk.call.is_replayed) == (201, True)


async def test_a_key_is_of_one_user_and_one_request(desk: Desk) -> None:
    assert await desk.number() == 1
    assert await desk.number(key="other") == 2
    assert await desk.number(user=new_id()) == 3

    with pytest.raises(IdempotencyConflict):
        await desk.ask(amount=6)

    assert desk.work.done == 3


DEFINITE = (
    InsufficientBalance,
    lambda: CardRefused("No.", code="expired_card", decline_code="expired"),
    lambda: NotAllowed("Not yours."),
    NotFound,
    lambda: Conflict("It is over.", code="payment_ended", state={"a": [1, None]}),
)
UNDECIDED = (
    Unavailable,
    ProviderFailed,
    AskTimeout,
    StaleVersion,
    lambda: RateLimited(retry_after_s=5),
    InternalError,
    Crashed,
    RequestInProgress,
)


@pytest.mark.parametrize("fails", DEFINITE)
async def test_a_definite_refusal_is_the_answer_for_good(
    desk: Desk, fails: Callable[[], BountyExpoError]
) -> None:
    desk.work.fails = fails
    with pytest.raises(BountyExpoError) as first:
        await desk.ask()
    desk.work.fails = None

    with pytest.raises(BountyExpoError) as again:
        await desk.ask()

    one, other = first.value, again.value
    assert type(other) is type(one)
    assert (other.message, other.error_code, other.status) == (
        one.message,
        one.error_code,
        one.status,
    )
    assert other.fields == one.fields
    assert desk.work.done == 1
    assert desk.call.is_replayed


@pytest.mark.parametrize("fails", UNDECIDED)
async def test_an_outcome_that_nobody_knows_is_found_out_by_the_next(
    desk: Desk, fails: Callable[[], BountyExpoError]
) -> None:
    desk.work.fails = fails
    with pytest.raises(BountyExpoError):
        await desk.ask()
    desk.work.fails = None

    assert [await desk.number() for _ in range(2)] == [2, 2]

    assert desk.work.repeats == [False, True]
    with pytest.raises(IdempotencyConflict):
        await desk.ask(amount=6)


async def test_while_the_first_is_at_work_others_are_told_to_come_again(
    database: Pool, desk: Desk, work: Work
) -> None:
    begun, go_on = trio.Event(), trio.Event()
    elsewhere = Desk(database, work, await term_of(database, "elsewhere"))
    whole = work.run

    async def slow(call: Call, request: Pay) -> Paid:
        begun.set()
        await go_on.wait()
        return await whole(call, request)

    work.run = slow
    async with trio.open_nursery() as nursery:
        nursery.start_soon(desk.ask)
        await begun.wait()
        for node in (desk.node, elsewhere.node):
            other = Desk(database, work, "unused")
            other.node = node
            with pytest.raises(RequestInProgress) as busy:
                await other.ask()
            assert busy.value.retry_after_s == 1
        go_on.set()

    assert await elsewhere.number() == 1
    assert work.done == 1


async def test_a_caller_who_goes_away_leaves_the_work_to_the_next(desk: Desk) -> None:
    begun = trio.Event()
    whole = desk.work.run

    async def endless(_call: Call, _request: Pay) -> Paid:
        begun.set()
        await trio.sleep_forever()
        raise AssertionError

    desk.work.run = endless
    async with trio.open_nursery() as nursery:
        nursery.start_soon(desk.ask)
        await begun.wait()
        nursery.cancel_scope.cancel()
    desk.work.run = whole

    assert await desk.number() == 1
    assert desk.work.repeats == [True]


async def test_a_node_that_does_not_answer_is_followed_when_its_time_is_over(
    database: Pool, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    await ask_and_die(desk, monkeypatch)
    other = Desk(database, desk.work, await term_of(database, "other"))

    with pytest.raises(RequestInProgress):
        await other.ask()
    await database.execute(RUN_OUT)

    assert await other.number() == 2
    assert desk.work.repeats == [False, True]


async def test_a_node_that_is_no_more_is_followed_at_once(
    database: Pool, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    await ask_and_die(desk, monkeypatch)
    await database.execute("update leases set expires_at = clock_timestamp()")
    successor = Desk(database, desk.work, await term_of(database, "node"))

    assert [await successor.number() for _ in range(2)] == [2, 2]
    assert desk.work.repeats == [False, True]


async def test_of_an_attempt_without_a_term_its_time_alone_tells(
    database: Pool, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    await ask_and_die(desk, monkeypatch)
    await database.execute("update idempotency_keys set attempt = 'of another version'")

    with pytest.raises(RequestInProgress):
        await desk.ask()
    await database.execute(RUN_OUT)

    assert await desk.number() == 2


async def test_a_node_that_was_followed_keeps_no_reply(database: Pool, desk: Desk) -> None:
    other = Desk(database, Work(), await term_of(database, "other"))
    whole = desk.work.run

    async def overtaken(call: Call, request: Pay) -> Paid:
        await database.execute(RUN_OUT)
        other.work.done = 10
        assert await other.number() == 11
        return await whole(call, request)

    desk.work.run = overtaken

    assert await desk.number() == 1
    desk.work.run = whole
    assert await desk.number() == 11


@pytest.mark.parametrize("step", ["finish", "release"])
async def test_without_a_database_the_caller_still_hears_what_became_of_it(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    async def away(*_args: Any) -> bool:
        raise DatabaseUnavailable

    with monkeypatch.context() as broken:
        broken.setattr(idempotency, step, away)
        if step == "release":
            desk.work.fails = ProviderFailed
            with pytest.raises(ProviderFailed):
                await desk.ask()
            desk.work.fails = None
        else:
            assert await desk.number() == 1

    assert [await desk.number() for _ in range(2)] == [2, 2]
    assert desk.work.repeats == [False, True]


async def test_work_without_end_is_given_up_before_its_claim_is(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = desk.work.run

    async def endless(_call: Call, _request: Pay) -> Paid:
        await trio.sleep_forever()
        raise AssertionError

    desk.work.run = endless
    assert replies.WORK_S < idempotency.LEASE_S
    with monkeypatch.context() as hurried:
        hurried.setattr(replies, "WORK_S", 0.01)
        with pytest.raises(AskTimeout):
            await desk.ask()
    desk.work.run = whole

    assert await desk.number() == 1


async def test_who_keeps_the_key_alone_answers_anew(database: Pool) -> None:
    desk = Desk(database, Work(Keeps.KEY), await term_of(database, "node"))

    assert [await desk.number() for _ in range(2)] == [1, 2]

    assert desk.work.repeats == [False, True]
    assert (desk.call.reply_status, desk.call.is_replayed) == (201, True)
    with pytest.raises(IdempotencyConflict):
        await desk.ask(amount=6)


async def test_secrets_are_not_kept_and_found_again(desk: Desk, database: Pool) -> None:
    async def refill(_call: Call, kept: dict[str, Any]) -> dict[str, Any]:
        assert kept["secret"] is None
        return {"secret": "t"}

    desk.work.secrets, desk.work.refill = ("secret",), refill

    first, again = await desk.ask(), await desk.ask()

    assert (first.secret, again) == ("s", {"number": 1, "secret": "t"})
    [row] = await database.fetch("select response from idempotency_keys")
    assert row["response"]["body"]["secret"] is None


async def test_a_key_whose_time_is_over_is_free_and_pruned(desk: Desk, database: Pool) -> None:
    await desk.ask()
    await database.execute("update idempotency_keys set expires_at = now() - interval '1 second'")

    assert await desk.number(amount=6) == 2

    assert await idempotency.prune(database) == 0
    await database.execute("update idempotency_keys set expires_at = now() - interval '1 second'")
    assert await idempotency.prune(database) == 1
