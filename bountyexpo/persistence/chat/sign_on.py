"""What a socket session needs to begin, for many people in one statement.

After a restart everybody comes back at once. One query for each of them would make the database
the bottleneck, so a batcher asks for all who wait together.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from bountyexpo.persistence.queries import Queries

# Nobody who waits in the same batch may pay for one who takes part in everything.
_SIGN_ON = """
    select u.id,
        coalesce((
            select jsonb_agg(jsonb_build_array(mine.id, mine.last_seq, mine.epoch))
            from (
                select c.id, c.last_seq, c.epoch from conversation_participants p
                join conversations c on c.id = p.conversation_id
                where p.user_id = u.id and p.left_at is null
                  and (p.hidden_at is null or c.last_message_at > p.hidden_at)
                order by coalesce(c.last_message_at, c.created_at) desc, c.id limit %(most)s
            ) as mine), '[]') as conversations,
        (select count(*) from conversation_participants p
            join conversations c on c.id = p.conversation_id
            join messages m on m.conversation_id = p.conversation_id and m.seq > p.last_read_seq
            where p.user_id = u.id and p.left_at is null and m.sender_id <> p.user_id
              and m.deleted_at is null
              and (p.hidden_at is null or c.last_message_at > p.hidden_at)) as unread
    from users u where u.id = any(%(users)s::uuid[])
"""

_HEADS = "select stream, last_seq, epoch from streams where stream = any(%(streams)s::text[])"

# The heads ride along in the first row, so that a hello is answered after one round trip.
_BOTH = f"""
    select f.*, case when row_number() over () = 1 then (
        select coalesce(jsonb_object_agg(stream, jsonb_build_array(last_seq, epoch)), '{{}}')
        from ({_HEADS}) as h) end as heads
    from (select 1) as one left join ({_SIGN_ON}) as f on true
"""

Head = tuple[int, str]


class SignOn(msgspec.Struct, frozen=True, kw_only=True):
    """One account as its new session finds it.

    ``conversations`` are the most recently active ones with their heads, newest first.
    """

    conversations: list[tuple[str, int, str]]
    unread: int


async def read(
    db: Queries, users: Collection[str], streams: Sequence[str], conversations_max: int
) -> tuple[dict[str, SignOn], dict[str, Head]]:
    """Return the accounts among ``users`` that exist, and the heads among ``streams``."""
    params = {"users": list(users), "streams": list(streams), "most": conversations_max}
    rows = await db.fetch(_BOTH, params)
    told = next(row["heads"] for row in rows if row["heads"] is not None)
    heads = {name: (seq, epoch) for name, (seq, epoch) in told.items()}
    return {row["id"]: _sign_on(row) for row in rows if row["id"] is not None}, heads


def _sign_on(row: dict[str, Any]) -> SignOn:
    return SignOn(
        conversations=[(each, seq, epoch) for each, seq, epoch in row["conversations"]],
        unread=row["unread"],
    )
