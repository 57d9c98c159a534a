"""The money policy of the platform: one versioned object, kept with each escrow when funded.

A change of policy never touches an escrow that exists: the bounty keeps the rate it was
funded with (contract money §1.2, §1.3).
"""

from __future__ import annotations

import msgspec


class Policy(msgspec.Struct, frozen=True, kw_only=True):
    """Rates in basis points and limits in cents."""

    version: int = 1
    platform_fee_bps: int = 500
    bounty_cents_min: int = 100
    bounty_cents_max: int = 1_000_000
    deposit_cents_min: int = 50
    deposit_cents_max: int = 1_000_000
    pending_applications_max: int = 10
    bounties_per_day_max: int = 10
