"""Whatever a provider does, a call ends in time, with an error of ours that says what may be true.

The calls are those of every noun of the port, so that a new noun is tried, too.
"""

from __future__ import annotations

import gzip
import inspect
import json
from contextlib import suppress
from functools import partial

import pytest
import stripe
import trio
from bountyexpo.errors import (
    AlreadyMoved,
    BountyExpoError,
    CardRefused,
    IdempotencyConflict,
    InvalidRequest,
    NotFound,
    ProviderFailed,
    Unavailable,
)
from bountyexpo.integrations.stripe.breaker import FAILURES_MAX
from bountyexpo.integrations.stripe.errors import BY_CODE, BY_TYPE
from bountyexpo.integrations.stripe.transport import ANSWER_BYTES_MAX
from bountyexpo.observability import metrics

from tests.integration.integrations.calls import CALLS, ask
from tests.integration.integrations.conftest import HURRIED, answering, closing, http
from tests.patience import PATIENCE_S

INTENT = {
    "id": "pi_1",
    "object": "payment_intent",
    "status": "requires_payment_method",
    "amount": 500,
    "amount_received": 0,
    "currency": "usd",
    "client_secret": "pi_1_secret_x",
    "metadata": {},
}


def shown(**changes):
    return http(200, json.dumps({**INTENT, **changes}).encode())


def error(status, **fields):
    return http(status, json.dumps({"error": fields}).encode())


async def test_every_call_of_every_noun_is_tried_here(stripe_port):
    nouns = {
        f"{name}.{verb}"
        for name, noun in vars(stripe_port).items()
        if type(noun).__module__.startswith("bountyexpo.integrations.stripe.")
        and not name.startswith("_")
        for verb, method in inspect.getmembers(noun, inspect.iscoroutinefunction)
        if not verb.startswith("_")
    }

    assert nouns == set(CALLS)


async def hang(_stream):
    await trio.sleep_forever()


async def trickle(stream):
    await stream.send_all(b"HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\n")
    while True:
        await trio.sleep(0.02)
        await stream.send_all(b" ")


async def flood(stream):
    await stream.send_all(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")
    while True:
        await stream.send_all(b"10000\r\n" + b" " * 65_536 + b"\r\n")


SILENT = {
    "hangs": hang,
    "trickles": trickle,
    "floods": flood,
    "hangs up": partial(closing, b""),
    "hangs up half way": partial(closing, b'HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\n{"id":'),
    "speaks something else": partial(closing, b"SSH-2.0-OpenSSH_9.9\r\n"),
    "speaks another version": partial(closing, b"HTTP/9.9 200 OK\r\n\r\n"),
}


@pytest.mark.parametrize("behave", SILENT.values(), ids=SILENT)
@pytest.mark.parametrize("name", CALLS)
async def test_who_does_not_answer_properly_leaves_an_unknown_outcome_in_time(
    provider, wire, name, behave
):
    wire.behave = behave

    with trio.fail_after(PATIENCE_S), pytest.raises(ProviderFailed) as caught:
        await ask(provider(**HURRIED), name)

    assert caught.value.retryable


GARBAGE = {
    "nothing": http(200, b""),
    "no JSON": http(200, b"<html>All is well</html>"),
    "half of it": http(200, b'{"id": "pi_1"'),
    "no text": http(200, b"\xff\xfe\x00"),
    "null": http(200, b"null"),
    "a list": http(200, b"[1, 2]"),
    "a number": http(200, b"1"),
    "a text": http(200, b'"pi_1"'),
    "an empty object": http(200, b"{}"),
    "deep": http(200, b"[" * 100_000),
    "an odd id": shown(id=7),
    "an encoding that nobody has asked for": http(
        200, gzip.compress(json.dumps(INTENT).encode()), "content-encoding: gzip"
    ),
    "a redirect": http(302, b"", "location: http://127.0.0.1:1/"),
    "no content": b"HTTP/1.1 204 X\r\n\r\n",
    "500": http(500, b"<html>"),
    "502": http(502, b'{"error": {"type": "api_error"}}'),
    "503": http(503, b"{}"),
    "a lock": error(409, type="invalid_request_error", code="idempotency_key_in_use"),
    "an error of no shape": http(400, b'{"error": "no"}'),
    "an error that is null": http(402, b'{"error": null}'),
    "an error in a list": http(404, b'[{"error": {}}]'),
    "an error without JSON": http(429, b"slow down"),
    "a teapot": http(418, b'{"error": {"type": "tea"}}'),
}


@pytest.mark.parametrize("answer", GARBAGE.values(), ids=GARBAGE)
@pytest.mark.parametrize("name", CALLS)
async def test_an_answer_that_makes_no_sense_is_an_unknown_outcome(stripe_port, wire, name, answer):
    wire.behave = partial(answering, answer)

    with pytest.raises(ProviderFailed):
        await ask(stripe_port, name)


ODD_INTENTS = (
    *({"amount": each} for each in (None, "500", 5.5, [500], True)),
    *({"status": each} for each in (None, 1)),
    *({"currency": each} for each in (None, 1)),
    {"metadata": {"a": 1}},
    {"metadata": []},
    {"latest_charge": 1},
    {"last_payment_error": "declined"},
    {"next_action": "wait"},
    {"payment_method_types": "card"},
    *({"status": "succeeded", "amount_received": each} for each in (None, 0, -500, "500")),
)


@pytest.mark.parametrize("odd", ODD_INTENTS, ids=str)
@pytest.mark.parametrize("name", [name for name in CALLS if name.startswith("intents.")])
async def test_an_intent_that_makes_no_sense_is_an_unknown_outcome(stripe_port, wire, name, odd):
    wire.behave = partial(answering, shown(**odd))

    with pytest.raises(ProviderFailed):
        await ask(stripe_port, name)


async def test_what_may_be_left_out_may_be_left_out(stripe_port, wire):
    bare = {name: INTENT[name] for name in ("id", "object", "status", "amount", "currency")}
    wire.behave = partial(answering, http(200, json.dumps(bare).encode()))

    intent = await stripe_port.intents.retrieve("pi_1")

    assert (intent.amount_cents, intent.amount_received_cents, intent.metadata) == (500, 0, {})


async def test_an_answer_may_be_large_but_not_without_end(stripe_port, wire):
    wire.behave = partial(answering, shown(description="x" * (ANSWER_BYTES_MAX // 2)))
    assert (await stripe_port.intents.retrieve("pi_1")).id == "pi_1"

    wire.behave = partial(answering, shown(description="x" * ANSWER_BYTES_MAX))
    with pytest.raises(ProviderFailed):
        await stripe_port.intents.retrieve("pi_1")


# What each type of error is at the wire, and what it means; nothing stands beside the map.
TYPES = {
    stripe.CardError: (402, "card_error", CardRefused),
    stripe.IdempotencyError: (400, "idempotency_error", IdempotencyConflict),
    stripe.InvalidRequestError: (400, "invalid_request_error", InvalidRequest),
    stripe.RateLimitError: (429, "invalid_request_error", Unavailable),
    stripe.AuthenticationError: (401, "invalid_request_error", Unavailable),
    stripe.PermissionError: (403, "invalid_request_error", Unavailable),
    stripe.APIError: (500, "api_error", ProviderFailed),
}
MEANINGS = {
    "_missing": NotFound,
    "_moved": AlreadyMoved,
    "_unknown": ProviderFailed,
    "_later": Unavailable,
    "_short": Unavailable,
    "_ours": Unavailable,
}


def test_the_table_of_this_test_is_whole():
    assert set(BY_TYPE) - {stripe.APIConnectionError} == set(TYPES)
    assert {meaning.__name__ for meaning in BY_CODE.values()} == set(MEANINGS)


@pytest.mark.parametrize(("status", "kind", "meaning"), TYPES.values())
@pytest.mark.parametrize("name", ["customers.create", "intents.create", "intents.retrieve"])
async def test_each_type_of_error_has_its_meaning(stripe_port, wire, name, status, kind, meaning):
    wire.behave = partial(answering, error(status, type=kind, message="No payment", code="x_y"))

    with pytest.raises(BountyExpoError) as caught:
        await ask(stripe_port, name)

    assert type(caught.value) is meaning
    assert "payment" not in caught.value.message.lower()


@pytest.mark.parametrize("code", BY_CODE)
@pytest.mark.parametrize("status", [400, 402, 403, 404])
async def test_each_code_has_its_meaning_whatever_it_comes_with(stripe_port, wire, status, code):
    kind = "card_error" if status == 402 else "invalid_request_error"
    wire.behave = partial(answering, error(status, type=kind, message="No", code=code))

    with pytest.raises(BountyExpoError) as caught:
        await stripe_port.intents.retrieve("pi_1")

    assert type(caught.value) is MEANINGS[BY_CODE[code].__name__]


@pytest.mark.parametrize("name", ["intents.confirm", "intents.cancel"])
@pytest.mark.parametrize("status", ["succeeded", "canceled", "processing", "requires_capture"])
async def test_what_was_moved_by_somebody_else_is_looked_at(stripe_port, wire, name, status):
    refusal = {"type": "invalid_request_error", "code": "payment_intent_unexpected_state"}
    found = shown(status=status, amount_received=500)
    answers = [error(400, message="You cannot", **refusal), found]

    async def behave(stream):
        await stream.send_all(answers.pop(0))

    wire.behave = behave

    assert (await ask(stripe_port, name)).status == status
    assert wire.asked == 2


@pytest.mark.parametrize(
    ("asked", "wait"), [("7", 7), ("0", 1), ("9999", 1), ("999", 60), ("x", 1)]
)
async def test_a_limit_says_when_to_come_again(stripe_port, wire, asked, wait):
    wire.behave = partial(answering, http(429, b'{"error": {}}', f"retry-after: {asked}"))

    with pytest.raises(Unavailable) as caught:
        await stripe_port.intents.retrieve("pi_1")

    assert caught.value.retry_after_s == wait


async def test_calls_wait_their_turn_and_all_are_made(provider, wire):
    port = provider(calls_max=3)

    async def behave(stream):
        await trio.sleep(0.02)
        await stream.send_all(shown())

    wire.behave = behave
    async with trio.open_nursery() as nursery:
        for _ in range(20):
            nursery.start_soon(port.intents.retrieve, "pi_1")

    assert (wire.asked, wire.most) == (20, 3)


async def test_more_than_may_wait_are_refused_before_anything_has_happened(provider, wire):
    port = provider(calls_max=2, waiting_max=3, wait_s=0.1)
    outcomes: list[str] = []
    are_refused, let_go = trio.Event(), trio.Event()

    async def behave(stream):
        await let_go.wait()
        await stream.send_all(shown())

    async def call():
        try:
            await port.intents.retrieve("pi_1")
            outcomes.append("ok")
        except Unavailable:
            outcomes.append("busy")
        # Four find the queue full; three have waited long enough.
        if len(outcomes) == 7:
            are_refused.set()

    wire.behave = behave
    async with trio.open_nursery() as nursery:
        for _ in range(9):
            nursery.start_soon(call)
        with trio.fail_after(PATIENCE_S):
            await are_refused.wait()
        assert outcomes == ["busy"] * 7
        let_go.set()

    assert outcomes.count("ok") == wire.asked == 2


async def fail_often(port):
    for _ in range(FAILURES_MAX):
        with pytest.raises(ProviderFailed):
            await port.intents.retrieve("pi_1")


async def test_who_fails_all_the_time_is_left_alone(stripe_port, wire, monkeypatch):
    monkeypatch.setattr(stripe_port._calls._breaker, "_open_s", 600.0)
    await fail_often(stripe_port)

    for name in CALLS:
        with pytest.raises(Unavailable) as caught:
            await ask(stripe_port, name)
        assert 500 < caught.value.retry_after_s <= 600

    assert wire.asked == FAILURES_MAX


async def test_who_answers_again_is_found_again(stripe_port, wire, monkeypatch):
    monkeypatch.setattr(stripe_port._calls._breaker, "_open_s", 0.05)
    await fail_often(stripe_port)
    wire.behave = partial(answering, shown())

    intent = None
    with trio.fail_after(PATIENCE_S):
        while intent is None:
            await trio.lowlevel.checkpoint()
            with suppress(Unavailable):
                intent = await stripe_port.intents.retrieve("pi_1")

    assert wire.asked == FAILURES_MAX + 1


async def test_a_refusal_of_a_payer_closes_nobody_out(stripe_port, wire):
    wire.behave = partial(answering, error(402, type="card_error", code="card_declined"))
    for _ in range(FAILURES_MAX * 2):
        with pytest.raises(CardRefused):
            await ask(stripe_port, "intents.confirm")


async def test_each_call_is_measured_with_its_outcome(stripe_port, wire):
    def seen(outcome):
        labels = {"call": "payment_intents.retrieve", "outcome": outcome}
        name = "provider_call_duration_milliseconds_count"
        return metrics.REGISTRY.get_sample_value(name, labels) or 0

    before = {each: seen(each) for each in ("ok", "refused", "retry", "unknown", "cancelled")}
    answers = {
        "ok": shown(),
        "refused": error(404, code="resource_missing"),
        "retry": error(429),
        "unknown": http(500, b""),
    }
    for answer in answers.values():
        wire.behave = partial(answering, answer)
        with suppress(ProviderFailed, Unavailable, NotFound):
            await stripe_port.intents.retrieve("pi_1")
    wire.behave = hang
    with trio.move_on_after(0.05):
        await stripe_port.intents.retrieve("pi_1")

    assert {each: seen(each) - before[each] for each in before} == dict.fromkeys(before, 1)
