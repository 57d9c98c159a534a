"""From method and path to who answers, for the fast path, which has no framework.

It knows the paths as they are declared, with or without a slash at the end, and everything that is
answered where none is declared. Only what is unusual as HTTP goes to the framework of the fallback.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from bountyexpo.edge.socket_paths import SOCKET_PATHS
from bountyexpo.http.binding import respond
from bountyexpo.http.health import EDGE
from bountyexpo.http.others import nothing_here, preflight, wrong_method
from bountyexpo.http.webhooks import STRIPE_PATHS
from bountyexpo.operations.catalogue import CATALOGUE
from bountyexpo.operations.routes import OLD_PREFIX, PATH_PARAMETER

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bountyexpo.http.messages import Answer, HttpRequest, HttpResponse
    from bountyexpo.http.others import Respond
    from bountyexpo.operations.catalogue import Catalogue
    from bountyexpo.operations.routes import Route
    from bountyexpo.operations.services import Services


class Router:
    """The routes of some catalogues as a tree; what is declared word for word comes first."""

    def __init__(
        self,
        services: Services,
        others: Mapping[Route, Respond],
        catalogue: Catalogue = CATALOGUE,
        edge: Catalogue = EDGE,
    ) -> None:
        self._services = services
        self._root = _Step()
        for operation in (*edge.all(), *catalogue.all()):
            for route in operation.routes:
                is_old = operation.is_old(route)
                self._root.add(_Place(partial(respond, operation), route, is_old=is_old))
        for route, respond_to in others.items():
            is_old = route.path in STRIPE_PATHS[1:]
            self._root.add(_Place(respond_to, route, is_old=is_old))

    def find(self, method: str, path: str) -> Answer | None:
        """Return who answers, be it that there is nothing; None where the framework has to read."""
        if path.startswith("//"):
            return None
        if method == "OPTIONS":
            return partial(self._refuse, preflight)
        spellings = self._spellings(path)
        for segments in spellings:
            place = self._root.find(segments, 1, "GET" if method == "HEAD" else method)
            if place is not None:
                return partial(self._answer, place, segments)
        places = [each for segments in spellings for each in self._root.places(segments, 1)]
        if not places:
            return partial(self._refuse, nothing_here)
        methods = {place.route.method for place in places}
        methods |= {"HEAD"} if "GET" in methods else set()
        is_old = path.startswith(f"{OLD_PREFIX}/") or all(place.is_old for place in places)
        return partial(self._refuse, partial(wrong_method, methods, is_old=is_old))

    @staticmethod
    def _spellings(path: str) -> list[list[str]]:
        """Return the segments of a path, and those of the same with or without a slash behind."""
        segments = path.split("/")
        if path.rstrip("/") in SOCKET_PATHS or len(segments) < 3:
            return [segments]
        return [segments, segments[:-1] if not segments[-1] else [*segments, ""]]

    async def _answer(
        self, place: _Place, segments: list[str], request: HttpRequest
    ) -> HttpResponse:
        request.route = place.route
        request.path_parameters = {name: segments[index] for index, name in place.parameters}
        return await place.respond(request, self._services)

    async def _refuse(self, respond_to: Respond, request: HttpRequest) -> HttpResponse:
        return await respond_to(request, self._services)


class _Place:
    """Where something is answered; ``parameters`` are segments by their number."""

    __slots__ = ("is_old", "parameters", "respond", "route", "segments")

    def __init__(self, respond_to: Respond, route: Route, *, is_old: bool) -> None:
        self.is_old = is_old
        self.respond = respond_to
        self.route = route
        self.segments = route.path.split("/")
        self.parameters = tuple(
            (index, found[1])
            for index, segment in enumerate(self.segments)
            if (found := PATH_PARAMETER.fullmatch(segment))
        )


class _Step:
    """A step in the tree of paths: what may follow it, and what ends at it, by method."""

    __slots__ = ("_named", "_other", "ends")

    def __init__(self) -> None:
        self._named: dict[str, _Step] = {}
        self._other: _Step | None = None
        self.ends: dict[str, _Place] = {}

    def add(self, place: _Place) -> None:
        """Take in a place below this step, the root."""
        step = self
        free = {index for index, _ in place.parameters}
        for index, segment in enumerate(place.segments[1:], 1):
            step = step._another() if index in free else step._named.setdefault(segment, _Step())
        step.ends[place.route.method] = place

    def find(self, segments: list[str], index: int, method: str) -> _Place | None:
        """Return the place that ``segments`` from ``index`` on lead to, in this method."""
        if index == len(segments):
            return self.ends.get(method)
        segment = segments[index]
        step = self._named.get(segment)
        found = step.find(segments, index + 1, method) if step is not None else None
        if found is None and self._other is not None and segment:
            return self._other.find(segments, index + 1, method)
        return found

    def places(self, segments: list[str], index: int) -> list[_Place]:
        """Return all places that ``segments`` from ``index`` on lead to, in any method."""
        if index == len(segments):
            return list(self.ends.values())
        segment = segments[index]
        steps = (self._named.get(segment), self._other if segment else None)
        return [each for step in steps if step for each in step.places(segments, index + 1)]

    def _another(self) -> _Step:
        if self._other is None:
            self._other = _Step()
        return self._other
