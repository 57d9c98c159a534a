"""One server for the emulators of the auth server and of Stripe, on its own loopback port.

    /auth/v1/…   the Supabase auth API          (project address: http://127.0.0.1:<port>)
    /v1/…        Stripe's REST API              (API base: http://127.0.0.1:<port>)
    /sandbox/…   triggers, see ``triggers``, and what would be mailed, see ``messages``

All state is in PostgreSQL, and mail in files, so ``kill -9`` loses nothing. While the database is
away every route answers 503, as the real services do in an outage.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import trio
from hypercorn.config import Config
from hypercorn.trio import serve
from quart import Response
from quart_trio import QuartTrio

from bountyexpo.sandbox import edge
from bountyexpo.sandbox.auth.api import AuthApi
from bountyexpo.sandbox.auth.passwords import Passwords
from bountyexpo.sandbox.auth.views import failed as auth_failed
from bountyexpo.sandbox.messages import MessageSink
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
    from bountyexpo.sandbox.sandbox_settings import SandboxSettings

# Connections that are still open when the server stops get this long.
GRACE_S = 1.0


class SandboxServer:
    """The emulators as one supervised child.

    Owns:      the loopback listener, the webhook relay, and the process that hashes passwords.
    Persists:  everything but ordered faults, in schema ``sandbox``; mail, in a folder.
    Restarts:  permanent; unsent events are sent again.
    """

    def __init__(self, pool: Pool, settings: SandboxSettings, clock: Clock) -> None:
        self._settings = settings
        self._pool = pool
        self._now = clock.now
        self.url: str | None = None
        tables = Tables(pool)
        self.passwords = Passwords(settings.password_cost)
        self.relay = WebhookRelay(
            pool,
            tables,
            clock,
            url=settings.webhook_url,
            secret=settings.webhook_secret,
            connect_secret=settings.connect_webhook_secret,
        )
        faults = Faults()
        sink = MessageSink(settings.messages)
        auth = AuthApi(pool, tables, clock, self.passwords, sink, settings)
        stripe = StripeApi(
            pool,
            tables,
            clock,
            faults,
            secret_key=settings.stripe_secret_key,
            on_event=self.relay.wake,
        )
        triggers = Triggers(pool, tables, stripe, self.relay, faults)
        self.app = QuartTrio("bountyexpo.sandbox")
        for part in (auth, stripe, triggers, sink):
            self.app.register_blueprint(part.blueprint())
        edge.apply(self.app, {"/auth/": auth_failed, STRIPE_ROOT: stripe_failed}, clock.now)
        self.app.add_url_rule("/", "index", _index)

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
            nursery.start_soon(self.passwords.run)
            task_status.started(self.url)


async def _index() -> Response:
    return Response(__doc__ or "", content_type="text/plain; charset=utf-8")
