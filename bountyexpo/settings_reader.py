"""Reading environment variables one by one, and gathering what is wrong with them."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

T = TypeVar("T")


class Reader:
    """Reads variables; ``problems`` gathers what is wrong with them, for one refusal at the end."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self.problems: list[str] = []
        self._environ = environ

    def refuse(self, name: str, problem: str, fix: str) -> None:
        """Note a problem and how to solve it."""
        self.problems.append(f"{name} {problem}. {fix}")

    def text(self, *names: str) -> str | None:
        """Return the first of ``names`` that has a value; an empty one counts as not set."""
        for name in names:
            value = self._environ.get(name, "").strip().strip("'\"").strip()
            if value:
                return value
        return None

    def parsed(
        self, name: str, default: T, parse: Callable[[str], T], fix: str, *, secret: bool = False
    ) -> T:
        """Return the parsed value; ``parse`` raises ValueError with what is wrong, if anything."""
        value = self.text(name)
        if value is None:
            return default
        try:
            return parse(value)
        except ValueError as error:
            shown = "" if secret else f"is {value!r}, which "
            self.refuse(name, f"{shown}{error}", fix)
            return default

    def whole(self, name: str, default: int, low: int, high: int) -> int:
        """Return a whole number between ``low`` and ``high``."""

        def parse(value: str) -> int:
            if not value.isdecimal() or not low <= int(value) <= high:
                raise ValueError("is not a whole number in range")
            return int(value)

        return self.parsed(name, default, parse, f"Use {low} to {high}; {default} is the default.")

    def decimal(self, name: str, default: float, low: float, high: float) -> float:
        """Return a number between ``low`` and ``high``."""

        def parse(value: str) -> float:
            try:
                number = float(value)
            except ValueError:
                raise ValueError("is not a number") from None
            if not low <= number <= high:
                raise ValueError("is out of range")
            return number

        fix = f"Use {low:g} to {high:g}; {default:g} is the default."
        return self.parsed(name, default, parse, fix)

    def choice(self, name: str, default: T, choices: Mapping[str, T]) -> T:
        """Return one of ``choices``, however it is capitalised."""
        folded = {key.lower(): value for key, value in choices.items()}

        def parse(value: str) -> T:
            if value.lower() not in folded:
                raise ValueError("is not one of the choices")
            return folded[value.lower()]

        return self.parsed(name, default, parse, f"Use {', '.join(choices)}.")

    def url(self, schemes: tuple[str, ...], *names: str, secret: bool = False) -> str | None:
        """Return a URL with one of ``schemes``, without a slash at its end."""
        name = next((name for name in names if self.text(name)), names[0])

        def parse(value: str) -> str | None:
            check_url(value, schemes)
            return value.rstrip("/")

        fix = f"Use the form {schemes[0]}://host[:port]."
        return self.parsed(name, None, parse, fix, secret=secret)

    def many(
        self, name: str, default: tuple[T, ...], parse: Callable[[str], T], fix: str
    ) -> tuple[T, ...]:
        """Return the items of a comma list."""

        def parse_all(value: str) -> tuple[T, ...]:
            return tuple(parse(item.strip()) for item in value.split(",") if item.strip())

        return self.parsed(name, default, parse_all, fix)


def check_url(value: str, schemes: tuple[str, ...]) -> None:
    """Refuse what is no URL with one of ``schemes`` and a host.

    Raises:
        ValueError: says what it is not.
    """
    try:
        parts = urlsplit(value)
        _ = parts.port
    except ValueError:
        raise ValueError("is not a URL") from None
    if parts.scheme not in schemes:
        raise ValueError(f"does not begin with {' or '.join(f'{s}://' for s in schemes)}")
    if not parts.hostname:
        raise ValueError("names no host")
