"""Who leads a group, who is in it and who sees what: the rest of the rules of conversations."""

from __future__ import annotations

import pytest
from bountyexpo.domain.chat import conversation
from bountyexpo.errors import InvalidRequest, NotAllowed


def test_an_outsider_hears_that_he_is_one():
    conversation.check_member("anna", {"anna", "ben"}, "c1")

    with pytest.raises(NotAllowed) as refusal:
        conversation.check_member("carl", {"anna", "ben"}, "c1")
    assert refusal.value.error_code == "NOT_PARTICIPANT"
    assert refusal.value.fields == {"conversationId": "c1"}


def test_a_block_in_either_direction_stops_a_message():
    blocks = {frozenset(("anna", "ben"))}
    conversation.check_not_blocked("anna", ("anna", "carl"), blocks)

    for user in ("anna", "ben"):
        with pytest.raises(NotAllowed) as refusal:
            conversation.check_not_blocked(user, ("anna", "ben"), blocks)
        assert refusal.value.error_code == "BLOCKED"


@pytest.mark.parametrize("role", ["owner", "admin"])
def test_leaders_change_a_group(role):
    conversation.check_leader("group", role)


@pytest.mark.parametrize("role", ["member", None])
def test_others_do_not(role):
    with pytest.raises(NotAllowed, match="Only the owner and admins"):
        conversation.check_leader("group", role)


def test_what_is_no_group_has_no_leaders():
    with pytest.raises(InvalidRequest) as refusal:
        conversation.check_leader("direct", "owner")
    assert refusal.value.error_code == "NOT_A_GROUP"


def test_only_the_owner_passes_a_group_on():
    conversation.check_owner("owner")

    for role in ("admin", "member", None):
        with pytest.raises(NotAllowed, match="Only the owner"):
            conversation.check_owner(role)


@pytest.mark.parametrize(
    ("actor", "removed", "may"),
    [
        ("owner", "admin", True),
        ("owner", "member", True),
        ("admin", "member", True),
        ("admin", "admin", False),
        ("admin", "owner", False),
    ],
)
def test_who_removes_whom(actor, removed, may):
    if may:
        conversation.check_removal(actor, removed)
        return
    with pytest.raises(NotAllowed, match="remove its admins"):
        conversation.check_removal(actor, removed)


def test_a_conversation_has_an_end_of_places():
    conversation.check_size(conversation.PARTICIPANTS_MAX)

    with pytest.raises(InvalidRequest) as refusal:
        conversation.check_size(conversation.PARTICIPANTS_MAX + 1)
    assert refusal.value.error_code == "TOO_MANY_PARTICIPANTS"


def test_without_blocks_everybody_sees_everybody():
    assert conversation.audience("anna", ["anna", "ben"], ()) == ("anna", "ben")
