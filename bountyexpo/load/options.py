"""The options of ``bountyexpo load``, and the plans of the workers that follow from them."""

from __future__ import annotations

import argparse
import ipaddress
import itertools
import os
from dataclasses import dataclass, replace
from pathlib import Path

from bountyexpo.load.plan import SCENARIOS, Plan
from bountyexpo.load.schedule import Schedule, share_of

# Bounties that the REST scenario reads.
READ_BOUNTIES = 10
# A person may post so many bounties a day.
BOUNTIES_PER_OWNER = 10
# A session may watch this many (contract realtime §4.8), less some for others.
ROOMS_MAX = 150
# Of a mixed load, the rate of REST beside that of chat, and stories a second.
MIXED_REST_SHARE = 0.1
MIXED_STORIES_PER_S = 0.2
REST_CONNECTIONS_MAX = 64

EPILOG = """\
scenarios:
  connect    everybody signs in: at --rate, or as fast as it goes
  idle       everybody is there and only heartbeats; with --rate, pings
  chat       pairs chat at --rate messages a second in all (0: as fast as acks come)
  room       --rate events a second, each to all connections
  rest       operations by REST at --rate (0: as fast as answers come)
  story      the whole product: --rate bounties a second, from the posting to the rating, and of
             ten one is cancelled and one disputed; then the books are looked at
  reconnect  everybody is cut off at once, comes back, and is told what they missed
  mixed      chat with cut connections, REST and stories at once

The exit code is 1 when a promise was broken (a message lost, doubled, out of order) or a
threshold was missed, 2 when the run could not be made.
"""


@dataclass(kw_only=True)
class Options:
    """One run."""

    scenario: str = "chat"
    url: str = "http://127.0.0.1:3001"
    connections: int = 100
    rate: float | None = None
    duration_s: float = 10.0
    ramp_s: float = 0.0
    payload_bytes: int = 60
    codec: str = "json"
    sources: tuple[str, ...] = ()
    processes: int = 1
    tokens: Path | None = None
    jwt_secret: str | None = None
    jwt_issuer: str | None = None
    admin_token: str | None = None
    database_url: str | None = None
    drops_per_s: float | None = None
    is_patient: bool = False
    is_resuming: bool = False
    drain_s: float = 15.0
    max_p95_ms: float | None = None
    max_errors: int = 0
    min_rate: float | None = None
    json_path: Path | None = None
    html_path: Path | None = None
    is_quiet: bool = False

    @property
    def rate_per_s(self) -> float:
        """The rate; without one, what suits the scenario."""
        if self.rate is not None:
            return self.rate
        return {"chat": 100.0, "mixed": 100.0, "rest": 100.0, "room": 2.0, "story": 1.0}.get(
            self.scenario, 0.0
        )


def add_arguments(parser: argparse.ArgumentParser, url: str) -> None:
    """Declare the options."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = EPILOG
    add = parser.add_argument
    add("scenario", choices=SCENARIOS)
    add("--url", default=url, help="the server (default: %(default)s)")
    add("--connections", type=int, default=100, metavar="N", help="(default: %(default)s)")
    add("--rate", type=float, metavar="PER_S", help="per second, over all connections")
    add("--duration", type=float, default=10.0, metavar="S", help="(default: %(default)s)")
    add("--ramp", type=float, default=0.0, metavar="S", help="the rate grows over this time")
    add("--payload", type=int, default=60, metavar="BYTES", help="of a message's text")
    add("--codec", choices=("json", "msgpack"), default="json", help="on the socket")
    add(
        "--source",
        action="append",
        default=[],
        metavar="ADDRESS",
        help="come from this local address or network, such as 127.0.0.0/8; may be repeated",
    )
    add("--processes", type=int, default=1, metavar="N", help="of the client")
    add("--tokens", type=Path, metavar="FILE", help="access tokens, one on each line")
    add(
        "--jwt-secret",
        default=os.environ.get("SUPABASE_JWT_SECRET"),
        metavar="SECRET",
        help="sign tokens with it instead of registering people (default: $SUPABASE_JWT_SECRET)",
    )
    add(
        "--jwt-issuer",
        default=os.environ.get("SUPABASE_JWT_ISSUER"),
        metavar="NAME",
        help="of these tokens (default: $SUPABASE_JWT_ISSUER, else the emulator beside the server)",
    )
    add(
        "--admin-token",
        default=os.environ.get("BOUNTYEXPO_ADMIN_TOKEN"),
        metavar="TOKEN",
        help="of who judges disputes (default: $BOUNTYEXPO_ADMIN_TOKEN, else the operator of the "
        "server on this machine)",
    )
    add(
        "--database",
        metavar="URL",
        help="look at these books in the end (default for stories: those of the server on this "
        "machine)",
    )
    add("--drops", type=float, metavar="PER_S", help="connections cut per second (chat, mixed)")
    add("--patient", action="store_true", help="the server may go away and come back meanwhile")
    add("--resume", action="store_true", help="come back by session, not by streams alone")
    add("--drain", type=float, default=15.0, metavar="S", help="wait so long for what is late")
    add("--max-p95-ms", type=float, metavar="MS", help="fail above it")
    add("--max-errors", type=int, default=0, metavar="N", help="fail above it (default: 0)")
    add("--min-rate", type=float, metavar="PER_S", help="fail below it")
    add("--json", type=Path, metavar="FILE", help="write the result there (- for the output)")
    add("--html", type=Path, metavar="FILE", help="write a page with charts there")
    add("--quiet", action="store_true", help="show no progress")


def options_of(arguments: argparse.Namespace) -> Options:
    """Read what the command line said."""
    return Options(
        scenario=arguments.scenario,
        url=arguments.url.rstrip("/"),
        connections=arguments.connections,
        rate=arguments.rate,
        duration_s=arguments.duration,
        ramp_s=arguments.ramp,
        payload_bytes=arguments.payload,
        codec=arguments.codec,
        sources=addresses(arguments.source),
        processes=arguments.processes,
        tokens=arguments.tokens,
        jwt_secret=arguments.jwt_secret,
        jwt_issuer=arguments.jwt_issuer,
        admin_token=arguments.admin_token,
        database_url=arguments.database,
        drops_per_s=arguments.drops,
        is_patient=arguments.patient,
        is_resuming=arguments.resume,
        drain_s=arguments.drain,
        max_p95_ms=arguments.max_p95_ms,
        max_errors=arguments.max_errors,
        min_rate=arguments.min_rate,
        json_path=arguments.json,
        html_path=arguments.html,
        is_quiet=arguments.quiet,
    )


def addresses(sources: list[str], most: int = 64) -> tuple[str, ...]:
    """Spell out addresses and networks; of a network the first ones serve.

    Raises:
        ValueError: When one is neither.
    """
    found: list[str] = []
    for source in sources:
        hosts = ipaddress.ip_network(source, strict=False).hosts()
        found += [str(host) for host in itertools.islice(hosts, most)]
    return tuple(found[:most])


def people_needed(options: Options) -> int:
    """How many people a run plays."""
    if options.scenario == "story":
        return stories_known(options)
    if options.scenario == "rest":
        return max(2, min(options.connections, REST_CONNECTIONS_MAX))
    return options.connections


def stories_known(options: Options) -> int:
    """How many people of stories need not register: two for each, where tokens are signed."""
    if not options.jwt_secret or options.tokens is not None or not options.rate_per_s:
        return 0
    stories = Schedule(options.rate_per_s, options.duration_s, options.ramp_s).total
    # The parts of the processes may each be one more than their share.
    return 2 * (stories + options.processes)


def owners_needed(options: Options) -> int:
    """How many more people must own the bounties."""
    return -(-bounties_needed(options) // BOUNTIES_PER_OWNER)


def bounties_needed(options: Options) -> int:
    """How many bounties must be there before the run."""
    if options.scenario in ("rest", "mixed"):
        return READ_BOUNTIES
    if options.scenario != "room":
        return 0
    events = Schedule(options.rate_per_s, options.duration_s, options.ramp_s).total
    applicants = max(1, share_of(options.connections, 0, options.processes))
    return max(1, min(ROOMS_MAX, -(-events // applicants)))


def plans(options: Options, run: str, people: list[str], bounties: list[str]) -> list[Plan]:
    """Cut a run into the parts of its workers; ``people`` are their tokens."""
    if options.scenario != "mixed":
        return _split(options, options.scenario, run, people, bounties)
    drops = 0.01 * options.connections if options.drops_per_s is None else options.drops_per_s
    made = _split(options, "chat", run, people, bounties)
    for plan in made:
        plan.drops_per_s = drops / len(made)
    readers = people[:REST_CONNECTIONS_MAX]
    rest = _split(replace(options, processes=1), "rest", run, readers, bounties)[0]
    rest.connections = min(16, options.connections)
    rest.rate = max(1.0, options.rate_per_s * MIXED_REST_SHARE)
    story = _split(options, "story", run, [], bounties)[0]
    story.rate = MIXED_STORIES_PER_S
    made += [rest, story]
    for number, plan in enumerate(made):
        plan.worker = number
        plan.is_patient = True
    return made


def _split(
    options: Options, scenario: str, run: str, people: list[str], bounties: list[str]
) -> list[Plan]:
    parts = max(1, options.processes)
    made = []
    first = 0
    for part in range(parts):
        # Pairs stay together.
        is_even = scenario in ("chat", "reconnect", "story")
        count = (
            2 * share_of(len(people) // 2, part, parts)
            if is_even
            else (share_of(len(people), part, parts))
        )
        plan = Plan(
            scenario=scenario,
            url=options.url,
            tokens=people[first : first + count],
            run=run,
            worker=part,
            workers=parts,
            connections=max(1, share_of(options.connections, part, parts)),
            rate=options.rate_per_s if scenario == "room" else options.rate_per_s / parts,
            duration_s=options.duration_s,
            ramp_s=options.ramp_s,
            payload_bytes=options.payload_bytes,
            codec=options.codec,
            sources=list(options.sources),
            bounties=bounties,
            room_size=max(1, share_of(len(people), 0, parts)),
            drops_per_s=(options.drops_per_s or 0.0) / parts,
            is_patient=options.is_patient,
            is_resuming=options.is_resuming,
            drain_s=options.drain_s,
            admin_token=options.admin_token,
        )
        first += count
        made.append(plan)
    return made
