"""Passwords are hashed in a process of their own: niced, bounded, gone with its parent."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import psutil
import pytest
import trio
import trio.testing
from bountyexpo.errors import RateLimited, Unavailable
from bountyexpo.sandbox.auth import passwords as module
from bountyexpo.sandbox.auth.hasher import COST
from bountyexpo.sandbox.auth.passwords import WAITING_MAX, Passwords

from tests.patience import PATIENCE_S

# Somebody who hashes, says which process did it, and then ends as it is told.
PARENT = """
import signal
import sys
import trio
from bountyexpo.sandbox.auth.passwords import Passwords

from tests.patience import PATIENCE_S

async def main():
    passwords = Passwords()
    async with trio.open_nursery() as nursery:
        await nursery.start(passwords.run)
        await passwords.hash("correct horse")
        print(passwords.pid, flush=True)
        if sys.argv[1] == "crash":
            raise RuntimeError("a crash that was asked for")
        if sys.argv[1] == "cancel":
            nursery.cancel_scope.cancel()
        await trio.sleep_forever()

# A shell may have started all of this with interrupts ignored.
signal.signal(signal.SIGINT, signal.default_int_handler)
trio.run(main)
"""


@pytest.fixture
async def passwords(nursery):
    found = Passwords()
    await nursery.start(found.run)
    await found.hash("warm up")
    return found


async def test_a_password_matches_what_was_made_of_it_and_nothing_else(passwords):
    stored = await passwords.hash("correct horse")

    assert await passwords.match("correct horse", stored)
    assert not await passwords.match("correct horse ", stored)
    assert not await passwords.match("correct horse", None)
    assert stored != await passwords.hash("correct horse")


async def test_each_hash_says_what_it_cost(passwords, nursery):
    cheap = Passwords(2)
    await nursery.start(cheap.run)
    stored, cheaply = await passwords.hash("correct horse"), await cheap.hash("correct horse")

    assert (stored.partition("$")[0], cheaply.partition("$")[0]) == (str(COST), "2")
    for kept in (stored, cheaply, stored.partition("$")[2]):
        assert await cheap.match("correct horse", kept)
        assert await passwords.match("correct horse", kept)
        assert not await cheap.match("wrong", kept)


async def test_no_more_of_a_password_counts_than_the_real_hash_looks_at(passwords):
    stored = await passwords.hash("é" * 36)

    assert await passwords.match("é" * 36 + "more", stored)
    assert not await passwords.match("é" * 35, stored)


async def test_the_process_lets_others_go_first_and_hears_no_terminal(passwords):
    process = psutil.Process(passwords.pid)

    assert process.ppid() == os.getpid()
    assert process.nice() > psutil.Process().nice()
    assert os.getpgid(process.pid) != os.getpgid(0)
    assert process.num_threads() == 1


async def test_nothing_is_started_before_a_password_comes(nursery):
    found = Passwords()
    await nursery.start(found.run)
    await trio.testing.wait_all_tasks_blocked()

    assert found.pid is None


async def test_who_comes_when_too_many_wait_is_sent_away(passwords, monkeypatch):
    # The machine may be busy, and this is not about time.
    monkeypatch.setattr(module, "WAIT_S", 60.0)
    answers, refusals = [], []

    async def hash_one():
        answers.append(await passwords.hash("one of many"))

    async with trio.open_nursery() as nursery:
        os.kill(passwords.pid, signal.SIGSTOP)
        for _ in range(WAITING_MAX):
            nursery.start_soon(hash_one)
        await trio.testing.wait_all_tasks_blocked(0.01)
        for _ in range(3):
            with pytest.raises(RateLimited) as caught:
                await passwords.match("one too many", None)
            refusals.append(caught.value.retry_after_s)
        os.kill(passwords.pid, signal.SIGCONT)

    assert refusals == [1, 1, 1]
    assert len(answers) == WAITING_MAX


async def test_waiting_has_an_end(passwords, monkeypatch):
    monkeypatch.setattr(module, "WAIT_S", 0.05)
    os.kill(passwords.pid, signal.SIGSTOP)
    with pytest.raises(Unavailable):
        await passwords.hash("never")
    os.kill(passwords.pid, signal.SIGCONT)


async def test_who_leaves_takes_no_answer_of_others_away(passwords):
    stored = await passwords.hash("correct horse")
    os.kill(passwords.pid, signal.SIGSTOP)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(passwords.hash, "of somebody who leaves")
        await trio.testing.wait_all_tasks_blocked(0.01)
        nursery.cancel_scope.cancel()
    os.kill(passwords.pid, signal.SIGCONT)

    assert await passwords.match("correct horse", stored)
    assert not await passwords.match("wrong", stored)


async def test_after_a_crash_it_is_started_again(passwords, monkeypatch):
    monkeypatch.setattr(module, "RESTART_PAUSE_S", 0.01)
    before = passwords.pid
    os.kill(before, signal.SIGSTOP)
    async with trio.open_nursery() as nursery:

        async def ask():
            with pytest.raises(Unavailable):
                await passwords.hash("lost with the process")

        nursery.start_soon(ask)
        await trio.testing.wait_all_tasks_blocked(0.01)
        os.kill(before, signal.SIGKILL)

    assert await passwords.hash("as if nothing had been")
    assert passwords.pid not in {None, before}


@pytest.mark.parametrize("end", ["cancel", "crash", "SIGTERM", "SIGINT", "SIGKILL"])
def test_it_ends_with_whoever_started_it(end):
    command = [sys.executable, "-c", PARENT, end]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as parent:
        try:
            pid = int(parent.stdout.readline())
            if end.startswith("SIG"):
                parent.send_signal(signal.Signals[end])
            parent.wait(PATIENCE_S)
        finally:
            parent.kill()

    # It belongs to nobody now, so that whoever reaps such processes here may take a moment.
    try:
        hasher = psutil.Process(pid)
        if hasher.status() != psutil.STATUS_ZOMBIE:
            hasher.wait(PATIENCE_S)
    except psutil.NoSuchProcess:
        pass
    assert not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
