"""The process that hashes passwords for the auth emulator: ``python -m`` with this module's name.

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

# Whoever has no password takes as long as anybody else.
NOBODY = f"{'00' * SALT_BYTES}${'00' * 64}"


def hash_password(password: str) -> str:
    """Return the text to store for ``password``."""
    salt = secrets.token_bytes(SALT_BYTES)
    return f"{salt.hex()}${_derive(password, salt).hex()}"


def is_password(password: str, stored: str | None) -> bool:
    """Tell whether ``password`` is the one that ``stored`` was made from; None never is."""
    salt, _, expected = (stored or NOBODY).partition("$")
    derived = _derive(password, bytes.fromhex(salt))
    return hmac.compare_digest(derived, bytes.fromhex(expected)) and stored is not None


def main() -> None:
    """Answer until the input ends."""
    os.nice(NICENESS)
    # Whoever asked may be gone before the answer.
    with suppress(BrokenPipeError):
        for line in sys.stdin.buffer:
            os.write(sys.stdout.fileno(), json.dumps(_answer(json.loads(line))).encode() + b"\n")


def _answer(question: dict[str, Any]) -> dict[str, Any]:
    password = question["password"]
    found: str | bool = (
        is_password(password, question["stored"])
        if "stored" in question
        else hash_password(password)
    )
    return {"number": question["number"], "found": found}


def _derive(password: str, salt: bytes) -> bytes:
    return hashlib.scrypt(password.encode(), salt=salt, n=COST, r=BLOCK, p=1)


if __name__ == "__main__":
    main()
