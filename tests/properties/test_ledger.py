"""Random books: whatever happens, in which order and how often, the money is where it belongs."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import hypothesis.strategies as st
from bountyexpo.domain.money import fees
from bountyexpo.domain.money.ledger import chargebacks, payouts, wallets
from bountyexpo.domain.money.ledger.accounts import (
    available,
    connect,
    escrow,
    escrow_frozen,
)
from bountyexpo.domain.money.ledger.holds import HoldKind
from bountyexpo.domain.money.ledger.transfers import expire, post, reversal, void
from bountyexpo.errors import BountyExpoError
from hypothesis.stateful import rule

from tests.properties.ledger_wallets import CENTS, NOW, PERSON, Wallets, keys
from tests.repetition import examples, repeated

BPS = st.integers(0, 3_000)


class Books(Wallets):
    """Wallets, bounties, withdrawals and chargebacks."""

    # Bounties

    @rule(user=PERSON, cents=CENTS, by_card=st.booleans())
    def fund(self, user: str, cents: int, by_card: bool) -> None:
        bounty = f"b{self.new_id()}"
        self.bounties[bounty] = {"poster": user, "cents": cents, "round": 1, "dispute": None}
        self._fund(bounty, by_card)

    def _fund(self, bounty: str, by_card: bool) -> None:
        about = self.bounties[bounty]
        facts = {
            "bounty_id": bounty,
            "amount_cents": about["cents"],
            "funding_round": about["round"],
        }
        if by_card:
            assert self.apply(wallets.escrow_funded_by_card(**facts))
        else:
            self.apply(wallets.escrow_held(poster_id=about["poster"], **facts))

    @rule(data=st.data(), hunter=PERSON, bps=BPS, how=st.sampled_from(("wallet", "bank")))
    def release(self, data: st.DataObject, hunter: str, bps: int, how: str) -> None:
        if bounty := self.some(data, self.bounties):
            about = self.bounties[bounty]
            facts = {
                "bounty_id": bounty,
                "amount_cents": about["cents"],
                "fee_bps": bps,
                "funding_round": about["round"],
            }
            if how == "wallet":
                self.apply(wallets.escrow_released(hunter_id=hunter, **facts))
                return
            withdrawal = f"w{self.new_id()}"
            if self.apply(wallets.escrow_released_to_connect(withdrawal_id=withdrawal, **facts)):
                cents = fees.release(about["cents"], bps).hunter_cents
                if cents:
                    self.withdrawals[withdrawal] = {"user": hunter, "cents": cents}

    @rule(data=st.data())
    def refund(self, data: st.DataObject) -> None:
        if bounty := self.some(data, self.bounties):
            about = self.bounties[bounty]
            self.apply(
                wallets.escrow_refunded(
                    bounty_id=bounty,
                    poster_id=about["poster"],
                    amount_cents=about["cents"],
                    funding_round=about["round"],
                )
            )

    @rule(data=st.data(), hunter=PERSON, refund=st.integers(0, 10_000), bps=BPS)
    def settle(self, data: st.DataObject, hunter: str, refund: int, bps: int) -> None:
        if bounty := self.some(data, self.bounties):
            about = self.bounties[bounty]
            if hunter == about["poster"]:
                return
            parts = fees.by_percentage(about["cents"], refund_bps=refund, fee_bps=bps)
            assert parts.amount_cents == about["cents"]
            self.apply(
                wallets.escrow_settled(
                    bounty_id=bounty,
                    poster_id=about["poster"],
                    hunter_id=hunter,
                    parts=parts,
                    funding_round=about["round"],
                )
            )

    @rule(data=st.data(), outcome=st.sampled_from(("posted", "voided", "expired", "failed later")))
    def refund_to_the_card(self, data: st.DataObject, outcome: str) -> None:
        bounty = self.some(data, self.bounties)
        if not bounty:
            return
        about = self.bounties[bounty]
        asked = wallets.escrow_refund_requested(
            bounty_id=bounty,
            amount_cents=about["cents"],
            funding_round=about["round"],
            expires_at=NOW,
        )
        if not self.apply(asked) or not self.is_new:
            return
        end = {"voided": void(asked), "expired": expire(asked, NOW + timedelta(1))}
        ending = end.get(outcome, post(asked))
        assert self.apply(ending)
        if outcome == "failed later":
            assert self.apply(reversal(ending))
        if outcome != "posted":
            # The same escrow is there again; its next settlement has a key of its own.
            about["round"] += 1

    @rule(data=st.data(), by_card=st.booleans())
    def fund_again(self, data: st.DataObject, by_card: bool) -> None:
        bounty = self.some(data, self.bounties)
        if bounty and not self.locked(bounty):
            about = self.bounties[bounty]
            # A round that was never funded is still to be: its key keeps late repetitions off.
            if any(key in self.book.transfers for key in keys(bounty, about["round"])):
                about["round"] += 1
            self._fund(bounty, by_card)

    @rule(data=st.data())
    def dispute(self, data: st.DataObject) -> None:
        bounty = self.some(data, self.bounties)
        if not bounty or self.bounties[bounty]["dispute"]:
            return
        dispute = self.new_id()
        cents = self.bounties[bounty]["cents"]
        if self.apply(
            wallets.dispute_opened(dispute_id=dispute, bounty_id=bounty, amount_cents=cents)
        ):
            self.bounties[bounty]["dispute"] = dispute

    @rule(data=st.data())
    def close_a_dispute(self, data: st.DataObject) -> None:
        bounty = self.some(data, self.bounties)
        if bounty and self.bounties[bounty]["dispute"]:
            about = self.bounties[bounty]
            self.apply(
                wallets.dispute_closed(
                    dispute_id=about["dispute"], bounty_id=bounty, amount_cents=about["cents"]
                )
            )
            about["dispute"] = None

    # Withdrawals; the steps are tried in any order

    @rule(user=PERSON, cents=CENTS, fee=st.integers(0, 100))
    def withdraw(self, user: str, cents: int, fee: int) -> None:
        withdrawal = f"w{self.new_id()}"
        transfers = [
            payouts.withdrawal_requested(withdrawal_id=withdrawal, user_id=user, amount_cents=cents)
        ]
        if fee:
            transfers.append(
                payouts.instant_fee_charged(withdrawal_id=withdrawal, user_id=user, fee_cents=fee)
            )
        if self.apply(*transfers):
            self.withdrawals[withdrawal] = {"user": user, "cents": cents}
            if fee:
                self.paid.append(transfers[1])

    @rule(data=st.data(), step=st.integers(0, 4), part=st.integers(1, 100))
    def go_on_with_a_withdrawal(self, data: st.DataObject, step: int, part: int) -> None:
        withdrawal = self.some(data, self.withdrawals)
        if not withdrawal:
            return
        about = self.withdrawals[withdrawal]
        user, cents = about["user"], about["cents"]
        facts = {"withdrawal_id": withdrawal, "amount_cents": cents}
        account = f"acct_{withdrawal}"
        match step:
            case 0:
                self.apply(
                    payouts.transfer_created(
                        transfer_id=f"tr_{withdrawal}", stripe_account_id=account, **facts
                    )
                )
            case 1:
                paid = payouts.payout_paid(
                    payout_id=f"po_{withdrawal}", stripe_account_id=account, **facts
                )
                if self.apply(paid):
                    about["paid"] = paid
            case 2:
                # Only the saga knows that there was no transfer.
                if not self.book.cents(connect(account)):
                    self.apply(payouts.withdrawal_voided(user_id=user, **facts))
            case 3:
                self.apply(
                    payouts.transfer_reversed(
                        reversal_id=f"trr_{self.new_id()}",
                        user_id=user,
                        stripe_account_id=account,
                        **facts | {"amount_cents": max(1, cents * part // 100)},
                    )
                )
            case _ if "paid" in about:
                self.apply(payouts.payout_returned(about["paid"]))
            case _:
                self.apply(payouts.settled_by_hand(**facts))

    @rule(data=st.data())
    def give_a_fee_back(self, data: st.DataObject) -> None:
        if self.paid:
            self.apply(reversal(data.draw(st.sampled_from(self.paid))))

    # Chargebacks and reserves

    @rule(user=PERSON, cents=CENTS)
    def open_a_chargeback(self, user: str, cents: int) -> None:
        chargeback = f"dp_{self.new_id()}"
        self.chargebacks[chargeback] = {"cents": cents}
        assert self.apply(
            chargebacks.chargeback_opened(
                chargeback_id=chargeback,
                user_id=user,
                amount_cents=cents,
                available_cents=self.free(available(user)),
            )
        )

    @rule(data=st.data())
    def open_a_chargeback_on_escrow(self, data: st.DataObject) -> None:
        bounty = self.some(data, self.bounties)
        if not bounty or not self.free(escrow(bounty)):
            return
        chargeback, cents = f"dp_{self.new_id()}", self.free(escrow(bounty))
        poster = self.bounties[bounty]["poster"]
        self.chargebacks[chargeback] = {"cents": cents, "bounty": bounty, "poster": poster}
        assert self.apply(
            chargebacks.chargeback_opened_on_escrow(
                chargeback_id=chargeback, bounty_id=bounty, escrow_cents=cents
            )
        )

    @rule(data=st.data(), what=st.sampled_from(("withdrawn", "won", "lost", "reinstated", "fee")))
    def hear_of_a_chargeback(self, data: st.DataObject, what: str) -> None:
        chargeback = self.some(data, self.chargebacks)
        if not chargeback:
            return
        about = self.chargebacks[chargeback]
        facts = {"chargeback_id": chargeback, "amount_cents": about["cents"]}
        match what:
            case "withdrawn":
                assert self.apply(chargebacks.chargeback_funds_withdrawn(**facts))
            case "reinstated":
                self.apply(chargebacks.chargeback_funds_reinstated(**facts))
            case "fee":
                self.apply(
                    chargebacks.chargeback_fee_charged(chargeback_id=chargeback, fee_cents=1_500)
                )
            case _ if "bounty" in about:
                self._end_on_escrow(chargeback, about, what)
            case _:
                self._end(chargeback, what)

    def _end(self, chargeback: str, what: str) -> None:
        hold = self.book.holds[HoldKind.CHARGEBACK, chargeback]
        end = {
            "won": chargebacks.chargeback_won,
            "lost": chargebacks.chargeback_lost,
        }[what]
        try:
            transfer = end(hold=hold)
        except BountyExpoError:
            assert hold.active_cents == 0
            return
        self.apply(transfer)

    def _end_on_escrow(self, chargeback: str, about: dict[str, Any], what: str) -> None:
        bounty = about["bounty"]
        if what == "won":
            self.apply(
                chargebacks.chargeback_won_on_escrow(
                    chargeback_id=chargeback, bounty_id=bounty, escrow_cents=about["cents"]
                )
            )
        else:
            self.apply(
                chargebacks.chargeback_lost_on_escrow(
                    chargeback_id=chargeback,
                    bounty_id=bounty,
                    poster_id=about["poster"],
                    amount_cents=about["cents"],
                    frozen_cents=self.free(escrow_frozen(bounty)),
                )
            )

    @rule(user=PERSON, cents=CENTS)
    def set_a_reserve(self, user: str, cents: int) -> None:
        reserve = self.new_id()
        self.reserves.append(reserve)
        assert self.apply(
            chargebacks.reserve_set(
                reserve_id=reserve,
                user_id=user,
                amount_cents=cents,
                available_cents=self.free(available(user)),
            )
        )

    @rule(data=st.data())
    def release_a_reserve(self, data: st.DataObject) -> None:
        if self.reserves:
            reserve = data.draw(st.sampled_from(self.reserves))
            hold = self.book.holds[HoldKind.RISK_RESERVE, reserve]
            assert self.apply(chargebacks.reserve_released(hold=hold))


TestBooks = repeated(Books.TestCase)
TestBooks.settings = examples(15, stateful_step_count=200)
