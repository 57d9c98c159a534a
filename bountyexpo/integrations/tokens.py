"""Verification of access tokens, without asking the auth server for each request.

Three rules keep a forged token out. The algorithm named in the token only selects among the
algorithms a key was configured for: the shared secret verifies HS256 and nothing else, a published
key verifies its own RS256 or ES256 and nothing else, so a public key can never serve as an HMAC
secret and ``none`` matches no key. Time is read from our clock and compared after the signature.
Rights come from ``app_metadata``, which only the server can write (contract rest-core §2.1).

A verified token is remembered until it expires, because a check costs 160 µs and a lookup 2.5; but
no longer than the key that signed it is published.
"""

from __future__ import annotations

import binascii
import hmac
import re
from collections import OrderedDict
from hashlib import sha256
from typing import TYPE_CHECKING, Any, NamedTuple

import jwt
import msgspec

from bountyexpo.errors import NotAuthenticated, TokenExpired
from bountyexpo.integrations.claims import Expected, identity_of
from bountyexpo.integrations.published_keys import ALGORITHMS, PublishedKeys
from bountyexpo.observability import metrics

if TYPE_CHECKING:
    from collections.abc import Collection

    import httpx

    from bountyexpo.domain.identity import Identity
    from bountyexpo.runtime.clock import Clock

# A token of the auth server is below 2 KiB; a longer one is refused before any work.
TOKEN_BYTES_MAX = 8192

# At about 1 KiB each this bounds the memory of the cache to a few tens of MiB.
CACHED_TOKENS_MAX = 20_000

HMAC_ALGORITHM = "HS256"

AUDIENCE = "authenticated"

_hits = metrics.CACHE_HITS.labels("tokens")
_misses = metrics.CACHE_MISSES.labels("tokens")


class _Verified(NamedTuple):
    identity: Identity
    # The published key that it was verified with; None for the shared secret.
    key: jwt.PyJWK | None


class TokenVerifier:
    """Turns an access token into the identity of its bearer.

    Cache: ``CACHED_TOKENS_MAX`` verified tokens, the least recently used dropped first.
    """

    def __init__(
        self,
        *,
        secret: str | None,
        jwks_url: str | None,
        issuers: Collection[str] | None,
        clock: Clock,
        audience: str = AUDIENCE,
        http: httpx.AsyncClient | None = None,
    ) -> None:
        self._secret = secret.encode() if secret else None
        self._keys = PublishedKeys(jwks_url, http) if jwks_url and http else None
        self._expected = Expected(
            audience=audience, issuers=None if issuers is None else frozenset(issuers)
        )
        self._clock = clock
        self._verified: OrderedDict[bytes, _Verified] = OrderedDict()

    async def verify(self, token: str) -> Identity:
        """Return who bears ``token``.

        Raises:
            NotAuthenticated: it is missing, malformed, forged, or not for a user of ours.
            TokenExpired: it was genuine, and its time is over.
            Unavailable: the keys to check it with cannot be fetched now.
        """
        digest = _digest(token)
        found = self._verified.get(digest)
        if found is not None and found.key is not None and not await self._still_trusts(found.key):
            self._verified.pop(digest, None)
            found = None
        if found is None:
            _misses.inc()
            found = await self._check(token, digest)
            self._remember(digest, found)
        else:
            _hits.inc()
            self._remember(digest, found)
        if found.identity.expires_at <= self._clock.now().timestamp():
            self._verified.pop(digest, None)
            raise TokenExpired
        return found.identity

    async def _still_trusts(self, key: jwt.PyJWK) -> bool:
        """Tell whether a key is published as it was, and look again when that is due."""
        assert self._keys is not None
        return await self._keys.get(key.key_id or "") is key

    def _remember(self, digest: bytes, found: _Verified) -> None:
        self._verified[digest] = found
        self._verified.move_to_end(digest)
        if len(self._verified) > CACHED_TOKENS_MAX:
            self._verified.popitem(last=False)

    async def _check(self, token: str, digest: bytes) -> _Verified:
        if not token or len(token) > TOKEN_BYTES_MAX:
            raise NotAuthenticated
        claims = quick_claims(token, self._secret) if self._secret is not None else None
        key = None
        if claims is None:
            claims, key = await self._read(token)
        now = self._clock.now().timestamp()
        own_id = f"token:{digest.hex()[:32]}"
        return _Verified(identity_of(claims, self._expected, now=now, own_id=own_id), key)

    async def _read(self, token: str) -> tuple[dict[str, Any], jwt.PyJWK | None]:
        try:
            header = jwt.get_unverified_header(token)
            key, material, algorithm = await self._key_for(header)
            claims = jwt.decode(token, material, algorithms=[algorithm], options=_OUR_OWN_CHECKS)
        except (jwt.PyJWTError, ValueError) as error:
            raise NotAuthenticated from error
        return claims, key

    async def _key_for(self, header: dict[str, Any]) -> tuple[jwt.PyJWK | None, Any, str]:
        """Return the published key, None for the shared secret, its material and algorithm."""
        algorithm = header.get("alg")
        if algorithm == HMAC_ALGORITHM and self._secret is not None:
            return None, self._secret, HMAC_ALGORITHM
        if algorithm in ALGORITHMS and self._keys is not None:
            key = await self._keys.get(str(header.get("kid", "")))
            if key.algorithm_name == algorithm:
                return key, key.key, key.algorithm_name
        raise NotAuthenticated


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


def _digest(token: str) -> bytes:
    # Whatever text came in, however broken, has a digest; the check that follows refuses it.
    return sha256(token.encode("utf-8", "surrogatepass")).digest()
