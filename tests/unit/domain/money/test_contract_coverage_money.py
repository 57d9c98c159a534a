"""Every cell of the contract's money tables has its rule (money §3.3 to §3.7 and §4)."""

from __future__ import annotations

import msgspec
import pytest
from bountyexpo.domain.machine import Role

from tests.unit.domain.machines import (
    CONNECT_ACCOUNT,
    DISPUTE,
    ESCROW,
    PAYMENT,
    WITHDRAWAL,
    answer,
    moves_of,
)

# money §3.3, column by column. A word with "?" holds under facts that ``UNUSUAL`` names.
ESCROW_COLUMNS = {
    "fund_wallet": Role.POSTER,
    "fund_card": Role.POSTER,
    "pi_succeeded": Role.PROVIDER,
    "pi_failed": Role.PROVIDER,
    "pi_canceled": Role.PROVIDER,
    "accept": Role.SYSTEM,
    "dispute_open": Role.SYSTEM,
    "dispute_decided": Role.SYSTEM,
    "release": Role.SYSTEM,
    "refund": Role.SYSTEM,
    "chargeback_open": Role.PROVIDER,
    "chargeback_lost": Role.PROVIDER,
}
NOT_FUNDED = "409:not_funded"
ESCROW_TABLE = {
    "none": f"""held funding postpone ignore ignore {NOT_FUNDED} 409 409
        404:no_payment 404:no_payment ignore ignore""",
    "funding": f"""409 repeat held none none {NOT_FUNDED} 409 409
        409:not_captured refunded postpone postpone""",
    "held": """409:duplicate_transaction repeat ignore ignore ignore stay frozen 409
        releasing refunding frozen charged_back""",
    "frozen": """409 409 ignore ignore ignore 409 repeat releasing
        409:escrow_disputed 409:escrow_disputed stay charged_back""",
    "releasing": "409 409 ignore ignore ignore 409 409 409 repeat 409 stay stay",
    "refunding": "409 409 ignore ignore ignore 409 409 409 409 repeat stay stay",
    "released": """409 409 ignore ignore ignore 409 409 409
        repeat 409:already_released stay stay""",
    "refunded": """held funding refunding ignore ignore 409 409 409
        409:already_refunded repeat stay stay""",
    "charged_back": "409 409 ignore ignore ignore 409 409 409 409 409 ignore ignore",
}
ESCROW_CELLS = [
    (state, event, word)
    for state, words in ESCROW_TABLE.items()
    for event, word in zip(ESCROW_COLUMNS, words.split(), strict=True)
]


@pytest.mark.parametrize(("state", "event", "word"), ESCROW_CELLS)
def test_each_cell_of_the_escrow_table_has_its_rule(state, event, word):
    facts = ESCROW.facts(has_dispute=state == "frozen")

    found = answer(ESCROW, ESCROW.states(state), ESCROW.events(event), ESCROW_COLUMNS[event], facts)

    assert found == word


@pytest.mark.parametrize(
    ("state", "event", "facts", "word"),
    [
        ("none", "fund_wallet", {"has_funds": False}, "400:insufficient_balance"),
        ("none", "fund_wallet", {"is_for_honor": True}, "400:is_for_honor"),
        ("none", "release", {"is_for_honor": True}, "400:is_for_honor"),
        ("funding", "pi_succeeded", {"is_short": True}, "refunding"),
        ("frozen", "dispute_decided", {"verdict": "poster", "has_dispute": True}, "refunding"),
        ("frozen", "dispute_decided", {"verdict": "split", "has_dispute": True}, "refunding"),
        ("held", "refund", {"is_part": True}, "refunding"),
        ("refunded", "pi_succeeded", {"intent": "posted"}, "ignore"),
        ("refunded", "pi_succeeded", {"intent": "stray"}, "stay"),
    ],
)
def test_each_cell_that_depends_on_more_has_its_rule(state, event, facts, word):
    known = msgspec.convert(msgspec.to_builtins(ESCROW.facts()) | facts, ESCROW.facts)

    found = answer(ESCROW, ESCROW.states(state), ESCROW.events(event), ESCROW_COLUMNS[event], known)

    assert found == word


# money §3.4; "." is an empty cell of the contract, which is answered all the same.
PAYMENT_COLUMNS = [
    "create",
    "confirm",
    "processing",
    "requires_action",
    "succeeded",
    "payment_failed",
    "canceled",
    "refunded",
    "chargeback",
]
PAYMENT_TABLE = {
    "creating": "stay . postpone postpone postpone postpone postpone postpone postpone",
    "intent": "repeat stay processing action credited stay canceled postpone postpone",
    "action": ". stay processing ignore credited intent canceled postpone postpone",
    "processing": ". repeat ignore ignore credited intent canceled postpone postpone",
    "credited": "repeat repeat ignore ignore ignore ignore ignore stay stay",
    "canceled": "creating 409:payment_ended ignore ignore credited ignore ignore stay stay",
    "failed": "creating 409:payment_ended ignore ignore credited ignore ignore stay stay",
}
PAYMENT_CELLS = [
    (state, event, word)
    for state, words in PAYMENT_TABLE.items()
    for event, word in zip(PAYMENT_COLUMNS, words.split(), strict=True)
    if word != "."
]


@pytest.mark.parametrize(("state", "event", "word"), PAYMENT_CELLS)
def test_each_cell_of_the_deposit_table_has_its_rule(state, event, word):
    role = Role.OWNER if event in {"create", "confirm"} else Role.PROVIDER

    found = answer(PAYMENT, PAYMENT.states(state), PAYMENT.events(event), role)

    assert found == word


def test_a_bank_debit_that_fails_is_not_tried_again():
    facts = PAYMENT.facts(is_bank=True)

    found = answer(
        PAYMENT,
        PAYMENT.states.PROCESSING,
        PAYMENT.events.PAYMENT_FAILED,
        Role.PROVIDER,
        facts,
    )

    assert found == "failed"


# money §3.5: what each state does on the outcome of its own step, and on what it is told.
OUTCOMES = {
    "requested": ("transfer_made", "transfer_refused", "transfer_unknown"),
    "transferred": ("payout_made", "payout_refused", "payout_unknown"),
    "reversing": ("reversed", "reversal_refused", "reversal_unknown"),
}
ANY_STEP = ("payout_made", "payout_refused", "payout_unknown")
# ok, refused, unknown, reversed, paid, payout_failed, admin_settle
WITHDRAWAL_TABLE = {
    "requested": "transferred void stay postpone postpone postpone manually_paid",
    "transferred": "payout_pending reversing stay reversed paid reversing 409:reverse_first",
    "payout_pending": "ignore ignore ignore reversed paid reversing 409:reverse_first",
    "reversing": "reversed stay stay reversed paid ignore manually_paid",
    "paid": "ignore ignore ignore reversed ignore reversing 409:reverse_first",
    "void": "ignore ignore ignore ignore stay ignore 409:already_credited",
    "reversed": "ignore ignore ignore ignore stay ignore 409:already_credited",
    "manually_paid": "ignore ignore ignore ignore stay ignore repeat",
}
WITHDRAWAL_CELLS = [
    (state, event, word)
    for state, words in WITHDRAWAL_TABLE.items()
    for event, word in zip(
        (*OUTCOMES.get(state, ANY_STEP), "reversed", "paid", "payout_failed", "admin_settle"),
        words.split(),
        strict=True,
    )
]


@pytest.mark.parametrize(("state", "event", "word"), WITHDRAWAL_CELLS)
def test_each_cell_of_the_withdrawal_table_has_its_rule(state, event, word):
    role = Role.ADMIN if event == "admin_settle" else Role.PROVIDER

    found = answer(WITHDRAWAL, WITHDRAWAL.states(state), WITHDRAWAL.events(event), role)

    assert found == word


@pytest.mark.parametrize(
    ("state", "event", "facts", "word"),
    [
        ("transferred", "payout_refused", {"is_instant": True}, "stay"),
        ("transferred", "reversed", {"is_part": True}, "stay"),
        ("paid", "reversed", {"is_part": True}, "stay"),
        ("void", "admin_settle", {"is_debited_again": True}, "manually_paid"),
        ("reversed", "retry", {}, "stay"),
        ("void", "retry", {"has_retries_left": False}, "409:max_retries_reached"),
    ],
)
def test_each_cell_of_the_withdrawal_that_depends_on_more(state, event, facts, word):
    role = {"admin_settle": Role.ADMIN, "retry": Role.OWNER}.get(event, Role.PROVIDER)

    found = answer(
        WITHDRAWAL,
        WITHDRAWAL.states(state),
        WITHDRAWAL.events(event),
        role,
        WITHDRAWAL.facts(**facts),
    )

    assert found == word


# money §3.6 and §3.7: from, to, and by what.
CONNECT_ARROWS = """
none created create
created details_submitted told
details_submitted payouts_enabled told
restricted payouts_enabled told
payouts_enabled restricted told
payouts_enabled none deauthorized
"""
DISPUTE_ARROWS = """
- open open
open open answer
open under_review escalate
open under_review review
under_review resolved_poster_wins resolve_poster
under_review resolved_hunter_wins resolve_hunter
under_review resolved resolve_split
resolved_poster_wins closed appeal_window_over
resolved_hunter_wins closed appeal_window_over
resolved closed appeal_window_over
open cancelled withdraw
open closed auto_close
- stripe_dispute chargeback_opened
stripe_dispute resolved_won chargeback_won
stripe_dispute resolved_lost chargeback_lost
"""


@pytest.mark.parametrize(
    ("machine", "source", "target", "event"),
    [
        (machine, *line.split())
        for machine, arrows in ((CONNECT_ACCOUNT, CONNECT_ARROWS), (DISPUTE, DISPUTE_ARROWS))
        for line in arrows.strip().splitlines()
    ],
    ids=lambda part: getattr(part, "name", part),
)
def test_each_arrow_of_the_small_machines_has_its_rule(machine, source, target, event):
    state = None if source == "-" else machine.states(source)
    step = machine.events(event)

    targets = {to for role in machine.roles for _, to in moves_of(machine, state, step, role)}

    assert target in targets
