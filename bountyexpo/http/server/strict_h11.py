"""HTTP/1.1 for the Hypercorn fallback, judged by the same reader as on the fast path.

Hypercorn reads by ``h11``, which takes what others read differently: lines that end with a bare
line feed, folded lines, a length beside a transfer coding, one length twice. A request that gets
there must not be the one that is smuggled, so each head is first shown to our own parser. The
same object says what a refusal looks like, which would be an empty answer otherwise.

It reads one request: whose the next one on the connection is, the acceptor decides again.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

import h11

from bountyexpo.edge.request_head import HEAD_END
from bountyexpo.errors import BountyExpoError, HeadTooLarge, MalformedRequest, RequestTooSlow
from bountyexpo.http.server.request_parser import HeadParser, Unusual, has_bare_line_feed

if TYPE_CHECKING:
    from collections.abc import Callable

    from bountyexpo.edge.refusal import Refusals

# States in which nothing of an answer has been sent, so that a refusal can be the answer.
UNANSWERED = frozenset({h11.IDLE, h11.SEND_RESPONSE})


class StrictConnection(h11.Connection):
    """One server connection.

    ``is_late`` tells whether the end of the data is one that we made; ``hand_back`` is given what
    was read of a second request, once its head is complete; ``refusals`` writes what is refused.
    """

    def __init__(
        self,
        head_bytes_max: int,
        *,
        is_late: Callable[[], bool],
        hand_back: Callable[[bytes], None],
        refusals: Refusals,
    ) -> None:
        super().__init__(h11.SERVER, max_incomplete_event_size=head_bytes_max)
        self._head_bytes_max = head_bytes_max
        self._is_late = is_late
        self._hand_back = hand_back
        self._refusals = refusals
        self._asked: dict[str, str] | None = None  # the headers of the request, once it was read
        self._is_handed_back = False
        self._refusal: bytes | None = None

    def is_mid_body(self) -> bool:
        """Tell whether a request has begun of which the rest is still to come."""
        return self.their_state is h11.SEND_BODY

    def receive_data(self, data: bytes) -> None:
        """Take what arrived; behind a last request nothing is read (RFC 9112 §9.6)."""
        if not data or self.their_state is not h11.MUST_CLOSE:
            super().receive_data(data)

    def next_event(self) -> Any:
        """Return what comes next.

        Raises:
            RemoteProtocolError: The client broke a rule; the answer to it is prepared.
        """
        if self.their_state is h11.MUST_CLOSE and self.trailing_data[0]:
            return h11.NEED_DATA
        if self._is_handed_back:
            return h11.NEED_DATA
        try:
            if self.their_state is h11.IDLE and self._judge_head() and self._asked is not None:
                self._is_handed_back = True
                self._hand_back(self.trailing_data[0])
                return h11.NEED_DATA
            event = super().next_event()
        except BountyExpoError as error:
            self._refuse(error)
            raise h11.RemoteProtocolError(error.message, error.status) from None
        except h11.RemoteProtocolError as error:
            self._refuse(self._translate(error))
            raise
        if not isinstance(event, h11.Request):
            return event
        self._asked = {
            name.decode("latin-1"): value.decode("latin-1") for name, value in event.headers
        }
        return _without_upgrade(event)

    def send(self, event: Any) -> Any:
        """Return the bytes of ``event``; of an answer to a broken rule, those of the refusal."""
        if self._refusal is None:
            return super().send(event)
        data, self._refusal = self._refusal, b""
        return data

    def _judge_head(self) -> bool:
        """Return whether there is a whole head; one that is to be refused raises."""
        data, _ = self.trailing_data
        end = data.find(HEAD_END)
        if (end if end >= 0 else len(data)) > self._head_bytes_max:
            raise HeadTooLarge
        if end < 0:
            if has_bare_line_feed(data):
                raise MalformedRequest
            return False
        with suppress(Unusual):
            HeadParser().parse(data[: end + len(HEAD_END)])
        return True

    def _translate(self, error: h11.RemoteProtocolError) -> BountyExpoError | None:
        if error.error_status_hint == HeadTooLarge.status:
            return HeadTooLarge()
        if error.error_status_hint != MalformedRequest.status:
            return None
        if not self.trailing_data[1]:
            return MalformedRequest()
        if self._is_late():
            return RequestTooSlow()
        return MalformedRequest("The body of the request is incomplete.")

    def _refuse(self, error: BountyExpoError | None) -> None:
        if error is not None and self.our_state in UNANSWERED:
            self._refusal = self._refusals.encode(error, asked=self._asked or {})


def _without_upgrade(request: h11.Request) -> h11.Request:
    """Let Hypercorn see no wish for another protocol.

    Sockets have a handler of their own. HTTP/2 is spoken from the first byte or not at all
    (RFC 9113 §3.1): a change on the way would lead past what a proxy in front of us checks.
    """
    headers = [(name, value) for name, value in request.headers if name != b"upgrade"]
    if len(headers) == len(request.headers):
        return request
    return h11.Request(
        method=request.method,
        target=request.target,
        headers=headers,
        http_version=request.http_version,
    )
