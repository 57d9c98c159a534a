"""``expand``: objects in place of their ids, along the paths that a request asks for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

from bountyexpo.sandbox.stripe.refusal import StripeRefusal

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Mapping

    from bountyexpo.sandbox.stripe.work import Json

    Find: TypeAlias = Callable[[str], Awaitable[Json | None]]

LEVELS_MAX = 4
PATHS_MAX = 20


async def expand(
    body: Json, paths: Iterable[str], expandable: Mapping[str, frozenset[str]], find: Find
) -> None:
    """Put the objects into ``body``; ``expandable`` tells the fields of each kind of object.

    Raises:
        StripeRefusal: a path leads nowhere, or too far.
    """
    wanted = list(paths)
    if len(wanted) > PATHS_MAX:
        raise StripeRefusal("You cannot expand more than 20 properties", param="expand")
    for path in wanted:
        names = path.split(".")
        # A list's own level does not count.
        is_list = body.get("object") == "list"
        if len(names) - is_list > LEVELS_MAX:
            text = "You cannot expand more than 4 levels of a property"
            raise StripeRefusal(text, param="expand")
        places: list[Any] = [body]
        if is_list:
            if names.pop(0) != "data":
                raise _refusal(path)
            places = body["data"]
        for place in places:
            await _along(place, names, path, expandable, find)


async def _along(
    place: Any,
    names: list[str],
    path: str,
    expandable: Mapping[str, frozenset[str]],
    find: Find,
) -> None:
    for name in names:
        if not isinstance(place, dict):
            raise _refusal(path)
        is_expandable = name in expandable.get(str(place.get("object")), ())
        if not is_expandable and not isinstance(place.get(name), dict):
            raise _refusal(path)
        if isinstance(place.get(name), str):
            place[name] = await find(place[name]) or place[name]
        place = place.get(name)
        if place is None:
            return


def _refusal(path: str) -> StripeRefusal:
    return StripeRefusal(f"This property cannot be expanded ({path[:100]}).", param="expand")
