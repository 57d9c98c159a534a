"""One request at work on the stored objects, in the transaction that ends with its answer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

from bountyexpo.sandbox.stripe import store
from bountyexpo.sandbox.stripe.refusal import missing

if TYPE_CHECKING:
    from datetime import datetime

    from bountyexpo.persistence.transaction import Transaction

Json: TypeAlias = dict[str, Any]


class Work:
    """What an action of a noun has in hand: its parameters, and the store."""

    def __init__(self, tx: Transaction, params: Json, now: datetime, key: str | None) -> None:
        self.tx = tx
        self.params = params
        self._now = now
        self._key = key

    @property
    def created(self) -> int:
        """The time, as objects show it."""
        return int(self._now.timestamp())

    async def find(self, kind: str, object_id: str) -> Json | None:
        """Return an object, locked until the request has ended, or None."""
        found = await store.lock(self.tx, object_id)
        return found if found and found["object"] == kind else None

    async def load(self, kind: str, object_id: str, param: str | None = None) -> Json:
        """Return an object that must be there.

        Raises:
            StripeRefusal: it is not; ``param`` is what named it.
        """
        found = await self.find(kind, object_id)
        if found is None or (param is not None and found.get("deleted")):
            raise missing(object_id, kind, param)
        return found

    async def save(self, found: Json, *events: str, before: Json | None = None) -> None:
        """Store an object, new or changed, with the events that tell of it."""
        await store.save(self.tx, found, self._now)
        data: Json = {"object": found}
        if before is not None:
            changed = sorted(name for name in found if found[name] != before.get(name))
            data["previous_attributes"] = {name: before.get(name) for name in changed}
        for event_type in events:
            await store.add_event(self.tx, event_type, data, self._key, self._now)
