"""Every kind of actor, where it lives, and how it is named."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bountyexpo.actors.chat.contacts import ContactsActor
from bountyexpo.actors.chat.conversation import ConversationActor
from bountyexpo.actors.market.bounty import BountyActor
from bountyexpo.actors.money.payment import PaymentActor
from bountyexpo.actors.users.user import UserActor
from bountyexpo.supervisors import ActorPool

if TYPE_CHECKING:
    from bountyexpo.actors.dependencies import ActorDependencies
    from bountyexpo.runtime import Context, Ref
    from bountyexpo.runtime.clock import Clock

KINDS = (UserActor, ContactsActor, ConversationActor, BountyActor, PaymentActor)


class Actors:
    """The pools of one node; the first message to a name activates its actor."""

    def __init__(self, ports: ActorDependencies, clock: Clock) -> None:
        self.pools = {kind.kind: _pool(kind, ports, clock) for kind in KINDS}

    def user(self, user_id: str) -> Ref:
        """Name the owner of an account."""
        return self.pools[UserActor.kind].ref(user_id)

    def contacts(self, user_id: str) -> Ref:
        """Name the owner of a user's contacts."""
        return self.pools[ContactsActor.kind].ref(user_id)

    def conversation(self, conversation_id: str) -> Ref:
        """Name the owner of a conversation."""
        return self.pools[ConversationActor.kind].ref(conversation_id)

    def bounty(self, bounty_id: str) -> Ref:
        """Name the owner of a bounty."""
        return self.pools[BountyActor.kind].ref(bounty_id)

    def payment(self, payment_id: str) -> Ref:
        """Name the owner of a payment."""
        return self.pools[PaymentActor.kind].ref(payment_id)


def _pool(
    kind: type[UserActor | ContactsActor | ConversationActor | BountyActor | PaymentActor],
    ports: ActorDependencies,
    clock: Clock,
) -> ActorPool:
    def make(
        actor_id: str, context: Context
    ) -> UserActor | ContactsActor | ConversationActor | BountyActor | PaymentActor:
        return kind(actor_id, context, ports)

    return ActorPool(kind.kind, make, clock=clock)
