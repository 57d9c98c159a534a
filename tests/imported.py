"""What every server does alike at its start, done once in the process that they are forked from."""

from __future__ import annotations

import gc

import bountyexpo.app
import bountyexpo.cli
import bountyexpo.lifecycle
import bountyexpo.sandbox.server  # noqa: F401
from bountyexpo.http.health import EDGE
from bountyexpo.http.others import other_routes
from bountyexpo.integrations.tls import trusted
from bountyexpo.operations import areas
from bountyexpo.operations.catalogue import CATALOGUE
from bountyexpo.ws.v1.reference import FRAMES

areas.declare()
trusted()
# For the templates that are compiled, and the types that are resolved.
other_routes(FRAMES, CATALOGUE, EDGE)
# Nothing of it is ever garbage, and a collection need not look at it again in each server.
gc.freeze()
