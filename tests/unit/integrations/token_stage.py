"""A server of published keys, and tokens to be believed or not."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime
from typing import Any

import httpx
import jwt
from cryptography.hazmat.primitives.asymmetric import rsa

SECRET = "a-secret-of-at-least-thirty-two-bytes"
USER = "11111111-1111-4111-8111-111111111111"
START = datetime(2026, 1, 1, tzinfo=UTC)
JWKS_URL = "http://auth.test/jwks.json"


class KeyServer:
    """Publishes keys, counts how often it is asked, and can be away."""

    def __init__(self) -> None:
        self.keys: list[dict[str, Any]] = []
        self.asked = 0
        self.is_away = False

    def publish(self, key: Any, kid: str, **more: Any) -> None:
        algorithm = "RS256" if isinstance(key, rsa.RSAPrivateKey) else "ES256"
        maker = jwt.get_algorithm_by_name(algorithm)
        self.keys.append({**json.loads(maker.to_jwk(key.public_key())), "kid": kid, **more})

    def answer(self, request: httpx.Request) -> httpx.Response:
        self.asked += 1
        if self.is_away:
            raise httpx.ConnectError("away", request=request)
        return httpx.Response(200, json={"keys": self.keys})


def claims(**changes: Any) -> dict[str, Any]:
    found = {
        "sub": USER,
        "aud": "authenticated",
        "iss": "https://auth.test/auth/v1",
        "role": "authenticated",
        "email": "a@example.test",
        "session_id": "22222222-2222-4222-8222-222222222222",
        "iat": int(START.timestamp()),
        "exp": int(START.timestamp()) + 3600,
        "app_metadata": {"provider": "email"},
        "user_metadata": {},
        **changes,
    }
    return {name: value for name, value in found.items() if value is not None}


def token(secret: str = SECRET, **changes: Any) -> str:
    return jwt.encode(claims(**changes), secret, algorithm="HS256")


def unsigned(algorithm: str) -> str:
    def part(value: dict[str, Any]) -> str:
        return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()

    return f"{part({'alg': algorithm, 'typ': 'JWT'})}.{part(claims())}."
