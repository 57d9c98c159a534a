"""Access tokens of the auth emulator, with the claims of Supabase (contract rest-core §2.1)."""

from __future__ import annotations

import json
from datetime import timedelta
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Literal

import jwt
from cryptography.hazmat.primitives.asymmetric import ec

if TYPE_CHECKING:
    from datetime import datetime

Algorithm = Literal["HS256", "ES256"]

LIFETIME_S = 3600

# API keys do not end within the life of a sandbox; a fixed time keeps them the same at each start.
API_KEY_ISSUED_AT = 1_700_000_000
API_KEY_EXPIRES_AT = 4_000_000_000


def api_key(role: Literal["anon", "service_role"], secret: str) -> str:
    """Return the project key of ``role``: the same for the same secret, as Supabase's are."""
    claims = {
        "iss": "supabase",
        "ref": "sandbox",
        "role": role,
        "iat": API_KEY_ISSUED_AT,
        "exp": API_KEY_EXPIRES_AT,
    }
    return jwt.encode(claims, secret, algorithm="HS256")


class TokenSigner:
    """Signs and reads access tokens, with the secret itself or with a key pair made from it."""

    def __init__(self, secret: str, issuer: str, algorithm: Algorithm = "HS256") -> None:
        self._issuer = issuer
        self._algorithm = algorithm
        self._secret = secret
        self._key: Any = secret
        self._public: Any = secret
        self._headers: dict[str, str] = {}
        if algorithm == "ES256":
            # Derived, so that tokens outlive a restart with nothing stored.
            digest = int.from_bytes(sha256(secret.encode()).digest(), "big")
            self._key = ec.derive_private_key(digest >> 1, ec.SECP256R1())
            self._public = self._key.public_key()
            self._headers = {"kid": sha256(b"kid" + secret.encode()).hexdigest()[:32]}

    def sign(
        self, user: dict[str, Any], session_id: str, now: datetime, method: str = "password"
    ) -> tuple[str, int]:
        """Return a token for one session of ``user``, and when it expires."""
        issued_at = int(now.timestamp())
        expires_at = int((now + timedelta(seconds=LIFETIME_S)).timestamp())
        claims = {
            "iss": self._issuer,
            "sub": user["id"],
            "aud": "authenticated",
            "exp": expires_at,
            "iat": issued_at,
            "email": user["email"],
            "phone": user.get("phone") or "",
            "app_metadata": user["app_metadata"],
            "user_metadata": user["user_metadata"],
            "role": "authenticated",
            "aal": "aal1",
            "amr": [{"method": method, "timestamp": issued_at}],
            "session_id": session_id,
            "is_anonymous": False,
        }
        token = jwt.encode(claims, self._key, algorithm=self._algorithm, headers=self._headers)
        return token, expires_at

    def read(self, token: str, now: datetime) -> dict[str, Any] | None:
        """Return the claims of a genuine, living token, or of a project key; else None."""
        keys = ((self._public, self._algorithm), (self._secret, "HS256"))
        for key, algorithm in keys:
            try:
                claims: dict[str, Any] = jwt.decode(
                    token, key, algorithms=[algorithm], options=_SIGNATURE_ONLY
                )
            except jwt.PyJWTError:
                continue
            return claims if claims.get("exp", 0) > now.timestamp() else None
        return None

    def published_keys(self) -> dict[str, Any]:
        """Return the JWKS document; a shared secret is of course not in it."""
        if self._algorithm == "HS256":
            return {"keys": []}
        key = json.loads(jwt.get_algorithm_by_name(self._algorithm).to_jwk(self._public))
        more = {"alg": self._algorithm, "use": "sig", "key_ops": ["verify"], **self._headers}
        return {"keys": [{**key, **more}]}


# Times are compared with the clock that was given, not with the library's.
_SIGNATURE_ONLY: Any = {
    "verify_exp": False,
    "verify_iat": False,
    "verify_nbf": False,
    "verify_aud": False,
}
