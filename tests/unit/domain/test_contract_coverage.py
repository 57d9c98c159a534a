"""Every row and every cell of the contract has its rule: the contract's tables, as data.

A row that nobody has put into a machine, or that says something else there, fails here.
"""

from __future__ import annotations

import re

import pytest
from bountyexpo.domain.machine import Role

from tests.unit.domain.machines import BOUNTY, answer, moves_of

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
            moves = moves_of(BOUNTY, state, BOUNTY.events(event), Role(role))
            assert (name, source if target == "=" else target) in moves, (source, role)


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
    moves = {row for role in PEOPLE for row, _ in moves_of(BOUNTY, state, step, role)}

    if text.startswith("T"):
        assert moves >= set(text.split("/"))
        return
    assert moves == set()
    answers = {answer(BOUNTY, state, step, role) for role in PEOPLE}
    assert ("repeat" in answers) == (text == "idempotent")
    assert text == "idempotent" or "409" in answers
