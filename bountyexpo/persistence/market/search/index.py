"""The search index of bounties: what is written with their terms, and by jobs later (B.12)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from bountyexpo.domain.market.search.document import Document, document
from bountyexpo.domain.search.words import forms

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from bountyexpo.persistence.queries import Queries

LEXEMES: Final = "select tsvector_to_array(search) as lexemes from bounties where id = %s"

UNKNOWN: Final = """
    select word from unnest(%s::text[]) as wanted(word)
    where not exists (select 1 from search_words known where known.word = wanted.word)
"""

# In one order for all, so that two who bring the same words wait for each other only one way.
LEARN: Final = """
    insert into search_words (word) select word from unnest(%s::text[]) as new(word)
    order by word collate "C" on conflict do nothing
"""

LEARN_FORMS: Final = """
    insert into search_forms (form, word)
    select form, word from unnest(%s::text[], %s::text[]) as new(form, word)
    order by form collate "C", word collate "C" on conflict do nothing
"""

CHANGED: Final = "insert into search_changes (gained, lost) values (%s::text[], %s::text[])"

# Another node may add up other changes meanwhile.
ADD_UP: Final = """
    with taken as (
        delete from search_changes where id in (
            select id from search_changes order by id limit %s for update skip locked)
        returning gained, lost
    ), changes as (
        select unnest(gained) as word, 1 as step from taken
        union all select unnest(lost), -1 from taken
    ), sums as (
        select word, sum(step) as bounties from changes group by word having sum(step) <> 0
    ), counted as (
        update search_words known set bounties = greatest(0, known.bounties + sums.bounties)
        from sums where known.word = sums.word
    )
    select count(*) as taken from taken
"""

OLD: Final = """
    select id, title, description, skills_required, location_text, category, work_type,
           is_for_honor, tsvector_to_array(search) as lexemes
    from bounties where is_search_old order by id limit %s for no key update skip locked
"""

SET: Final = """
    update bounties b set search = new.vector::tsvector, search_place = new.place,
        search_skills = new.skills, is_search_old = false
    from unnest(%s::uuid[], %s::text[], %s::text[], %s::text[]) as new(id, vector, place, skills)
    where b.id = new.id
"""


class _Old(msgspec.Struct, frozen=True, kw_only=True):
    """A bounty that is to be indexed anew."""

    id: str
    title: str
    description: str
    skills_required: str
    location_text: str | None
    category: str | None
    work_type: str
    is_for_honor: bool
    lexemes: list[str] | None


async def lexemes_of(tx: Queries, bounty_id: str) -> list[str]:
    """Return what a bounty is found by; nothing where it was never indexed."""
    row = await tx.fetch_one(LEXEMES, (bounty_id,))
    return (row["lexemes"] if row else None) or []


async def learn(tx: Queries, new: Document, before: Collection[str] = ()) -> None:
    """Let the words of a bounty be found, and count them; ``before`` it had these lexemes."""
    await _learn(tx, new.lexemes)
    await tx.execute(CHANGED, _difference(before, new.lexemes))


async def add_up(tx: Queries, limit: int) -> int:
    """Count as many changes of words as ``limit`` at most; return how many there were."""
    row = await tx.fetch_one(ADD_UP, (limit,))
    assert row is not None
    return int(row["taken"])


async def renew(tx: Queries, limit: int) -> int:
    """Index bounties that others have written; return how many there were, at most ``limit``."""
    found = [_Old(**row) for row in await tx.fetch(OLD, (limit,))]
    if not found:
        return 0
    documents = [document(each) for each in found]
    await _learn(tx, sorted({lexeme for each in documents for lexeme in each.lexemes}))
    for old, new in zip(found, documents, strict=True):
        await tx.execute(CHANGED, _difference(old.lexemes or (), new.lexemes))
    await tx.execute(
        SET,
        (
            [each.id for each in found],
            [each.vector for each in documents],
            [each.place for each in documents],
            [each.skills for each in documents],
        ),
    )
    return len(found)


async def _learn(tx: Queries, lexemes: Sequence[str]) -> None:
    rows = await tx.fetch(UNKNOWN, (list(lexemes),))
    unknown = sorted(row["word"] for row in rows)
    if not unknown:
        return
    await tx.execute(LEARN, (unknown,))
    # A mark is looked up as it is.
    left = [(form, word) for word in unknown if ":" not in word for form in forms(word)]
    if left:
        await tx.execute(LEARN_FORMS, ([form for form, _ in left], [word for _, word in left]))


def _difference(before: Collection[str], after: Collection[str]) -> tuple[list[str], list[str]]:
    return sorted({*after} - {*before}), sorted({*before} - {*after})
