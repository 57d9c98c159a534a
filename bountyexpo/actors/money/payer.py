"""The payer actor: the cards and bank accounts that somebody pays with (contract money §2.1).

The provider keeps them; here is only whose they are. One question at a time is asked for each
payer, so that a customer is made once, and what is removed is not used at the same moment.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeAlias, assert_never

import msgspec

from bountyexpo.actors.money.payers import customer_of
from bountyexpo.domain.ids import new_id
from bountyexpo.errors import InvalidRequest, NotAllowed, NotFound
from bountyexpo.integrations.stripe.payment_methods import Card, MethodType, PaymentMethod
from bountyexpo.integrations.stripe.setup_intents import SetupIntent
from bountyexpo.persistence.money import customers
from bountyexpo.runtime import Actor, Context, Message

if TYPE_CHECKING:
    from bountyexpo.actors.dependencies import ActorDependencies

UNKNOWN: Final = "This card or account does not exist."

KINDS: tuple[MethodType, ...] = ("card", "us_bank_account")


# As the provider shows them, for whoever asks the payer.
Method: TypeAlias = PaymentMethod
MethodCard: TypeAlias = Card
MethodKind: TypeAlias = MethodType


class PayerKind:
    """Marks what may be said to the owner of somebody's payment methods."""


class Methods(msgspec.Struct, frozen=True):
    """What somebody pays with, the newest of each kind first."""

    found: list[PaymentMethod]


class ListMethods(Message[PayerKind, Methods], frozen=True, kw_only=True, tag="payer.list"):
    """See what the payer pays with."""


class KeepMethod(Message[PayerKind, PaymentMethod], frozen=True, kw_only=True, tag="payer.keep"):
    """Keep a method; one that is kept already is returned."""

    method_id: str
    email: str | None


class ForgetMethod(Message[PayerKind, None], frozen=True, kw_only=True, tag="payer.forget"):
    """Let a method go."""

    method_id: str


class BeginSetup(Message[PayerKind, SetupIntent], frozen=True, kw_only=True, tag="payer.setup"):
    """Begin to keep a method that the payer's device enters."""

    kind: MethodType
    usage: str
    email: str | None


PayerMessage: TypeAlias = ListMethods | KeepMethod | ForgetMethod | BeginSetup


class PayerActor(Actor[PayerKind]):
    """What one user pays with.

    Owns:      the order of what is asked of the provider about this payer.
    Accepts:   ListMethods, KeepMethod, ForgetMethod, BeginSetup.
    Persists:  who the payer is at the provider, before it is asked.
    Restarts:  has nothing to reload; every call can be repeated.
    """

    kind = "payer"

    def __init__(
        self, actor_id: str, context: Context[PayerKind], ports: ActorDependencies
    ) -> None:
        super().__init__(actor_id, context)
        self._ports = ports

    async def handle(self, message: PayerMessage) -> Methods | PaymentMethod | SetupIntent | None:
        """Ask the provider for one thing."""
        match message:
            case ListMethods():
                return await self._list()
            case KeepMethod():
                return await self._keep(message)
            case ForgetMethod():
                await self._forget(message.method_id)
                return None
            case BeginSetup():
                return await self._begin_setup(message)
            case _:
                assert_never(message)

    async def _list(self) -> Methods:
        customer = await customers.of_user(self._ports.db, self.id)
        if customer is None or customer.customer_id is None:
            return Methods([])
        methods = self._ports.stripe.payment_methods
        return Methods(
            [each for kind in KINDS for each in await methods.list_of(customer.customer_id, kind)]
        )

    async def _keep(self, message: KeepMethod) -> PaymentMethod:
        stripe = self._ports.stripe
        customer_id = await customer_of(self._ports, self.id, message.email)
        found = await self._retrieve(message.method_id)
        if found.customer == customer_id:
            return found
        if found.customer is not None:
            # Whose it is, is nobody else's business.
            raise NotFound(UNKNOWN)
        return await stripe.payment_methods.attach(
            found.id, customer_id, idempotency_key=f"keep_{self.id}_{found.id}"
        )

    async def _forget(self, method_id: str) -> None:
        stripe = self._ports.stripe
        customer = await customers.of_user(self._ports.db, self.id)
        found = await self._retrieve(method_id)
        if customer is None or found.customer is None:
            raise NotFound(UNKNOWN)
        if found.customer != customer.customer_id:
            raise NotAllowed("This card or account belongs to somebody else.")
        try:
            await stripe.payment_methods.detach(found.id, idempotency_key=f"forget_{found.id}")
        except InvalidRequest:
            # Somebody else has detached it at the same moment, or it is still there.
            if (await stripe.payment_methods.retrieve(method_id)).customer is not None:
                raise

    async def _retrieve(self, method_id: str) -> PaymentMethod:
        try:
            return await self._ports.stripe.payment_methods.retrieve(method_id)
        except NotFound:
            raise NotFound(UNKNOWN) from None

    async def _begin_setup(self, message: BeginSetup) -> SetupIntent:
        return await self._ports.stripe.setup_intents.create(
            customer_id=await customer_of(self._ports, self.id, message.email),
            user_id=self.id,
            kind=message.kind,
            usage=message.usage,
            # An attempt that came to nothing costs nothing: each time is another one.
            idempotency_key=f"setup_{self.id}_{new_id()}",
        )
