"""Whatever a column can hold is read; JSON of clients stands in bounded columns only."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from bountyexpo.domain.client_json import ATTACHMENTS, PROOF_ITEMS, ClientObjects
from bountyexpo.domain.values import MOMENT_MAX, MOMENT_MIN

if TYPE_CHECKING:
    from bountyexpo.persistence.pool import Pool

TIMES: dict[str, datetime] = {
    "infinity": MOMENT_MAX,
    "-infinity": MOMENT_MIN,
    "294276-12-31 23:59:59.999999+00": MOMENT_MAX,
    "10000-01-01 13:59:59+00": MOMENT_MAX,
    "4714-11-24 00:00:00+00 BC": MOMENT_MIN,
    "0001-01-01 00:00:00+14": MOMENT_MIN,
    "0001-01-01 00:00:00+00": datetime(1, 1, 1, tzinfo=UTC),
    "9999-12-31 23:59:59.999999+00": datetime.max.replace(tzinfo=UTC),
    "2026-05-04 03:02:01+02": datetime(2026, 5, 4, 1, 2, 1, tzinfo=UTC),
}

BOTTOMLESS = "[" * 5_000 + "]" * 5_000

HUGE = "1" + "0" * 400 + ".5"

JSON: dict[str, Any] = {
    HUGE: math.inf,
    f'{{"a": [-{HUGE}, 7, 1.5]}}': {"a": [-math.inf, 7, 1.5]},
    "1e999": 10**999,
    "1" + "0" * 6_000: math.inf,
    "1" + "0" * 3_000: 10**3_000,
    '[{"a": null}]': [{"a": None}],
}


@pytest.mark.parametrize("text", TIMES)
async def test_every_time_is_read(database: Pool, text: str) -> None:
    # Once with rows that need no patience, once in a result where all do.
    for sql in ("select %s::timestamptz as at", "select %s::timestamptz as at, now() as now"):
        row = await database.fetch_one(sql, (text,))

        assert row["at"] == TIMES[text]
        assert row["at"].tzinfo is not None
        assert msgspec.json.decode(msgspec.json.encode(row["at"]), type=datetime) == TIMES[text]


@pytest.mark.parametrize("text", JSON, ids=lambda text: text[:20])
async def test_every_json_is_read_and_can_be_told(database: Pool, text: str) -> None:
    row = await database.fetch_one("select %s::text::jsonb as found", (text,))

    assert row["found"] == JSON[text]
    assert msgspec.json.encode(row["found"])


async def test_json_without_bottom_can_be_told_in_one_form_or_the_other(database: Pool) -> None:
    """How deep a value may be that is no text depends on the interpreter."""
    row = await database.fetch_one("select %s::text::jsonb as found", (BOTTOMLESS,))

    assert BOTTOMLESS in msgspec.json.encode(row["found"]).decode()


async def test_one_row_does_not_hide_the_others(database: Pool) -> None:
    rows = await database.fetch(
        "select n, case n when 2 then 'infinity' else '2026-05-04 00:00:00+00' end::timestamptz"
        " as at, case n when 2 then %s else '[1]' end::jsonb as found"
        " from generate_series(1, 3) n",
        (HUGE,),
    )

    plain = {"at": datetime(2026, 5, 4, tzinfo=UTC), "found": [1]}
    odd = {"n": 2, "at": MOMENT_MAX, "found": math.inf}
    assert rows == [{"n": 1, **plain}, odd, {"n": 3, **plain}]


# Where clients' own JSON is kept, and what bounds it.
OF_CLIENTS: dict[str, ClientObjects] = {
    "bounties.attachments": ATTACHMENTS,
    "bounty_updates.attachments": ATTACHMENTS,
    "completion_submissions.proof": PROOF_ITEMS,
}

# What the service itself writes, from fields that are bounded one by one.
OF_THE_SERVICE = {
    "activation_moments.metadata",
    "audit_log.metadata",
    "connect_accounts.requirements",
    "dispute_events.details",
    "escrows.call",
    "findings.details",
    "idempotency_keys.response",
    "notices.data",
    "outbox.payload",
    "recent_searches.filters",
    "saved_searches.filters",
    "saved_searches.wanted",
    "stream_events.payload",
    "webhook_events.payload",
    "webhook_events.previous_attributes",
    "withdrawals.call",
}


async def test_each_column_of_json_is_bounded_or_our_own(database: Pool) -> None:
    rows = await database.fetch(
        "select table_name || '.' || column_name as name from information_schema.columns"
        " where table_schema = 'app' and data_type in ('json', 'jsonb')"
    )

    found = {row["name"] for row in rows}
    assert found == OF_CLIENTS.keys() | OF_THE_SERVICE
    assert all(each.items_max and each.bytes_max for each in OF_CLIENTS.values())
