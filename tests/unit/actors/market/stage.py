"""The stage of the market's commands: people, a bounty without a price, and who listens."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from bountyexpo.actors.dependencies import ActorDependencies
from bountyexpo.actors.market import applying, posting
from bountyexpo.actors.market.bounty_messages import CreateBounty, SubmitApplication
from bountyexpo.domain.ids import new_id
from bountyexpo.domain.policy import Policy
from bountyexpo.persistence.market import bounties, bounty_writes, requests
from bountyexpo.persistence.market.bounties import Bounty, Terms
from bountyexpo.persistence.market.requests import Wish
from bountyexpo.persistence.market.search import index as search_index
from bountyexpo.persistence.users import blocks, moments, users

from tests.commits import nobody
from tests.recording_transaction import RecordingDatabase

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bountyexpo.actors.market.rows import Rows
    from bountyexpo.persistence.market.requests import Application

    from tests.recording_transaction import Answers, RecordedPool, Row

NOW = datetime(2026, 5, 4, 12, tzinfo=UTC)


class Stage:
    """Commands to bounties over ``db``; ``told`` is what they have told."""

    def __init__(self, db: RecordingDatabase | RecordedPool) -> None:
        self.db = db
        self.told = db.told
        self.ports = ActorDependencies(
            db=db,  # type: ignore[arg-type]
            stripe=None,  # type: ignore[arg-type]
            policy=Policy(),
            feed=nobody,
            ephemeral=nobody,
            unread=nobody,
            standing_changed=lambda _user: None,
        )

    async def person(self) -> str:
        raise NotImplementedError

    async def block(self, user_id: str, other_id: str) -> None:
        raise NotImplementedError

    async def posted(self, *, is_forgotten: bool = True, **terms: Any) -> Rows:
        """A bounty for honor that was just posted, and what was told of it forgotten."""
        wanted = Terms(
            **{
                "title": "Carry the sofa upstairs",
                "description": "It is heavy and must go up to the third floor.",
                "amount_cents": 0,
                "is_for_honor": True,
                **terms,
            }
        )
        message = CreateBounty(poster_id=await self.person(), terms=wanted)
        rows, _ = await posting.create(self.ports, new_id(), message, NOW)
        assert rows is not None
        if is_forgotten:
            self.told.clear()
        return rows

    async def applied(
        self, rows: Rows, hunter_id: str | None = None, note: str | None = None
    ) -> tuple[Rows, Application]:
        """Let a hunter apply."""
        message = SubmitApplication(
            hunter_id=hunter_id or await self.person(), wish=Wish(message=note)
        )
        return await applying.apply(self.ports, rows, message, NOW)


class ScriptedStage(Stage):
    """The stage without a database: what the statements of these commands would find."""

    def __init__(self) -> None:
        super().__init__(RecordingDatabase(self.answers()))
        self.blocked: set[frozenset[str]] = set()
        self.versions: dict[str, int] = {}
        self.applications: dict[tuple[str, str], Row] = {}

    async def person(self) -> str:
        return new_id()

    async def block(self, user_id: str, other_id: str) -> None:
        self.blocked.add(frozenset({user_id, other_id}))

    def answers(self) -> Answers:
        return {
            users.BY_ID: lambda params: [_user(*params)],
            bounties.RECENT_TWIN: lambda _: [],
            bounties.POSTED_SINCE: lambda _: [{"posted": 0}],
            bounty_writes.INSERT: self._insert_bounty,
            # All words were known before.
            search_index.UNKNOWN: lambda _: [],
            search_index.CHANGED: lambda _: [{}],
            bounty_writes.LOCK: self._lock,
            bounty_writes.SAVE: self._save,
            requests.COUNT_OF_HUNTER: self._count,
            requests.INSERT: self._insert_application,
            requests.OF_HUNTER: lambda params: [
                row for key, row in self.applications.items() if key == tuple(params)
            ],
            requests.HAS_WAITING: lambda params: [
                {}
                for key, row in self.applications.items()
                if key[0] == params[0] and row["status"] == "pending"
            ],
            requests.DECIDE: lambda params: [{"id": each, "decided_at": NOW} for each in params[1]],
            blocks.BETWEEN: self._blocks,
            moments.COMPLETE: lambda _: [{}],
        }

    def _insert_bounty(self, params: Row) -> Sequence[Row]:
        self.versions[params["id"]] = 1
        found = dict.fromkeys(Bounty.__struct_fields__) | {"version": 1, "username": "poster"}
        found |= {"is_stale": False, "revision_count": 0, "created_at": NOW, "updated_at": NOW}
        return [found | {name: value for name, value in params.items() if name in found}]

    def _lock(self, params: Any) -> Sequence[Row]:
        bounty_id, version = params
        return [{}] if self.versions[bounty_id] == version else []

    def _save(self, params: Row) -> Sequence[Row]:
        self.versions[params["id"]] = params["version"] + 1
        return [{"version": params["version"] + 1, "updated_at": NOW}]

    def _count(self, params: Any) -> Sequence[Row]:
        rows = self.applications.values()
        return [{"found": sum((row["hunter_id"], row["status"]) == params for row in rows)}]

    def _insert_application(self, params: Any) -> Sequence[Row]:
        names = ("id", "bounty_id", "hunter_id", "status", *Wish.__struct_fields__)
        row = dict.fromkeys(requests.Application.__struct_fields__)
        row |= dict(zip(names, params, strict=True))
        row |= {"created_at": NOW, "updated_at": NOW, "username": "hunter"}
        self.applications[row["bounty_id"], row["hunter_id"]] = row
        return [row]

    def _blocks(self, params: Row) -> Sequence[Row]:
        user_id = params["user"]
        return [
            {"other": other}
            for other in params["others"]
            if frozenset({user_id, other}) in self.blocked
        ]


def _user(user_id: str) -> Row:
    found: Row = dict.fromkeys(users.User.__struct_fields__)
    return found | {"id": user_id, "email_verified_at": NOW - timedelta(days=1)}
