"""The quick check of plain tokens says yes only where the library would."""

from __future__ import annotations

import base64
import hmac

import jwt
import msgspec
import pytest
from bountyexpo.integrations.tokens import quick_claims

SECRET_BYTES = b"a-secret-of-more-than-thirty-two-bytes"


def test_the_quick_check_agrees_with_the_library():
    claims = {"sub": "anna", "exp": 1, "name": "Ünï", "deep": {"list": [1, 2.5, None]}}
    token = jwt.encode(claims, SECRET_BYTES, algorithm="HS256")

    assert quick_claims(token, SECRET_BYTES) == claims


@pytest.mark.parametrize(
    "options",
    [
        {"algorithm": "HS384"},
        {"algorithm": "HS256", "headers": {"crit": ["exp"]}},
        {"algorithm": "HS256", "headers": {"b64": False}},
        {"algorithm": "HS256", "headers": {"kid": 5}},
    ],
)
def test_the_quick_check_leaves_the_unusual_to_the_library(options):
    header = {"typ": "JWT", "alg": options["algorithm"], **options.get("headers", {})}
    signed = ".".join(_segment(part) for part in (header, {"sub": "anna"}))
    mac = hmac.digest(SECRET_BYTES, signed.encode(), "sha256")
    token = f"{signed}.{base64.urlsafe_b64encode(mac).rstrip(b'=').decode()}"

    assert quick_claims(token, SECRET_BYTES) is None


@pytest.mark.parametrize("place", [0, 20, 60, -20])
def test_the_quick_check_sees_every_change(place):
    token = jwt.encode({"sub": "anna", "exp": 1, "iat": 0}, SECRET_BYTES, algorithm="HS256")
    changed = "A" if token[place] != "A" else "B"
    forged = f"{token[: place % len(token)]}{changed}{token[place % len(token) + 1 :]}"

    assert quick_claims(token, SECRET_BYTES) is not None
    assert quick_claims(forged, SECRET_BYTES) is None
    assert quick_claims(token, SECRET_BYTES + b"x") is None


@pytest.mark.parametrize(
    "text", ["", "a.b.c", "é" * 50, "e30.e30." + "é" * 43, "[].[]." + "A" * 43]
)
def test_the_quick_check_survives_anything(text):
    assert quick_claims(text, SECRET_BYTES) is None


def _segment(value):
    return base64.urlsafe_b64encode(msgspec.json.encode(value)).rstrip(b"=").decode()
