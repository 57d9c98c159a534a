"""Keys that the auth server publishes: new ones, withdrawn ones, and a server that is away."""

from __future__ import annotations

import base64

import httpx
import jwt
import pytest
import trio
from bountyexpo.errors import NotAuthenticated, Unavailable
from bountyexpo.integrations import published_keys
from bountyexpo.integrations.tokens import TokenVerifier
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.unit.integrations.token_stage import JWKS_URL, SECRET, USER, claims, unsigned


@pytest.mark.parametrize("kind", ["rsa_key", "ec_key"])
async def test_a_published_key_verifies_its_own_algorithm(jwks_verifier, key_server, kind, request):
    key = request.getfixturevalue(kind)
    algorithm = {"rsa_key": "RS256", "ec_key": "ES256"}[kind]
    key_server.publish(key, "k1")

    signed = jwt.encode(claims(), key, algorithm=algorithm, headers={"kid": "k1"})

    assert (await jwks_verifier.verify(signed)).user_id == USER


async def test_a_published_key_is_no_hmac_secret(clock, key_server, rsa_key):
    key_server.publish(rsa_key, "k1")
    http = httpx.AsyncClient(transport=httpx.MockTransport(key_server.answer))
    both = TokenVerifier(secret=SECRET, jwks_url=JWKS_URL, issuers=None, clock=clock, http=http)
    public = rsa_key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)

    # Made by hand, because the library refuses to sign with a public key.
    hs256 = jwt.get_algorithm_by_name("HS256")
    signing_input = unsigned("HS256")[:-1].encode()
    signature = base64.urlsafe_b64encode(hs256.sign(signing_input, public)).rstrip(b"=")
    forged = (signing_input + b"." + signature).decode()

    with pytest.raises(NotAuthenticated):
        await both.verify(forged)


async def test_a_key_of_another_algorithm_is_refused(jwks_verifier, key_server, ec_key, rsa_key):
    key_server.publish(ec_key, "k1")
    signed = jwt.encode(claims(), rsa_key, algorithm="RS256", headers={"kid": "k1"})

    with pytest.raises(NotAuthenticated):
        await jwks_verifier.verify(signed)


async def test_a_published_symmetric_key_is_ignored(jwks_verifier, key_server):
    key = base64.urlsafe_b64encode(SECRET.encode()).rstrip(b"=").decode()
    key_server.keys.append({"kty": "oct", "k": key, "kid": "k1", "alg": "HS256"})

    with pytest.raises(NotAuthenticated):
        await jwks_verifier.verify(jwt.encode(claims(), SECRET, headers={"kid": "k1"}))


async def test_a_new_key_is_fetched_at_most_every_ten_seconds(
    jwks_verifier, key_server, ec_key, autojump_clock
):
    key_server.publish(ec_key, "old")
    newer = ec.generate_private_key(ec.SECP256R1())
    sign = {
        kid: jwt.encode(claims(), key, algorithm="ES256", headers={"kid": kid})
        for kid, key in (("old", ec_key), ("new", newer), ("ghost", newer))
    }
    await jwks_verifier.verify(sign["old"])
    key_server.keys.clear()
    key_server.publish(newer, "new")

    for _ in range(2):
        with pytest.raises(Unavailable) as caught:
            await jwks_verifier.verify(sign["new"])
        assert caught.value.retry_after_s == published_keys.REFETCH_INTERVAL_S
    assert key_server.asked == 1
    await trio.sleep(published_keys.REFETCH_INTERVAL_S)
    assert (await jwks_verifier.verify(sign["new"])).user_id == USER
    with pytest.raises(Unavailable):
        await jwks_verifier.verify(sign["ghost"])
    await trio.sleep(published_keys.REFETCH_INTERVAL_S)
    for _ in range(5):
        with pytest.raises(NotAuthenticated):
            await jwks_verifier.verify(sign["ghost"])

    assert key_server.asked == 3


async def test_a_key_that_was_withdrawn_takes_its_remembered_tokens_along(
    jwks_verifier, key_server, ec_key, autojump_clock
):
    newer = ec.generate_private_key(ec.SECP256R1())
    old, new = (
        jwt.encode(claims(), key, algorithm="ES256", headers={"kid": kid})
        for kid, key in (("old", ec_key), ("new", newer))
    )
    key_server.publish(ec_key, "old")
    await jwks_verifier.verify(old)
    key_server.keys.clear()
    key_server.publish(newer, "new")
    await trio.sleep(published_keys.REFETCH_INTERVAL_S)

    await jwks_verifier.verify(new)

    with pytest.raises(NotAuthenticated):
        await jwks_verifier.verify(old)


async def test_a_key_that_was_replaced_under_its_id_is_trusted_no_more(
    jwks_verifier, key_server, ec_key, autojump_clock
):
    key_server.publish(ec_key, "k1")
    signed = jwt.encode(claims(), ec_key, algorithm="ES256", headers={"kid": "k1"})
    await jwks_verifier.verify(signed)
    key_server.keys.clear()
    key_server.publish(ec.generate_private_key(ec.SECP256R1()), "k1")
    await trio.sleep(published_keys.KEYS_AGE_MAX_S)

    with pytest.raises(NotAuthenticated):
        await jwks_verifier.verify(signed)


async def test_a_withdrawn_key_is_trusted_for_a_minute_at_most(
    jwks_verifier, key_server, ec_key, autojump_clock
):
    key_server.publish(ec_key, "k1")
    signed = [
        jwt.encode(claims(n=n), ec_key, algorithm="ES256", headers={"kid": "k1"}) for n in range(3)
    ]
    await jwks_verifier.verify(signed[0])
    key_server.is_away = True
    await trio.sleep(published_keys.KEYS_AGE_MAX_S)

    for each in signed[:2]:
        await jwks_verifier.verify(each)
    key_server.is_away = False
    key_server.keys.clear()
    await trio.sleep(published_keys.FAILED_FETCH_PAUSE_S)

    for each in signed:
        with pytest.raises(NotAuthenticated):
            await jwks_verifier.verify(each)


async def test_the_same_key_published_again_keeps_the_remembered_tokens(
    jwks_verifier, key_server, ec_key, autojump_clock
):
    key_server.publish(ec_key, "k1")
    signed = jwt.encode(claims(), ec_key, algorithm="ES256", headers={"kid": "k1"})
    identity = await jwks_verifier.verify(signed)
    await trio.sleep(published_keys.KEYS_AGE_MAX_S)

    assert await jwks_verifier.verify(signed) is identity
    assert key_server.asked == 2


@pytest.mark.parametrize("kid", ["", "x" * 300, None])
async def test_an_odd_key_id_is_refused(jwks_verifier, key_server, ec_key, kid):
    key_server.publish(ec_key, "k1")
    headers = {"kid": kid} if kid is not None else {}

    with pytest.raises(NotAuthenticated):
        await jwks_verifier.verify(jwt.encode(claims(), ec_key, algorithm="ES256", headers=headers))


async def test_an_unreachable_key_server_is_not_the_callers_fault(
    jwks_verifier, key_server, ec_key, autojump_clock
):
    key_server.publish(ec_key, "k1")
    key_server.is_away = True
    signed = jwt.encode(claims(), ec_key, algorithm="ES256", headers={"kid": "k1"})

    for _ in range(3):
        with pytest.raises(Unavailable):
            await jwks_verifier.verify(signed)
    assert key_server.asked == 1
    key_server.is_away = False
    await trio.sleep(published_keys.FAILED_FETCH_PAUSE_S)

    assert (await jwks_verifier.verify(signed)).user_id == USER


async def test_many_callers_cause_one_fetch(jwks_verifier, key_server, ec_key):
    key_server.publish(ec_key, "k1")
    signed = jwt.encode(claims(), ec_key, algorithm="ES256", headers={"kid": "k1"})

    async with trio.open_nursery() as nursery:
        for _ in range(10):
            nursery.start_soon(jwks_verifier.verify, signed)

    assert key_server.asked == 1


async def test_a_silent_key_server_is_given_up(clock, ec_key, autojump_clock):
    async def never(request: httpx.Request) -> httpx.Response:
        await trio.sleep_forever()

    http = httpx.AsyncClient(transport=httpx.MockTransport(never))
    verifier = TokenVerifier(secret=None, jwks_url=JWKS_URL, issuers=None, clock=clock, http=http)
    signed = jwt.encode(claims(), ec_key, algorithm="ES256", headers={"kid": "k1"})
    started = trio.current_time()

    with pytest.raises(Unavailable):
        await verifier.verify(signed)

    assert trio.current_time() - started == pytest.approx(published_keys.FETCH_DEADLINE_S)
