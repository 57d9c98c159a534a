"""JSON that clients give us to keep: one bounded form for every column that holds any.

It is told to others again, so its size is not in the hands of whoever wrote it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Final, TypeAlias

import msgspec

from bountyexpo.domain.values import check_values
from bountyexpo.errors import InvalidRequest

# Lists and maps inside each other, the list of all included.
DEPTH_MAX: Final = 4

# Of one list, as JSON without blanks.
BYTES_MAX: Final = 16 * 1024
ITEMS_MAX: Final = 20

Objects: TypeAlias = list[dict[str, Any]]

# How requests declare such a field: as a list, and where old clients send its JSON text, as that.
JsonObjects: TypeAlias = Annotated[
    list[Annotated[dict[str, Any], msgspec.Meta(max_length=100)]],
    msgspec.Meta(max_length=ITEMS_MAX),
]
JsonText: TypeAlias = Annotated[str, msgspec.Meta(max_length=2 * BYTES_MAX)]


@dataclass(frozen=True, slots=True)
class ClientObjects:
    """A list of JSON objects as ``field`` of a request: how many, and how large all together."""

    field: str
    noun: str
    items_max: int
    bytes_max: int

    def parse(self, given: str | Objects | None) -> Objects:
        """Return the list, sent as itself or as its JSON text, as it will be read again.

        Raises:
            InvalidRequest: it is not a list of objects, or exceeds a bound.
        """
        rows: Any = self._decoded(given) if isinstance(given, str) else given or []
        if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
            raise self._refusal("must be a list of objects, or its JSON text.")
        if len(rows) > self.items_max:
            raise self._refusal(f"must have at most {self.items_max} {self.noun}.")
        # The text of a text: the gate has seen the outer one only.
        check_values({self.field: rows})
        if _depth(rows) > DEPTH_MAX:
            raise self._refusal("is nested too deeply.")
        encoded = msgspec.json.encode(rows)
        if len(encoded) > self.bytes_max:
            raise self._refusal(f"must have at most {self.bytes_max} bytes.")
        # What MessagePack has beyond JSON becomes what a reader will find.
        found: Objects = msgspec.json.decode(encoded)
        return found

    def _decoded(self, text: str) -> Any:
        try:
            return msgspec.json.decode(text or "[]")
        except (msgspec.MsgspecError, RecursionError):
            raise self._refusal("must be the JSON text of a list.") from None

    def _refusal(self, problem: str) -> InvalidRequest:
        message = f"{self.field} {problem}"
        return InvalidRequest(message, issues=[{"path": self.field, "message": message}])


def _depth(value: Any) -> int:
    if isinstance(value, dict):
        return 1 + max(map(_depth, value.values()), default=0)
    if isinstance(value, list):
        return 1 + max(map(_depth, value), default=0)
    return 0


ATTACHMENTS: Final = ClientObjects("attachments_json", "attachments", ITEMS_MAX, BYTES_MAX)
PROOF_ITEMS: Final = ClientObjects("proof_items", "items", ITEMS_MAX, BYTES_MAX)
