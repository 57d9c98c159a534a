"""From method and path to an operation, for the fast path, which has no framework.

It knows exactly the paths as they are declared. A path in any other spelling (a slash at the end,
escaped characters) is found by the framework of the fallback.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from bountyexpo.http.binding import respond
from bountyexpo.http.health import EDGE
from bountyexpo.operations.catalogue import CATALOGUE, PATH_PARAMETER

if TYPE_CHECKING:
    from bountyexpo.http.messages import Answer, HttpRequest, HttpResponse
    from bountyexpo.operations.catalogue import Catalogue, Operation, Route
    from bountyexpo.operations.services import Services


class Router:
    """The routes of some catalogues as a tree; what is declared word for word comes first."""

    def __init__(
        self, services: Services, catalogue: Catalogue = CATALOGUE, edge: Catalogue = EDGE
    ) -> None:
        self._services = services
        self._root = _Step()
        for operation in (*edge.all(), *catalogue.all()):
            for route in operation.routes:
                self._root.add(_Place(operation, route))

    def find(self, method: str, path: str) -> Answer | None:
        """Return who answers; None when no operation is declared for this method and path."""
        segments = path.split("/")
        place = self._root.find(segments, 1, "GET" if method == "HEAD" else method)
        return partial(self._answer, place, segments) if place is not None else None

    async def _answer(
        self, place: _Place, segments: list[str], request: HttpRequest
    ) -> HttpResponse:
        request.route = place.route
        request.path_parameters = {name: segments[index] for index, name in place.parameters}
        return await respond(place.operation, request, self._services)


class _Place:
    """Where an operation is found; ``parameters`` are segments by their number."""

    __slots__ = ("operation", "parameters", "route", "segments")

    def __init__(self, operation: Operation, route: Route) -> None:
        self.operation = operation
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

    def _another(self) -> _Step:
        if self._other is None:
            self._other = _Step()
        return self._other
