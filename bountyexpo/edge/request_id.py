"""The name of a request, by which a person's question finds the lines of our log."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from bountyexpo.domain.ids import new_id

if TYPE_CHECKING:
    from collections.abc import Mapping

HEADER = "x-request-id"

# What may be repeated of a client, because it can harm neither a header nor a log.
HARMLESS = re.compile(r"[A-Za-z0-9_.:\-]{1,128}")


def request_id_of(headers: Mapping[str, str]) -> str:
    """Return the client's own id when it may be repeated, else a new one."""
    given = headers.get(HEADER)
    return given if given is not None and HARMLESS.fullmatch(given) else f"req_{new_id()}"
