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
    """What an action of a noun has in hand: its parameters, and the store.

    ``account`` is on whose behalf it acts; None is the platform.
    """

    def __init__(
        self,
        tx: Transaction,
        params: Json,
        now: datetime,
        *,
        key: str | None = None,
        account: str | None = None,
    ) -> None:
        self.tx = tx
        self.account = account
        self.params = params
        self._now = now
        self._key = key

    @property
    def created(self) -> int:
        """The time, as objects show it."""
        return int(self._now.timestamp())

    async def find(self, kind: str, object_id: str) -> Json | None:
        """Return an object, locked until the request has ended, or None."""
        found = await store.lock(self.tx, object_id, self.account)
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

    async def save(
        self, found: Json, *events: str, before: Json | None = None, told: str | None = None
    ) -> None:
        """Store an object, new or changed, with the events that tell of it.

        They are events of the account that it belongs to, or of ``told``.
        """
        await store.save(self.tx, found, self._now, self.account)
        await self.tell(found, *events, before=before, account=told or self.account)

    async def tell(
        self, found: Json, *events: str, account: str | None, before: Json | None = None
    ) -> None:
        """Store events that tell of an object."""
        data: Json = {"object": found}
        if before is not None:
            changed = sorted(name for name in found if found[name] != before.get(name))
            data["previous_attributes"] = {name: before.get(name) for name in changed}
        for event_type in events:
            await store.add_event(
                self.tx, event_type, data, key=self._key, now=self._now, account=account
            )
