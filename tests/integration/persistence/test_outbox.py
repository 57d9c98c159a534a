"""The outbox: effects are carried out at least once, after the commit, by one relay at a time."""

from __future__ import annotations

import random
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest
import trio
import trio.testing
from bountyexpo.domain.ids import new_id
from bountyexpo.errors import DatabaseUnavailable, Duplicate
from bountyexpo.jobs.money.dead_letters import tell_dead_letter
from bountyexpo.observability import metrics
from bountyexpo.persistence import outbox
from bountyexpo.persistence.after_commit import Bell
from bountyexpo.persistence.outbox import Effect, Relay

from tests.dying_pool import Died, DyingPool
from tests.patience import PATIENCE_S

if TYPE_CHECKING:
    from bountyexpo.persistence.pool import Pool

    from tests.commits import Heard


class RefusedError(Exception):
    pass


async def leave(pool: Pool, *, version: int = 1, due_after_s: float = 0) -> None:
    async with pool.transaction() as tx:
        tx.effect("mail", ("user", "u1"), version, {"n": version}, due_after_s=due_after_s)


async def only_row(pool: Pool) -> dict:
    [row] = await pool.fetch("select * from outbox")
    return row


@asynccontextmanager
async def relaying(relay: Relay):
    async with trio.open_nursery() as nursery:
        await nursery.start(relay.run)
        yield
        nursery.cancel_scope.cancel()


async def test_an_effect_is_carried_out_and_done(database: Pool):
    done: list[Effect] = []

    async def send(effect: Effect) -> None:
        done.append(effect)

    await leave(database)
    relay = Relay(database, {"mail": send}, Bell(), nobody_hears)

    assert await relay.run_once() == 1
    assert await relay.run_once() == 0
    assert [effect.payload for effect in done] == [{"n": 1}]
    assert (await only_row(database))["status"] == "done"


async def test_an_undone_decision_leaves_no_effect(database: Pool):
    with pytest.raises(RefusedError):  # noqa: PT012
        async with database.transaction() as tx:
            tx.effect("mail", ("user", "u1"), 1, {})
            raise RefusedError

    assert await database.fetch("select 1 from outbox") == []


async def test_a_commit_wakes_the_relay(database: Pool, heard: Heard):
    sent = trio.Event()

    async def send(effect: Effect) -> None:
        sent.set()

    relay = Relay(database, {"mail": send}, heard.bell, nobody_hears, interval_s=3600)
    async with relaying(relay):
        await trio.testing.wait_all_tasks_blocked(0.05)
        await leave(database)
        with trio.fail_after(PATIENCE_S):
            await sent.wait()


async def test_an_effect_waits_for_its_time(database: Pool):
    await leave(database, due_after_s=60)

    assert await outbox.lease(database, owner="a", limit=10) == []


async def test_two_relays_never_get_the_same_row(database: Pool):
    for number in range(20):
        async with database.transaction() as tx:
            tx.effect("mail", ("user", f"u{number}"), 1, {})
    taken: list[int] = []

    async def take(owner: str) -> None:
        taken.extend(e.id for e in await outbox.lease(database, owner=owner, limit=20))

    async with trio.open_nursery() as nursery:
        for owner in ("a", "b", "c"):
            nursery.start_soon(take, owner)

    assert len(taken) == len(set(taken)) == 20


async def test_a_lease_that_ran_out_is_taken_over(database: Pool):
    await leave(database)
    [first] = await outbox.lease(database, owner="dead", limit=10)
    assert await outbox.lease(database, owner="b", limit=10) == []

    await database.execute("update outbox set available_at = now() - interval '1 second'")
    [second] = await outbox.lease(database, owner="b", limit=10)

    assert (first.id, first.attempts, second.attempts) == (second.id, 1, 2)


async def test_a_failure_is_tried_again_later_and_dies_in_the_end(database: Pool, monkeypatch):
    monkeypatch.setattr(outbox, "ATTEMPTS_MAX", 2)

    async def fail(effect: Effect) -> None:
        raise RefusedError("no route")

    await leave(database)
    relay = Relay(database, {"mail": fail}, Bell(), nobody_hears)

    await relay.run_once()
    row = await only_row(database)
    assert (row["status"], row["last_error"]) == ("pending", "RefusedError: no route")
    assert row["available_at"] > row["created_at"]

    await database.execute("update outbox set available_at = now() - interval '1 second'")
    await relay.run_once()
    assert (await only_row(database))["status"] == "dead"


async def test_what_no_handler_knows_is_a_dead_letter_and_an_alarm(database: Pool):
    heard_of: list[tuple[str, str]] = []

    async def alarm(tx, effect: Effect, reason: str) -> None:
        heard_of.append((effect.type, reason))

    before = metrics.OUTBOX_DEAD.labels("mail")._value.get()
    await leave(database)
    relay = Relay(database, {}, Bell(), alarm)

    assert [await relay.run_once(), await relay.run_once()] == [1, 0]
    row = await only_row(database)
    assert (row["status"], row["last_error"]) == ("dead", "no handler knows this type")
    assert heard_of == [("mail", "no handler knows this type")]
    assert metrics.OUTBOX_DEAD.labels("mail")._value.get() == before + 1


async def test_a_dead_letter_is_a_finding_of_what_it_was_about(database: Pool):
    await leave(database)
    await Relay(database, {}, Bell(), tell_dead_letter).run_once()

    (found,) = await database.fetch("select * from findings")
    assert (found["type"], found["subject_type"], found["subject_id"]) == (
        *("effect_dead", "user", "u1"),
    )
    assert found["details"]["effect"] == "mail"


async def test_an_alarm_that_fails_leaves_no_dead_letter_behind(database: Pool):
    async def fail(tx, effect: Effect, reason: str) -> None:
        raise DatabaseUnavailable

    await leave(database)
    await Relay(database, {}, Bell(), fail).run_once()

    assert (await only_row(database))["status"] == "leased"


async def test_one_row_is_for_all_its_recipients(database: Pool):
    people = sorted(new_id() for _ in range(3))
    got: list[tuple[str, ...]] = []

    async def send(effect: Effect) -> None:
        got.append(effect.recipients)

    async with database.transaction() as tx:
        tx.effect("mail", ("user", "u1"), 1, {}, recipients=[*people, people[0]])
    await Relay(database, {"mail": send}, Bell(), nobody_hears).run_once()

    assert got == [tuple(people)]


async def test_effects_of_one_aggregate_keep_their_order(database: Pool):
    done: list[int] = []

    async def send(effect: Effect) -> None:
        await trio.lowlevel.checkpoint()
        done.append(effect.payload["n"])

    for version in range(10):
        await leave(database, version=version)
    await drain(Relay(database, {"mail": send}, Bell(), nobody_hears))

    assert done == list(range(10))


async def test_an_effect_waits_for_an_earlier_one_that_failed(database: Pool):
    done: list[int] = []

    async def send(effect: Effect) -> None:
        if effect.attempts == 1:
            raise RefusedError
        done.append(effect.payload["n"])

    for version in range(3):
        await leave(database, version=version)
    relay = Relay(database, {"mail": send}, Bell(), nobody_hears)
    await drain(relay)
    assert done == []

    for _ in range(6):
        await let_time_pass(database)
        await drain(relay)
    assert done == [0, 1, 2]


async def test_a_timer_holds_up_nobody(database: Pool):
    done: list[int] = []

    async def send(effect: Effect) -> None:
        done.append(effect.payload["n"])

    await leave(database, version=1, due_after_s=3_600)
    await leave(database, version=2)
    await drain(Relay(database, {"mail": send}, Bell(), nobody_hears))

    assert done == [2]


async def test_a_dead_letter_lets_those_behind_it_go_on(database: Pool):
    done: list[int] = []

    async def send(effect: Effect) -> None:
        done.append(effect.payload["n"])

    async with database.transaction() as tx:
        tx.effect("unknown", ("user", "u1"), 0, {})
    await leave(database, version=1)
    await drain(Relay(database, {"mail": send}, Bell(), nobody_hears))

    assert done == [1]


async def test_order_is_kept_across_nodes_that_fail_now_and_then(database: Pool, monkeypatch):
    monkeypatch.setattr(outbox, "BACKOFF_FIRST_S", 0.0)
    chance = random.Random(random.getrandbits(64))
    done: list[tuple[str, int]] = []

    async def send(effect: Effect) -> None:
        await trio.sleep(chance.random() / 500)
        if chance.random() < 0.3:
            raise RefusedError
        done.append((effect.aggregate_id, effect.payload["n"]))

    for version in range(8):
        async with database.transaction() as tx:
            for who in "abcde":
                tx.effect("mail", ("user", who), version, {"n": version})
    relays = [Relay(database, {"mail": send}, Bell(), nobody_hears) for _ in range(3)]
    with trio.fail_after(30):
        while len(done) < 40:
            async with trio.open_nursery() as nursery:
                for relay in relays:
                    nursery.start_soon(relay.run_once)

    for who in "abcde":
        assert [n for whose, n in done if whose == who] == list(range(8))


@pytest.mark.parametrize("after", [False, True], ids=["before the commit", "after the commit"])
@pytest.mark.parametrize("step", range(8))
async def test_a_node_that_dies_at_any_step_loses_nothing(database: Pool, step: int, after: bool):
    """The steps: lease, look at the lag, and mark, for one effect after the other."""
    done: list[int] = []

    async def send(effect: Effect) -> None:
        done.append(effect.payload["n"])

    for version in range(4):
        await leave(database, version=version)
    dying = DyingPool(database, at=step, after=after)
    with pytest.raises((Died, BaseExceptionGroup)):
        await drain(Relay(dying, {"mail": send}, Bell(), nobody_hears))
    assert dying.has_died
    for _ in range(2):
        await let_time_pass(database)
        await drain(Relay(database, {"mail": send}, Bell(), nobody_hears))

    assert list(dict.fromkeys(done)) == [0, 1, 2, 3], "nothing is lost"
    assert done == sorted(done), "and nothing comes again after what follows it"
    assert len(done) <= 5
    rows = await database.fetch("select distinct status from outbox")
    assert rows == [{"status": "done"}]


async def drain(relay: Relay) -> None:
    """Carry out all that is due."""
    while await relay.run_once():
        pass


async def let_time_pass(database: Pool) -> None:
    """Let pauses and leases run out."""
    await database.execute("update outbox set available_at = now() - interval '1 second'")


async def nobody_hears(tx, effect: Effect, reason: str) -> None:
    pass


async def test_a_stale_owner_cannot_leave_the_same_effect_twice(database: Pool):
    await leave(database)

    with pytest.raises(Duplicate):
        await leave(database)


async def test_an_effect_of_which_relays_die_is_a_dead_letter_in_the_end(database: Pool):
    await leave(database)
    await database.execute("update outbox set attempts = %s", (outbox.ATTEMPTS_MAX,))
    relay = Relay(database, {"mail": never_called}, Bell(), nobody_hears)

    assert await relay.run_once() == 1

    row = await only_row(database)
    assert (row["status"], row["attempts"]) == ("dead", outbox.ATTEMPTS_MAX + 1)


async def never_called(_: Effect) -> None:
    raise AssertionError("it is not tried again")
