"""Every row of the contract about the market has an operation at its method and path.

The rows are those of rest-core §2.3 to §2.8, §2.10 and of the aliases in §2.14, as clients call
them; a parameter is written ``:name``.
"""

from __future__ import annotations

import re

from bountyexpo.operations import areas
from bountyexpo.operations.catalogue import CATALOGUE
from bountyexpo.operations.routes import OLD_PREFIX, Route, parse_route

areas.declare()

TABLE = """
C1 GET /api/bounties
C1 GET /bounties
C2 GET /api/bounties/:id
C2 GET /bounties/:id
C3 POST /api/bounties
C3 POST /bounties
C4 POST /api/supabase/bounties
C5 PATCH /api/bounties/:id
C5 PATCH /bounties/:id
C6 DELETE /api/bounties/:id
C6 DELETE /bounties/:id
C7 POST /api/bounties/:id/accept
C8 POST /bounties/:bountyId/accept
C9 POST /api/bounties/:id/complete
C10 POST /bounties/:bountyId/complete
C11 POST /api/bounties/:id/archive
C12 PATCH /api/bounties/:id/status
C13 POST /bounties/:bountyId/updates
C14 POST /bounties/:bountyId/cancel
C15 GET /stale-bounties
C16 POST /stale-bounties/:bountyId/cancel
C17 POST /stale-bounties/:bountyId/repost
C18 POST /functions/v1/expire-bounties
C19 POST /api/bounties/:id/hide
C19 DELETE /api/bounties/:id/hide
D1 GET /api/bounty-requests
D1 GET /bounty-requests
D2 POST /api/bounty-requests/batch
D3 GET /api/bounty-requests/:id
D3 GET /bounty-requests/:id
D4 POST /api/bounty-requests
D5 POST /bounty-requests
D6 PATCH /api/bounty-requests/:id
D6 PATCH /bounty-requests/:id
D7 POST /api/bounty-requests/:id/accept
D7 POST /bounty-requests/:id/accept
D8 POST /functions/v1/accept-bounty-request
D9 POST /rest/v1/rpc/fn_accept_bounty_request
D10 POST /api/bounty-requests/:id/reject
D10 POST /bounty-requests/:id/reject
D11 DELETE /api/bounty-requests/:id
D11 DELETE /bounty-requests/:id
D12 GET /api/bounty-requests/user/:userId
E1 POST /api/completions
E2 GET /api/completions/:bountyId
E3 GET /api/completions/:bountyId/ready
E4 POST /api/completions/:submissionId/request-revision
E5 POST /api/completions/:submissionId/approve
E6 POST /functions/v1/completion/ready
E6 POST /completion/ready
E6 POST /api/bounties/:id/ready
E7 GET /functions/v1/completion/ready
E8 POST /bounties/:bountyId/ready
E9 POST /bounties/:bountyId/approve
E10 POST /bounties/:bountyId/request-changes
F1 POST /api/bounties/:id/cancellations
F2 GET /api/cancellations/:id
F2 GET /api/bounties/:id/cancellation
F3 POST /api/cancellations/:id/accept
F4 POST /api/cancellations/:id/reject
F5 GET /api/cancellations
F6 POST /api/disputes/evidence-stage
F7 POST /api/disputes/evidence-upload/:id
F8 POST /api/disputes/commit
F9 POST /api/disputes
F9 GET /api/disputes
F9 GET /api/disputes/:id
F10 POST /api/disputes/:id/evidence
F10 POST /api/disputes/:id/comments
F10 POST /api/disputes/:id/appeals
F11 POST /api/disputes/:id/resolve
G1 POST /api/ratings
G2 GET /api/ratings
G3 GET /api/ratings/user/:userId
G4 GET /api/ratings/check
G5 GET /api/ratings/stats/:userId
H2 POST /api/blocks
H2 DELETE /api/blocks/:id
H3 GET /api/blocks
H3 GET /api/blocks/:id
H4 POST /api/reports
H5 GET /api/reports
H6 PATCH /api/reports/:id
H7 GET /api/reports/stats
J1 GET /api/bounties/search
J2 GET /search/bounties
J3 GET /api/users/search
J4 GET /api/search/suggestions
J5 GET /api/bounties/trending
J6 GET /api/search/saved
J6 POST /api/search/saved
"""

ROWS = [tuple(line.split(" ", 1)) for line in TABLE.strip().splitlines()]

# Rows that nothing answers yet.
NOT_YET = "F7"

SHAPES = {route.shape: each.name for each in CATALOGUE.all() for route in each.routes}


def route_of(text: str) -> Route:
    return parse_route(re.sub(r":(\w+)", r"{\1}", text))


def is_answered(asked: str) -> bool:
    """Tell whether an operation answers at this path, and under the old prefix the same one."""
    route = route_of(asked)
    name = SHAPES.get(route.shape)
    is_old = route.path.startswith(f"{OLD_PREFIX}/")
    return name is not None and (is_old or SHAPES.get(route.under(OLD_PREFIX).shape) == name)


def test_every_row_has_an_operation() -> None:
    unanswered = [f"{row} {asked}" for row, asked in ROWS if not is_answered(asked)]

    assert [each for each in unanswered if each.partition(" ")[0] not in NOT_YET.split()] == []


def test_the_table_has_every_row_of_its_sections() -> None:
    counted = {"C": 19, "D": 12, "E": 10, "F": 11, "G": 5, "J": 6}
    wanted = {f"{letter}{n}" for letter, last in counted.items() for n in range(1, last + 1)}

    assert {row for row, _ in ROWS} == wanted | {f"H{n}" for n in range(2, 8)}
