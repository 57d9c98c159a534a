"""The address of a database, checked for what the driver will make of it (libpq §34.1.1).

What can never work is refused at the start, by name: dashboards hand out parameters that other
drivers know, and a wrong percent sign is found by nobody else. The address itself, which holds a
password, is never repeated.
"""

from __future__ import annotations

import re
from typing import Final

import psycopg
from psycopg.conninfo import conninfo_to_dict

SCHEMES: Final = ("postgresql", "postgres")

SSL_MODES: Final = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")

PORT_MAX: Final = 65_535

# Parameters that other drivers take, and what to do about them.
FOREIGN: Final = {
    "pgbouncer": "it is for another driver; leave it out, poolers are noticed by themselves",
    "connection_limit": "it is for another driver; set DB_POOL_MAX instead",
    "pool_timeout": "it is for another driver",
    "schema": "it is for another driver; our tables have a schema of their own",
}


def check_database_url(value: str) -> str:
    """Return an address that the driver can read.

    Raises:
        ValueError: says what it cannot read.
    """
    if not value.startswith(tuple(f"{scheme}://" for scheme in SCHEMES)):
        raise ValueError("does not begin with postgresql://")
    try:
        parts = conninfo_to_dict(value)
    except psycopg.ProgrammingError as error:
        raise ValueError(_reason(str(error))) from None
    if not parts.get("host") and not parts.get("hostaddr"):
        raise ValueError("names no host")
    for port in str(parts.get("port") or "5432").split(","):
        if not port.isdecimal() or not 0 < int(port) <= PORT_MAX:
            raise ValueError("has a port that is no number up to 65535")
    if str(parts.get("sslmode") or "prefer") not in SSL_MODES:
        raise ValueError(f"has an sslmode that is none of {', '.join(SSL_MODES)}")
    return value


def _reason(told: str) -> str:
    """Say what the driver could not read, without anything that may be part of the password."""
    parameter = re.search(r'invalid URI query parameter: "(\w+)"', told)
    if parameter is not None:
        name = parameter.group(1)
        if name in FOREIGN:
            return f"has the parameter {name}: {FOREIGN[name]}"
        return "has a parameter that the driver does not know"
    if "percent" in told:
        return "has a percent sign that is not followed by two hexadecimal digits (write %25)"
    return "cannot be read by the driver"
