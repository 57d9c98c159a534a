"""Sending a message: the hot operation, with its own socket frame (contract realtime §4.5)."""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING, Annotated, Literal

import msgspec

from bountyexpo.actors.chat.conversation_messages import SendMessage
from bountyexpo.domain.chat import system_messages
from bountyexpo.domain.chat.conversation import message_text
from bountyexpo.domain.chat.envelope import Envelope, is_envelope, text_of
from bountyexpo.domain.field_types import Id, Moment
from bountyexpo.domain.ids import new_id
from bountyexpo.domain.limits import ENVELOPE_BYTES_MAX
from bountyexpo.errors import InvalidRequest
from bountyexpo.operations.catalogue import MESSAGE, THREAD, operation
from bountyexpo.operations.chat.conversation_routes import HOME, old_routes
from bountyexpo.operations.chat.message_views import MessageView, message_view
from bountyexpo.operations.require import parse_id
from bountyexpo.persistence.chat import messages
from bountyexpo.persistence.chat.messages import StoredMessage

if TYPE_CHECKING:
    from bountyexpo.operations.call import Call

# The longest id that the database keeps.
CLIENT_ID_CHARS_MAX = 128

# A host without anything around it in which another one could hide, and the rest.
MEDIA_URL = re.compile(r"https?://([A-Za-z0-9.-]+)(:[0-9]{1,5})?(/\S*)?")


class NewMessage(msgspec.Struct, kw_only=True):
    """A message; ``text``, ``mediaUrl`` or ``envelope`` must be there.

    An envelope is stored and told as its JSON text, which old clients send as ``text`` themselves.
    """

    conversationId: Id
    clientMsgId: Annotated[str, msgspec.Meta(min_length=1, max_length=128)] | None = None
    text: Annotated[str, msgspec.Meta(max_length=ENVELOPE_BYTES_MAX)] | None = None
    mediaUrl: Annotated[str, msgspec.Meta(max_length=2_000)] | None = None
    replyTo: Id | None = None
    kind: Literal["text", "media", "encrypted"] | None = None
    envelope: Envelope | None = None


class SentView(msgspec.Struct, kw_only=True, omit_defaults=True):
    """Where the message stands in its conversation; being told so means that it is durable.

    Over HTTP the ``message`` itself is there too, under its present and its older names.
    """

    messageId: str
    seq: int
    epoch: str
    conversationId: str
    clientMsgId: str
    createdAt: Moment
    duplicate: bool
    message: MessageView | None = None


@operation(
    "message.send",
    http=f"POST {HOME}/{{conversationId}}/messages",
    rate=MESSAGE,
    status=201,
    repeat_status=200,
    frame="message.send",
    aliases=old_routes("POST", "/{conversationId}/messages"),
    aliased_fields={
        "conversation_id": "conversationId",
        "media_url": "mediaUrl",
        "reply_to": "replyTo",
        "client_msg_id": "clientMsgId",
    },
)
async def send_message(call: Call, request: NewMessage) -> SentView:
    """Send a message; the same ``clientMsgId`` again gives ``duplicate`` and no second message.

    Over HTTP the ``Idempotency-Key`` header may stand in for ``clientMsgId``. One may send
    60 a minute into a conversation.
    """
    client_message_id = _client_id(call, request)
    if request.mediaUrl is not None:
        check_media(call, request.mediaUrl)
    written, is_encrypted = _written(request)
    text = message_text(written, is_encrypted=is_encrypted, has_media=bool(request.mediaUrl))
    kind = "encrypted" if is_encrypted else request.kind or ("text" if text else "media")
    conversation_id = parse_id(request.conversationId, "conversation")
    call.take(THREAD, "message.send", of=f"{call.user_id}:{conversation_id}")
    committed = await call.services.actors.conversation(conversation_id).ask(
        SendMessage(
            sender_id=call.user_id,
            client_message_id=client_message_id,
            kind=kind,
            text=text,
            media_url=request.mediaUrl,
            reply_to=parse_id(request.replyTo, "message") if request.replyTo else None,
            is_encrypted=is_encrypted,
        )
    )
    if committed.duplicate:
        call.reply_status = 200
    sent = SentView(
        messageId=committed.message_id,
        seq=committed.seq,
        epoch=committed.epoch,
        conversationId=conversation_id,
        clientMsgId=client_message_id,
        createdAt=committed.created_at,
        duplicate=committed.duplicate,
    )
    if call.transport == "rest":
        stored = _stored(call, request, sent, kind=kind, text=text)
        if committed.duplicate:
            # It may have been edited or deleted since: it is told as it is now.
            found = await messages.after(
                call.services.db, conversation_id, seq=committed.seq - 1, limit=1
            )
            stored = next(iter(found), stored)
        sent.message = message_view(stored, viewer_id=call.user_id, markers=(), pinned_id=None)
    return sent


def _written(request: NewMessage) -> tuple[str, bool]:
    """Return the text as it was written, and whether only its readers can read it.

    Raises:
        InvalidRequest: the fields contradict each other.
    """
    text = request.text or ""
    if request.kind == "media" and not request.mediaUrl:
        message = "mediaUrl is required where the kind is media."
        raise InvalidRequest(message, issues=[{"path": "mediaUrl", "message": message}])
    if request.envelope is None:
        return text, request.kind == "encrypted" or is_envelope(text)
    if text:
        raise InvalidRequest("Send the text or its envelope, not both.")
    if request.kind not in {None, "encrypted"}:
        message = "kind must be encrypted where there is an envelope."
        raise InvalidRequest(message, issues=[{"path": "kind", "message": message}])
    return text_of(request.envelope), True


def check_media(call: Call, url: str) -> None:
    """Refuse a file that does not lie in our storage: whoever opened it would be seen there."""
    found = MEDIA_URL.fullmatch(url)
    hosts = call.services.settings.media_hosts
    if found is None or (hosts and found[1].lower() not in hosts):
        raise InvalidRequest("This is not the address of an uploaded file.", code="BAD_MEDIA")


def _client_id(call: Call, request: NewMessage) -> str:
    """Return the id under which the message is written once."""
    client_id = request.clientMsgId or call.idempotency_key
    if client_id is None and call.transport == "socket":
        raise InvalidRequest(
            "clientMsgId is required.", issues=[{"path": "clientMsgId", "message": "is required"}]
        )
    client_id = client_id or new_id()
    if client_id.startswith(system_messages.PREFIX):
        raise InvalidRequest(f"clientMsgId must not begin with {system_messages.PREFIX!r}.")
    if len(client_id) > CLIENT_ID_CHARS_MAX:
        # A key of the header may be longer than what is stored.
        client_id = hashlib.sha256(client_id.encode()).hexdigest()
    return client_id


def _stored(
    call: Call, request: NewMessage, sent: SentView, *, kind: str, text: str | None
) -> StoredMessage:
    """Return the message as it was written, without reading it back."""
    return StoredMessage(
        id=sent.messageId,
        conversation_id=sent.conversationId,
        seq=sent.seq,
        sender_id=call.user_id,
        client_message_id=sent.clientMsgId,
        body=text,
        kind=kind,
        media_url=request.mediaUrl,
        reply_to=request.replyTo,
        is_encrypted=kind == "encrypted",
        created_at=sent.createdAt,
    )
