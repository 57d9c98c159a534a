"""The table of access on its own: who passes, and what the others hear."""

from __future__ import annotations

import pytest
from bountyexpo.domain.access import (
    ADMITTED,
    PARTIES,
    AccessLevel,
    Caller,
    Grant,
    caller_of,
    grant_to,
    rows,
)
from bountyexpo.domain.identity import Identity
from bountyexpo.errors import NotAllowed, NotAuthenticated, NotFound
from bountyexpo.operations import edge_access
from bountyexpo.operations.areas import GRANTS

TABLE = {**GRANTS, **edge_access.GRANTS}


def identity(user_id: str = "u", *, is_admin: bool = False, is_service: bool = False) -> Identity:
    return Identity(user_id=user_id, expires_at=0, is_admin=is_admin, is_service=is_service)


@pytest.mark.parametrize(
    ("who", "expected"),
    [
        (None, Caller.ANONYMOUS),
        (identity(is_service=True), Caller.SERVICE),
        (identity("p"), Caller.POSTER),
        (identity("h"), Caller.HUNTER),
        (identity("x"), Caller.STRANGER),
        (identity("x", is_admin=True), Caller.ADMIN),
        # An admin who is a party is a party.
        (identity("p", is_admin=True), Caller.POSTER),
    ],
)
def test_what_a_caller_is_to_a_thing(who: Identity | None, expected: Caller) -> None:
    assert caller_of(who, poster_id="p", hunter_id="h") is expected


def test_a_thing_without_people_is_strange_to_everybody() -> None:
    assert caller_of(identity()) is Caller.STRANGER


@pytest.mark.parametrize("caller", Caller)
@pytest.mark.parametrize("name", TABLE)
def test_the_table_is_total(name: str, caller: Caller) -> None:
    refusal = TABLE[name].refusal(caller)

    assert (refusal is None) is (caller in TABLE[name].allowed)
    assert TABLE[name].why.endswith(".")


def test_those_who_are_not_signed_in_are_asked_to() -> None:
    with pytest.raises(NotAuthenticated):
        TABLE["wallet.balance"].check(Caller.ANONYMOUS)


def test_a_service_is_no_person() -> None:
    with pytest.raises(NotAllowed, match="session of a person"):
        TABLE["wallet.balance"].check(Caller.SERVICE)


def test_an_application_is_hidden_from_others() -> None:
    with pytest.raises(NotFound, match="This application does not exist"):
        TABLE["request.get"].check(Caller.ADMIN)
    TABLE["request.get"].check(Caller.HUNTER)


def test_a_refusal_has_the_code_of_its_row() -> None:
    with pytest.raises(NotAllowed) as refusal:
        TABLE["message.list"].check(Caller.STRANGER)

    assert refusal.value.error_code == "NOT_PARTICIPANT"


@pytest.mark.parametrize(
    ("level", "code"), [(AccessLevel.ADMIN, "ADMIN_REQUIRED"), (AccessLevel.SERVICE, None)]
)
def test_levels_for_admins_and_services(level: AccessLevel, code: str | None) -> None:
    grant = Grant(operation="x", level=level, allowed=ADMITTED[level], why="Because.")

    refusal = grant.refusal(Caller.STRANGER)

    assert isinstance(refusal, NotAllowed)
    assert refusal.error_code == (code or "AUTHORIZATION_FAILED")


def test_a_row_that_contradicts_its_level_is_a_defect() -> None:
    with pytest.raises(AssertionError):
        Grant(operation="x", level=AccessLevel.ADMIN, allowed=PARTIES, why="Because.", says="No.")
    with pytest.raises(AssertionError):
        Grant(operation="x", level=AccessLevel.USER, allowed=PARTIES, why="Because.")


def test_only_one_level_is_open() -> None:
    assert [level for level in AccessLevel if level.is_open] == [AccessLevel.ANYONE]


def test_steps_are_read_from_the_tables_that_decide_them() -> None:
    assert TABLE["request.create"].allowed == {Caller.STRANGER, Caller.HUNTER, Caller.ADMIN}
    assert TABLE["request.accept"].allowed == {Caller.POSTER}
    assert TABLE["completion.submit"].allowed == {Caller.HUNTER}
    assert TABLE["completion.approve"].allowed == {Caller.POSTER}
    assert TABLE["payment.confirm"].allowed == {Caller.POSTER}
    assert TABLE["payment.confirm"].says == "This deposit belongs to somebody else."


def test_an_operation_with_two_rows_is_a_defect() -> None:
    row = grant_to(AccessLevel.USER, "x", "Because.")

    with pytest.raises(AssertionError, match="one row"):
        rows(row, row)
