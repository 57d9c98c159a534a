"""The payee actor: the payout account of one user, and all that is paid out to them (money §3.5).

One thing is done at a time for each user, so that an account is made once, and two withdrawals
never race for one balance. The provider is asked in between the commits that make each step
repeatable; whatever is cut off goes on by the outbox, or by the job that looks for what waits.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, assert_never

from bountyexpo.actors.money.payee_messages import (
    BeginRetry,
    CarryOut,
    Destinations,
    HearOfAccount,
    HearOfPayout,
    HearOfTransfer,
    ListDestinations,
    LookAgain,
    LookAtAccount,
    MakeAccount,
    OpenedLink,
    OpenLink,
    OpenLogin,
    PayeeKind,
    PayeeMessage,
    Progress,
    RequestWithdrawal,
    RetryWithdrawal,
)
from bountyexpo.actors.money.payout_account import PayoutAccount, linked
from bountyexpo.actors.money.payout_targets import bank_of, card_of
from bountyexpo.actors.money.withdrawal_saga import Saga
from bountyexpo.domain import limits
from bountyexpo.domain.ids import new_id
from bountyexpo.domain.money.fees import instant_payout_fee
from bountyexpo.domain.money.withdrawal import Status
from bountyexpo.domain.policy import DAY_S
from bountyexpo.errors import (
    BountyExpoError,
    IdempotencyConflict,
    InvalidRequest,
    NotFound,
    ProviderFailed,
    Unavailable,
)
from bountyexpo.observability.logs import get_logger
from bountyexpo.persistence.money import withdrawals
from bountyexpo.persistence.money.withdrawals import Withdrawal
from bountyexpo.runtime import Actor, Context

if TYPE_CHECKING:
    from bountyexpo.actors.dependencies import ActorDependencies
    from bountyexpo.persistence.money.connect_accounts import ConnectAccount

log = get_logger(__name__)


class PayeeActor(Actor[PayeeKind]):
    """What one user is paid.

    Owns:      the user's payout account, and the order of their withdrawals.
    Accepts:   the messages of ``payee_messages``.
    Persists:  each step before the provider is asked, and its outcome after.
    Restarts:  has nothing to reload; every step is a row.
    """

    kind = "payee"

    def __init__(
        self, actor_id: str, context: Context[PayeeKind], ports: ActorDependencies
    ) -> None:
        super().__init__(actor_id, context)
        self._ports = ports
        self._account = PayoutAccount(ports, actor_id)
        self._saga = Saga(ports)

    async def handle(self, message: PayeeMessage) -> Any:
        """Do one thing, and answer with what its message promises."""
        match message:
            case LookAtAccount() | MakeAccount() | HearOfAccount():
                return await self._of_account(message)
            case OpenLink() | OpenLogin() | ListDestinations():
                return await self._shown(message)
            case RequestWithdrawal():
                return await self._request(message)
            case RetryWithdrawal():
                return await self._retry(message)
            case BeginRetry():
                return await self._begin_retry(message)
            case CarryOut() | LookAgain() | HearOfTransfer() | HearOfPayout():
                return await self._go_on(message)
            case _:
                assert_never(message)

    async def _shown(
        self, message: OpenLink | OpenLogin | ListDestinations
    ) -> OpenedLink | str | Destinations:
        accounts = self._ports.stripe.accounts
        if isinstance(message, OpenLink):
            account_id = linked(await self._account.made(self.context.now()))
            link = await accounts.link(
                account_id,
                return_url=message.return_url,
                refresh_url=message.refresh_url,
                # Each is good once.
                idempotency_key=f"connect_link_{self.id}_{new_id()}",
            )
            return OpenedLink(account_id=account_id, link=link)
        account = await self._account.stored()
        if isinstance(message, OpenLogin):
            key = f"connect_login_{self.id}_{new_id()}"
            return await accounts.login(linked(account), idempotency_key=key)
        if account.stripe_account_id is None:
            return Destinations(banks=[], cards=[], instant_cents=0)
        return Destinations(
            banks=await accounts.banks(account.stripe_account_id),
            cards=await accounts.cards(account.stripe_account_id),
            instant_cents=await self._ports.stripe.payouts.instant_cents(account.stripe_account_id),
        )

    async def _of_account(
        self, message: LookAtAccount | MakeAccount | HearOfAccount
    ) -> ConnectAccount:
        now, account = self.context.now(), self._account
        match message:
            case LookAtAccount():
                return await account.looked_at(now)
            case MakeAccount():
                return await account.made(now)
            case HearOfAccount() if message.is_gone:
                return await account.part(message.account_id, now, inbox_id=message.inbox_id)
            case HearOfAccount():
                return await account.looked_at(now, inbox_id=message.inbox_id)
            case _:
                assert_never(message)

    async def _request(self, message: RequestWithdrawal) -> Progress:
        key, db = message.idempotency_key, self._ports.db
        known = await withdrawals.by_key(db, self.id, key) if key else None
        if known is not None:
            if known.request_hash != message.request_hash:
                raise IdempotencyConflict
            return _progress(known, is_repeat=True)
        account = await self._account.ready(self.context.now())
        new = Withdrawal(
            id=new_id(),
            user_id=self.id,
            amount_cents=message.amount_cents,
            is_instant=message.is_instant,
            fee_cents=await self._fee(message),
            stripe_account_id=linked(account),
            destination_id=await self._target(account, message.destination_id, message.is_instant),
            idempotency_key=key,
            request_hash=message.request_hash if key else None,
        )
        return _progress(await self._saga.begin(new))

    async def _fee(self, message: RequestWithdrawal) -> int:
        """Return what haste costs.

        Raises:
            RateLimited: there was haste too often today.
        """
        if not message.is_instant:
            return 0
        policy = self._ports.policy
        paid_today = await withdrawals.instant_since(self._ports.db, self.id, DAY_S)
        cents = limits.instant_payout_amount(
            message.amount_cents, paid_today=paid_today, policy=policy
        )
        return instant_payout_fee(cents, policy)

    async def _target(
        self, account: ConnectAccount, destination_id: str | None, is_instant: bool
    ) -> str:
        """Return where the money goes, which the account has at this moment."""
        accounts, account_id = self._ports.stripe.accounts, linked(account)
        try:
            if is_instant:
                return card_of(await accounts.cards(account_id), destination_id).id
            return bank_of(await accounts.banks(account_id), destination_id).id
        except (ProviderFailed, Unavailable) as error:
            raise Unavailable(
                "Your bank account cannot be checked at present. Please try again.",
                code="bank_account_resolution_failed",
            ) from error

    async def _retry(self, message: RetryWithdrawal) -> Progress:
        known = await withdrawals.get(self._ports.db, message.withdrawal_id)
        if known is None or known.user_id != self.id:
            raise NotFound("This withdrawal does not exist.")
        made = await withdrawals.get(self._ports.db, message.retry_id)
        if made is not None:
            return _progress(made, is_repeat=True)
        account = await self._account.ready(self.context.now())
        target = await self._target(account, message.destination_id, is_instant=False)
        tried = await self._saga.retry(known, retry_id=message.retry_id)
        return _progress(await self._again(tried, message.retry_id, account, target))

    async def _begin_retry(self, message: BeginRetry) -> Progress | None:
        """Go on with a retry that was cut off; one that can no longer be is let go."""
        made = await withdrawals.get(self._ports.db, message.retry_id)
        if made is not None:
            return Progress(withdrawal=made)
        known = await self._saga.present(message.withdrawal_id)
        try:
            account = await self._account.ready(self.context.now())
            target = await self._target(account, None, is_instant=False)
            return Progress(withdrawal=await self._again(known, message.retry_id, account, target))
        except Unavailable:
            raise
        except BountyExpoError as error:
            log.info("a withdrawal was not tried again", id=known.id, error=error.error_code)
            return None

    async def _again(
        self, known: Withdrawal, retry_id: str, account: ConnectAccount, target: str
    ) -> Withdrawal:
        return await self._saga.begin(
            Withdrawal(
                id=retry_id,
                user_id=self.id,
                amount_cents=known.amount_cents,
                retry_of=known.id,
                retries=known.retries,
                stripe_account_id=linked(account),
                destination_id=target,
            )
        )

    async def _go_on(
        self, message: CarryOut | LookAgain | HearOfTransfer | HearOfPayout
    ) -> Progress:
        saga = self._saga
        found = await saga.present(message.withdrawal_id)
        match message:
            case CarryOut():
                payout_id = found.payout_id if message.is_look else None
                if payout_id is None:
                    found = await saga.go_on(found)
                elif found.status is Status.PAYOUT_PENDING:
                    found = await saga.hear_of_payout(found, payout_id)
            case LookAgain():
                found = await saga.wake(found)
            case HearOfTransfer():
                found = await saga.hear_of_transfer(
                    found, message.transfer_id, inbox_id=message.inbox_id
                )
            case HearOfPayout():
                found = await saga.hear_of_payout(
                    found, message.payout_id, inbox_id=message.inbox_id
                )
            case _:
                assert_never(message)
        return Progress(withdrawal=found)


# What a caller hears of a withdrawal that was refused; the money is back in the wallet.
REFUSALS: dict[str, tuple[type[BountyExpoError], str]] = {
    "platform_balance_insufficient": (
        Unavailable,
        "Withdrawals are not possible at present. Please try again later.",
    ),
    "destination_account_invalid": (
        InvalidRequest,
        "Your payout account cannot receive money. Please check it.",
    ),
}


def _progress(withdrawal: Withdrawal, *, is_repeat: bool = False) -> Progress:
    """Return how far it has come.

    Raises:
        BountyExpoError: it was refused, and the money is back in the wallet.
    """
    if withdrawal.status is not Status.VOID:
        return Progress(withdrawal=withdrawal, is_repeat=is_repeat)
    code = withdrawal.failure_code or "transfer_failed"
    error, text = REFUSALS.get(
        code, (ProviderFailed, "The money could not be sent; it is back in your wallet.")
    )
    raise error(text, code=code, transactionId=withdrawal.id)
