"""Health, metrics, the supervisor tree and the index: what operators and probes ask for.

They are operations of a small catalogue of the edge's own, so they are answered and documented
like all others. None of them waits for anything, and no probe is limited: one that is refused
would take a healthy service out of rotation.
"""

from __future__ import annotations

import hmac
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from bountyexpo import __version__
from bountyexpo.edge.client_address import is_local
from bountyexpo.edge.refusal import timestamp
from bountyexpo.errors import NotAllowed
from bountyexpo.http.limits import OTHER
from bountyexpo.observability import metrics
from bountyexpo.operations.call import RawReply
from bountyexpo.operations.catalogue import READ, UNLIMITED, Catalogue
from bountyexpo.operations.edge_access import GRANTS

if TYPE_CHECKING:
    from bountyexpo.operations.call import Call

SERVICE_NAME = "bountyexpo-api"

# What a probe waits before it asks a service that is not ready again, in seconds.
NOT_READY_RETRY_S = "1"

EDGE = Catalogue(GRANTS)


@EDGE.operation("health.status", http="GET /health", rate=UNLIMITED, heeds_token=False)
async def status(call: Call) -> dict[str, Any]:
    """Tell that the process answers, and which version it is."""
    settings = call.services.settings
    return {
        "status": "ok",
        "timestamp": timestamp(call.services.clock.now()),
        "version": __version__,
        "service": SERVICE_NAME,
        "stripeConfigured": settings.stripe_secret_key is not None,
        "supabaseConfigured": settings.supabase_url is not None,
    }


@EDGE.operation("health.livez", http="GET /livez", rate=UNLIMITED, heeds_token=False)
@EDGE.operation("health.live", http="GET /health/live", rate=UNLIMITED, heeds_token=False)
async def live(call: Call) -> dict[str, bool]:  # noqa: ARG001
    """Tell that the process is alive."""
    return {"alive": True}


@EDGE.operation("health.readyz", http="GET /readyz", rate=UNLIMITED, heeds_token=False)
@EDGE.operation("health.ready", http="GET /health/ready", rate=UNLIMITED, heeds_token=False)
async def ready(call: Call) -> dict[str, Any]:
    """Tell whether the service can take requests; 503 while it starts, drains or has no storage."""
    reason = call.services.readiness()
    if reason is None:
        return {"ready": True}
    call.reply_status = HTTPStatus.SERVICE_UNAVAILABLE
    call.reply_headers["retry-after"] = NOT_READY_RETRY_S
    return {"ready": False, "error": reason}


@EDGE.operation("metrics.page", http="GET /metrics", rate=UNLIMITED, heeds_token=False)
async def metrics_page(call: Call) -> RawReply:
    """Return all metrics as Prometheus text.

    Open on this machine, but not through a proxy on it; with the token of the settings; and to
    administrators.
    """
    if not _may_read_metrics(call):
        raise NotAllowed("Reading this needs the metrics token.")
    return RawReply(body=metrics.render(), content_type=metrics.CONTENT_TYPE)


@EDGE.operation("debug.tree", http="GET /debug/tree", rate=READ)
async def tree(call: Call) -> Any:
    """Return the running supervisor tree: states, restarts, mailboxes, last errors."""
    return call.services.tree()


@EDGE.operation("index", http="GET /", rate=OTHER, heeds_token=False)
async def index(call: Call) -> dict[str, Any]:  # noqa: ARG001
    """Say what this service is and where things are."""
    return {
        "message": "BOUNTYExpo API",
        "version": __version__,
        "endpoints": {
            "health": "GET /health",
            "docs": "GET /docs",
            "openapi": "GET /openapi.json",
            "socket": "GET /v1/socket",
            "bounties": "GET /api/bounties",
            "createBounty": "POST /api/bounties",
            "acceptBounty": "POST /bounties/{bountyId}/accept",
            "completeBounty": "POST /bounties/{bountyId}/complete",
        },
    }


def _may_read_metrics(call: Call) -> bool:
    settings = call.services.settings
    if is_local(call.hop, call.headers_in, settings.trusted_proxies) or call.is_admin:
        return True
    expected = settings.metrics_token
    _, _, given = call.headers_in.get("authorization", "").partition(" ")
    return expected is not None and hmac.compare_digest(given.encode(), expected.encode())
