"""Every operation that keeps its replies, asked twice with one key, over either transport.

The operations come from the catalogue, so a new one is tried by itself. A crash is a row as it
leaves it: claimed and without a reply, before or after the work.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
import pytest
import trio
from bountyexpo.domain.access import Caller
from bountyexpo.domain.ids import is_id, new_id
from bountyexpo.errors import InvalidRequest
from bountyexpo.operations import areas
from bountyexpo.operations.catalogue import CATALOGUE, Operation
from bountyexpo.operations.dispatch import decode
from bountyexpo.operations.idempotency.keeps import Keeps
from bountyexpo.operations.idempotency.requests import request_hash
from bountyexpo.persistence.idempotency import NOBODY

from tests.conformance.stage import Stage
from tests.conformance.test_access_matrix import CASES
from tests.integration.product.product import Person, Product, refused, standing_product
from tests.integration.product.wire import Wire

if TYPE_CHECKING:
    from collections.abc import Iterator

    import httpx

areas.declare()

KEPT = {each.name: each for each in CATALOGUE.all() if each.keeps is not Keeps.NOTHING}

# Who asks, if they may.
ORDER = (Caller.ANONYMOUS, Caller.POSTER, Caller.HUNTER, Caller.STRANGER, Caller.ADMIN)

LIMIT_S = 60.0

CUT_OFF = """
    update app.idempotency_keys set status_code = null, response = null, attempt = 'elsewhere',
        lease_until = clock_timestamp() + make_interval(secs => %s) where scope = %s and key = %s
"""
BEGUN = """
    insert into app.idempotency_keys (scope, user_id, key, request_hash, attempt, lease_until,
                                      expires_at)
    values (%s, %s, %s, %s, 'elsewhere', now() - interval '1 second', now() + interval '1 day')
"""
EXPIRE = """
    update app.idempotency_keys set expires_at = now() - interval '1 second'
    where scope = %s and key = %s
"""
MONEY = "select sum(abs(amount_cents)) as cents from app.ledger_entries"
# What a repeat may write: the row of its key.
ASIDE = ["idempotency_keys"]


@pytest.fixture(scope="module")
def product(module_dsn: str) -> Iterator[Product]:
    with standing_product(module_dsn, RATE_LIMITS="off") as found:
        yield found


class Asked:
    """One operation as somebody asks for it, with a key."""

    def __init__(self, product: Product, name: str) -> None:
        self.product = product
        self.operation: Operation = KEPT[name]
        stage = Stage(product)
        self.method, self.path, self.body = CASES[name](stage)
        caller = next(each for each in ORDER if each in self.operation.grant.allowed)
        self.by: Person | None = stage.people[caller]
        self.key = new_id()

    @property
    def arguments(self) -> dict[str, Any]:
        """What is asked for, as a call over a socket names it."""
        return {**(self.body or {}), **self._path_arguments(self.path)}

    def _path_arguments(self, path: str) -> dict[str, str]:
        assert self.operation.route is not None
        pairs = zip(self.operation.route.path.split("/"), path.split("/"), strict=True)
        return {name[1:-1]: value for name, value in pairs if name.startswith("{")}

    @property
    def digest(self) -> str:
        if self.operation.request is None:
            return ""
        return request_hash(decode(self.operation, self.arguments, "rest"))

    def rest(self, *, is_changed: bool = False) -> httpx.Response:
        path, body = self.changed() if is_changed else (self.path, self.body)
        headers = {"idempotency-key": self.key}
        return self.product.send(self.method, path, body, by=self.by, headers=headers)

    def changed(self) -> tuple[str, Any]:
        """Another request of the same kind."""
        for name, value in (self.body or {}).items():
            if isinstance(value, int) and not isinstance(value, bool):
                return self.path, self.body | {name: value + 1}
            if isinstance(value, str):
                other = new_id() if is_id(value) else value + "x"
                if self._is_fit({**self.arguments, name: other}):
                    return self.path, self.body | {name: other}
        (value,) = self._path_arguments(self.path).values()
        return self.path.replace(value, new_id()), self.body

    def _is_fit(self, arguments: dict[str, Any]) -> bool:
        """Tell whether these would be read; of some words there are only a few."""
        try:
            decode(self.operation, arguments, "rest")
        except InvalidRequest:
            return False
        return True

    async def wire(self, wire: Wire) -> dict[str, Any]:
        name = self.operation.name
        with trio.fail_after(LIMIT_S):
            return await wire.ask("call", op=name, args=self.arguments, idempotencyKey=self.key)

    def cut_off(self, lease_s: int) -> None:
        self.product.session.execute(CUT_OFF, (lease_s, self.operation.name, self.key))


@pytest.fixture(params=KEPT)
def asked(product: Product, request: pytest.FixtureRequest) -> Asked:
    return Asked(product, request.param)


def same(first: httpx.Response, again: httpx.Response) -> None:
    assert (again.status_code, again.json()) == (first.status_code, first.json())
    assert again.headers["idempotent-replayed"] == "true"
    assert "idempotent-replayed" not in first.headers


SPARED = {"users", "chat"}
# A saved search is the same one again; the rest changes nothing of ours, or nothing twice.
HARMLESS = {
    *("search.save", "search.unsave", "search.note", "search.forget"),
    *("bounty.expire", "stale.find", "request.of_bounties"),
    *("payment_method.setup", "payment_method.add_bank"),
    *("escrow.fund", "wallet.hold"),
    *("connect.onboard", "connect.login", "connect.make_account"),
    *(f"payout_target.{verb}" for verb in ("add_bank", "remove_bank", "default_bank")),
    *("payout_target.add_card", "payout_target.remove_card"),
}


def test_only_sessions_and_chat_keep_no_replies() -> None:
    """Their repeats do no harm, or are told by ids of their own, or reply with credentials."""
    writes = [each for each in CATALOGUE.all() if each.method != "GET" and each.name not in KEPT]

    others = [each for each in writes if each.handler.__module__.split(".")[2] not in SPARED]
    assert {each.name for each in others} == HARMLESS
    assert not [each.name for each in writes if each.rate.name in {"payment", "payout"}]
    assert {"payment.create_intent", "payment.confirm", "bounty.create"} < set(KEPT)


def test_a_repeat_gets_the_first_reply_and_does_nothing(asked: Asked) -> None:
    first = asked.rest()
    assert first.is_success, first.text

    with asked.product.unchanged():
        again = asked.rest()

    same(first, again)


def test_another_request_with_the_key_is_refused(asked: Asked) -> None:
    assert asked.rest().is_success

    with asked.product.unchanged():
        other = asked.rest(is_changed=True)

    refused(other, 409, "idempotency_conflict")


def test_who_comes_while_the_first_is_at_work_is_told_to_come_again(asked: Asked) -> None:
    first = asked.rest()
    assert first.is_success
    asked.cut_off(60)

    with asked.product.unchanged():
        busy = asked.rest()

    assert (busy.status_code, busy.json()["code"]) == (409, "request_in_progress")
    assert busy.headers["retry-after"] == "1"


async def test_over_a_socket_too_who_comes_too_early_hears_when_to_come_again(
    product: Product,
) -> None:
    asked = Asked(product, "bounty.create")
    assert asked.by is not None
    async with Wire.opened(product, asked.by) as wire:
        assert (await asked.wire(wire))["type"] == "ack"
        asked.cut_off(60)
        busy = await asked.wire(wire)

    assert (busy["type"], busy["code"]) == ("error", "REQUEST_IN_PROGRESS")
    assert (busy["retryable"], busy["retryAfterMs"]) == (True, 1_000)


def test_work_that_was_cut_off_before_it_began_is_done_once(asked: Asked) -> None:
    owner = asked.by.id if asked.by else NOBODY
    row = (asked.operation.name, owner, asked.key, asked.digest)
    asked.product.session.execute(BEGUN, row)

    first = asked.rest()
    with asked.product.unchanged():
        again = asked.rest()

    assert first.is_success, first.text
    same(first, again)


def test_work_whose_reply_was_lost_is_not_done_twice(asked: Asked) -> None:
    first = asked.rest()
    assert first.is_success
    asked.product.rest()
    money = asked.product.value(MONEY)
    asked.cut_off(-1)

    with asked.product.unchanged(but=ASIDE):
        again = asked.rest()

    assert again.status_code == first.status_code, again.text
    assert again.json() == first.json()
    assert asked.product.value(MONEY) == money
    same(first, asked.rest())


def test_a_key_is_good_for_another_request_once_its_time_is_over(asked: Asked) -> None:
    assert asked.rest().is_success
    asked.product.session.execute(EXPIRE, (asked.operation.name, asked.key))

    other = asked.rest(is_changed=True)

    assert other.json().get("code") != "idempotency_conflict" or has_key_of_its_own(asked)


def has_key_of_its_own(asked: Asked) -> bool:
    """What a creation made is known by its key for longer than its reply is kept."""
    return asked.operation.name in {
        *("bounty.create", "payment.create_intent", "apple_pay.create"),
        *("withdrawal.request", "withdrawal.instant", "withdrawal.retry"),
    }


@pytest.mark.parametrize("codec", ["json", "msgpack"])
async def test_over_a_socket_a_repeat_gets_the_first_reply(asked: Asked, codec: str) -> None:
    if asked.by is None:
        asked.by = asked.product.person("caller")
    async with Wire.opened(asked.product, asked.by, codec=codec) as wire:
        first = await asked.wire(wire)
        again = await asked.wire(wire)
    rest = asked.rest()

    assert first["type"] == "ack", first
    assert (again["type"], again["result"]) == ("ack", first["result"])
    assert (first.get("duplicate"), again.get("duplicate")) == (None, True)
    assert rest.json() == msgspec.json.decode(msgspec.json.encode(first["result"]))


def test_a_refusal_is_kept_too(product: Product) -> None:
    asked = Asked(product, "bounty.create")
    asked.by = product.person("poor")
    asked.body = asked.body | {"is_for_honor": False, "amount": 20}

    first = asked.rest()
    with product.unchanged():
        again = asked.rest()

    told = refused(first, 400, "insufficient_balance")
    moved = {"requestId": None, "timestamp": None}
    assert refused(again, 400) | moved == told | moved
    assert again.headers["idempotent-replayed"] == "true"


def test_what_opens_an_intent_is_not_kept_and_yet_told_again(product: Product) -> None:
    asked = Asked(product, "payment.confirm")
    asked.body = asked.body | {"paymentMethodId": "pm_card_authenticationRequired"}

    first = asked.rest()
    same(first, asked.rest())

    secret = first.json()["clientSecret"]
    assert first.json()["requiresAction"] is True
    assert secret
    kept = "select response::text as kept from app.idempotency_keys where key = %s"
    assert secret not in product.value(kept, asked.key)
