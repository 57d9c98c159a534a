"""Every step of a bounty, wherever it stands, by everybody, over REST and over the socket.

The operations are those whose rows of access name an event of the machine, so a new one is tried
by itself. What is answered is what the table decides, and nothing else: the step and the status
after it, the same answer again, or its refusal by name with the status and what is possible.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeGuard

import pytest
import trio
from bountyexpo.domain.access import Caller
from bountyexpo.domain.market.access import EVENTS
from bountyexpo.errors import BountyExpoError
from bountyexpo.operations import areas
from bountyexpo.operations.catalogue import CATALOGUE, Operation
from bountyexpo.ws.v1.protocol import CODES

from tests.conformance.market.expected import Asked, Decided, asked
from tests.conformance.market.standings import OVERLAYS, PLAIN, Overlay, Placing, Standing
from tests.conformance.test_access_matrix import CASES
from tests.integration.product.product import Person, Product, standing_product
from tests.integration.product.scene import Scene
from tests.integration.product.wire import Wire

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from bountyexpo.domain.machine import Decision
    from bountyexpo.domain.market.bounty import Facts, Status

areas.declare()

LIMIT_S = 60.0
# Who is asked about everything, and who only about what has no trouble: to the rules they are
# strangers, or nobody at all.
SIDES = (Caller.POSTER, Caller.HUNTER, Caller.STRANGER)
OTHERS = (Caller.ADMIN, Caller.SERVICE)
# Applications of the hunter's wait at more bounties than one may apply for at once.
CROWDED = (Caller.HUNTER,)

# The words of a step.
BODIES: dict[str, Callable[[Standing], dict[str, Any]]] = {
    "bounty.update": lambda _: {"title": "Carry two sofas upstairs"},
    "bounty.set_status": lambda _: {"status": "cancelled", "reason": "It rains."},
    "bounty.post_update": lambda _: {"message": "Half done."},
    "completion.submit": lambda _: {"message": "It is done."},
    "completion.request_revision": lambda _: {"feedback": "Please paint it again."},
    "cancellation.request": lambda _: {"reason": "It rains."},
    "cancellation.accept": lambda _: {"response_message": "Yes."},
    "cancellation.reject": lambda _: {"response_message": "It does not."},
    "dispute.open": lambda _: {"reason": "It was never carried.", "stage": "in_progress"},
    "dispute.commit": lambda standing: {
        "reason": "The work was done when they cancelled.",
        "cancellationId": standing.cancellation_id,
        "evidenceIds": [standing.evidence_id],
    },
    "rating.create": lambda _: {"rating": 5},
}
# Whose answer to a repetition says that it is one.
TOLD_APART = ("dispute.commit",)


def moves(decided: Decided) -> TypeGuard[Decision[Status, Facts]]:
    return not isinstance(decided, BountyExpoError) and decided.is_move


def is_repeat(decided: Decided) -> bool:
    return not isinstance(decided, BountyExpoError) and not decided.is_move


@dataclass(frozen=True)
class Cell:
    """One call: who asks, and about which bounty."""

    title: str
    caller: Caller
    call: Asked
    standing: Standing

    def decisions(self) -> list[Decided]:
        """What is decided, and where that is a step what is decided about the same call again."""
        first = self.call.decide()
        return [first, self.call.again(first).decide()] if moves(first) else [first]


class Scenery:
    """People who know each other from bounties in every state."""

    def __init__(self, product: Product) -> None:
        self.product = product
        scene = Scene(product)
        self.people: dict[Caller, Person] = {
            Caller.POSTER: scene.poster,
            Caller.HUNTER: scene.hunter,
            Caller.STRANGER: scene.stranger,
            Caller.ADMIN: product.admin(),
            Caller.SERVICE: Person("", "", product.key("service_role")),
        }
        self.placing = Placing(product, scene.poster.id, scene.hunter.id)

    def cells(self, name: str, callers: tuple[Caller, ...]) -> dict[Caller, list[Cell]]:
        """A bounty of each kind for each of them, and what they are about to ask of it."""
        wanted = [
            (title, caller)
            for title in OVERLAYS
            for caller in callers
            if caller in SIDES or title in PLAIN
        ]
        uploaders = [
            self.people[caller].id or self.people[Caller.POSTER].id for _, caller in wanted
        ]
        overlays: list[Overlay] = [OVERLAYS[title] for title, _ in wanted]
        self.placing.forget()
        standings = self.placing.place(zip(overlays, uploaders, strict=True))
        made: dict[Caller, list[Cell]] = {caller: [] for caller in callers}
        for (title, caller), standing in zip(wanted, standings, strict=True):
            call = asked(name, standing.overlay, caller, has_room=caller not in CROWDED)
            made[caller].append(Cell(title, caller, call, standing))
        return made

    def stored(self, cells: list[Cell]) -> dict[str, tuple[str, int]]:
        """Where the bounties stand, and at which version."""
        rows = self.product.rows(
            "select id::text, status, version from app.bounties where id = any(%s)",
            [cell.standing.bounty_id for cell in cells],
        )
        return {row["id"]: (row["status"], row["version"]) for row in rows}


@pytest.fixture(scope="module")
def scenery(module_dsn: str) -> Iterator[Scenery]:
    with standing_product(module_dsn, RATE_LIMITS="off") as product:
        yield Scenery(product)


def operation_of(name: str) -> Operation:
    operation = CATALOGUE.get(name)
    assert operation is not None
    return operation


def arguments(name: str, standing: Standing) -> dict[str, Any]:
    """What a call names: all that it must, and of the work what its path asks for."""
    operation = operation_of(name)
    assert operation.route is not None
    required = {field for field, info in operation.fields.items() if info.required}
    named = {
        field: getattr(standing, field)
        for field in ("bounty_id", "request_id", "submission_id", "cancellation_id")
        if field in operation.fields and field in required | set(operation.route.parameters)
    }
    return named | BODIES.get(name, lambda _: {})(standing)


def send(scenery: Scenery, name: str, cell: Cell) -> tuple[int, dict[str, Any]]:
    route = operation_of(name).route
    assert route is not None
    said = arguments(name, cell.standing)
    body = {key: value for key, value in said.items() if key not in route.parameters}
    answer = scenery.product.send(
        route.method, route.path.format_map(said), body or None, by=scenery.people[cell.caller]
    )
    told: dict[str, Any] = answer.json()
    return answer.status_code, told


def check_refusal(refusal: BountyExpoError, code: str, told: dict[str, Any], where: object) -> None:
    """Compare a refusal with the one that is expected, word for word."""
    assert (told["code"], told["message"]) == (code, refusal.message), where
    for field in ("currentStatus", "allowed"):
        assert told.get(field) == refusal.fields.get(field), (where, told)


def check(name: str, decided: Decided, number: int, told: Any, where: object) -> None:
    """Compare an answer with what is decided."""
    if isinstance(decided, BountyExpoError):
        assert number == decided.status, (where, number, told, decided)
        check_refusal(decided, decided.error_code, told, where)
        return
    operation = operation_of(name)
    is_repeat = not decided.is_move and operation.repeat_status is not None
    assert number == (operation.repeat_status if is_repeat else operation.status), (where, told)


def ask_twice(scenery: Scenery, name: str, cells: list[Cell]) -> None:
    """Ask for all of them, and again for what has moved."""
    for cell in cells:
        replies = []
        for decided in cell.decisions():
            where = (name, cell.title, cell.caller.value, len(replies))
            number, told = send(scenery, name, cell)
            check(name, decided, number, told, where)
            replies.append(told)
        is_same = len(replies) > 1 and is_repeat(cell.decisions()[-1])
        if is_same and name not in TOLD_APART:
            assert replies[0] == replies[1], (name, cell.title, cell.caller)


def check_stored(scenery: Scenery, cells: dict[Caller, list[Cell]], asked: int) -> None:
    """Compare where the bounties stand with what was decided, and with every cent of the books."""
    everything = [cell for mine in cells.values() for cell in mine]
    found = scenery.stored(everything)
    for cell in everything:
        status, version = cell.standing.overlay.status, 1
        for decided in cell.decisions()[:asked]:
            if moves(decided):
                status, version = decided.state, version + 1
        expected = (status.value, version)
        assert found[cell.standing.bounty_id] == expected, (cell.call.name, cell.title, cell.caller)
    assert scenery.product.books_balance()


@pytest.mark.parametrize("name", EVENTS)
def test_over_rest(scenery: Scenery, name: str) -> None:
    assert name in CASES
    cells = scenery.cells(name, (*SIDES, *OTHERS))

    with ThreadPoolExecutor(len(cells)) as crowd:
        for done in [crowd.submit(ask_twice, scenery, name, mine) for mine in cells.values()]:
            done.result()

    check_stored(scenery, cells, asked=2)


@pytest.mark.parametrize("name", EVENTS)
async def test_over_the_socket(scenery: Scenery, name: str) -> None:
    cells = scenery.cells(name, (*SIDES, Caller.ADMIN))

    async def ask(mine: list[Cell]) -> None:
        async with Wire.opened(scenery.product, scenery.people[mine[0].caller]) as wire:
            for cell in mine:
                where = (name, cell.title, cell.caller.value)
                decided = cell.decisions()[0]
                reply = await wire.ask("call", op=name, args=arguments(name, cell.standing))
                if isinstance(decided, BountyExpoError):
                    assert reply["type"] == "error", (where, reply, decided)
                    code = CODES.get(decided.error_code, decided.error_code).upper()
                    check_refusal(decided, code, reply, where)
                else:
                    assert reply["type"] == "ack", (where, reply)

    with trio.fail_after(LIMIT_S):
        async with trio.open_nursery() as nursery:
            for mine in cells.values():
                nursery.start_soon(ask, mine)

    check_stored(scenery, cells, asked=1)
