"""Verification of access tokens, without asking the auth server for each request.

Three rules keep a forged token out. The algorithm named in the token only selects among the
algorithms a key was configured for: the shared secret verifies HS256 and nothing else, a published
key verifies its own RS256 or ES256 and nothing else, so a public key can never serve as an HMAC
secret and ``none`` matches no key. Time is read from our clock and compared after the signature.
Rights come from ``app_metadata``, which only the server can write (contract rest-core §2.1).

A verified token is remembered until it expires, because a check costs 160 µs and a lookup 2.5.
"""

from __future__ import annotations

import binascii
import hmac
import re
from collections import OrderedDict
from contextlib import suppress
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import httpx
import jwt
import msgspec
import trio

from bountyexpo.domain.identity import Identity
from bountyexpo.domain.ids import is_id
from bountyexpo.errors import NotAuthenticated, TokenExpired, Unavailable
from bountyexpo.observability import metrics

if TYPE_CHECKING:
    from bountyexpo.runtime.clock import Clock

# A token of the auth server is below 2 KiB; a longer one is refused before any work.
TOKEN_BYTES_MAX = 8192

# At about 1 KiB each this bounds the memory of the cache to a few tens of MiB.
CACHED_TOKENS_MAX = 20_000

# Tokens from a server whose clock is slightly ahead of ours are not "from the future".
CLOCK_SKEW_S = 30

# A token with an unknown key id may cause one fetch of the published keys in this time.
REFETCH_INTERVAL_S = 10.0

# A key the server withdrew is trusted no longer than this.
KEYS_AGE_MAX_S = 600.0

# After a failed fetch callers are answered "unavailable" for this time without asking again.
FAILED_FETCH_PAUSE_S = 1.0

FETCH_DEADLINE_S = 5.0

HMAC_ALGORITHM = "HS256"
PUBLISHED_KEY_ALGORITHMS = frozenset({"RS256", "ES256"})

# What a service key is called as a caller; it belongs to no user.
SERVICE_USER_ID = "service"

_hits = metrics.CACHE_HITS.labels("tokens")
_misses = metrics.CACHE_MISSES.labels("tokens")


class TokenVerifier:
    """Turns an access token into the identity of its bearer.

    Cache: ``CACHED_TOKENS_MAX`` verified tokens, the least recently used dropped first.
    """

    def __init__(
        self,
        *,
        secret: str | None,
        jwks_url: str | None,
        issuer: str | None,
        clock: Clock,
        audience: str = "authenticated",
        http: httpx.AsyncClient | None = None,
    ) -> None:
        self._secret = secret.encode() if secret else None
        self._keys = PublishedKeys(jwks_url, http) if jwks_url and http else None
        self._issuer = issuer
        self._audience = audience
        self._clock = clock
        self._verified: OrderedDict[bytes, Identity] = OrderedDict()

    async def verify(self, token: str) -> Identity:
        """Return who bears ``token``.

        Raises:
            NotAuthenticated: it is missing, malformed, forged, or not for a user of ours.
            TokenExpired: it was genuine, and its time is over.
            Unavailable: the keys to check it with cannot be fetched now.
        """
        digest = _digest(token)
        identity = self._verified.get(digest)
        if identity is None:
            _misses.inc()
            identity = identity_of(await self._claims(token), self._audience, self._issuer)
            self._remember(digest, identity)
        else:
            _hits.inc()
            self._verified.move_to_end(digest)
        if identity.expires_at <= self._clock.now().timestamp():
            del self._verified[digest]
            raise TokenExpired
        return identity

    def forget(self, token: str) -> None:
        """Drop a remembered token, so that its next use is checked from the start."""
        self._verified.pop(_digest(token), None)

    def _remember(self, digest: bytes, identity: Identity) -> None:
        self._verified[digest] = identity
        if len(self._verified) > CACHED_TOKENS_MAX:
            self._verified.popitem(last=False)

    async def _claims(self, token: str) -> dict[str, Any]:
        if not token or len(token) > TOKEN_BYTES_MAX:
            raise NotAuthenticated
        if self._secret is not None:
            claims = quick_claims(token, self._secret)
            if claims is not None:
                self._refuse_the_future(claims)
                return claims
        try:
            header = jwt.get_unverified_header(token)
            key, algorithm = await self._key_for(header)
            claims = jwt.decode(token, key, algorithms=[algorithm], options=_OUR_OWN_CHECKS)
        except (jwt.PyJWTError, ValueError) as error:
            raise NotAuthenticated from error
        self._refuse_the_future(claims)
        return claims

    async def _key_for(self, header: dict[str, Any]) -> tuple[Any, str]:
        algorithm = header.get("alg")
        if algorithm == HMAC_ALGORITHM and self._secret is not None:
            return self._secret, HMAC_ALGORITHM
        if algorithm in PUBLISHED_KEY_ALGORITHMS and self._keys is not None:
            key = await self._keys.get(str(header.get("kid", "")))
            if key.algorithm_name == algorithm:
                return key.key, key.algorithm_name
        raise NotAuthenticated

    def _refuse_the_future(self, claims: dict[str, Any]) -> None:
        latest = self._clock.now().timestamp() + CLOCK_SKEW_S
        for name in ("nbf", "iat"):
            moment = claims.get(name, 0)
            if not isinstance(moment, int | float) or moment > latest:
                raise NotAuthenticated


class PublishedKeys:
    """The auth server's public keys, by key id, fetched when an unknown id turns up."""

    def __init__(self, url: str, http: httpx.AsyncClient) -> None:
        self._url = url
        self._http = http
        self._keys: dict[str, jwt.PyJWK] = {}
        self._ask_again_at = float("-inf")
        self._renew_at = float("inf")
        self._failed = False
        self._fetching = trio.Lock()

    async def get(self, key_id: str) -> jwt.PyJWK:
        """Return the key with this id.

        Raises:
            NotAuthenticated: the server publishes no such key.
            Unavailable: the server cannot be asked.
        """
        if key_id not in self._keys:
            async with self._fetching:
                if key_id not in self._keys and trio.current_time() >= self._ask_again_at:
                    await self._fetch()
        elif self._is_renewal_due():
            async with self._fetching:
                # The keys at hand keep serving while the server is away.
                with suppress(Unavailable):
                    await self._fetch()
        key = self._keys.get(key_id)
        if key is None:
            raise Unavailable if self._failed else NotAuthenticated
        return key

    def _is_renewal_due(self) -> bool:
        due_at = max(self._renew_at, self._ask_again_at)
        return trio.current_time() >= due_at and not self._fetching.locked()

    async def _fetch(self) -> None:
        # A fetch that is cut off leaves "failed" behind, never "no such key".
        self._failed = True
        try:
            with trio.fail_after(FETCH_DEADLINE_S):
                response = await self._http.get(self._url, headers={"accept": "application/json"})
            response.raise_for_status()
            published = msgspec.json.decode(response.content, type=_KeySet)
        except (httpx.HTTPError, trio.TooSlowError, msgspec.MsgspecError) as error:
            self._ask_again_at = trio.current_time() + FAILED_FETCH_PAUSE_S
            raise Unavailable from error
        self._keys = dict(_usable_keys(published))
        self._ask_again_at = trio.current_time() + REFETCH_INTERVAL_S
        self._renew_at = trio.current_time() + KEYS_AGE_MAX_S
        self._failed = False


def quick_claims(token: str, secret: bytes) -> dict[str, Any] | None:
    """Return the claims of a plain HS256 token whose signature is good, else None.

    The library takes 20 times as long, which counts when everybody comes back at once. This only
    ever says yes; whatever it does not accept is for the library to judge.
    """
    parts = _PLAIN_TOKEN.fullmatch(token)
    if parts is None:
        return None
    signed, header, payload, signature = parts.groups()
    try:
        mac = _from_base64url(signature)
        found = _decode_header(_from_base64url(header))
        claims: dict[str, Any] = _decode_claims(_from_base64url(payload))
    except (ValueError, msgspec.MsgspecError):
        return None
    if found.alg == HMAC_ALGORITHM and hmac.compare_digest(
        mac, hmac.digest(secret, signed.encode(), "sha256")
    ):
        return claims
    return None


def identity_of(claims: dict[str, Any], audience: str, issuer: str | None) -> Identity:
    """Read the caller from the claims of a token whose signature is good.

    Raises:
        NotAuthenticated: the claims are not those of a signed-in user or of the service key.
    """
    expires_at = claims.get("exp")
    if not isinstance(expires_at, int | float):
        raise NotAuthenticated
    role = claims.get("role")
    if role == "service_role":
        # Service keys carry neither audience nor subject, and an issuer of their own.
        return Identity(
            user_id=SERVICE_USER_ID, expires_at=int(expires_at), role=role, is_service=True
        )
    subject = claims.get("sub")
    if role != "authenticated" or not is_id(subject) or not _is_for(claims.get("aud"), audience):
        raise NotAuthenticated
    if issuer is not None and claims.get("iss") != issuer:
        raise NotAuthenticated
    return Identity(
        user_id=str(subject).lower(),
        expires_at=int(expires_at),
        email=_text(claims.get("email")),
        role=role,
        is_admin=_is_admin(claims.get("app_metadata")),
        session_id=_text(claims.get("session_id")),
    )


# The signature is the library's work; times are ours (our clock), and so are the named claims.
_OUR_OWN_CHECKS: Any = {
    "verify_signature": True,
    "verify_exp": False,
    "verify_nbf": False,
    "verify_iat": False,
    "verify_aud": False,
    "verify_iss": False,
    "verify_sub": False,
    "verify_jti": False,
}


# Three segments of base64url without padding (RFC 7515 §3.1); the first group is what is signed.
_PLAIN_TOKEN = re.compile(r"(([\w-]+)\.([\w-]+))\.([\w-]{43})", re.ASCII)


class _PlainHeader(msgspec.Struct, forbid_unknown_fields=True):
    """A header without extensions: those change what a signature means (RFC 7515 §4.1.11)."""

    alg: str
    typ: str = "JWT"
    kid: str = ""


_decode_header = msgspec.json.Decoder(_PlainHeader).decode
_decode_claims = msgspec.json.Decoder(dict[str, Any]).decode


def _from_base64url(text: str) -> bytes:
    standard = text.replace("-", "+").replace("_", "/")
    return binascii.a2b_base64(standard + "=" * (-len(text) % 4))


class _KeySet(msgspec.Struct):
    keys: list[dict[str, Any]]


def _usable_keys(published: _KeySet) -> list[tuple[str, jwt.PyJWK]]:
    """Keep the signing keys of the algorithms we allow; others may stand beside them."""
    usable = []
    for entry in published.keys:
        if entry.get("use", "sig") != "sig":
            continue
        try:
            key = jwt.PyJWK(entry)
        except jwt.PyJWTError:
            continue
        if key.algorithm_name in PUBLISHED_KEY_ALGORITHMS:
            usable.append((str(entry.get("kid", "")), key))
    return usable


def _digest(token: str) -> bytes:
    # Whatever text came in, however broken, has a digest; the check that follows refuses it.
    return sha256(token.encode("utf-8", "surrogatepass")).digest()


def _is_for(found: Any, audience: str) -> bool:
    return audience in found if isinstance(found, list) else found == audience


def _is_admin(app_metadata: Any) -> bool:
    if not isinstance(app_metadata, dict):
        return False
    roles = app_metadata.get("roles")
    return app_metadata.get("role") == "admin" or (
        "admin" in roles if isinstance(roles, list) else roles == "admin"
    )


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None
