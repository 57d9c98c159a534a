"""One server for the emulators of the auth server and of Stripe, on its own loopback port.

    /auth/v1/…   the Supabase auth API          (project address: http://127.0.0.1:<port>)
    /v1/…        Stripe's REST API              (API base: http://127.0.0.1:<port>)
    /sandbox/…   triggers, see ``triggers``

All state is in PostgreSQL, so ``kill -9`` loses nothing. While the database is away every route
answers 503, as the real services do in an outage.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import trio
from hypercorn.config import Config
from hypercorn.trio import serve
from quart import Response
from quart_trio import QuartTrio

from bountyexpo.sandbox import edge
from bountyexpo.sandbox.auth.api import AuthApi
from bountyexpo.sandbox.auth.store import AuthStore
from bountyexpo.sandbox.auth.tokens import Algorithm, TokenSigner, api_key
from bountyexpo.sandbox.auth.views import failed as auth_failed
from bountyexpo.sandbox.operator import make_operator
from bountyexpo.sandbox.stripe.api import ROOT as STRIPE_ROOT
from bountyexpo.sandbox.stripe.api import StripeApi
from bountyexpo.sandbox.stripe.api import failed as stripe_failed
from bountyexpo.sandbox.stripe.faults import Faults
from bountyexpo.sandbox.stripe.webhooks import WebhookRelay
from bountyexpo.sandbox.tables import Tables
from bountyexpo.sandbox.triggers import Triggers

if TYPE_CHECKING:
    from bountyexpo.persistence.pool import Pool
    from bountyexpo.runtime.clock import Clock

# Connections that are still open when the server stops get this long.
GRACE_S = 1.0


@dataclass(frozen=True, kw_only=True)
class SandboxSettings:
    """What the emulators must agree on with the service."""

    jwt_secret: str
    stripe_secret_key: str
    webhook_url: str
    webhook_secret: str
    host: str = "127.0.0.1"
    port: int = 0
    issuer: str = "http://127.0.0.1/auth/v1"
    signing: Algorithm = "HS256"

    def __repr__(self) -> str:
        return f"SandboxSettings(host={self.host!r}, port={self.port})"

    @property
    def anon_key(self) -> str:
        """The project key that apps carry."""
        return api_key("anon", self.jwt_secret)

    @property
    def service_role_key(self) -> str:
        """The project key of the service itself."""
        return api_key("service_role", self.jwt_secret)


class SandboxServer:
    """The emulators as one supervised child.

    Owns:      the loopback listener and the webhook relay.
    Persists:  everything but ordered faults, in schema ``sandbox``.
    Restarts:  permanent; unsent events are sent again.
    """

    def __init__(self, pool: Pool, settings: SandboxSettings, clock: Clock) -> None:
        self._settings = settings
        self._pool = pool
        self.url: str | None = None
        tables = Tables(pool)
        self.relay = WebhookRelay(
            pool, tables, clock, url=settings.webhook_url, secret=settings.webhook_secret
        )
        self._now = clock.now
        self.app = create_app(pool, tables, settings, clock, self.relay)

    async def run(self, *, task_status: trio.TaskStatus[str] = trio.TASK_STATUS_IGNORED) -> None:
        """Listen and deliver until cancelled; reports the address it listens on."""
        config = Config()
        config.bind = [f"{self._settings.host}:{self._settings.port}"]
        config.graceful_timeout = GRACE_S
        config.loglevel = "WARNING"
        app = edge.BodyFirst(self.app, self._now)
        listen = partial(serve, app, config, shutdown_trigger=trio.sleep_forever)
        async with trio.open_nursery() as nursery:
            addresses = await nursery.start(listen)
            self.url = str(addresses[0])
            nursery.start_soon(self.relay.run)
            nursery.start_soon(make_operator, self._pool)
            task_status.started(self.url)


def create_app(
    pool: Pool, tables: Tables, settings: SandboxSettings, clock: Clock, relay: WebhookRelay
) -> QuartTrio:
    """Return the app with all emulators on it."""
    app = QuartTrio("bountyexpo.sandbox")
    faults = Faults()
    auth = AuthApi(
        AuthStore(pool, tables),
        TokenSigner(settings.jwt_secret, settings.issuer, settings.signing),
        clock,
        anon_key=settings.anon_key,
        service_role_key=settings.service_role_key,
    )
    stripe = StripeApi(
        pool,
        tables,
        clock,
        faults,
        secret_key=settings.stripe_secret_key,
        on_event=relay.wake,
    )
    app.register_blueprint(auth.blueprint())
    app.register_blueprint(stripe.blueprint())
    app.register_blueprint(Triggers(pool, tables, stripe, relay, faults).blueprint())
    edge.apply(app, {"/auth/": auth_failed, STRIPE_ROOT: stripe_failed}, clock.now)
    app.add_url_rule("/", "index", _index)
    return app


async def _index() -> Response:
    return Response(__doc__ or "", content_type="text/plain; charset=utf-8")
