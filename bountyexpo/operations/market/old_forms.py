"""How old routes of the market tell what the present ones reply (contract rest-core §2.14).

Each function makes one body of another, both as JSON.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from bountyexpo.errors import Conflict, IllegalTransition, NotAllowed, NotFound

if TYPE_CHECKING:
    from collections.abc import Callable

    from bountyexpo.errors import BountyExpoError

Json = dict[str, Any]

# An exception that a function of the database raised, and a row that its policy protects
# (PostgreSQL, error codes); the second is what the app takes for "not yours".
RAISED: Final = "P0001"
NO_PRIVILEGE: Final = "42501"


def documented_request(row: Json) -> Json:
    """Return an application with the names of the old reference, too."""
    return row | {
        "bountyId": row["bounty_id"],
        "hunterId": row["hunter_id"],
        "proposal": row["message"],
    }


def step_of_bounty(message: str) -> Callable[[Json], Json]:
    """Return the form that says ``message`` and names the bounty of the row that it tells."""

    def told(row: Json) -> Json:
        return row | {"message": message, "bountyId": row["bounty_id"]}

    return told


def nothing_while(code: str) -> Callable[[BountyExpoError], tuple[int, Any] | None]:
    """Return the form that tells a refusal of this code as a null, which is no failure."""

    def told(error: BountyExpoError) -> tuple[int, Any] | None:
        return (200, None) if error.error_code == code else None

    return told


def documented_requests(found: Json | list[Json]) -> Json | list[Json]:
    """Return a list or a page of applications with the names of the old reference, too."""
    if isinstance(found, list):
        return [documented_request(row) for row in found]
    rows = [documented_request(row) for row in found["requests"]]
    return found | {"requests": rows, "data": rows}


def step_told(message: str, told: Json) -> Json:
    """Return a row with the message that clients of an old route show, and the bounty's id."""
    return told | {"message": message, "bountyId": told["id"]}


def taken(told: Json) -> Json:
    """Return how a bounty was taken."""
    is_applied = told["newStatus"] == "open"
    message = "You have applied to this bounty." if is_applied else "The application is accepted."
    return step_told(message, told)


def completed(told: Json) -> Json:
    """Return how a bounty was completed, or its work handed in."""
    is_done = told["newStatus"] == "completed"
    message = "The bounty is completed." if is_done else "The work waits for the poster's review."
    return step_told(message, told)


def told_progress(update: Json) -> Json:
    """Return an update in the envelope of its old route."""
    data = {
        "success": True,
        "bountyId": update["bounty_id"],
        "message": update["message"],
        "attachments": update["attachments"],
        "timestamp": update["created_at"],
    }
    return {"message": "The update was posted.", "data": data}


def refused_with_400(error: BountyExpoError) -> tuple[int, Json] | None:
    """Return a refusal of the step as the old service told each of them."""
    is_about_step = type(error) is NotAllowed or isinstance(error, NotFound | Conflict)
    if not is_about_step or error.retryable:
        return None
    told = {"success": False, "error": error.message, "message": error.message}
    return 400, {**error.fields, **told, "code": error.error_code, "statusCode": 400}


def accepted_in_data(accepted: Json) -> Json:
    """Return an acceptance as the edge function told it."""
    return {"success": True, "data": accepted_rows(accepted)}


def accepted_rows(accepted: Json) -> list[Json]:
    """Return an acceptance as the rows of the database's function."""
    return [{"bounty": accepted["bounty"], "accepted_request": accepted["request"]}]


def acceptance_refused_by_database(error: BountyExpoError) -> tuple[int, Json] | None:
    """Return why the database's function would have refused an acceptance."""
    if type(error) is NotAllowed:
        return error.status, _raised(NO_PRIVILEGE, error.message)
    if isinstance(error, NotFound):
        is_bounty = error.error_code == "bounty_not_found"
        return 400, _raised(RAISED, "bounty_not_found" if is_bounty else "request_not_found")
    if isinstance(error, IllegalTransition):
        return 400, _raised(RAISED, "bounty_not_open")
    if error.error_code == "REQUEST_NOT_PENDING":
        return 400, _raised(RAISED, "request_not_pending")
    if type(error) is Conflict:
        return 400, _raised(RAISED, error.message)
    return None


def _raised(code: str, message: str) -> Json:
    return {"code": code, "message": message, "details": None, "hint": None}


def escrow_made(told: Json) -> Json:
    """Return a funded escrow under the names of ``/payments/escrows``."""
    return {
        "escrowId": told["paymentIntentId"] or told["bountyPaymentId"],
        "paymentIntentId": told["paymentIntentId"],
        "paymentIntentClientSecret": told["clientSecret"],
        "status": told["status"],
    }


def escrow_released(told: Json) -> Json:
    """Return a release under the names of ``/payments/escrows/:id/release``."""
    return {
        "success": True,
        "transferId": told["transferId"],
        "paymentIntentId": None,
        "hunterAmount": told["hunterAmount"],
        "platformFee": told["platformFee"],
        "status": told["status"],
    }


def work_released(told: Json) -> Json:
    """Return a release under the names of ``/api/completion-release``."""
    return {
        "success": True,
        "transferId": told["transferId"],
        "releaseAmount": told["hunterAmount"],
        "platformFee": told["platformFee"],
        "message": "The hunter was paid.",
    }


def escrow_refunded(told: Json) -> Json:
    """Return a refund under the names that the app's client of escrows reads."""
    return {
        "success": True,
        "paymentIntentId": told["paymentIntentId"],
        "refundAmount": told["amount"],
        "status": told["status"],
        "refundId": told["refundId"],
    }
