"""Who may report what, and who looks after it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from bountyexpo.domain.access import AccessLevel, grant_to, own, rows

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bountyexpo.domain.access import Grant

GRANTS: Final[Mapping[str, Grant]] = rows(
    own("report.create", "Everybody may say what should not be here, in their own name."),
    *(
        grant_to(AccessLevel.ADMIN, name, "Who reported whom is for those who decide about it.")
        for name in ("report.list", "report.update", "report.stats")
    ),
)
