"""What real providers answer, and what the doctor makes of it; the network is the test's."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import TYPE_CHECKING

import httpx
import pytest
from bountyexpo.doctor import providers
from bountyexpo.doctor.diagnosis import Diagnosis, Verdict
from bountyexpo.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable

AUTH = Settings(supabase_url="https://auth.example.org", supabase_anon_key="anon-key-of-ours")
CARDS = Settings(stripe_secret_key="sk_test_secret")


@pytest.fixture
def answer(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[str], httpx.Response]], None]:
    def use(handler: Callable[[str], httpx.Response]) -> None:
        def get(url: str, **_options: object) -> httpx.Response:
            reply = handler(url)
            reply.request = httpx.Request("GET", url)
            return reply

        monkeypatch.setattr(httpx, "get", get)

    return use


def found_of(settings: Settings) -> dict[str, Diagnosis]:
    return {each.subject: each for each in providers.examine(settings)}


def test_emulators_are_never_asked(answer: Callable[..., None]) -> None:
    answer(lambda url: pytest.fail(f"asked {url}"))

    found = found_of(Settings())

    assert {each.verdict for each in found.values()} == {Verdict.WELL}
    assert set(found) == {"auth server", "card provider"}


@pytest.mark.parametrize(("settings", "subject"), [(AUTH, "auth server"), (CARDS, "card provider")])
@pytest.mark.parametrize(
    ("status", "verdict"), [(200, Verdict.WELL), (401, Verdict.FAILURE), (500, Verdict.FAILURE)]
)
def test_a_provider_is_judged_by_its_answer(
    settings: Settings, subject: str, status: int, verdict: Verdict, answer: Callable[..., None]
) -> None:
    answer(lambda _: httpx.Response(status, json={"keys": [{}]}))

    found = found_of(settings)[subject]

    assert found.verdict is verdict
    assert bool(found.advice) is (verdict is not Verdict.WELL)


@pytest.mark.parametrize("settings", [AUTH, CARDS])
def test_a_provider_that_cannot_be_reached_is_a_failure_without_secrets(
    settings: Settings, answer: Callable[..., None]
) -> None:
    def refuse(_url: str) -> httpx.Response:
        raise httpx.ConnectError("no route for sk_test_secret and anon-key-of-ours")

    answer(refuse)

    told = " ".join(f"{each.told} {each.advice}" for each in found_of(settings).values())
    assert "no answer: ConnectError" in told
    assert "sk_test_secret" not in told
    assert "anon-key-of-ours" not in told


def test_an_auth_server_without_public_keys_needs_a_secret(answer: Callable[..., None]) -> None:
    answer(lambda _: httpx.Response(200, json={"keys": []}))

    assert found_of(AUTH)["signing keys"].verdict is Verdict.FAILURE


@pytest.mark.parametrize(
    ("off_s", "verdict"), [(0, Verdict.WELL), (10, Verdict.WARNING), (-600, Verdict.FAILURE)]
)
def test_a_clock_that_is_off_is_found_by_the_date_of_the_answer(
    off_s: int, verdict: Verdict, answer: Callable[..., None]
) -> None:
    date = format_datetime(datetime.now(UTC) + timedelta(seconds=off_s), usegmt=True)
    answer(lambda _: httpx.Response(200, headers={"Date": date}))

    assert found_of(CARDS)["clock"].verdict is verdict
