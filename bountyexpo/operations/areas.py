"""The areas of the catalogue: importing an area declares its operations."""

from __future__ import annotations

from importlib import import_module

AREAS = (
    "auth",
    "bounties",
    "requests",
    "completions",
    "conversations",
    "messages",
    "message_lists",
    "message_changes",
    "receipts",
    "blocks",
    "e2e_keys",
    "payments",
    "wallet",
    "sockets",
)


def declare() -> None:
    """Declare every operation of the service; repeating it changes nothing."""
    for area in AREAS:
        import_module(f"bountyexpo.operations.{area}")
