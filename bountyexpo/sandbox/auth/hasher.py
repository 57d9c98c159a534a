"""The process that hashes passwords for the auth emulator: ``python -m`` with this module's name.

Its argument is the cost of new hashes; each hash that is stored says its own.

It takes one question a line, as JSON, and answers each with a line. Its niceness lets everything
else go first, and as one process it never has more than one core. It ends with its input, which the
kernel closes in whatever way the server ends.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import secrets
import sys
from contextlib import suppress
from typing import Any

NICENESS = 5

# 16 MiB and 40 to 70 ms: modest, for a machine that also runs everything else.
COST = 2**14
BLOCK = 8
SALT_BYTES = 16


def hash_password(password: str, cost: int = COST) -> str:
    """Return the text to store for ``password``."""
    salt = secrets.token_bytes(SALT_BYTES)
    return f"{cost}${salt.hex()}${_derive(password, salt, cost).hex()}"


def is_password(password: str, stored: str | None, cost: int = COST) -> bool:
    """Tell whether ``password`` is the one that ``stored`` was made from; None never is.

    Whoever has no password takes as long as somebody whose password was hashed at ``cost``.
    """
    *kept, salt, expected = (stored or f"{cost}${'00' * SALT_BYTES}${'00' * 64}").split("$")
    # Before hashes said their cost it was always the same.
    derived = _derive(password, bytes.fromhex(salt), int(kept[0]) if kept else COST)
    return hmac.compare_digest(derived, bytes.fromhex(expected)) and stored is not None


def main() -> None:
    """Answer until the input ends."""
    os.nice(NICENESS)
    cost = int(sys.argv[1])
    # Whoever asked may be gone before the answer.
    with suppress(BrokenPipeError):
        for line in sys.stdin.buffer:
            os.write(
                sys.stdout.fileno(), json.dumps(_answer(json.loads(line), cost)).encode() + b"\n"
            )


def _answer(question: dict[str, Any], cost: int) -> dict[str, Any]:
    password = question["password"]
    found: str | bool = (
        is_password(password, question["stored"], cost)
        if "stored" in question
        else hash_password(password, cost)
    )
    return {"number": question["number"], "found": found}


def _derive(password: str, salt: bytes, cost: int) -> bytes:
    return hashlib.scrypt(password.encode(), salt=salt, n=cost, r=BLOCK, p=1)


if __name__ == "__main__":
    main()
