"""The catalogue: every thing a client can ask for, declared once.

A declaration names the operation, its HTTP method and path, how often it may be called, and the
types of request and reply; the last two are read from the handler's annotations. Who may call it is
its row in ``domain/<area>/access.py``; without a row nothing can be declared. REST routes, socket
calls, validation, access, limits, metrics, OpenAPI page and socket reference are made from it.

    @operation("bounty.apply", http="POST /api/bounties/{bounty_id}/requests", rate=WRITE,
               status=201)
    async def apply(call: Call, request: Apply) -> Application:
        \"\"\"Apply to an open bounty.\"\"\"

A path parameter, a query parameter and a key of the JSON body are all fields of the request
struct, known by their wire names. A mistake in a declaration is refused when it is made.
"""

from __future__ import annotations

import inspect
from dataclasses import dataclass, field
from datetime import datetime
from types import UnionType
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar, Union, get_args, get_origin

import msgspec

from bountyexpo.operations.areas import GRANTS
from bountyexpo.operations.idempotency.keeps import Keeps, by_default
from bountyexpo.operations.require import say_once
from bountyexpo.operations.routes import (
    OLD_PREFIX,
    Alias,
    CatalogueError,
    Route,
    forms_of,
    parse_route,
)

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Mapping

    from bountyexpo.domain.access import AccessLevel, Grant

LISTS = frozenset({list, tuple, set, frozenset})
MOMENTS = frozenset({datetime})

HandlerT = TypeVar("HandlerT", bound="Callable[..., Awaitable[Any]]")


class Limit(NamedTuple):
    """``calls`` in ``window_s`` on average; ``burst`` (else ``calls``) at once."""

    calls: int
    window_s: float
    burst: int | None = None


@dataclass(frozen=True, slots=True)
class RateClass:
    """How often a kind of operation may be called, per caller, address and named account.

    A caller without a token is counted by address: against ``per_address``, or against the limit
    of one user when the class has none. ``per_identifier`` counts the account that a sign-in names.
    What ``is_merged`` is never refused over a socket: whoever owns it keeps the last of many.
    """

    name: str
    per_user: Limit | None = None
    per_address: Limit | None = None
    per_identifier: Limit | None = None
    is_merged: bool = False


# The classes of rest-core §2 and, for paying routes, of money §2.0.
READ = RateClass("read", per_user=Limit(600, 60), per_address=Limit(3000, 60))
WRITE = RateClass("write", per_user=Limit(60, 60))
SEARCH = RateClass("search", per_user=Limit(120, 60), per_address=Limit(3000, 60))
# Wide by address, for carriers; ``users.sign_in_guard`` says how often one account may be tried.
SIGN_UP = RateClass("sign_up", per_address=Limit(30, 900), per_identifier=Limit(5, 900))
SIGN_IN = RateClass("sign_in", per_address=Limit(30, 900))
PAYMENT = RateClass("payment", per_user=Limit(10, 60, burst=20))
PAYOUT = RateClass("payout", per_user=Limit(5, 60))
# Over either transport (realtime §4.8): messages of one user, and those in one conversation.
MESSAGE = RateClass("message", per_user=Limit(5, 1, burst=20))
THREAD = RateClass("thread", per_identifier=Limit(60, 60))
UNLIMITED = RateClass("unlimited")


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One thing a client can ask for; see the module's text."""

    name: str
    route: Route | None
    grant: Grant
    rate: RateClass
    status: int
    request: type[msgspec.Struct] | None
    reply: Any
    handler: Callable[..., Awaitable[Any]]
    summary: str
    description: str
    frame: str | None = None
    repeat_status: int | None = None
    # Where old clients do in one call what is done there now; then all routes are old.
    successor: Route | None = None
    aliases: tuple[Route, ...] = ()
    # The old routes with a form of their own.
    forms: Mapping[Route, Alias] = field(default_factory=dict)
    aliased_fields: Mapping[str, str] = field(default_factory=dict)
    fields: Mapping[str, msgspec.structs.FieldInfo] = field(default_factory=dict)
    list_fields: frozenset[str] = frozenset()
    moment_fields: frozenset[str] = frozenset()
    heeds_token: bool = True
    keeps: Keeps = Keeps.NOTHING
    # Fields of the reply that are not kept, and who finds them again for a repeat.
    secrets: tuple[str, ...] = ()
    refill: Callable[..., Awaitable[dict[str, Any]]] | None = None

    async def run(self, call: Any, request: msgspec.Struct | None) -> Any:
        """Carry out the call."""
        if request is None:
            return await self.handler(call)
        return await self.handler(call, request)

    @property
    def access(self) -> AccessLevel:
        """Who may call it at all."""
        return self.grant.level

    @property
    def statuses(self) -> tuple[int, ...]:
        """Every status of a success: of the first time, and of a repetition where it differs."""
        return (self.status, *([self.repeat_status] if self.repeat_status else []))

    @property
    def routes(self) -> tuple[Route, ...]:
        """The present route, if any, and the old ones; each of them with the old prefix, too."""
        declared = (*([self.route] if self.route else []), *self.aliases)
        return (*declared, *(each.under(OLD_PREFIX) for each in declared))

    def is_old(self, route: Route | None) -> bool:
        """Tell whether a request at ``route`` comes from an old client."""
        return self.successor is not None or route != self.route

    @property
    def method(self) -> str | None:
        """The HTTP method, or None for an operation of the socket only."""
        return self.route.method if self.route else None

    @property
    def path(self) -> str | None:
        """The HTTP path template, or None for an operation of the socket only."""
        return self.route.path if self.route else None

    def canonical(self, *given: Mapping[str, Any]) -> dict[str, Any]:
        """Return the arguments of all places under their present names.

        What was said in an earlier place is kept, and so is a present name beside an old one; a
        null says nothing.

        Raises:
            InvalidRequest: one field was given twice, and not the same.
        """
        first, *others = given
        named = dict(first)
        for alias, name in self.aliased_fields.items():
            if alias in named:
                say_once(named, name, named.pop(alias))
        for arguments in others:
            for alias, value in arguments.items():
                say_once(named, self.aliased_fields.get(alias, alias), value)
        return named

    @property
    def area(self) -> str:
        """The first word of the name: what the reference pages group by."""
        return self.name.partition(".")[0]


class Catalogue:
    """A set of operations without contradictions; iteration order is that of declaration.

    ``grants`` say who may do each of them.
    """

    def __init__(self, grants: Mapping[str, Grant]) -> None:
        self._grants = grants
        self._by_name: dict[str, Operation] = {}
        self._by_frame: dict[str, Operation] = {}
        self._by_shape: dict[tuple[str, str], Operation] = {}

    def all(self) -> tuple[Operation, ...]:
        """Return every operation."""
        return tuple(self._by_name.values())

    def get(self, name: str) -> Operation | None:
        """Return the operation called ``name``."""
        return self._by_name.get(name)

    def by_frame(self, frame: str) -> Operation | None:
        """Return the operation that socket frames of type ``frame`` call."""
        return self._by_frame.get(frame)

    def operation(
        self,
        name: str,
        *,
        http: str | None = None,
        rate: RateClass,
        **options: Any,
    ) -> Callable[[HandlerT], HandlerT]:
        """Declare the decorated coroutine function an operation.

        Options: ``status`` of a success (200), ``repeat_status`` where a repetition has another,
        ``successor`` (the route to use now, where all of it is old), ``frame`` for an own socket
        frame name, ``aliases`` (old routes, or an ``Alias`` where one replies otherwise; answered
        with deprecation headers), ``aliased_fields`` (old name to wire name), ``keeps`` (what of a
        call with a key), ``secrets`` and ``refill`` (what of its reply not), ``heeds_token`` (True;
        False where a token that is over counts as none).

        Raises:
            CatalogueError: the declaration is not consistent, or nobody has said who may do it.
        """
        if (grant := self._grants.get(name)) is None:
            raise CatalogueError(f"{name} has no row in the table of access")

        def declare(handler: HandlerT) -> HandlerT:
            self.add(_build(name, handler, http=http, grant=grant, rate=rate, **options))
            return handler

        return declare

    def add(self, operation: Operation) -> None:
        """Take in a finished operation.

        Raises:
            CatalogueError: its name, frame or one of its routes is taken.
        """
        if operation.name in self._by_name:
            raise CatalogueError(f"{operation.name} is declared twice")
        if operation.frame is not None and operation.frame in self._by_frame:
            raise CatalogueError(f"{operation.name}: frame {operation.frame} is taken")
        for route in operation.routes:
            owner = self._by_shape.setdefault(route.shape, operation)
            if owner is not operation:
                raise CatalogueError(f"{operation.name}: {route} belongs to {owner.name}")
        self._by_name[operation.name] = operation
        if operation.frame is not None:
            self._by_frame[operation.frame] = operation


CATALOGUE = Catalogue(GRANTS)
operation = CATALOGUE.operation


def _build(
    name: str,
    handler: Callable[..., Awaitable[Any]],
    *,
    http: str | None,
    grant: Grant,
    rate: RateClass,
    **options: Any,
) -> Operation:
    request, reply = _types(name, handler)
    fields = {f.encode_name: f for f in msgspec.structs.fields(request)} if request else {}
    summary, _, description = _docstring(handler).partition("\n")
    declared: Iterable[str | Alias] = options.pop("aliases", ())
    aliases = [each if isinstance(each, Alias) else Alias(each) for each in declared]
    route = parse_route(http) if http else None
    successor: str | None = options.pop("successor", None)
    options.setdefault("keeps", by_default(handler, writes=route is None or route.method != "GET"))
    built = Operation(
        name=name,
        route=route,
        grant=grant,
        rate=rate,
        status=options.pop("status", 200),
        request=request,
        reply=reply,
        handler=handler,
        summary=summary.strip(),
        description=description.strip(),
        successor=parse_route(successor) if successor else None,
        aliases=tuple(parse_route(alias.route) for alias in aliases),
        forms=forms_of(aliases),
        fields=fields,
        list_fields=frozenset(n for n, info in fields.items() if _may_be(info.type, LISTS)),
        moment_fields=frozenset(n for n, info in fields.items() if _may_be(info.type, MOMENTS)),
        **options,
    )
    _check(built)
    return built


def _docstring(handler: Any) -> str:
    """Return the docstring with code marked as Markdown does, for the reference pages."""
    return (inspect.getdoc(handler) or "").replace("``", "`")


def _check(built: Operation) -> None:
    if not built.summary:
        raise CatalogueError(f"{built.name} has no docstring to describe it")
    if built.route is None and built.frame is None and built.aliases:
        raise CatalogueError(f"{built.name} has old routes but no present one")
    for route in built.routes:
        # Only an old route may use an old name.
        names = {} if route == built.route else built.aliased_fields
        for parameter in route.parameters:
            if names.get(parameter, parameter) not in built.fields:
                raise CatalogueError(f"{built.name}: {route} names no field {parameter!r}")
    if bool(built.secrets) is not bool(built.refill):
        raise CatalogueError(f"{built.name} hides something that nobody finds again")
    for alias, canonical in built.aliased_fields.items():
        if canonical not in built.fields or alias in built.fields:
            raise CatalogueError(f"{built.name}: alias {alias!r} → {canonical!r} is not possible")


def _types(
    name: str, handler: Callable[..., Awaitable[Any]]
) -> tuple[type[msgspec.Struct] | None, Any]:
    if not inspect.iscoroutinefunction(handler):
        raise CatalogueError(f"{name} is not a coroutine function")
    parameters = list(inspect.signature(handler).parameters)
    if len(parameters) not in {1, 2}:
        raise CatalogueError(f"{name} must take the call and at most one request")
    if "return" not in handler.__annotations__:
        raise CatalogueError(f"{name} does not say what it replies")
    reply = _resolve(name, handler, "return")
    request = _resolve(name, handler, parameters[1]) if len(parameters) == 2 else None
    if request is not None and not (
        isinstance(request, type) and issubclass(request, msgspec.Struct)
    ):
        raise CatalogueError(f"{name}: the request must be a msgspec.Struct")
    return request, reply


def _resolve(name: str, handler: Any, parameter: str) -> Any:
    """Evaluate one annotation; the others may be imported for type checkers only."""
    annotation = handler.__annotations__.get(parameter)
    if not isinstance(annotation, str):
        return annotation
    try:
        return eval(annotation, handler.__globals__)  # noqa: S307 - our own source text
    except NameError as error:
        raise CatalogueError(
            f"{name}: import the type of {parameter!r} at run time ({error})"
        ) from error


def _may_be(kind: Any, wanted: frozenset[type]) -> bool:
    origin = get_origin(kind)
    if origin in {Union, UnionType}:
        return any(_may_be(option, wanted) for option in get_args(kind))
    if hasattr(kind, "__metadata__"):
        return _may_be(get_args(kind)[0], wanted)
    return (origin or kind) in wanted
