"""Every step of a bounty, in every state, by everybody, over REST and over the socket.

The operations are those whose rows of access name an event of the machine, so a new one is tried
by itself. What is answered is what the table decides: the step, the same answer again, or a named
refusal that says where the bounty stands and what is possible; and never a failure of ours.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
import trio
from bountyexpo.domain.access import Caller
from bountyexpo.domain.ids import new_id
from bountyexpo.domain.machine import Role
from bountyexpo.domain.market.access import EVENTS, ROLES
from bountyexpo.domain.market.bounty import Event, Status
from bountyexpo.domain.market.bounty_rules import MACHINE
from bountyexpo.operations import areas
from bountyexpo.operations.catalogue import CATALOGUE

from tests.conformance.test_access_matrix import CASES
from tests.integration.product.market.placed import applied, asked_to_cancel, handed_in, place
from tests.integration.product.product import Person, Product, standing_product
from tests.integration.product.wire import Wire

if TYPE_CHECKING:
    from collections.abc import Iterator

areas.declare()

LIMIT_S = 60.0
SIDES = (Caller.POSTER, Caller.HUNTER, Caller.STRANGER)

# The words of a step that need not be right for the access matrix, but are here.
BODIES: dict[str, dict[str, Any]] = {
    "bounty.update": {"title": "Carry two sofas upstairs"},
    "bounty.set_status": {"status": "cancelled", "reason": "It rains."},
    "bounty.post_update": {"message": "Half done."},
    "completion.submit": {"message": "It is done."},
    "completion.request_revision": {"feedback": "Please paint it again."},
    "request.update": {"status": "rejected"},
    "cancellation.request": {"reason": "It rains."},
    "cancellation.reject": {"response_message": "It does not."},
    "dispute.open": {"reason": "The sofa was never carried at all.", "stage": "in_progress"},
    "rating.create": {"rating": 5},
}


# How the hunter's wish to cancel stands, where there is one.
ASKED = {Status.CANCELLATION_REQUESTED: "pending", Status.CANCELLED: "accepted"}

# What a word of an old client means, too.
ALSO = {"bounty.accept": (Event.ACCEPT, Event.APPLY)}


@dataclass(frozen=True)
class Standing:
    """A bounty with all that an operation may name."""

    bounty_id: str
    request_id: str
    submission_id: str
    cancellation_id: str

    def arguments(self, name: str) -> dict[str, Any]:
        operation = CATALOGUE.get(name)
        assert operation is not None
        known = {
            "bounty_id": self.bounty_id,
            "request_id": self.request_id,
            "submission_id": self.submission_id,
            "cancellation_id": self.cancellation_id,
        }
        named = {field: known[field] for field in operation.fields if field in known}
        required = {field for field, info in operation.fields.items() if info.required}
        if name == "bounty.accept" or ("submission_id" not in required and "bounty_id" in required):
            named.pop("request_id", None)
            named.pop("submission_id", None)
        return named | BODIES.get(name, {})


class Scenery:
    """People who know each other from bounties in every state."""

    def __init__(self, product: Product) -> None:
        self.product = product
        self.people = {
            Caller.POSTER: product.person("poster"),
            Caller.HUNTER: product.person("hunter"),
            Caller.STRANGER: product.person("stranger"),
        }

    def stand(self, status: Status) -> Standing:
        """A bounty in this status, with its application, its work, and a cancellation."""
        poster, hunter = self.people[Caller.POSTER], self.people[Caller.HUNTER]
        is_begun = status is not Status.OPEN
        bounty_id = place(self.product, poster, status.value, hunter if is_begun else None)
        if is_begun:
            request_id = self.product.value(
                "select id::text from app.bounty_requests where bounty_id = %s", bounty_id
            )
            done = "approved" if status is Status.COMPLETED else "pending"
            submission_id = handed_in(self.product, bounty_id, hunter, done)
        else:
            request_id = applied(self.product, bounty_id, hunter)
            submission_id = new_id()
        cancellation_id = new_id()
        if status in ASKED:
            answer = ASKED[status]
            cancellation_id = asked_to_cancel(self.product, bounty_id, hunter, answer)
        return Standing(bounty_id, request_id, submission_id, cancellation_id)


@pytest.fixture(scope="module")
def scenery(module_dsn: str) -> Iterator[Scenery]:
    with standing_product(module_dsn, RATE_LIMITS="off") as product:
        yield Scenery(product)


def role_of(caller: Caller, status: Status) -> Role:
    """What the caller is to a bounty that stands there: of an open one nobody is the hunter."""
    role = ROLES[caller]
    return Role.OTHER if role is Role.HUNTER and status is Status.OPEN else role


def may_ever(name: str, role: Role, status: Status) -> bool:
    """Whether the table has a step or an answer here, for this role, with any facts."""
    events = (EVENTS[name], *ALSO.get(name, ()))
    rules = [rule for event in events for rule in MACHINE.rules_for(status, event, role)]
    return any(rule.refusal is None for rule in rules)


def check(name: str, role: Role, status: Status, number: int, told: dict[str, Any]) -> None:
    """An answer is a decision, the same again, or a refusal by name."""
    assert number < 500, told
    if number < 300:
        assert may_ever(name, role, status), told
        return
    assert number in {400, 403, 404, 409, 429}, told
    assert told["code"] not in {"INTERNAL_ERROR", "CONFLICT", "VALIDATION_ERROR"} or number != 409
    assert told["message"].endswith(".")
    if number == 409:
        assert told["currentStatus"] == status.value, told
    if told["code"] == "INVALID_TRANSITION":
        assert EVENTS[name].value not in told["allowed"], told


def send(scenery: Scenery, name: str, standing: Standing, person: Person) -> Any:
    operation = CATALOGUE.get(name)
    assert operation is not None
    assert operation.route is not None
    arguments = standing.arguments(name)
    path = operation.route.path.format_map(arguments)
    body = {key: value for key, value in arguments.items() if key not in operation.route.parameters}
    return scenery.product.send(operation.route.method, path, body or None, by=person)


@pytest.mark.parametrize("name", EVENTS)
def test_over_rest(scenery: Scenery, name: str) -> None:
    assert name in CASES
    for status in Status:
        for caller in SIDES:
            standing, person = scenery.stand(status), scenery.people[caller]

            answers = [send(scenery, name, standing, person) for _ in range(2)]

            role = role_of(caller, status)
            check(name, role, status, answers[0].status_code, answers[0].json())
            assert answers[1].status_code < 500, (status, caller, answers[1].text)
    assert scenery.product.books_balance()


@pytest.mark.parametrize("name", EVENTS)
async def test_over_the_socket(scenery: Scenery, name: str) -> None:
    with trio.fail_after(LIMIT_S):
        for caller in SIDES:
            async with Wire.opened(scenery.product, scenery.people[caller]) as wire:
                for status in Status:
                    standing = scenery.stand(status)

                    reply = await wire.ask("call", op=name, args=standing.arguments(name))

                    assert reply.get("code") != "INTERNAL_ERROR", (status, caller, reply)
                    role = role_of(caller, status)
                    if reply["type"] == "ack":
                        assert may_ever(name, role, status), (status, caller, reply)
                    elif reply["code"] == "INVALID_TRANSITION":
                        assert EVENTS[name].value not in reply["allowed"], (status, caller, reply)
                    wire.heard.clear()
