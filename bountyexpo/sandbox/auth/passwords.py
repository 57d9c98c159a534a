"""Passwords at rest: scrypt, in a thread, because it takes tens of milliseconds by intention."""

from __future__ import annotations

import hashlib
import hmac
import secrets

import trio

# 16 MiB and about 40 ms: modest, for a machine that also runs everything else.
COST = 2**14
BLOCK = 8
SALT_BYTES = 16


async def hash_password(password: str) -> str:
    """Return the text to store for ``password``."""
    salt = secrets.token_bytes(SALT_BYTES)
    return f"{salt.hex()}${(await _derive(password, salt)).hex()}"


async def is_password(password: str, stored: str) -> bool:
    """Tell whether ``password`` is the one that ``stored`` was made from."""
    salt, _, expected = stored.partition("$")
    return hmac.compare_digest(
        await _derive(password, bytes.fromhex(salt)), bytes.fromhex(expected)
    )


async def _derive(password: str, salt: bytes) -> bytes:
    def work() -> bytes:
        return hashlib.scrypt(password.encode(), salt=salt, n=COST, r=BLOCK, p=1)

    return await trio.to_thread.run_sync(work)
