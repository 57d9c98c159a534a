"""Notices that wait for the notification area: one row, whatever the number of recipients.

The row is written in the transaction of what it tells about. Its ``dedupe_key`` makes it happen
once: a decision that is repeated, or told by two ways, finds the key and adds nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bountyexpo.domain.notices import Audience, Notice

WRITE = """
    insert into notices (kind, recipients, audience, data, dedupe_key)
    select kind, recipients, audience, data, dedupe_key
    from jsonb_to_recordset(%s) as i(
        kind text, recipients uuid[], audience text, data jsonb, dedupe_key text)
    on conflict (dedupe_key) do nothing
"""


def row(
    kind: Notice, recipients: Sequence[str] | Audience, data: Mapping[str, Any], dedupe_key: str
) -> dict[str, Any]:
    """Return the row that ``WRITE`` takes."""
    is_audience = isinstance(recipients, str)
    assert recipients, "a notice to nobody"
    return {
        "kind": kind.value,
        "recipients": [] if is_audience else sorted(set(recipients)),
        "audience": str(recipients) if is_audience else None,
        "data": data,
        "dedupe_key": dedupe_key,
    }
