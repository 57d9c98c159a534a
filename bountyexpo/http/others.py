"""What is answered where no operation is: pages, webhooks, addresses of sockets, and nothing.

Anybody may ask for these, and as often as they like, were they not counted: by the address, all
of them together. Both ways of HTTP answer from here.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final, TypeAlias

from bountyexpo.edge.socket_paths import SOCKET_PATHS
from bountyexpo.errors import BountyExpoError, MethodNotAllowed, NotFound, UpgradeRequired
from bountyexpo.http.docs import pages
from bountyexpo.http.exchange import answer
from bountyexpo.http.headers import preflight_headers
from bountyexpo.http.limits import OTHER
from bountyexpo.http.messages import HttpRequest, HttpResponse
from bountyexpo.http.webhooks import STRIPE_PATHS, receive_stripe
from bountyexpo.operations.allowances import charge
from bountyexpo.operations.routes import OLD_PREFIX, Route

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Collection

    from bountyexpo.operations.call import Call
    from bountyexpo.operations.catalogue import Catalogue
    from bountyexpo.operations.reference.sockets import ProtocolFrames
    from bountyexpo.operations.services import Services

    Respond: TypeAlias = Callable[[HttpRequest, Services], Awaitable[HttpResponse]]

NOTHING_HERE: Final = "There is nothing at this address."


def other_routes(frames: ProtocolFrames, *catalogues: Catalogue) -> dict[Route, Respond]:
    """Return who answers at the routes that no operation has; ``frames`` are the protocol's."""
    found: dict[Route, Respond] = {Route("POST", path): receive_stripe for path in STRIPE_PATHS}
    for path in SOCKET_PATHS:
        found[Route("GET", path)] = partial(refuse, UpgradeRequired())
    for path, page in pages(frames, *catalogues).items():
        found[Route("GET", path)] = partial(show, page)
    return found


async def show(page: HttpResponse, request: HttpRequest, services: Services) -> HttpResponse:
    """Answer with a finished page."""

    async def produce(_request: HttpRequest, call: Call) -> HttpResponse:
        charge(call, OTHER, OTHER.name)
        return HttpResponse(page.status, dict(page.headers), page.body)

    return await answer(request, services, produce)


async def refuse(
    error: BountyExpoError, request: HttpRequest, services: Services, *, is_old: bool = False
) -> HttpResponse:
    """Answer with a problem, which clients of an old address read as plain JSON."""

    async def produce(_request: HttpRequest, call: Call) -> HttpResponse:
        charge(call, OTHER, OTHER.name)
        raise error

    return await answer(request, services, produce, is_old=is_old)


async def preflight(request: HttpRequest, services: Services) -> HttpResponse:
    """Answer a browser that asks what a page may ask."""

    async def produce(_request: HttpRequest, call: Call) -> HttpResponse:
        charge(call, OTHER, OTHER.name)
        origin = request.headers.get("origin")
        return HttpResponse(204, preflight_headers(origin, services.settings.allowed_origins), b"")

    return await answer(request, services, produce)


async def nothing_here(request: HttpRequest, services: Services) -> HttpResponse:
    """Answer where nothing is."""
    is_old = request.path.startswith(f"{OLD_PREFIX}/")
    return await refuse(NotFound(NOTHING_HERE), request, services, is_old=is_old)


async def wrong_method(
    methods: Collection[str], request: HttpRequest, services: Services, *, is_old: bool
) -> HttpResponse:
    """Answer where something is, but only for ``methods``."""
    response = await refuse(MethodNotAllowed(), request, services, is_old=is_old)
    response.headers["allow"] = ", ".join(sorted(methods))
    return response
