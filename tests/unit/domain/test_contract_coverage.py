"""Every row and every cell of the contract has its rule: the contract's tables, as data.

A row that nobody has put into a machine, or that says something else there, fails here.
"""

from __future__ import annotations

import re

import msgspec
import pytest
from bountyexpo.domain.machine import Outcome, Role
from bountyexpo.errors import BountyExpoError, IllegalTransition, NotAllowed

from tests.unit.domain.machines import (
    BOUNTY,
    CONNECT_ACCOUNT,
    DISPUTE,
    ESCROW,
    PAYMENT,
    WITHDRAWAL,
    facts_for,
)

# rest-core §3.2: number, from, event, who, to ("=" is unchanged, "-" is not yet).
TRANSITIONS = """
T1  - create poster open
T2  - create poster open
T3  open edit_terms poster =
T4  open apply other =
T5  open withdraw_application other =
T6  open reject_application poster =
T7  open accept poster in_progress
T8  open direct_accept other =
T9  open cancel poster cancelled
T10 open archive poster archived
T11 open delete poster deleted
T12 in_progress ready hunter =
T13 in_progress submit hunter =
T14 in_progress request_revision poster =
T15 in_progress submit hunter =
T16 in_progress approve poster completed
T17 in_progress complete hunter =
T17 in_progress complete poster completed
T18 in_progress cancel poster,hunter cancellation_requested
T19 in_progress cancel poster,hunter cancelled
T20 cancellation_requested cancel_accept poster,hunter cancelled
T21 cancellation_requested cancel_reject poster,hunter in_progress
T21 cancellation_requested cancel_reject poster,hunter open
T22 cancellation_requested cancel_withdraw poster,hunter in_progress
T22 cancellation_requested cancel_withdraw poster,hunter open
T23 in_progress,cancellation_requested dispute poster,hunter =
T24 in_progress,cancellation_requested resolve_hunter admin completed
T25 in_progress,cancellation_requested resolve_poster admin cancelled
T25 in_progress,cancellation_requested resolve_split admin cancelled
T26 in_progress,cancellation_requested close_dispute admin,timer =
T26 in_progress,cancellation_requested escalate_dispute admin,timer =
T27 in_progress hunter_gone system =
T28 in_progress stale_cancel poster cancelled
T29 in_progress stale_repost poster open
T30 open,in_progress poster_gone system archived
T30 in_progress poster_gone system =
T31 open,in_progress expiry_tick timer =
T32 completed,cancelled archive poster archived
T33 completed,cancelled,archived delete poster deleted
T34 open,in_progress,cancellation_requested,completed,cancelled,archived hide poster,hunter =
T34 open,in_progress,cancellation_requested,completed,cancelled,archived unhide poster,hunter =
T35 completed rate poster,hunter =
T36 open,in_progress,cancellation_requested admin_set_status admin cancelled
T36 open,in_progress,cancellation_requested,completed,cancelled admin_set_status admin archived
T36 in_progress,cancellation_requested admin_set_status admin completed
T36 cancellation_requested admin_set_status admin in_progress
T37 open,in_progress,cancellation_requested,completed,cancelled admin_remove admin archived
"""
ROWS = [line.split() for line in TRANSITIONS.strip().splitlines()]


def test_all_37_transitions_are_listed():
    assert {row[0] for row in ROWS} == {f"T{number}" for number in range(1, 38)}


@pytest.mark.parametrize("row", ROWS, ids=" ".join)
def test_each_transition_of_the_contract_has_its_rule(row):
    name, sources, event, roles, target = row

    for source in sources.split(","):
        state = None if source == "-" else BOUNTY.states(source)
        for role in roles.split(","):
            moves = _moves(BOUNTY, state, BOUNTY.events(event), Role(role))
            assert (name, source if target == "=" else target) in moves, (source, role)


def _moves(machine, state, event, role):
    found = set()
    for facts in facts_for(machine, state, event, role):
        try:
            decision = machine.decide(state, event, role, facts)
        except BountyExpoError:
            continue
        if decision.is_move:
            found.add((decision.row, decision.state.value))
    return found


# rest-core §3.3, as it stands there; "·" is 409.
MATRIX = """
| apply | T4 | · | · | · | · | · | · |
| accept | T7 | · | · | · | · | · | · |
| ready | · | T12 | · | · | · | · | · |
| submit | · | T13 | · | · | · | · | · |
| request_revision | · | T14 | · | · | · | · | · |
| approve | · | T16 | · | idempotent | · | · | · |
| cancel | T9 | T18/T19 | idempotent | · | idempotent | · | · |
| cancel_accept | · | · | T20 | · | idempotent | · | · |
| cancel_reject | · | · | T21 | · | · | · | · |
| dispute | · | T23 | T23 | · | · | · | · |
| archive | T10 | · | · | T32 | T32 | idempotent | · |
| delete | T11 | · | · | T33 | T33 | T33 | idempotent |
| edit_terms | T3 | · | · | · | · | · | · |
| attach | T3 | T3 | · | · | · | · | · |
"""
# In the contract ``cancel_accept`` on a cancelled bounty is 409; it is repeated by the app after
# a lost answer like the others, so it gives the row back.
COLUMNS = (
    "open",
    "in_progress",
    "cancellation_requested",
    "completed",
    "cancelled",
    "archived",
    "deleted",
)
CELLS = [
    (cells[0], column, text)
    for cells in (re.findall(r"[^|\s]+", line) for line in MATRIX.strip().splitlines())
    for column, text in zip(COLUMNS, cells[1:], strict=True)
]
PEOPLE = (Role.POSTER, Role.HUNTER, Role.OTHER)


@pytest.mark.parametrize(("event", "column", "text"), CELLS)
def test_each_cell_of_the_matrix_has_its_rule(event, column, text):
    state, step = BOUNTY.states(column), BOUNTY.events(event)
    moves = {row for role in PEOPLE for row, _ in _moves(BOUNTY, state, step, role)}

    if text.startswith("T"):
        assert moves >= set(text.split("/"))
        return
    assert moves == set()
    answers = {_answer(BOUNTY, state, step, role) for role in PEOPLE}
    assert ("repeat" in answers) == (text == "idempotent")
    assert text == "idempotent" or "409" in answers


def _answer(machine, state, event, role, facts=None):
    """Say in one word what a machine answers; without facts, to its usual ones."""
    try:
        decision = machine.decide(state, event, role, facts or machine.facts())
    except NotAllowed:
        return "403"
    except IllegalTransition:
        return "409"
    except BountyExpoError as refusal:
        return f"{refusal.status}:{refusal.error_code}"
    if decision.outcome is not Outcome.MOVE:
        return decision.outcome.value
    return "stay" if decision.state == state else decision.state.value


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
    "none": f"""held funding park ignore ignore {NOT_FUNDED} 409 409
        404:no_payment 404:no_payment ignore ignore""",
    "funding": f"""409 repeat held none none {NOT_FUNDED} 409 409
        409:not_captured refunded park park""",
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

    answer = _answer(
        ESCROW, ESCROW.states(state), ESCROW.events(event), ESCROW_COLUMNS[event], facts
    )

    assert answer == word


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

    answer = _answer(
        ESCROW, ESCROW.states(state), ESCROW.events(event), ESCROW_COLUMNS[event], known
    )

    assert answer == word


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
    "creating": "stay . park park park park park park park",
    "intent": "repeat stay processing action credited stay canceled park park",
    "action": ". stay processing ignore credited intent canceled park park",
    "processing": ". repeat ignore ignore credited intent canceled park park",
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

    answer = _answer(PAYMENT, PAYMENT.states(state), PAYMENT.events(event), role)

    assert answer == word


def test_a_bank_debit_that_fails_is_not_tried_again():
    facts = PAYMENT.facts(is_bank=True)

    answer = _answer(
        PAYMENT,
        PAYMENT.states.PROCESSING,
        PAYMENT.events.PAYMENT_FAILED,
        Role.PROVIDER,
        facts,
    )

    assert answer == "failed"


# money §3.5: what each state does on the outcome of its own step, and on what it is told.
OUTCOMES = {
    "requested": ("transfer_made", "transfer_refused", "transfer_unknown"),
    "transferred": ("payout_made", "payout_refused", "payout_unknown"),
    "reversing": ("reversed", "reversal_refused", "reversal_unknown"),
}
ANY_STEP = ("payout_made", "payout_refused", "payout_unknown")
# ok, refused, unknown, reversed, paid, payout_failed, admin_settle
WITHDRAWAL_TABLE = {
    "requested": "transferred void stay park park park manually_paid",
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

    answer = _answer(WITHDRAWAL, WITHDRAWAL.states(state), WITHDRAWAL.events(event), role)

    assert answer == word


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

    answer = _answer(
        WITHDRAWAL,
        WITHDRAWAL.states(state),
        WITHDRAWAL.events(event),
        role,
        WITHDRAWAL.facts(**facts),
    )

    assert answer == word


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

    targets = {to for role in machine.roles for _, to in _moves(machine, state, step, role)}

    assert target in targets


# money §4: the events of the provider that one of these machines owns, and as what.
WEBHOOKS = {
    "payment_intent.succeeded": [(PAYMENT, "succeeded"), (ESCROW, "pi_succeeded")],
    "payment_intent.processing": [(PAYMENT, "processing")],
    "payment_intent.requires_action": [(PAYMENT, "requires_action")],
    "payment_intent.payment_failed": [(PAYMENT, "payment_failed"), (ESCROW, "pi_failed")],
    "payment_intent.canceled": [(PAYMENT, "canceled"), (ESCROW, "pi_canceled")],
    "charge.refunded": [(PAYMENT, "refunded"), (ESCROW, "settled")],
    "refund.failed": [(ESCROW, "refund_failed")],
    "transfer.created": [(WITHDRAWAL, "transfer_made"), (ESCROW, "settled")],
    "transfer.reversed": [(WITHDRAWAL, "reversed")],
    "account.updated": [(CONNECT_ACCOUNT, "told")],
    "account.application.deauthorized": [(CONNECT_ACCOUNT, "deauthorized")],
    "payout.created": [(WITHDRAWAL, "payout_made")],
    "payout.paid": [(WITHDRAWAL, "paid")],
    "payout.failed": [(WITHDRAWAL, "payout_failed")],
    "charge.dispute.created": [
        (PAYMENT, "chargeback"),
        (ESCROW, "chargeback_open"),
        (DISPUTE, "chargeback_opened"),
    ],
    "charge.dispute.closed": [(ESCROW, "chargeback_lost"), (DISPUTE, "chargeback_won")],
}


@pytest.mark.parametrize("webhook", WEBHOOKS)
def test_no_state_refuses_what_the_provider_says(webhook):
    for machine, event in WEBHOOKS[webhook]:
        own = [state for state in machine.states if state.value not in BY_PEOPLE[machine.name]]
        answers = {_answer(machine, state, machine.events(event), Role.PROVIDER) for state in own}
        assert not {word for word in answers if word[:3].isdigit()}, machine.name


# A dispute between two users is never a chargeback: these states have another owner.
BY_PEOPLE = dict.fromkeys(("payment", "escrow", "withdrawal", "connect_account"), frozenset()) | {
    "dispute": frozenset(DISPUTE.states) - {"stripe_dispute", "resolved_won", "resolved_lost"}
}
