"""What this process is called where several share a database: in leases and in runs of jobs."""

from __future__ import annotations

import os
import socket


def process_name(port: int) -> str:
    """Return the host, the process and the port of this service, for people to find it by."""
    return f"process {os.getpid()} on host {socket.gethostname()}, port {port}"
