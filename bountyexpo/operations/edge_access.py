"""Who may ask what of the edge itself: probes, metrics, the tree and the index."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from bountyexpo.domain.access import AccessLevel, grant_to, public, rows

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bountyexpo.domain.access import Grant

GRANTS: Final[Mapping[str, Grant]] = rows(
    *(
        public(operation, "A probe knows nobody, and learns no more than that we live.")
        for operation in (
            "health.status",
            "health.live",
            "health.livez",
            "health.ready",
            "health.readyz",
            "index",
        )
    ),
    public("metrics.page", "It asks its reader itself: this machine, its token, or an admin."),
    grant_to(AccessLevel.ADMIN, "debug.tree", "What runs, and how it fares, is for operators."),
)
