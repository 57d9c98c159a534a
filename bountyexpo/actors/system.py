"""Every kind of actor, where it lives, and how it is named."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from bountyexpo.actors.chat.contacts import ContactsActor
from bountyexpo.actors.chat.conversation import ConversationActor
from bountyexpo.actors.market.bounty import BountyActor
from bountyexpo.actors.money.payee import PayeeActor
from bountyexpo.actors.money.payer import PayerActor
from bountyexpo.actors.money.payment import PaymentActor
from bountyexpo.actors.users.user import UserActor
from bountyexpo.supervisors import ActorPool, PoolConfig

if TYPE_CHECKING:
    from collections.abc import Callable

    from bountyexpo.actors.chat.contacts import ContactsKind
    from bountyexpo.actors.chat.conversation_messages import ConversationKind
    from bountyexpo.actors.dependencies import ActorDependencies
    from bountyexpo.actors.market.bounty_messages import BountyKind
    from bountyexpo.actors.money.payee_messages import PayeeKind
    from bountyexpo.actors.money.payer import PayerKind
    from bountyexpo.actors.money.payment_messages import PaymentKind
    from bountyexpo.actors.users.user import UserKind
    from bountyexpo.persistence.chat.journal import Journal
    from bountyexpo.runtime import Actor, Context, Ref
    from bountyexpo.runtime.clock import Clock

K = TypeVar("K")


@dataclass(frozen=True, slots=True)
class Actors:
    """The pools of one node; the first message to a name activates its actor."""

    users: ActorPool[UserKind]
    contact_lists: ActorPool[ContactsKind]
    conversations: ActorPool[ConversationKind]
    bounties: ActorPool[BountyKind]
    payments: ActorPool[PaymentKind]
    payers: ActorPool[PayerKind]
    payees: ActorPool[PayeeKind]

    @classmethod
    def over(cls, ports: ActorDependencies, journal: Journal, clock: Clock) -> Actors:
        """Build the pools over the outside that their actors work with."""

        def conversation(
            name: str, context: Context[ConversationKind], ports: ActorDependencies
        ) -> ConversationActor:
            return ConversationActor(name, context, ports, journal)

        return cls(
            users=_pool(UserActor.kind, UserActor, ports, clock),
            contact_lists=_pool(ContactsActor.kind, ContactsActor, ports, clock),
            conversations=_pool(ConversationActor.kind, conversation, ports, clock),
            bounties=_pool(BountyActor.kind, BountyActor, ports, clock),
            payments=_pool(PaymentActor.kind, PaymentActor, ports, clock),
            payers=_pool(PayerActor.kind, PayerActor, ports, clock),
            payees=_pool(PayeeActor.kind, PayeeActor, ports, clock),
        )

    @property
    def pools(self) -> tuple[ActorPool[Any], ...]:
        """All pools, in the order in which they are started."""
        return (
            self.users,
            self.contact_lists,
            self.conversations,
            self.bounties,
            self.payments,
            self.payers,
            self.payees,
        )

    def user(self, user_id: str) -> Ref[UserKind]:
        """Name the owner of an account."""
        return self.users.ref(user_id)

    def contacts(self, user_id: str) -> Ref[ContactsKind]:
        """Name the owner of a user's contacts."""
        return self.contact_lists.ref(user_id)

    def conversation(self, conversation_id: str) -> Ref[ConversationKind]:
        """Name the owner of a conversation."""
        return self.conversations.ref(conversation_id)

    def bounty(self, bounty_id: str) -> Ref[BountyKind]:
        """Name the owner of a bounty."""
        return self.bounties.ref(bounty_id)

    def payer(self, user_id: str) -> Ref[PayerKind]:
        """Name the owner of what a user pays with."""
        return self.payers.ref(user_id)

    def payee(self, user_id: str) -> Ref[PayeeKind]:
        """Name the owner of what a user is paid."""
        return self.payees.ref(user_id)

    def payment(self, payment_id: str) -> Ref[PaymentKind]:
        """Name the owner of a payment."""
        return self.payments.ref(payment_id)


def _pool(
    kind: str,
    make: Callable[[str, Context[K], ActorDependencies], Actor[K]],
    ports: ActorDependencies,
    clock: Clock,
) -> ActorPool[K]:
    return ActorPool(
        PoolConfig(kind=kind, factory=lambda name, context: make(name, context, ports), clock=clock)
    )
