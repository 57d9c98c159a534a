"""Features of sessions: what is built upon them, and can be left out without touching them.

A feature brings frames of its own and is told of the turns of a session's life. It keeps what it
needs to know about sessions in dicts of its own, of those only that differ from the usual: ten
thousand sessions that do not use it cost nothing.

    attached ── opened ── detached ── attached ── resumed ── detached ── ended
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic, TypeAlias, TypeVar

import trio

from bountyexpo.observability.logs import get_logger

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping

    from bountyexpo.ws.v1.protocol import Envelope

log = get_logger(__name__)

# Always the ``Session``: its file imports the context, which holds the features.
SessionT = TypeVar("SessionT")

FrameHandler: TypeAlias = "Callable[[SessionT, Envelope, dict[str, Any]], Awaitable[None]]"


class SessionFeature(Generic[SessionT]):
    """What a feature may do; a hook that it does not need does nothing.

    A handler of a frame raises what the client is told, as ``ws.v1.frame_handlers`` says; whatever
    else it raises ends that session's socket. A hook that raises is logged, and the session goes
    on. ``run`` is a supervised task.
    """

    # What each frame type of this feature does.
    frames: Mapping[str, FrameHandler[SessionT]] = {}
    # What a client may say in the ``caps`` of its hello because of this feature.
    capabilities: Collection[str] = ()

    def attached(self, session: SessionT) -> None:
        """A session has a socket, for the first time or again; its client was told nothing yet."""

    def opened(self, session: SessionT) -> None:
        """A new session was welcomed."""

    def resumed(self, session: SessionT) -> None:
        """A session is back: its client has heard all that it missed."""

    def detached(self, session: SessionT) -> None:
        """A session has no socket any more, whether its client was welcomed or not."""

    def ended(self, session: SessionT) -> None:
        """A session is over; it had been ``detached`` before."""

    async def run(self) -> None:
        """Do what is not for one session alone, until cancelled."""


class Features(Generic[SessionT]):
    """All features of one process; the fault of one is its own."""

    def __init__(self, *features: SessionFeature[SessionT]) -> None:
        self._features = features
        self.capabilities = frozenset(name for each in features for name in each.capabilities)
        self.frames: dict[str, FrameHandler[SessionT]] = {}
        for each in features:
            twice = self.frames.keys() & each.frames.keys()
            assert not twice, f"two features have the frames {sorted(twice)}"
            self.frames.update(each.frames)

    def attached(self, session: SessionT) -> None:
        """Tell all of a session that has a socket."""
        _tell(session, (each.attached for each in self._features))

    def opened(self, session: SessionT) -> None:
        """Tell all of a new session."""
        _tell(session, (each.opened for each in self._features))

    def resumed(self, session: SessionT) -> None:
        """Tell all of a session that is back."""
        _tell(session, (each.resumed for each in self._features))

    def detached(self, session: SessionT) -> None:
        """Tell all of a session that lost its socket."""
        _tell(session, (each.detached for each in self._features))

    def ended(self, session: SessionT) -> None:
        """Tell all of a session that is over."""
        _tell(session, (each.ended for each in self._features))

    async def run(self) -> None:
        """Run all until cancelled."""
        async with trio.open_nursery() as nursery:
            for each in self._features:
                nursery.start_soon(each.run)


def _tell(session: SessionT, hooks: Iterable[Callable[[SessionT], None]]) -> None:
    for hook in hooks:
        try:
            hook(session)
        except Exception:
            log.exception("feature failed", hook=hook.__qualname__)
