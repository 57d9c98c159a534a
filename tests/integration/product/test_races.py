"""Many at once: whatever is asked at the same moment, it happens as often as it may, in order."""

from __future__ import annotations

from collections import Counter
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import httpx
import trio
from bountyexpo.domain.ids import new_id
from bountyexpo.integrations.tls import trusted

from tests.integration.product.scene import wish
from tests.integration.product.wire import Wire
from tests.patience import PATIENCE_S

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.integration.product.product import Person, Product
    from tests.integration.product.scene import Scene

CROWD = 8


class Crowd:
    """Requests that are all sent before any is answered."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self._client = client

    async def post(
        self, *requests: tuple[Person | None, str, Any, str | None]
    ) -> list[httpx.Response]:
        """Send them all, and return the answers in the order of the requests."""
        answers: dict[int, httpx.Response] = {}

        async def send(
            place: int, by: Person | None, path: str, body: Any, key: str | None
        ) -> None:
            headers = {"authorization": f"Bearer {by.token}"} if by else {}
            if key:
                headers["idempotency-key"] = key
            answers[place] = await self._client.post(path, json=body, headers=headers)

        async with trio.open_nursery() as nursery:
            for place, request in enumerate(requests):
                nursery.start_soon(send, place, *request)
        return [answers[place] for place in range(len(requests))]


@asynccontextmanager
async def crowd(product: Product) -> AsyncIterator[Crowd]:
    with trio.fail_after(PATIENCE_S):
        async with httpx.AsyncClient(
            verify=trusted(), base_url=product.url, trust_env=False, timeout=PATIENCE_S
        ) as client:
            yield Crowd(client)


def statuses(answers: list[httpx.Response]) -> Counter[int]:
    return Counter(answer.status_code for answer in answers)


async def test_one_key_makes_one_bounty(product: Product, scene: Scene) -> None:
    before = product.balance(scene.poster)["balanceCents"]
    request = (scene.poster, "/api/bounties", wish(), new_id())
    async with crowd(product) as many:
        answers = await many.post(*[request] * CROWD)
        again = await many.post(request)

    # Whoever comes while the first is at work is told to come again, and then gets its reply.
    assert set(statuses([*answers, *again])) <= {201, 409}
    busy = [answer for answer in answers if not answer.is_success]
    assert {(each.json()["code"], each.headers["retry-after"]) for each in busy} <= {
        ("request_in_progress", "1")
    }
    made = {answer.json()["id"] for answer in (*answers, *again) if answer.is_success}
    assert len(made) == 1
    assert product.balance(scene.poster)["balanceCents"] == before - 1_000


async def test_a_wallet_pays_for_no_more_than_it_holds(product: Product, scene: Scene) -> None:
    poster = product.person("spender")
    scene.deposit(poster, 3_500)
    async with crowd(product) as many:
        answers = await many.post(
            *[(poster, "/api/bounties", wish(), new_id()) for _ in range(CROWD)]
        )

    assert statuses(answers) == {201: 3, 400: CROWD - 3}
    assert product.balance(poster)["balanceCents"] == 500
    made = "select count(*) from app.bounties where poster_id = %s"
    assert product.value(made, poster.id) == 3
    assert product.books_balance()


async def test_one_hunter_applies_once(product: Product, scene: Scene) -> None:
    request = (scene.hunter, "/api/bounty-requests", {"bounty_id": scene.new_bounty()}, None)
    async with crowd(product) as many:
        answers = await many.post(*[request] * CROWD)

    assert statuses(answers) == {201: 1, 409: CROWD - 1}
    ids = {(body.get("request") or body)["id"] for body in (each.json() for each in answers)}
    assert len(ids) == 1


async def test_one_application_is_accepted(product: Product, scene: Scene) -> None:
    bounty_id = scene.new_bounty()
    rivals = [scene.apply(bounty_id, by=product.person("rival"))["id"] for _ in range(CROWD)]
    async with crowd(product) as many:
        answers = await many.post(
            *[
                (scene.poster, f"/api/bounty-requests/{rival}/accept", None, None)
                for rival in rivals
            ]
        )

    assert statuses(answers) == {200: 1, 409: CROWD - 1}
    rows = product.rows(
        "select status, count(*) from app.bounty_requests where bounty_id = %s group by status",
        bounty_id,
    )
    assert {row["status"]: row["count"] for row in rows} == {"accepted": 1, "rejected": CROWD - 1}
    opened = "select count(*) from app.conversations where bounty_id = %s"
    assert product.value(opened, bounty_id) == 1


async def test_one_approval_pays_once(product: Product, scene: Scene) -> None:
    job = scene.new_job()
    work = {"bounty_id": job.bounty_id, "message": "Done."}
    before = product.balance(scene.hunter)["balanceCents"]
    async with crowd(product) as many:
        handed_in = await many.post(*[(scene.hunter, "/api/completions", work, None)] * CROWD)
        (completion_id,) = {answer.json()["id"] for answer in handed_in}
        path = f"/api/completions/{completion_id}/approve"
        approved = await many.post(*[(scene.poster, path, {"rating": 5}, None)] * CROWD)

    assert statuses(handed_in) == {201: 1, 200: CROWD - 1}
    assert statuses(approved) == {200: CROWD}
    assert product.balance(scene.hunter)["balanceCents"] == before + 950
    assert product.books_balance()


async def test_one_deposit_is_credited_once(product: Product, scene: Scene) -> None:
    payer = product.person("payer")
    intent_id = scene.new_intent(payer)["paymentIntentId"]
    body = {"paymentIntentId": intent_id, "paymentMethodId": "pm_card_visa"}
    async with crowd(product) as many:
        answers = await many.post(*[(payer, "/payments/confirm", body, None)] * CROWD)

    assert statuses(answers) == {200: CROWD}
    await trio.to_thread.run_sync(scene.is_processed, intent_id)
    assert product.balance(payer)["balanceCents"] == 2_000
    assert product.books_balance()


async def test_one_deposit_key_makes_one_deposit(product: Product, scene: Scene) -> None:
    payer, key = product.person("payer"), new_id()
    request = (payer, "/payments/create-payment-intent", {"amountCents": 700}, key)
    async with crowd(product) as many:
        answers = await many.post(*[request] * CROWD)
        again = await many.post(request)

    # Whoever comes while the first is at work is told to come again.
    assert set(statuses(answers)) <= {200, 409}
    made = {answer.json()["paymentIntentId"] for answer in answers if answer.is_success}
    assert made == {again[0].json()["paymentIntentId"]}
    count = "select count(*) from app.payments where user_id = %s"
    assert product.value(count, payer.id) == 1


async def test_one_name_makes_one_account(product: Product) -> None:
    name = f"twin_{new_id()[:8]}"
    account = {"email": f"{name}@example.com", "username": name, "password": "Same-name-99"}
    async with crowd(product) as many:
        answers = await many.post(*[(None, "/auth/register", account, None)] * CROWD)
        credentials = {"identifier": name, "password": account["password"]}
        entered = await many.post((None, "/auth/sign-in", credentials, None))

    assert set(statuses(answers)) <= {201, 409}
    assert len({answer.json()["userId"] for answer in answers if answer.is_success}) == 1
    assert entered[0].status_code == 200
    assert product.value("select count(*) from app.users where username = %s", name) == 1


async def test_one_name_for_many_addresses_goes_to_one_of_them(product: Product) -> None:
    name = f"name_{new_id()[:8]}"
    accounts = [
        {"email": f"{name}.{number}@example.com", "username": name, "password": "Same-name-99"}
        for number in range(CROWD)
    ]
    async with crowd(product) as many:
        answers = await many.post(
            *[(None, "/auth/register", account, None) for account in accounts]
        )

    assert statuses(answers) == {201: 1, 409: CROWD - 1}
    messages = {answer.json()["message"] for answer in answers if not answer.is_success}
    assert messages == {"Username already taken"}


async def test_two_people_who_open_a_conversation_share_it(product: Product) -> None:
    one, other = product.person("one"), product.person("other")
    opened = [
        (one, "/api/conversations", {"participantIds": [other.id]}, None),
        (other, "/api/conversations", {"participantIds": [one.id]}, None),
    ]
    async with crowd(product) as many:
        answers = await many.post(*opened * (CROWD // 2))

    assert len({answer.json()["id"] for answer in answers}) == 1
    assert statuses(answers)[201] == 1


async def test_one_key_over_two_sockets_makes_one_message(product: Product, scene: Scene) -> None:
    sent = {"conversationId": scene.job.conversation_id, "clientMsgId": new_id(), "text": "Once"}
    acks: list[dict[str, Any]] = []

    async def send(wire: Wire) -> None:
        acks.append(await wire.ask("message.send", **sent))

    with trio.fail_after(PATIENCE_S):
        async with (
            Wire.opened(product, scene.hunter) as first,
            Wire.opened(product, scene.hunter, codec="msgpack") as second,
            trio.open_nursery() as nursery,
        ):
            nursery.start_soon(send, first)
            nursery.start_soon(send, second)

    assert {ack["type"] for ack in acks} == {"ack"}
    assert len({ack["seq"] for ack in acks}) == 1
    assert sorted(ack["duplicate"] for ack in acks) == [False, True]


async def test_a_crowded_conversation_numbers_without_a_hole(
    product: Product, scene: Scene
) -> None:
    job, each = scene.new_job(), 25
    with trio.fail_after(PATIENCE_S):
        async with (
            Wire.opened(product, scene.poster) as poster,
            Wire.opened(product, scene.hunter) as hunter,
        ):
            for wire in (poster, hunter):
                for number in range(each):
                    await wire.say(
                        type="message.send",
                        id=f"m{number}",
                        conversationId=job.conversation_id,
                        clientMsgId=new_id(),
                        text=f"Number {number}",
                    )
            seen = {}
            for wire in (poster, hunter):
                own = [(await wire.hear("ack"))["seq"] for _ in range(each)]
                others = [(await wire.hear("message.new"))["seq"] for _ in range(each)]
                assert own == sorted(own)
                assert others == sorted(others)
                seen[wire] = sorted(own + others)

    # The first number is the system's own message.
    assert seen[poster] == seen[hunter] == list(range(2, 2 * each + 2))
