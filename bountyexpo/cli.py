"""The command ``bountyexpo``: serve, demo, load, tree, jobs, doctor."""

from __future__ import annotations

import argparse
import os
import sys
from contextlib import nullcontext
from functools import partial
from typing import TYPE_CHECKING, Any

import httpx
import trio

from bountyexpo import __version__
from bountyexpo.data_folder import DataFolderRefused, claimed
from bountyexpo.listening import CannotListen, check_ports
from bountyexpo.load import options as load_options
from bountyexpo.load.client.rest import sandbox_at
from bountyexpo.load.client.socket_client import CODECS
from bountyexpo.load.story.demo import demo
from bountyexpo.load.story.driver import Backstage
from bountyexpo.load.story.plots.catalogue import PLOTS
from bountyexpo.load.story.plots.work import WORK
from bountyexpo.observability import logs
from bountyexpo.settings import Settings, SettingsError

if TYPE_CHECKING:
    from collections.abc import Sequence


DEFAULT_URL = "http://127.0.0.1:3001"

EXIT_FAILED = 1
EXIT_BAD_SETTINGS = 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return the exit code of the process."""
    options = _parser().parse_args(arguments)
    try:
        code: int = options.command(options)
    except KeyboardInterrupt:
        return EXIT_FAILED
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="bountyexpo", description=__doc__)
    parser.add_argument("--version", action="version", version=f"bountyexpo {__version__}")
    commands = parser.add_subparsers(required=True, metavar="command")
    serve = commands.add_parser(
        "serve", help="serve everything; settings come from the environment"
    )
    serve.set_defaults(command=_serve)
    _add_demo(commands.add_parser("demo", help="play stories of bounties against a running server"))
    load = commands.add_parser("load", help="put a measured and checked load on a running server")
    load_options.add_arguments(load, DEFAULT_URL)
    load.set_defaults(command=_load)
    tree = commands.add_parser("tree", help="show the supervisor tree of a running server")
    tree.add_argument("--url", default=DEFAULT_URL, help="the server (default: %(default)s)")
    _add_token(tree)
    tree.set_defaults(command=_tree)
    jobs = commands.add_parser(
        "jobs", help="show the last run of each job; settings come from the environment"
    )
    jobs.set_defaults(command=_jobs)
    doctor = commands.add_parser("doctor", help="examine this machine, its settings and services")
    doctor.add_argument("--json", action="store_true", help="print one JSON array")
    doctor.add_argument(
        "--ready", action="store_true", help="ask only whether the server on PORT takes requests"
    )
    doctor.set_defaults(command=_doctor)
    return parser


def _add_demo(parser: argparse.ArgumentParser) -> None:
    told = "\n".join(f"  {plot.name:<14}{plot.about}" for plot in PLOTS.values())
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = f"stories:\n{told}\n\nThe exit code is 1 when anything is not as it should be."
    parser.add_argument("--url", default=DEFAULT_URL, help="the server (default: %(default)s)")
    parser.add_argument("--codec", choices=CODECS, default="json", help="on the socket")
    parser.add_argument(
        "--story",
        choices=(*PLOTS, "all"),
        default=WORK.name,
        metavar="NAME",
        help="which story, or all of them (default: %(default)s)",
    )
    _add_token(parser)
    parser.add_argument(
        "--sandbox",
        metavar="URL",
        help="the emulators (default: on the port after the server's, on this machine)",
    )
    parser.set_defaults(command=_demo)


def _add_token(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--token",
        default=os.environ.get("BOUNTYEXPO_ADMIN_TOKEN"),
        help="an administrator's access token (default: $BOUNTYEXPO_ADMIN_TOKEN, "
        "else one for the emulator of the server on this machine)",
    )


def _serve(_options: argparse.Namespace) -> int:
    # The service's parts are heavy to import and no other command needs them.
    from bountyexpo.app import App  # noqa: PLC0415
    from bountyexpo.lifecycle import serve  # noqa: PLC0415
    from bountyexpo.persistence.server.check import DatabaseRefused  # noqa: PLC0415
    from bountyexpo.sandbox.emulators import with_ports  # noqa: PLC0415
    from bountyexpo.supervisors import SupervisorFailed  # noqa: PLC0415

    try:
        settings = with_ports(Settings.load(os.environ))
    except SettingsError as error:
        print(error, file=sys.stderr)
        return EXIT_BAD_SETTINGS
    logs.configure(settings.log_level, json=not sys.stderr.isatty())
    is_real = not (settings.uses_sandbox_auth or settings.uses_sandbox_stripe)
    uses_folder = settings.uses_embedded_database or not is_real

    async def run() -> None:
        app = App(settings)
        await serve(app, lambda: print(_welcome(settings), flush=True))

    try:
        with claimed(settings.data_dir, port=settings.port) if uses_folder else nullcontext():
            check_ports(settings)
            trio.run(run)
    except (DataFolderRefused, CannotListen) as refusal:
        print(refusal, file=sys.stderr)
        return EXIT_BAD_SETTINGS
    except BaseExceptionGroup as group:
        refused, others = group.split(DatabaseRefused)
        if refused is not None and others is None:
            print(_leaf(refused), file=sys.stderr)
            return EXIT_BAD_SETTINGS
        failures, others = group.split(SupervisorFailed)
        if failures is None or others is not None:
            raise
        print(f"bountyexpo stopped: {_leaf(failures)}", file=sys.stderr)
        return EXIT_FAILED
    return 0


def _leaf(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """Return the first error of a group that is no group."""
    error: BaseException = group
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


def _demo(options: argparse.Namespace) -> int:
    plots = tuple(PLOTS.values()) if options.story == "all" else (PLOTS[options.story],)
    try:
        sandbox_url = options.sandbox or sandbox_at(options.url)
    except ValueError as error:
        print(f"{options.url} is no address: {error}", file=sys.stderr)
        return EXIT_BAD_SETTINGS
    backstage = Backstage(admin_token=_admin_token(options), sandbox_url=sandbox_url)
    play = partial(demo, options.url, options.codec, plots, backstage=backstage)
    code: int = trio.run(play)
    return code


def _load(options: argparse.Namespace) -> int:
    # Only this command needs the machinery of a load run.
    from bountyexpo.load.run import load  # noqa: PLC0415
    from bountyexpo.sandbox.local_server import database_at, operator_token_at  # noqa: PLC0415

    try:
        asked = load_options.options_of(options)
        if asked.scenario == "story":
            asked.admin_token = asked.admin_token or operator_token_at(asked.url, os.environ)
            asked.database_url = asked.database_url or database_at(asked.url)
        return load(asked)
    except ValueError as error:
        print(f"This is no address or network: {error}", file=sys.stderr)
        return EXIT_BAD_SETTINGS


def _admin_token(options: argparse.Namespace) -> str | None:
    # Only some commands look at other processes.
    from bountyexpo.sandbox.local_server import operator_token_at  # noqa: PLC0415

    token: str | None = options.token or operator_token_at(options.url, os.environ)
    return token


def _tree(options: argparse.Namespace) -> int:
    token = _admin_token(options)
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    try:
        reply = httpx.get(f"{options.url}/debug/tree", headers=headers, timeout=10.0)
    except httpx.HTTPError as error:
        print(f"No server answers at {options.url}: {error}", file=sys.stderr)
        return EXIT_FAILED
    if reply.status_code != httpx.codes.OK:
        print(reply.json().get("message", reply.text), file=sys.stderr)
        return EXIT_FAILED
    print("\n".join(_lines(reply.json())))
    return 0


def _jobs(_options: argparse.Namespace) -> int:
    # Only this command reads the database by itself.
    import psycopg  # noqa: PLC0415

    from bountyexpo.jobs import report  # noqa: PLC0415
    from bountyexpo.sandbox.postgres import running_address  # noqa: PLC0415

    try:
        settings = Settings.load(os.environ)
    except SettingsError as error:
        print(error, file=sys.stderr)
        return EXIT_BAD_SETTINGS
    address = settings.database_url or running_address(settings.data_dir / "postgres")
    if address is None:
        print(f"No database runs in {settings.data_dir}.", file=sys.stderr)
        return EXIT_FAILED
    try:
        print("\n".join(report.lines(report.read(address))))
    except psycopg.Error as error:
        print(f"The database does not answer: {type(error).__name__}", file=sys.stderr)
        return EXIT_FAILED
    return 0


def _doctor(options: argparse.Namespace) -> int:
    # Only this command examines; the others must start fast.
    from bountyexpo.doctor import command  # noqa: PLC0415
    from bountyexpo.sandbox.postgres import running_address  # noqa: PLC0415

    if options.ready:
        is_ready, told = command.is_ready(f"http://127.0.0.1:{os.environ.get('PORT') or 3001}")
        print(told, file=sys.stdout if is_ready else sys.stderr)
        return 0 if is_ready else EXIT_FAILED
    found = list(command.diagnose(os.environ, running_address))
    print(command.report(found, as_json=options.json))
    return EXIT_FAILED if command.is_ill(found) else 0


def _lines(node: dict[str, Any], indent: str = "") -> list[str]:
    facts = [f"{indent}{node['name']}", f"({node['kind']})", node["state"]]
    facts += [f"restarts={node['restarts']}"] if node["restarts"] else []
    facts += [f"mail={node['mailbox_depth']}"] if node["mailbox_depth"] else []
    facts += [f"last_error={node['last_error']}"] if node["last_error"] else []
    below = [line for child in node["children"] for line in _lines(child, indent + "  ")]
    return [" ".join(facts), *below]


def _welcome(settings: Settings) -> str:
    base = settings.local_url
    lines = [
        f"bountyexpo {__version__} serves on {base}",
        f"  reference   {base}/docs  and  {base}/docs/socket",
        f"  socket      {base.replace('http', 'ws', 1)}/v1/socket",
        f"  health      {base}/readyz  and  {base}/metrics",
    ]
    lines += _emulators(settings)
    lines.append(f"  next        .venv/bin/bountyexpo demo --url {base}")
    return "\n".join(lines)


def _emulators(settings: Settings) -> list[str]:
    """Say where the emulators are, and with which keys, as a local Supabase does at its start."""
    from bountyexpo.sandbox.emulators import MESSAGES_FOLDER, providers  # noqa: PLC0415

    if not (settings.uses_sandbox_auth or settings.uses_sandbox_stripe):
        return []
    address = f"http://127.0.0.1:{settings.sandbox_port}"
    lines = [f"  emulators   {address} (auth and card provider)"]
    if settings.uses_sandbox_auth:
        found = providers(settings)
        # Where the secret may be a real project's, its key opens that project, too.
        is_ours = settings.supabase_jwt_secret is None
        service_key = found.supabase_service_role_key if is_ours else "of SUPABASE_JWT_SECRET"
        lines += [
            f"  mail        {address}/sandbox/messages  and  {settings.data_dir / MESSAGES_FOLDER}",
            f"  anon key    {found.supabase_anon_key}",
            f"  service key {service_key}",
        ]
    return lines
