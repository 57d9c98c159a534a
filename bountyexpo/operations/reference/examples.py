"""One example of each request: what the reference pages show, and what a test plays."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from bountyexpo.operations.reference.field_texts import camel

if TYPE_CHECKING:
    from bountyexpo.operations.catalogue import Operation

AN_ID: Final = "6f1c2c0e-8a4b-4f0e-9d57-3b2f6a1e7c01"

# By the name of the field, as ``camelCase``, or where a request means something of its own by it,
# as ``Request.camelCase``. A required field without an entry is an id.
VALUES: Final[dict[str, Any]] = {
    "AnsweredAppeal.status": "rejected",
    "EvidenceForDispute.evidenceIds": [AN_ID],
    "EvidenceForDispute.reason": "The work was done when they cancelled.",
    "NewEvidence.type": "text",
    "Ruling.outcome": "refund",
    "StagedEvidence.type": "text",
    "RuledStatus.status": "under_review",
    "WantedStatus.status": "completed",
    "targetId": "ba_1PqXyZ",
    "amount": 50,
    "amountCents": 10_000,
    "bountyIds": [AN_ID],
    "clientMsgId": "m1",
    "content": "It was to be green, and it is red.",
    "filename": "note.txt",
    "rationale": "The pictures show that it is red.",
    "stage": "in_progress",
    "comment": "Well done, thank you.",
    "description": "Two coats of green paint, please; the paint is there.",
    "email": "poster@example.com",
    "emoji": "👍",
    "eventId": "evt_1PqXyZ",
    "feedback": "The left arm is loose.",
    "identifier": "poster@example.com",
    "ids": AN_ID,
    "isTyping": True,
    "keywords": "garden",
    "message": "I can do it tomorrow.",
    "messageIds": [AN_ID],
    "name": "Gardens",
    "participantIds": [AN_ID],
    "password": "correct horse battery",
    "paymentId": "pi_3PqXyZ",
    "paymentIntentId": "pi_3PqXyZ",
    "methodId": "pm_1PqXyZ",
    "paymentMethodId": "pm_card_visa",
    "publicKey": "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=",
    "q": "garden",
    "query": "garden",
    "rating": 5,
    "reason": "I have found somebody nearer by.",
    "refreshToken": "v1.Mz4kq…",
    "contentType": "bounty",
    "NewReportRequest.reason": "spam",
    "ReportDecision.status": "resolved",
    "RequestAnswer.status": "accepted",
    "refundPercentage": 50,
    "responseMessage": "I am nearly done.",
    "role": "admin",
    "status": "delivered",
    "text": "At noon?",
    "title": "Paint the fence",
    "upToSeq": 3,
    "username": "poster",
}

# Fields that an example shows although they may be left out.
SHOWN: Final = frozenset(
    {
        "amount",
        "bountyIds",
        "clientMsgId",
        "comment",
        "content",
        "identifier",
        "isTyping",
        "message",
        "paymentMethodId",
    }
    | {"rating", "reason", "refundPercentage", "responseMessage"}
    | {"text", "upToSeq", "userId", "username"}
)


def example_of(operation: Operation) -> dict[str, Any]:
    """Return the fields of an example request, those of the path included."""
    found = {}
    for name, info in operation.fields.items():
        key = camel(name)
        if info.required or key in SHOWN or name in path_of(operation):
            found[name] = VALUES.get(own_key(operation, name), VALUES.get(key, AN_ID))
    return found


def own_key(operation: Operation, name: str) -> str:
    """Return under which name a request has its own value of a field."""
    assert operation.request is not None
    return f"{operation.request.__name__}.{camel(name)}"


def path_of(operation: Operation) -> tuple[str, ...]:
    """Return the names of the path's parameters."""
    return operation.route.parameters if operation.route else ()
