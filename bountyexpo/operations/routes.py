"""Routes: a method and a path, present or old, and the form in which an old one is answered."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from bountyexpo.errors import BountyExpoError

# Shipped apps put a base address that ends so before any path (rest-core §2.14): every route is
# served under it, too, as an old one.
OLD_PREFIX = "/functions/v1"

METHODS = frozenset({"GET", "POST", "PUT", "PATCH", "DELETE"})

# Methods whose fields travel in the path and the query; those of the others are the body. Old
# clients send a body with DELETE, too.
QUERY_METHODS = frozenset({"GET", "HEAD", "DELETE"})
BODY_METHODS = frozenset({"POST", "PUT", "PATCH", "DELETE"})

PATH_PARAMETER = re.compile(r"\{(\w+)\}")


class CatalogueError(Exception):
    """A declaration contradicts itself or another one; a mistake of ours, found at start-up."""


@dataclass(frozen=True, slots=True)
class Route:
    """A method and a path template such as ``/api/bounties/{bounty_id}``."""

    method: str
    path: str

    @property
    def parameters(self) -> tuple[str, ...]:
        """The names between the braces, in order."""
        return tuple(PATH_PARAMETER.findall(self.path))

    @property
    def shape(self) -> tuple[str, str]:
        """What two routes must not have in common."""
        return self.method, PATH_PARAMETER.sub("{}", self.path)

    def under(self, prefix: str) -> Route:
        """Return the same route with ``prefix`` before its path."""
        return Route(self.method, prefix + self.path)

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


@dataclass(frozen=True, slots=True)
class Alias:
    """An old route, and how its clients are told what they ask for.

    ``reply`` makes the body of what the present reply looks like as JSON. ``refusal`` makes status
    and body of a refusal, or None where it is told as everywhere.
    """

    route: str
    reply: Callable[[Any], Any] | None = None
    refusal: Callable[[BountyExpoError], tuple[int, Any] | None] | None = None


def parse_route(text: str) -> Route:
    """Read ``"POST /path/{parameter}"``.

    Raises:
        CatalogueError: it is not of that form.
    """
    method, _, path = text.partition(" ")
    if method not in METHODS or not path.startswith("/") or " " in path:
        raise CatalogueError(f"{text!r} is not a method and a path")
    if re.sub(PATH_PARAMETER, "", path).count("{"):
        raise CatalogueError(f"{text!r} has a malformed path parameter")
    return Route(method, path)


def forms_of(aliases: Iterable[Alias]) -> dict[Route, Alias]:
    """Return the old routes with a form of their own, as they are and with the old prefix."""
    found = {parse_route(alias.route): alias for alias in aliases if alias.reply or alias.refusal}
    return found | {route.under(OLD_PREFIX): alias for route, alias in found.items()}
