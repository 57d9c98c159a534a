"""Write ``docs/ledger.md`` from the ledger's own tables: ``python docs/ledger_page.py``."""  # noqa: INP001 - a script, run by its path

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from bountyexpo.domain.money.ledger.accounts import RULES as ACCOUNTS
from bountyexpo.domain.money.ledger.accounts import AccountKind, Owner, Sign
from bountyexpo.domain.money.ledger.legacy import MAPPINGS
from bountyexpo.domain.money.ledger.rules import RULES
from bountyexpo.domain.money.ledger.transfers import Phase

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from bountyexpo.domain.money.ledger.transfers import Transfer

PAGE = Path(__file__).parent / "ledger.md"

INTRODUCTION = """\
# The ledger

This page is for whoever keeps the books. It is written by `python docs/ledger_page.py` from the
tables that the service runs on, and a test compares the two; do not edit it by hand.

**How to read it.** All amounts are US dollars, kept in whole cents. Balances are seen from the
platform: a positive balance is money that the platform owes to somebody or has earned, a negative
one is money that it has (at Stripe) or has spent. The lines of an entry sum to zero, and so do all
accounts together, at any moment.

**What holds always.**

- An entry has a *business key*, such as `settle:<bounty>`. There is one entry for each key, for
  ever: a repeated webhook, a second tap on a button or a restart books nothing twice, and a bounty
  is released *or* refunded. A bounty that is funded again begins a new round, with `:2` behind its
  keys.
- Nothing is changed or deleted. A mistake is corrected by a reversal, which names what it takes
  back and can be made once.
- A wallet never goes below zero. What a card network takes back and is no longer there becomes a
  *debt*, and every income of that user pays the debt first.
- An escrow is emptied to the cent when its bounty ends.
- A *pending* entry moves nothing. It reserves what it will take, until it is posted, voided or
  expires; posted in part, the rest is free again.
- From a frozen wallet nothing is taken but chargebacks, card refunds, reserves, debts and what an
  admin orders.
- Fees are rounded half up to the cent: `(amount × basis points + 5,000) ÷ 10,000`, whole numbers
  only. The hunter gets the amount less the fee, so the two always sum.
"""

BETWEEN = """\
## The 27 events

The examples are one story: Anna posts a bounty for $100.00, Ben does the work, the fee is 5 %.
"""

OLD_WALLET = """\
## What became of the rows of the old wallet

Each kind of row stands for one or more of the events above. `Shown` is what the wallet's list of
the app says of a new entry of that kind.

Old rows are not booked again: balances come over by event 27, and the rows stay as a statement. A
status that no entry stands for, such as a deposit that never arrived, moved no money. A partial
refund of the old app gave the rest to nobody; it is booked as the platform's until it is claimed.
"""

SIGNS = {
    Sign.NON_NEGATIVE: "zero or more",
    Sign.NON_POSITIVE: "zero or less",
    Sign.ANY: "any",
}
OWNERS = {
    Owner.USER: "a user",
    Owner.BOUNTY: "a bounty",
    Owner.WITHDRAWAL: "a withdrawal",
    Owner.STRIPE_ACCOUNT: "a connected account",
    Owner.PLATFORM: "the platform",
}
# What the money in an account is; a missing or an extra one fails when the page is made.
MEANINGS = {
    AccountKind.USER_AVAILABLE: "what the user can spend or withdraw",
    AccountKind.USER_HELD: "what is kept back: a chargeback, or a reserve against risk",
    AccountKind.USER_DEBT: "what the user owes the platform",
    AccountKind.BOUNTY_ESCROW: "the locked price",
    AccountKind.BOUNTY_ESCROW_FROZEN: "the same price while a dispute or a chargeback is open",
    AccountKind.WITHDRAWAL_IN_FLIGHT: "left the wallet, not yet confirmed by the bank",
    AccountKind.STRIPE_PLATFORM: "the platform's balance at Stripe",
    AccountKind.STRIPE_CONNECT: "our money in a connected account, not yet paid out",
    AccountKind.STRIPE_DISPUTE_WITHHELD: "what card networks keep while chargebacks are open",
    AccountKind.PLATFORM_FEES: "income: fees of releases and cancellations",
    AccountKind.PLATFORM_INSTANT_FEES: "income: fees of instant payouts",
    AccountKind.PLATFORM_STRIPE_FEES: "cost: what Stripe takes for payments",
    AccountKind.PLATFORM_DISPUTE_FEES: "cost: what Stripe takes for chargebacks",
    AccountKind.PLATFORM_WRITEOFF: "cost: debts that nobody will pay",
    AccountKind.PLATFORM_ADJUSTMENTS: "the other side of what admins order or settle by hand",
    AccountKind.PLATFORM_OPENING: "the other side of balances brought from the old app",
}
PHASES = {Phase.PENDING: "reserved: ", Phase.POSTED: ""}


def page() -> str:
    """Return the whole page."""
    return "\n".join((INTRODUCTION, *_accounts(), BETWEEN, *_events(), OLD_WALLET, *_rows()))


def _accounts() -> Iterator[str]:
    rows = (
        (
            f"`{rule.name.replace('{}', '…')}`",
            OWNERS[rule.owner],
            SIGNS[rule.sign],
            MEANINGS[kind],
        )
        for kind, rule in ACCOUNTS.items()
    )
    yield "## The accounts\n"
    yield from _table(("Account", "Belongs to", "Balance", "What it is"), rows)
    yield (
        "`stripe:platform` repeats what Stripe says and is meant to be zero or less. A chargeback "
        "can take\nmore than is there; that is booked all the same, and the auditor reports it.\n"
    )


def _events() -> Iterator[str]:
    for rule in RULES:
        yield f"### {rule.number}. {rule.title}\n"
        yield f"{rule.says}\n"
        rows = (
            (f"`{transfer.business_key}`", PHASES[transfer.phase] + _lines(transfer))
            for transfer in rule.examples
        )
        yield from _table(("Business key", "Entry"), rows)


def _rows() -> Iterator[str]:
    rows = (
        (
            f"`{rule.type}`",
            "+" if rule.sign > 0 else "−",
            rule.status.value,
            ", ".join(map(str, rule.rules)),
            rule.shown_as,
        )
        for rule in MAPPINGS
    )
    yield from _table(("Row", "Sign", "Status", "Events", "Shown"), rows)


def _lines(transfer: Transfer) -> str:
    return ", ".join(f"`{line.account}` {_amount(line.amount_cents)}" for line in transfer.postings)


def _amount(cents: int) -> str:
    whole, part = divmod(abs(cents), 100)
    return f"{'−' if cents < 0 else '+'}{whole:,}.{part:02}"


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> Iterator[str]:
    yield f"| {' | '.join(head)} |"
    yield f"|{'---|' * len(head)}"
    for row in rows:
        yield f"| {' | '.join(row)} |"
    yield ""


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
