"""Whether the service can listen where its settings say, found out before anything is started."""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING

from bountyexpo.domain.addresses import EVERY_IPV4, EVERY_IPV6
from bountyexpo.edge.listeners import open_listeners

if TYPE_CHECKING:
    from bountyexpo.settings import Settings


class CannotListen(Exception):
    """Somebody else listens at a port that we need, or it is not ours to listen at."""


def check_ports(settings: Settings) -> None:
    """Try each port for a moment.

    Raises:
        CannotListen: names the variable, and says what to do.
    """
    ports = {"PORT": (settings.host, settings.port)}
    if settings.uses_sandbox_auth or settings.uses_sandbox_stripe:
        ports["SANDBOX_PORT"] = ("127.0.0.1", settings.sandbox_port)
    for name, (host, port) in ports.items():
        try:
            listeners = open_listeners(host, port)
        except OSError as error:
            raise CannotListen(_why_not(error, name, host, port)) from None
        for listener in listeners:
            listener.close()


def _why_not(error: OSError, name: str, host: str, port: int) -> str:
    """Say why nobody can listen there, and what to do."""
    if error.errno == errno.EADDRINUSE:
        return (
            f"{name}: port {port} is in use by another process. "
            f"Stop it, or choose another with {name}=…."
        )
    if error.errno in {errno.EACCES, errno.EPERM}:
        return f"{name}: port {port} is not open to this user. Choose one above 1023."
    return (
        f"HOST: this machine has no address {host} ({error.strerror}). "
        f"Use {EVERY_IPV4}, {EVERY_IPV6} or one of its own."
    )
