"""A load run from the outside: gets people, starts the workers, adds up, and judges.

Each worker is a process (``load/worker.py``). They prepare, then all begin at the same moment of
the machine's clock; what they count comes over their outputs, second by second.
"""

from __future__ import annotations

import queue
import secrets
import subprocess
import sys
import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any, TextIO

import httpx
import msgspec
import psycopg
import trio

from bountyexpo.load import books, people
from bountyexpo.load import options as optional
from bountyexpo.load.client.connections import FleetFailed
from bountyexpo.load.client.rest import ServerAway, is_loopback
from bountyexpo.load.report import terminal
from bountyexpo.load.report.html_page import page
from bountyexpo.load.report.result import Result

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from bountyexpo.load.options import Options
    from bountyexpo.load.plan import Plan

EXIT_FAILED, EXIT_NOT_RUN = 1, 2
# Between the word and the begin, so that every worker has heard it.
LEAD_S = 0.2
# Preparing may take this long, and every end this much longer than planned.
PREPARE_S = 900.0
OVERTIME_S = 120.0
# What the server says about its own process, where it lets us read it.
SERVER_METRICS = {
    "process_cpu_seconds_total": "server cpu s",
    "process_resident_memory_bytes": "server rss bytes",
}


def load(options: Options, out: TextIO | None = None, err: TextIO | None = None) -> int:
    """Run, report, and return the exit code."""
    out, err = out or sys.stdout, err or sys.stderr

    def say(text: str) -> None:
        if not options.is_quiet:
            err.write(f"{text}\n")
            err.flush()

    try:
        result = measure(options, say)
    except (FleetFailed, ServerAway, OSError, ValueError) as problem:
        err.write(f"The run could not be made: {problem}\n")
        return EXIT_NOT_RUN
    summary = msgspec.json.format(msgspec.json.encode(result.summary()), indent=1).decode()
    if options.json_path is not None and str(options.json_path) == "-":
        out.write(summary + "\n")
    else:
        out.write(terminal.table(result) + "\n")
        if options.json_path is not None:
            options.json_path.write_text(summary + "\n")
    if options.html_path is not None:
        options.html_path.write_text(page(result))
    return 0 if result.is_good else EXIT_FAILED


def measure(options: Options, say: Callable[[str], None] = lambda _text: None) -> Result:
    """Make one run and return what came of it.

    Raises:
        FleetFailed: When it could not be made.
        ServerAway: When the server did not answer.
    """
    run = secrets.token_hex(4)
    tokens, owners = _tokens(options, run, say)
    wanted = optional.bounties_needed(options)
    bounties = trio.run(people.make_bounties, options.url, owners, run, wanted) if wanted else []
    plans = optional.plans(options, run, tokens, bounties)
    result = Result(options)
    before = _server_metrics(options.url)
    workers = _Workers(plans)
    try:
        workers.play(result, say)
    finally:
        workers.stop()
    after = _server_metrics(options.url)
    used_s = after.get("server cpu s", 0.0) - before.get("server cpu s", 0.0)
    if used_s > 0:  # otherwise it began anew meanwhile
        result.server["server cpu s"] = used_s
    if options.database_url is not None:
        try:
            result.books = books.read(options.database_url)
        except psycopg.Error as error:
            raise FleetFailed(f"the books cannot be read: {error}") from None
    if "server rss bytes" in after:
        result.server["server rss MiB"] = after["server rss bytes"] / 2**20
    return result


class _Workers:
    """The processes of one run."""

    def __init__(self, plans: list[Plan]) -> None:
        self._plans = plans
        self._said: queue.Queue[tuple[int, dict[str, Any]]] = queue.Queue()
        self._processes: list[subprocess.Popen[bytes]] = []
        self._listeners: list[threading.Thread] = []

    def play(self, result: Result, say: Callable[[str], None]) -> None:
        """Start all, give the word, and take in what they count."""
        for number, plan in enumerate(self._plans):
            self._start(number, plan)
        say(f"{len(self._plans)} client processes prepare ...")
        ready = 0
        for _number, message in self._messages(PREPARE_S):
            ready += message["kind"] == "ready"
            if ready == len(self._plans):
                break
        began = time.monotonic() + LEAD_S
        for process in self._processes:
            assert process.stdin is not None
            process.stdin.write(f"go {began}\n".encode())
            process.stdin.flush()
        self._add_up(result, say)

    def stop(self) -> None:
        """End what still runs."""
        for process in self._processes:
            if process.poll() is None:
                process.kill()
            process.wait()
        for listener, process in zip(self._listeners, self._processes, strict=True):
            listener.join()
            assert process.stdin is not None
            assert process.stdout is not None
            # What a worker that died has not read cannot be written any more.
            with suppress(OSError):
                process.stdin.close()
            process.stdout.close()

    def _add_up(self, result: Result, say: Callable[[str], None]) -> None:
        left = len(self._plans)
        deadline_s = self._plans[0].duration_s + self._plans[0].drain_s + OVERTIME_S
        shown = 0
        for number, message in self._messages(deadline_s):
            if message["kind"] == "second":
                result.timeline.add(number, message)
                shown = _show_seconds(result, shown, message["second"], say)
            elif message["kind"] == "end":
                result.elapsed_s = max(result.elapsed_s, message["elapsed"])
                result.fault_count += message["fault_count"]
                result.faults += message["faults"]
                for name, value in message["facts"].items():
                    known = result.facts.get(name, 0.0)
                    is_time = name.endswith("_s")
                    result.facts[name] = max(known, value) if is_time else known + value
                left -= 1
                if not left:
                    return

    def _start(self, number: int, plan: Plan) -> None:
        process = subprocess.Popen(
            [sys.executable, "-m", "bountyexpo.load.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        self._processes.append(process)
        listener = threading.Thread(target=self._listen, args=(number, process), daemon=True)
        listener.start()
        self._listeners.append(listener)
        assert process.stdin is not None
        process.stdin.write(msgspec.json.encode(plan) + b"\n")
        process.stdin.flush()

    def _listen(self, number: int, process: subprocess.Popen[bytes]) -> None:
        assert process.stdout is not None
        is_ended = False
        for line in process.stdout:
            message = msgspec.json.decode(line)
            is_ended = message["kind"] in ("end", "problem")
            self._said.put((number, message))
        if not is_ended:
            text = f"a client process ended with {process.wait()}"
            self._said.put((number, {"kind": "problem", "text": text}))

    def _messages(self, deadline_s: float) -> Iterator[tuple[int, dict[str, Any]]]:
        until = time.monotonic() + deadline_s
        while True:
            try:
                number, message = self._said.get(timeout=max(0.0, until - time.monotonic()))
            except queue.Empty:
                raise FleetFailed("a client process did not come to an end") from None
            if message["kind"] == "problem":
                raise FleetFailed(str(message["text"]))
            yield number, message


def _show_seconds(result: Result, shown: int, newest: int, say: Callable[[str], None]) -> int:
    """Show each second once a later one has begun to come in; returns the next to show."""
    while shown < newest:
        if shown in result.timeline.seconds:
            cpu = max(shares[-1] for shares in result.timeline.cpu.values())
            second = result.timeline.seconds[shown]
            say(terminal.progress(shown, second, result.main_name, cpu))
        shown += 1
    return shown


def _tokens(options: Options, run: str, say: Callable[[str], None]) -> tuple[list[str], list[str]]:
    """Get the tokens of the people who play, and of those who own the bounties."""
    count, owners = optional.people_needed(options), optional.owners_needed(options)
    # With a secret the people are the same in every run, so that only the first one makes them;
    # but stories are of people who have nothing yet.
    whose = "every" if options.jwt_secret and options.scenario != "story" else run
    names = [f"load_{whose}_{number}" for number in range(count)]
    names += [f"load_{run}_owner_{number}" for number in range(owners)]
    if not names:
        return [], []
    if options.tokens is not None:
        tokens = people.read_tokens(options.tokens, len(names))
    elif options.jwt_secret:
        tokens = people.sign_tokens(options.url, options.jwt_secret, names, options.jwt_issuer)
    else:
        say(f"{len(names)} accounts are made by REST; --jwt-secret or --tokens make it quick ...")
        tokens = trio.run(people.make_accounts, options.url, names, say)
    return tokens[:count], tokens[count:]


def _server_metrics(url: str) -> dict[str, float]:
    try:
        text = httpx.get(f"{url}/metrics", trust_env=not is_loopback(url), timeout=10).text
    except httpx.HTTPError:
        return {}
    lines = (line.split() for line in text.splitlines())
    return {
        SERVER_METRICS[words[0]]: float(words[1])
        for words in lines
        if len(words) == 2 and words[0] in SERVER_METRICS
    }
