"""The Quart application: the routes of the catalogue, the pages, the webhooks.

Every route is a few lines around a plain function from request data to response data; what Quart
itself refuses (no such route, wrong method, too large a body) is answered in the same shape.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, cast

from quart import Response, request
from quart_trio import QuartTrio
from werkzeug.exceptions import HTTPException

from bountyexpo.edge.socket_paths import SOCKET_PATHS
from bountyexpo.errors import (
    BountyExpoError,
    InternalError,
    InvalidRequest,
    MethodNotAllowed,
    NotFound,
    RequestTooSlow,
    TooLarge,
    UnsupportedMediaType,
)
from bountyexpo.http.binding import respond
from bountyexpo.http.health import EDGE
from bountyexpo.http.limits import BODY_BYTES_MAX, BODY_S
from bountyexpo.http.messages import HttpRequest, HttpResponse
from bountyexpo.http.others import NOTHING_HERE, preflight, refuse, wrong_method
from bountyexpo.http.webhooks import STRIPE_PATHS
from bountyexpo.operations.catalogue import CATALOGUE, Catalogue
from bountyexpo.operations.routes import METHODS, OLD_PREFIX, PATH_PARAMETER, Route

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from bountyexpo.http.others import Respond
    from bountyexpo.operations.services import Services

REFUSALS: dict[int, type[BountyExpoError]] = {
    400: InvalidRequest,
    404: NotFound,
    405: MethodNotAllowed,
    408: RequestTooSlow,
    413: TooLarge,
    415: UnsupportedMediaType,
}


def create_app(
    services: Services, others: Mapping[Route, Respond], catalogue: Catalogue = CATALOGUE
) -> QuartTrio:
    """Build the application that serves ``catalogue`` with ``services`` (operations/call.py).

    ``others`` answer where no operation is.
    """
    app = QuartTrio("bountyexpo", static_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = BODY_BYTES_MAX
    app.config["BODY_TIMEOUT"] = BODY_S
    # A redirect to the "right" spelling would lose the body of a POST.
    app.url_map.strict_slashes = False
    app.url_map.merge_slashes = False
    old: set[str] = {f"POST {path}" for path in STRIPE_PATHS[1:]}
    for operation in (*EDGE.all(), *catalogue.all()):
        for route in operation.routes:
            _mount(app, services, route, partial(respond, operation))
        old.update(str(route) for route in operation.routes if operation.is_old(route))
    for route, respond_to in others.items():
        is_strict = route.path in SOCKET_PATHS
        _mount(app, services, route, respond_to, strict_slashes=is_strict)
    _answer_the_rest(app, services, old)
    return app


def _mount(
    app: QuartTrio, services: Services, route: Route, respond_to: Respond, **options: Any
) -> None:
    async def view(**parameters: str) -> Response:
        data = await _read(route, parameters, with_body=True)
        return _to_quart(await respond_to(data, services))

    app.add_url_rule(
        PATH_PARAMETER.sub(r"<\1>", route.path),
        endpoint=str(route),
        view_func=view,
        methods=[route.method],
        provide_automatic_options=False,
        **options,
    )


def _answer_the_rest(app: QuartTrio, services: Services, old: Collection[str]) -> None:
    """Preflights, and whatever Quart refuses before a route is reached.

    ``old`` are the routes at which errors are plain JSON.
    """

    async def answer_preflight() -> Response | None:
        if request.method != "OPTIONS":
            return None
        data = await _read(None, {}, with_body=False)
        return _to_quart(_closing_unread(await preflight(data, services)))

    async def answer_refusal(refusal: HTTPException) -> Response:
        data = await _read(None, {}, with_body=False)
        methods = sorted(getattr(refusal, "valid_methods", None) or ())
        is_old = _is_old(app, methods, old)
        if methods:
            response = await wrong_method(methods, data, services, is_old=is_old)
        else:
            response = await refuse(_translate(refusal), data, services, is_old=is_old)
        return _to_quart(_closing_unread(response))

    app.before_request(answer_preflight)
    app.register_error_handler(HTTPException, answer_refusal)


async def _read(route: Route | None, parameters: dict[str, str], *, with_body: bool) -> HttpRequest:
    body = cast("bytes", await request.get_data(cache=False)) if with_body else b""
    return HttpRequest(
        method=request.method,
        path=request.path,
        route=route,
        path_parameters=parameters,
        query=request.query_string.decode("latin-1"),
        headers={name.lower(): value for name, value in request.headers.items()},
        body=body,
        peer=_host(request.remote_addr),
    )


def _is_old(app: QuartTrio, methods: list[str], old: Collection[str]) -> bool:
    """Tell whether the address of the request belongs to old routes only.

    ``methods`` are those that it has, where it has not the one that was asked for.
    """
    if request.path.startswith(f"{OLD_PREFIX}/"):
        return True
    if request.url_rule is not None:
        return request.url_rule.endpoint in old
    place = app.url_map.bind("")
    found = [place.match(request.path, each)[0] for each in methods if each in METHODS]
    return bool(found) and all(endpoint in old for endpoint in found)


def _closing_unread(response: HttpResponse) -> HttpResponse:
    """Ask for a new connection when this request's body was left unread on the old one."""
    length = request.headers.get("content-length", "0")
    if length != "0" or "transfer-encoding" in request.headers:
        response.headers["connection"] = "close"
    return response


def _host(address: str | None) -> str:
    """Return the address without a port: servers differ in what they report."""
    text = address or ""
    return text.rpartition(":")[0] if text.count(":") == 1 else text


def _to_quart(response: HttpResponse) -> Response:
    return Response(response.body, response.status, response.headers)


def _translate(refusal: HTTPException) -> BountyExpoError:
    if refusal.code == 404:
        return NotFound(NOTHING_HERE)
    return REFUSALS.get(refusal.code or 500, InternalError)()
