"""A request and a response as plain data: the same whoever reads the one and writes the other."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bountyexpo.operations.routes import Route


JSON = "application/json"


@dataclass(slots=True, kw_only=True)
class HttpRequest:
    """One request, read completely.

    ``headers`` are keyed in lower case; ``peer`` is the address of the socket's other end;
    ``route`` is the template that matched, ``path_parameters`` its decoded values.
    """

    method: str
    path: str
    route: Route | None = None
    path_parameters: Mapping[str, str] = field(default_factory=dict)
    query: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    peer: str = ""


@dataclass(slots=True)
class HttpResponse:
    """One response, complete; header names are in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes


# What answers a request, and what finds it by method and path; None where nothing is declared.
Answer: TypeAlias = Callable[[HttpRequest], Awaitable[HttpResponse]]
Find: TypeAlias = Callable[[str, str], Answer | None]
