"""The clients of the auth server and of Stripe, or of the emulators in their place."""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpx

from bountyexpo.integrations.stripe.port import Stripe
from bountyexpo.integrations.supabase import SupabaseAuth
from bountyexpo.integrations.tls import trusted
from bountyexpo.integrations.tokens import TokenVerifier

if TYPE_CHECKING:
    from bountyexpo.runtime.clock import Clock
    from bountyexpo.sandbox.emulators import Providers

# The auth server's answers are waited for at most this long at the transport.
AUTH_TIMEOUT_S = 8.0


class Clients:
    """One client for each outside service."""

    def __init__(self, found: Providers, audience: str, clock: Clock) -> None:
        http = httpx.AsyncClient(verify=trusted(), timeout=AUTH_TIMEOUT_S)
        self.stripe = Stripe(
            found.stripe_secret_key,
            found.stripe_api_base,
            found.stripe_webhook_secrets,
            livemode=found.is_live,
        )
        self.auth = SupabaseAuth(
            found.supabase_url,
            found.supabase_anon_key,
            found.supabase_service_role_key,
            http,
        )
        self.tokens = TokenVerifier(
            secret=found.jwt_secret,
            jwks_url=f"{found.supabase_url}/auth/v1/.well-known/jwks.json",
            issuers=found.jwt_issuers,
            audience=audience,
            clock=clock,
            http=http,
        )
