"""The audit log: who did what to whom, written in the transaction of the deed itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

# What has a column of its own; anything else that is named goes into ``metadata``.
_COLUMNS = (
    "outcome",
    "severity",
    "actor_role",
    "description",
    "reason",
    "amount_cents",
    "ip",
    "user_agent",
    "request_id",
)

WRITE = """
    insert into audit_log (category, action, outcome, severity, actor_id, actor_role, target_type,
        target_id, description, reason, amount_cents, metadata, ip, user_agent, request_id)
    select category, action, coalesce(outcome, 'success'), coalesce(severity, 'info'), actor_id,
           actor_role, target_type, target_id, description, reason, amount_cents, metadata, ip,
           user_agent, request_id
    from jsonb_to_recordset(%s) as i(
        category text, action text, outcome text, severity text, actor_id uuid, actor_role text,
        target_type text, target_id text, description text, reason text, amount_cents bigint,
        metadata jsonb, ip inet, user_agent text, request_id text)
"""


def row(
    category: str,
    action: str,
    actor_id: str | None,
    target: tuple[str, str],
    metadata: Mapping[str, Any],
) -> dict[str, Any]:
    """Return the row that ``WRITE`` takes."""
    record: dict[str, Any] = {
        "category": category,
        "action": action,
        "actor_id": actor_id,
        "target_type": target[0],
        "target_id": target[1],
        "metadata": {name: value for name, value in metadata.items() if name not in _COLUMNS},
    }
    record.update({name: metadata[name] for name in _COLUMNS if name in metadata})
    return record
