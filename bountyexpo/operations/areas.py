"""The areas of the catalogue: importing an area declares its operations."""

from __future__ import annotations

from importlib import import_module

AREAS = (
    "users.auth",
    "money.own_profile",
    "market.bounties",
    "market.requests",
    "market.completions",
    "chat.conversations",
    "chat.messages",
    "chat.message_lists",
    "chat.message_changes",
    "chat.receipts",
    "chat.blocks",
    "users.e2e_keys",
    "money.payments",
    "money.wallet",
    "chat.sockets",
)


def declare() -> None:
    """Declare every operation of the service; repeating it changes nothing."""
    for area in AREAS:
        import_module(f"bountyexpo.operations.{area}")
