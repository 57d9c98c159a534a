"""A message that cannot be stored costs its sender a refusal, and the others next to nothing."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import pytest
from bountyexpo.domain.ids import new_id
from bountyexpo.errors import InvalidRequest, NotStorable
from bountyexpo.persistence.chat.journal import BATCH_ROWS_MAX, Journal
from bountyexpo.persistence.chat.messages import CommittedMessage

from tests.commits import nobody
from tests.integration.persistence.chat.journal_stage import (
    Counting,
    append_all,
    message,
    stored,
    writing,
)

if TYPE_CHECKING:
    from bountyexpo.persistence.pool import Pool


async def test_a_bad_message_harms_only_itself(database: Pool, thread):
    journal = Journal(database, nobody)

    async with writing(journal):
        results = await append_all(
            journal,
            [
                message(thread),
                message(thread, reply_to=new_id()),
                message(thread, "nul \x00"),
                message(thread),
            ],
        )

    assert [type(result) for result in results] == [
        CommittedMessage,
        InvalidRequest,
        NotStorable,
        CommittedMessage,
    ]
    assert [row["seq"] for row in await stored(database, thread)] == [1, 2]


POISON = {
    "nul": {"text": "nul \x00"},
    "surrogate": {"text": "half \ud800"},
    "reply": {"reply_to": new_id()},
    "no uuid": {"reply_to": "b7"},
    "empty": {"text": ""},
    "long": {"text": "x" * 40_001},
    "kind": {"kind": "shout"},
    "sender": {"sender_id": new_id()},
}


@pytest.mark.parametrize("name", POISON)
async def test_poison_costs_a_full_batch_a_few_statements(database: Pool, make_thread, name):
    threads = [await make_thread() for _ in range(8)]
    counting = Counting(database)
    journal = Journal(counting, nobody)
    # The first is written alone; all others queue meanwhile.
    messages = [message(threads[n % 8], f"{n:04}") for n in range(BATCH_ROWS_MAX + 1)]
    messages[200] = message(threads[200 % 8], **POISON[name])

    async with writing(journal):
        results = await append_all(journal, messages)

    [refused] = [result for result in results if not isinstance(result, CommittedMessage)]
    assert results.index(refused) == 200
    assert isinstance(refused, InvalidRequest)
    assert counting.statements <= 2 + 2 * math.log2(BATCH_ROWS_MAX)
    # Who is not in its conversation waits for half of that at most.
    assert sum(counting.good[:4]) >= BATCH_ROWS_MAX * 7 // 8
    for each in threads:
        texts = [row["body"] for row in await stored(database, each)]
        assert texts == sorted(texts)


async def test_who_sent_poison_shares_no_batch_for_a_while(database: Pool, make_thread):
    good, bad = await make_thread(), await make_thread()
    counting = Counting(database)
    journal = Journal(counting, nobody)
    poison = POISON["nul"]

    async with writing(journal):
        await append_all(journal, [message(bad, **poison)])
        counting.good.clear()
        results = await append_all(
            journal,
            [
                message(good),
                *(message(bad, **poison) for _ in range(3)),
                message(bad),
                message(good),
            ],
        )

    # The lone first, then all others of good people in one, whatever the suspect does.
    assert [type(result) for result in results] == [
        CommittedMessage,
        NotStorable,
        NotStorable,
        NotStorable,
        CommittedMessage,
        CommittedMessage,
    ]
    assert counting.good == [2, 1]
