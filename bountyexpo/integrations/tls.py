"""Which certificates of outside services are believed."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import httpx

if TYPE_CHECKING:
    import ssl


@cache
def trusted() -> ssl.SSLContext:
    """Return what every client of ours shares: to read the roots takes each 50 to 100 ms."""
    return httpx.create_ssl_context()
