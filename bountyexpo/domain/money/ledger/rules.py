"""The 27 business events of the ledger, as a list that a reader and a test can go through.

Each rule has an example with real numbers, made by the functions that the product uses: Anna posts
a bounty of $100.00, Ben does the work. ``docs/ledger.md`` is written from this list.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from bountyexpo.domain.money.fees import instant_payout_fee, partial
from bountyexpo.domain.money.ledger import chargebacks, payouts, wallets
from bountyexpo.domain.money.ledger.accounts import escrow
from bountyexpo.domain.money.ledger.transfers import Kind, Transfer, post
from bountyexpo.domain.policy import PRESENT

if TYPE_CHECKING:
    from bountyexpo.domain.money.ledger.holds import Hold

ANNA: Final = "anna"
BEN: Final = "ben"
BOUNTY: Final = "b1"
WITHDRAWAL: Final = "w1"
CONNECT: Final = "acct_ben"
PRICE: Final = 10_000
PAID: Final = 9_500
FEE_BPS: Final = PRESENT.platform_fee_bps


class EventRule(msgspec.Struct, frozen=True):
    """One row of contract money §1.6: what happened, and an example of what is booked."""

    number: int
    title: str
    says: str
    examples: tuple[Transfer, ...]

    @property
    def kinds(self) -> frozenset[Kind]:
        """The kinds of transfers that this rule writes."""
        return frozenset(transfer.kind for transfer in self.examples)


def _held(transfer: Transfer) -> Hold:
    assert transfer.hold is not None
    return transfer.hold


DEPOSIT: Final = wallets.deposit_captured(intent_id="pi_1", user_id=ANNA, amount_cents=15_000)
REFUND_ASKED: Final = wallets.escrow_refund_requested(bounty_id="b8", amount_cents=PRICE)
CHARGEBACK: Final = chargebacks.chargeback_opened(
    chargeback_id="dp_1", user_id=ANNA, amount_cents=15_000, available_cents=5_000
)
WON: Final = chargebacks.chargeback_opened(
    chargeback_id="dp_2", user_id=ANNA, amount_cents=5_000, available_cents=5_000
)
RESERVE: Final = chargebacks.reserve_set(
    reserve_id="r1", user_id=BEN, amount_cents=1_900, available_cents=PAID
)
HALF: Final = partial(PRICE, refund_cents=5_000, fee_bps=FEE_BPS)

RULES: Final[tuple[EventRule, ...]] = (
    EventRule(
        1,
        "Deposit captured",
        "A card payment has arrived at Stripe, so the user owns the money. Who has a debt pays it "
        "with this income at once, in a second entry.",
        (DEPOSIT,),
    ),
    EventRule(
        2,
        "Processing fee known",
        "Stripe says what the payment has cost; the platform bears it.",
        (wallets.processing_fee_known(balance_transaction_id="txn_1", fee_cents=465),),
    ),
    EventRule(
        3,
        "Escrow held from a wallet",
        "The price leaves the poster's wallet when the bounty is posted.",
        (wallets.escrow_held(bounty_id=BOUNTY, poster_id=ANNA, amount_cents=PRICE),),
    ),
    EventRule(
        4,
        "Escrow funded by card",
        "The price was paid by card, straight into escrow.",
        (wallets.escrow_funded_by_card(bounty_id="b8", amount_cents=PRICE),),
    ),
    EventRule(
        5,
        "Release to the wallet",
        "The work is approved: the hunter gets the price less the fee.",
        (
            wallets.escrow_released(
                bounty_id=BOUNTY, hunter_id=BEN, amount_cents=PRICE, fee_bps=FEE_BPS
            ),
        ),
    ),
    EventRule(
        6,
        "Release straight to a bank",
        "The same for a bounty paid by card; a withdrawal takes the money on, by rule 11.",
        (
            wallets.escrow_released_to_connect(
                bounty_id="b6", withdrawal_id="w6", amount_cents=PRICE, fee_bps=FEE_BPS
            ),
        ),
    ),
    EventRule(
        7,
        "Full refund to the wallet",
        "The bounty ends without work: everything goes back, without any fee.",
        (wallets.escrow_refunded(bounty_id="b7", poster_id=ANNA, amount_cents=PRICE),),
    ),
    EventRule(
        8,
        "Full refund to the card",
        "Asked for, the escrow is reserved and nothing moves; posted when Stripe has paid, voided "
        "when it could not.",
        (REFUND_ASKED, post(REFUND_ASKED)),
    ),
    EventRule(
        9,
        "Split settlement",
        "After a cancellation of begun work, or by a decision: the parts and fees sum to the "
        "price, and the fee is taken from what the hunter earns only.",
        (
            wallets.escrow_settled(
                bounty_id="b9", poster_id=ANNA, hunter_id=BEN, parts=HALF, funding_round=1
            ),
        ),
    ),
    EventRule(
        10,
        "Withdrawal requested",
        "The money leaves the wallet before Stripe is asked, so that it cannot be spent twice. "
        "What had come back is taken once more before it is settled by hand.",
        (
            payouts.withdrawal_requested(withdrawal_id=WITHDRAWAL, user_id=BEN, amount_cents=PAID),
            payouts.withdrawal_debited_again(withdrawal_id="w13", user_id=BEN, amount_cents=PAID),
        ),
    ),
    EventRule(
        11,
        "Transfer created",
        "Stripe has moved the money to the hunter's connected account.",
        (
            payouts.transfer_created(
                transfer_id="tr_1",
                withdrawal_id=WITHDRAWAL,
                stripe_account_id=CONNECT,
                amount_cents=PAID,
            ),
        ),
    ),
    EventRule(
        12,
        "Payout paid",
        "The bank has it; the withdrawal is over. A bank that sends it back undoes this entry, or "
        "a part of it.",
        (
            payouts.payout_paid(
                payout_id="po_1",
                withdrawal_id=WITHDRAWAL,
                stripe_account_id=CONNECT,
                amount_cents=PAID,
            ),
            payouts.payout_returned_in_part(
                payout_id="po_1",
                reversal_id="trr_12",
                withdrawal_id=WITHDRAWAL,
                stripe_account_id=CONNECT,
                cents=2_500,
            ),
        ),
    ),
    EventRule(
        13,
        "Transfer certainly not created",
        "Only now may the money go back into the wallet.",
        (payouts.withdrawal_voided(withdrawal_id="w13", user_id=BEN, amount_cents=PAID),),
    ),
    EventRule(
        14,
        "Payout failed or canceled",
        "No wallet moves until the transfer is reversed at Stripe.",
        (
            payouts.transfer_reversed(
                reversal_id="trr_14",
                withdrawal_id="w14",
                user_id=BEN,
                stripe_account_id=CONNECT,
                amount_cents=PAID,
            ),
        ),
    ),
    EventRule(
        15,
        "Transfer reversed by Stripe",
        "The same, and it may be a part; the rest stays on its way.",
        (
            payouts.transfer_reversed(
                reversal_id="trr_15",
                withdrawal_id="w15",
                user_id=BEN,
                stripe_account_id=CONNECT,
                amount_cents=4_000,
            ),
        ),
    ),
    EventRule(
        16,
        "Settled by hand",
        "The hunter was paid outside of Stripe. With a transfer, that was reversed too.",
        (
            payouts.settled_by_hand(withdrawal_id="w16", amount_cents=PAID),
            payouts.settled_by_hand(
                withdrawal_id="w17", amount_cents=PAID, stripe_account_id=CONNECT
            ),
        ),
    ),
    EventRule(
        17,
        "Fee of an instant payout",
        "Paid by the hunter, on top of the payout: 1 %, at least 50 cents.",
        (
            payouts.instant_fee_charged(
                withdrawal_id=WITHDRAWAL, user_id=BEN, fee_cents=instant_payout_fee(PAID, PRESENT)
            ),
        ),
    ),
    EventRule(
        18,
        "Dispute opened",
        "The escrow is frozen. The poster's wallet is not touched.",
        (wallets.dispute_opened(dispute_id="d1", bounty_id="b18", amount_cents=PRICE),),
    ),
    EventRule(
        19,
        "Dispute closed",
        "The escrow thaws; a decision settles it in the same step by rule 5, 7, 8 or 9.",
        (wallets.dispute_closed(dispute_id="d1", bounty_id="b18", amount_cents=PRICE),),
    ),
    EventRule(
        20,
        "Chargeback opened",
        "Of the disputed deposit as much is held as is there, and the account is frozen. What "
        "Stripe withdraws is a second entry. Money still in escrow is frozen there instead.",
        (
            CHARGEBACK,
            chargebacks.chargeback_funds_withdrawn(chargeback_id="dp_1", amount_cents=15_000),
            chargebacks.chargeback_opened_on_escrow(
                chargeback_id="dp_3", bounty_id="b20", escrow_cents=PRICE
            ),
        ),
    ),
    EventRule(
        21,
        "Chargeback won",
        "What was held is free again, and Stripe gives back what it withdrew.",
        (
            chargebacks.chargeback_won(hold=_held(WON)),
            chargebacks.chargeback_funds_reinstated(chargeback_id="dp_2", amount_cents=5_000),
            chargebacks.chargeback_won_on_escrow(
                chargeback_id="dp_4", bounty_id="b21", escrow_cents=PRICE
            ),
        ),
    ),
    EventRule(
        22,
        "Chargeback lost",
        "What was held is gone, and the user owes the rest; later income pays it. A frozen escrow "
        "is consumed first, and what the network did not want of it goes back to the poster. "
        "Stripe's fee is the platform's.",
        (
            chargebacks.chargeback_lost(hold=_held(CHARGEBACK)),
            chargebacks.chargeback_fee_charged(chargeback_id="dp_1", fee_cents=1_500),
            chargebacks.chargeback_lost_on_escrow(
                chargeback_id="dp_3",
                bounty_id="b20",
                poster_id=ANNA,
                amount_cents=PRICE,
                frozen_cents=PRICE,
            ),
            chargebacks.chargeback_rest_returned(
                chargeback_id="dp_5", bounty_id="b22", poster_id=ANNA, rest_cents=2_500
            ),
        ),
    ),
    EventRule(
        23,
        "Deposit refunded to the card",
        "What is there is taken from the wallet, and the rest is owed.",
        (
            chargebacks.deposit_refunded(
                refund_id="re_1", user_id=ANNA, amount_cents=15_000, available_cents=5_000
            ),
        ),
    ),
    EventRule(
        24,
        "Adjustment by an admin",
        "Money is given, or taken; each needs a reason, and from $500 a second admin.",
        (
            wallets.balance_adjusted(request_id="a1", user_id=BEN, amount_cents=2_500),
            wallets.balance_adjusted(request_id="a2", user_id=BEN, amount_cents=-2_500),
        ),
    ),
    EventRule(
        25,
        "Debt written off",
        "The platform bears what a user will not pay back.",
        (wallets.debt_written_off(writeoff_id="o1", user_id=ANNA, amount_cents=10_000),),
    ),
    EventRule(
        26,
        "Reserve set and released",
        "A part of a risky user's income is held for some time.",
        (RESERVE, chargebacks.reserve_released(hold=_held(RESERVE))),
    ),
    EventRule(
        27,
        "Balance imported",
        "The old balance included what was held; here the two are apart.",
        (
            wallets.balance_imported(user_id="carl", balance_cents=12_345, held_cents=2_345),
            wallets.account_imported(account=escrow("b27"), amount_cents=PRICE),
        ),
    ),
)
