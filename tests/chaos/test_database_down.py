"""The database goes away under a running server: it says so, waits, and goes on where it was."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import httpx
import pytest
import trio
from bountyexpo.domain.ids import new_id
from bountyexpo.integrations.tls import trusted

from tests.databases import temporary_folder
from tests.integration.product.product import Person, Product, refused, standing
from tests.integration.product.scene import Scene, wish
from tests.integration.product.wire import UPGRADE, Wire
from tests.patience import PATIENCE_S
from tests.server_process import ServerProcess

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from bountyexpo.sandbox.postgres import EmbeddedPostgres


class Setting:
    """A product over a database that can be taken away."""

    def __init__(self, product: Product, database: EmbeddedPostgres) -> None:
        self.product = product
        self.database = database
        self.scene = Scene(product)
        self.job = self.scene.job

    @asynccontextmanager
    async def outage(self, *, crash: bool = False) -> AsyncIterator[None]:
        """Stop the database inside, and wait until the server has seen each turn."""
        self.product.forget_session()
        await trio.to_thread.run_sync(self.database.kill if crash else self.database.stop)
        try:
            await self.ready(is_ready=False)
            yield
        finally:
            await trio.to_thread.run_sync(self.database.start)
        await self.ready(is_ready=True)

    async def ready(self, *, is_ready: bool) -> httpx.Response:
        """Wait until the server calls itself ready, or not."""
        async with httpx.AsyncClient(
            verify=trusted(), base_url=self.product.url, trust_env=False
        ) as client:
            while (answer := await client.get("/readyz")).is_success is not is_ready:
                pass
        return answer


@pytest.fixture(scope="module")
def setting(killable: EmbeddedPostgres) -> Iterator[Setting]:
    dsn = killable.dsn()
    with (
        temporary_folder() as folder,
        standing(ServerProcess(folder, DATABASE_URL=dsn)) as server,
    ):
        product = Product(server, dsn)
        yield Setting(product, killable)
        product.close()


async def chat(setting: Setting, wire: Wire, key: str, text: str) -> dict:
    return await wire.ask(
        "message.send", conversationId=setting.job.conversation_id, clientMsgId=key, text=text
    )


async def test_requests_answer_503_while_probes_tell_life_from_readiness(setting: Setting) -> None:
    product, scene = setting.product, setting.scene
    fresh = Person("", "", product.token(new_id()))
    body = wish()

    with trio.fail_after(PATIENCE_S):
        async with setting.outage():
            answers = [
                product.get("/api/bounties"),
                product.get("/wallet/balance", by=scene.poster),
                product.get("/wallet/balance", by=fresh),
                product.post("/api/bounties", body, by=scene.poster),
                product.post("/auth/sign-in", {"email": "a@example.com", "password": "Secret-99"}),
                product.post("/auth/refresh", {"refresh_token": "anything"}),
            ]
            readiness, life = product.get("/readyz"), product.get("/livez")
            async with httpx.AsyncClient(
                verify=trusted(), base_url=product.url, trust_env=False
            ) as fresh_one:
                upgrade = await fresh_one.get("/v1/socket", headers=UPGRADE)

    for answer in answers:
        refused(answer, 503)
    assert readiness.status_code == 503
    assert readiness.headers["retry-after"]
    assert (life.status_code, life.json()) == (200, {"alive": True})
    assert upgrade.status_code == 503
    assert upgrade.headers["retry-after"]
    assert product.post("/api/bounties", body, by=scene.poster).status_code == 201


@pytest.mark.parametrize("crash", [False, True], ids=["stopped", "killed"])
async def test_the_same_sockets_go_on_and_nothing_is_lost(setting: Setting, crash: bool) -> None:
    product, scene = setting.product, setting.scene
    keys, wished = [new_id() for _ in range(3)], new_id()
    with trio.fail_after(PATIENCE_S):
        async with (
            Wire.opened(product, scene.poster) as poster,
            Wire.opened(product, scene.hunter, codec="msgpack") as hunter,
        ):
            first = await chat(setting, poster, keys[0], "Before the storm")
            async with setting.outage(crash=crash):
                await poster.say(type="ping", t=1)
                assert (await poster.hear("pong"))["t"] == 1
                failures = [
                    await chat(setting, poster, keys[1], "In the storm"),
                    await poster.ask(
                        "call", op="bounty.create", args=wish(), idempotencyKey=wished
                    ),
                    await poster.ask("call", op="wallet.balance"),
                ]

            second = await chat(setting, poster, keys[1], "In the storm")
            third = await chat(setting, hunter, keys[2], "After the storm")
            heard = [(await hunter.hear("message.new"))["seq"] for _ in range(2)]
            answer = await poster.hear("message.new")

    for failure in failures:
        assert (failure["type"], failure["retryable"]) == ("error", True), failure
        assert failure["retryAfterMs"] > 0
    assert (second["seq"], third["seq"]) == (first["seq"] + 1, first["seq"] + 2)
    assert heard == [first["seq"], second["seq"]]
    assert answer["seq"] == third["seq"]


async def test_what_was_asked_again_and_again_happened_once(setting: Setting) -> None:
    product, scene = setting.product, setting.scene
    body, key = wish(), new_id()
    before = product.balance(scene.poster)["balanceCents"]

    answers: list[httpx.Response] = []
    async with httpx.AsyncClient(verify=trusted(), base_url=product.url, trust_env=False) as client:

        async def ask() -> None:
            headers = {"authorization": f"Bearer {scene.poster.token}", "idempotency-key": key}
            answers.append(await client.post("/api/bounties", json=body, headers=headers))

        async def insist() -> None:
            while answers[-1].status_code == 503:
                await ask()

        with trio.fail_after(PATIENCE_S):
            async with trio.open_nursery() as nursery, setting.outage():
                await ask()
                nursery.start_soon(insist)
            await ask()

    assert answers[0].status_code == 503
    assert [answer.status_code for answer in answers[-2:]] == [201, 201]
    assert product.balance(scene.poster)["balanceCents"] == before - 1_000
    assert product.books_balance()


async def test_a_deposit_paid_before_the_outage_is_credited_after_it(setting: Setting) -> None:
    product, scene = setting.product, setting.scene
    payer = product.person("payer")
    intent_id = scene.new_intent(payer)["paymentIntentId"]
    assert scene.confirm(payer, intent_id).json()["success"] is True

    with trio.fail_after(PATIENCE_S):
        async with setting.outage(crash=True):
            pass
    # Whoever was at work on its event when the lights went out holds it until the lease ends.
    product.session.execute(
        "update app.webhook_events set next_attempt_at = now() where status = 'processing'"
    )

    await trio.to_thread.run_sync(scene.is_processed, intent_id)
    assert product.balance(payer)["balanceCents"] == 2_000
    assert product.books_balance()
