"""What is said and shown in a dispute (data-model B.6).

Evidence may be staged before there is a dispute. Such a row has no dispute and nobody decides about
it: it is written once, taken once by the step that opens the dispute, or forgotten.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Literal, TypeAlias

import msgspec

from bountyexpo.errors import NotFound

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bountyexpo.persistence.queries import Queries

Kind: TypeAlias = Literal["text", "image", "document", "link"]

EVIDENCE_COLUMNS = """
    id, dispute_id, uploader_id, type, body, description, state, staged_at, expires_at, committed_at
"""

ADD_COMMENT = """
    insert into dispute_comments (id, dispute_id, author_id, comment, is_internal)
    values (%s, %s, %s, %s, %s)
"""

ADD_EVIDENCE = """
    insert into dispute_evidence (id, dispute_id, uploader_id, type, body, description,
                                  committed_at)
    values (%s, %s, %s, %s, %s, %s, clock_timestamp())
"""

# What needs no upload is there as soon as it is staged.
STAGE = f"""
    insert into dispute_evidence (id, uploader_id, type, body, description, state, expires_at)
    select %(id)s, %(uploader_id)s, %(type)s, %(body)s, %(description)s, 'uploaded',
        clock_timestamp() + make_interval(secs => %(ttl_s)s::double precision)
    where (select count(*) from dispute_evidence
           where uploader_id = %(uploader_id)s and state <> 'committed') < %(most)s
    on conflict (id) do update set id = excluded.id
    returning {EVIDENCE_COLUMNS}
"""

COMMIT = """
    update dispute_evidence set dispute_id = %s, state = 'committed',
        committed_at = clock_timestamp(), expires_at = null
    where id = any(%s::uuid[]) and uploader_id = %s and state in ('uploaded', 'verified')
        and expires_at > clock_timestamp()
"""

FORGET = "delete from dispute_evidence where state <> 'committed' and expires_at < now()"

STAGED = f"select {EVIDENCE_COLUMNS} from dispute_evidence where id = any(%s::uuid[])"

EVIDENCE_OF = f"""
    select {EVIDENCE_COLUMNS} from dispute_evidence where dispute_id = %s
    order by committed_at, id limit 200
"""

COMMENTS_OF = """
    select id, dispute_id, author_id, comment, is_internal, created_at from dispute_comments
    where dispute_id = %s and (%s::boolean or not is_internal)
    order by created_at, id limit 1000
"""

COMMENT_BY_ID = """
    select id, dispute_id, author_id, comment, is_internal, created_at from dispute_comments
    where id = %s
"""

OWNER_OF = """
    select dispute_id, author_id as user_id from dispute_comments where id = %(id)s
    union all
    select dispute_id, uploader_id as user_id from dispute_evidence where id = %(id)s
"""

COUNT = """
    select
        (select count(*) from dispute_comments
         where dispute_id = %(dispute_id)s and author_id = %(user_id)s) as comments,
        (select count(*) from dispute_evidence
         where dispute_id = %(dispute_id)s and uploader_id = %(user_id)s) as evidence
"""


class Evidence(msgspec.Struct, frozen=True, kw_only=True):
    """What a side shows for itself."""

    type: Kind
    body: str
    description: str | None = None


class StoredEvidence(Evidence, frozen=True, kw_only=True):
    """What was shown, or staged to be."""

    id: str
    dispute_id: str | None
    uploader_id: str
    state: str
    staged_at: datetime
    expires_at: datetime | None
    committed_at: datetime | None

    def is_ready(self, now: datetime) -> bool:
        """Tell whether it can be shown with a dispute that is opened now."""
        is_here = self.state in {"uploaded", "verified"}
        return is_here and self.expires_at is not None and self.expires_at > now


class Comment(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody says; what is internal is for admins only."""

    id: str
    dispute_id: str
    author_id: str
    comment: str
    is_internal: bool
    created_at: datetime


class Count(msgspec.Struct, frozen=True, kw_only=True):
    """How much one person has said and shown in a dispute."""

    comments: int
    evidence: int


async def add_comment(
    db: Queries,
    comment_id: str,
    dispute_id: str,
    author_id: str,
    text: str,
    *,
    is_internal: bool,
) -> None:
    """Keep what somebody says; what is internal is for admins only."""
    await db.execute(ADD_COMMENT, (comment_id, dispute_id, author_id, text, is_internal))


async def add_evidence(
    db: Queries, evidence_id: str, dispute_id: str, uploader_id: str, shown: Evidence
) -> None:
    """Keep what a side shows."""
    row = (evidence_id, dispute_id, uploader_id, shown.type, shown.body, shown.description)
    await db.execute(ADD_EVIDENCE, row)


async def stage(
    db: Queries, evidence_id: str, uploader_id: str, shown: Evidence, *, ttl_s: float, most: int
) -> StoredEvidence | None:
    """Keep for a while what is to be shown; None where ``most`` wait already."""
    values = msgspec.structs.asdict(shown) | {"id": evidence_id, "uploader_id": uploader_id}
    row = await db.fetch_one(STAGE, values | {"ttl_s": ttl_s, "most": most})
    return StoredEvidence(**row) if row else None


async def staged(db: Queries, evidence_ids: Sequence[str]) -> list[StoredEvidence]:
    """Return those of these that there are, in any state."""
    return [StoredEvidence(**row) for row in await db.fetch(STAGED, (list(evidence_ids),))]


async def commit(
    db: Queries, dispute_id: str, uploader_id: str, evidence_ids: Sequence[str]
) -> None:
    """Show with a dispute what its initiator has staged.

    Raises:
        NotFound: one of them is not there any more, or was shown before.
    """
    wanted = list(dict.fromkeys(evidence_ids))
    if await db.execute(COMMIT, (dispute_id, wanted, uploader_id)) != len(wanted):
        raise NotFound("Some of this evidence is not there any more.")


async def forget(db: Queries) -> int:
    """Delete what was staged and not shown in time; return how many."""
    return await db.execute(FORGET)


async def evidence_of(db: Queries, dispute_id: str) -> list[StoredEvidence]:
    """Return what was shown in a dispute, oldest first."""
    return [StoredEvidence(**row) for row in await db.fetch(EVIDENCE_OF, (dispute_id,))]


async def comments_of(db: Queries, dispute_id: str, *, for_admins: bool) -> list[Comment]:
    """Return what was said in a dispute, oldest first; internal notes for admins only."""
    return [Comment(**row) for row in await db.fetch(COMMENTS_OF, (dispute_id, for_admins))]


async def comment(db: Queries, comment_id: str) -> Comment | None:
    """Return the comment, or None."""
    row = await db.fetch_one(COMMENT_BY_ID, (comment_id,))
    return Comment(**row) if row else None


async def owner_of(db: Queries, answer_id: str) -> tuple[str | None, str] | None:
    """Return in which dispute something was said or shown, and by whom; None where it was not."""
    row = await db.fetch_one(OWNER_OF, {"id": answer_id})
    return (row["dispute_id"], row["user_id"]) if row else None


async def count(db: Queries, dispute_id: str, user_id: str) -> Count:
    """Return how much somebody has said and shown in a dispute."""
    row = await db.fetch_one(COUNT, {"dispute_id": dispute_id, "user_id": user_id})
    assert row is not None
    return Count(**row)
