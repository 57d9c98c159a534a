"""Sending a message: the hot operation, with its own socket frame (contract realtime §4.5)."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Literal

import msgspec

from bountyexpo.actors.conversation import SendMessage
from bountyexpo.domain import limits
from bountyexpo.domain.ids import new_id
from bountyexpo.errors import InvalidRequest, TooLarge
from bountyexpo.operations.catalogue import MESSAGE, USER, operation
from bountyexpo.operations.found import checked_id
from bountyexpo.operations.parts import parts

if TYPE_CHECKING:
    from bountyexpo.operations.call import Call

# The service writes its own messages under this prefix, which makes them happen once.
RESERVED_PREFIX = "sys:"


class NewMessage(msgspec.Struct, kw_only=True):
    """A message; ``text`` or ``mediaUrl`` must be there."""

    conversationId: str
    clientMsgId: Annotated[str, msgspec.Meta(min_length=1, max_length=128)] | None = None
    text: str | None = None
    mediaUrl: Annotated[str, msgspec.Meta(max_length=2_000, pattern="^https?://")] | None = None
    replyTo: str | None = None
    kind: Literal["text", "media", "encrypted"] | None = None


class SentView(msgspec.Struct, kw_only=True):
    """Where the message stands in its conversation; being told so means that it is durable."""

    messageId: str
    seq: int
    epoch: str
    conversationId: str
    clientMsgId: str
    createdAt: datetime
    duplicate: bool


@operation(
    "message.send",
    http="POST /api/conversations/{conversationId}/messages",
    access=USER,
    rate=MESSAGE,
    status=201,
    frame="message.send",
    aliases=("POST /conversations/{conversationId}/messages",),
    aliased_fields={"media_url": "mediaUrl", "reply_to": "replyTo", "client_msg_id": "clientMsgId"},
)
async def send_message(call: Call, request: NewMessage) -> SentView:
    """Send a message; the same ``clientMsgId`` again gives ``duplicate`` and no second message.

    Over HTTP the ``Idempotency-Key`` header may stand in for ``clientMsgId``.
    """
    client_message_id = request.clientMsgId or call.idempotency_key
    if client_message_id is None and call.transport == "socket":
        raise InvalidRequest(
            "clientMsgId is required.", issues=[{"path": "clientMsgId", "message": "is required"}]
        )
    client_message_id = client_message_id or new_id()
    if client_message_id.startswith(RESERVED_PREFIX):
        raise InvalidRequest(f"clientMsgId must not begin with {RESERVED_PREFIX!r}.")
    conversation_id = checked_id(request.conversationId, "conversation")
    committed = (
        await parts(call)
        .actors.conversation(conversation_id)
        .ask(
            SendMessage(
                sender_id=call.user_id,
                client_message_id=client_message_id,
                kind=request.kind or ("text" if request.text else "media"),
                text=_text(request),
                media_url=request.mediaUrl,
                reply_to=checked_id(request.replyTo, "message") if request.replyTo else None,
                is_encrypted=request.kind == "encrypted",
            )
        )
    )
    if committed.duplicate:
        call.reply_status = 200
    return SentView(
        messageId=committed.message_id,
        seq=committed.seq,
        epoch=committed.epoch,
        conversationId=conversation_id,
        clientMsgId=client_message_id,
        createdAt=committed.created_at,
        duplicate=committed.duplicate,
    )


def _text(request: NewMessage) -> str | None:
    """Return the text as it is stored; an encrypted envelope is never touched (realtime §1.3)."""
    text = request.text or ""
    if request.kind == "encrypted":
        if len(text.encode()) > limits.ENVELOPE_BYTES_MAX:
            raise TooLarge("This message is too long.", code="TEXT_TOO_LONG")
    else:
        text = limits.CONTROL_CHARACTERS.sub("", text)
        if len(text) > limits.MESSAGE_CHARS_MAX:
            raise InvalidRequest(
                f"A message has at most {limits.MESSAGE_CHARS_MAX} characters.",
                code="TEXT_TOO_LONG",
            )
    if not text.strip() and request.mediaUrl is None:
        raise InvalidRequest("A message needs text or media.", code="EMPTY_MESSAGE")
    return text if text.strip() else None
