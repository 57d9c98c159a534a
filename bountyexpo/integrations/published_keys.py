"""The public keys of the auth server, by which tokens that it signs with a private key are read.

They are fetched when an unknown key id turns up, and looked at again every minute, so that a key
that was withdrawn is soon trusted no more. Not to know a key *yet* is no fault of the caller: until
the server may be asked again, such a token is answered "unavailable", for on a 401 the app signs
out (contract rest-core §2.1).
"""

from __future__ import annotations

import math
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

import httpx
import jwt
import msgspec
import trio

from bountyexpo.errors import NotAuthenticated, Unavailable

if TYPE_CHECKING:
    from collections.abc import Iterator

ALGORITHMS: Final = frozenset({"RS256", "ES256"})

# A token with an unknown key id may cause one fetch of the published keys in this time.
REFETCH_INTERVAL_S: Final = 10.0

# A key the server withdrew is trusted no longer than this, as long as the server can be asked.
KEYS_AGE_MAX_S: Final = 60.0

# After a failed fetch callers are answered "unavailable" for this time without asking again.
FAILED_FETCH_PAUSE_S: Final = 1.0

FETCH_DEADLINE_S: Final = 5.0

# Key ids that are remembered as not published, until the next fetch.
ABSENT_MAX: Final = 1_000

# Key ids are short; whatever is longer names no key.
KEY_ID_CHARS_MAX: Final = 255


class PublishedKeys:
    """The auth server's public keys, by key id."""

    def __init__(self, url: str, http: httpx.AsyncClient) -> None:
        self._url = url
        self._http = http
        self._entries: dict[str, dict[str, Any]] = {}
        self._keys: dict[str, jwt.PyJWK] = {}
        # Key ids that the last fetch, made after they were first seen, has not brought.
        self._absent: set[str] = set()
        self._ask_again_at = float("-inf")
        self._renew_at = float("inf")
        self._failed = False
        self._fetching = trio.Lock()

    async def get(self, key_id: str) -> jwt.PyJWK:
        """Return the key with this id; the same object as long as it is published unchanged.

        Raises:
            NotAuthenticated: the server publishes no such key.
            Unavailable: the server cannot be asked, or not yet again.
        """
        if len(key_id) > KEY_ID_CHARS_MAX:
            raise NotAuthenticated
        if key_id not in self._keys:
            async with self._fetching:
                if key_id not in self._keys and trio.current_time() >= self._ask_again_at:
                    await self._fetch(wanted=key_id)
        elif self._is_renewal_due():
            async with self._fetching:
                # The keys at hand keep serving while the server is away.
                with suppress(Unavailable):
                    await self._fetch(wanted=key_id)
        key = self._keys.get(key_id)
        if key is not None:
            return key
        if self._failed or key_id not in self._absent:
            wait_s = self._ask_again_at - trio.current_time()
            raise Unavailable(retry_after_s=max(1, math.ceil(wait_s)))
        raise NotAuthenticated

    def _is_renewal_due(self) -> bool:
        due_at = max(self._renew_at, self._ask_again_at)
        return trio.current_time() >= due_at and not self._fetching.locked()

    async def _fetch(self, wanted: str) -> None:
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
        self._replace(published, wanted)
        self._ask_again_at = trio.current_time() + REFETCH_INTERVAL_S
        self._renew_at = trio.current_time() + KEYS_AGE_MAX_S
        self._failed = False

    def _replace(self, published: _KeySet, wanted: str) -> None:
        """Take over what is published; a key that has not changed stays the same object."""
        before, keys = self._keys, dict(_usable_keys(published))
        entries = {key_id: entry for key_id, (entry, _) in keys.items()}
        self._keys = {
            key_id: before[key_id] if self._entries.get(key_id) == entry else key
            for key_id, (entry, key) in keys.items()
        }
        self._entries = entries
        known = self._absent if len(self._absent) < ABSENT_MAX else set[str]()
        self._absent = (known | before.keys() | {wanted}) - self._keys.keys()


class _KeySet(msgspec.Struct):
    keys: list[dict[str, Any]]


def _usable_keys(published: _KeySet) -> Iterator[tuple[str, tuple[dict[str, Any], jwt.PyJWK]]]:
    """Keep the signing keys of the algorithms we allow; others may stand beside them."""
    for entry in published.keys:
        if entry.get("use", "sig") != "sig":
            continue
        try:
            key = jwt.PyJWK(entry)
        except jwt.PyJWTError:
            continue
        if key.algorithm_name in ALGORITHMS:
            yield str(entry.get("kid", "")), (entry, key)
