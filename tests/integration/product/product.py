"""A running product as its tests see it: requests, people, and all that it has stored.

The server is a process; a thread of its own keeps it, because each test has an event loop of its
own and the server outlives them all.
"""

from __future__ import annotations

import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import httpx
import jwt
import msgspec
import psycopg
import trio
from bountyexpo.domain.ids import new_id
from bountyexpo.integrations.tls import trusted
from bountyexpo.load import books
from bountyexpo.sandbox.auth.tokens import api_key
from bountyexpo.sandbox.emulators import SECRETS_FILE, Secrets
from bountyexpo.sandbox.operator import OPERATOR_ID
from psycopg.rows import dict_row

from tests.databases import temporary_folder
from tests.patience import PATIENCE_S
from tests.server_process import ServerProcess, running

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator

# What goes on changing by itself: jobs, leases, deliveries and their retries.
RESTLESS = ("leases", "job_runs", "outbox", "webhook_events", "audit_log", "user_sessions")
# Evidence for which no dispute has come is forgotten by a job.
RESTLESS += ("dispute_evidence",)
# What a job makes of the words of bounties and people.
RESTLESS += ("search_words", "search_forms", "search_changes")
# When somebody was last seen is stored half a minute after their last socket has gone.
RESTLESS_COLUMNS = ["last_seen_at", "search", "is_search_old"]

# What earlier tests have set off and nobody has carried out yet: deliveries of the emulator, the
# work on them, effects. An event that nobody but a test has sent may wait for its payment for ever.
AT_WORK = """
    select (select count(*) from sandbox.stripe_events where next_attempt_at is not null)
         + (select count(*) from app.webhook_events
            where status in ('received', 'processing') or status = 'failed'
                and event_id in (select id from sandbox.stripe_events))
         + (select count(*) from app.outbox
            where status = 'leased' or status = 'pending' and available_at <= clock_timestamp())
"""
# How long that may take on a busy machine.

TABLES = """
    select relname as name, exists (
        select from pg_attribute where attrelid = pg_class.oid and attname = any(%s)) as is_restless
    from pg_class
    where relnamespace = 'app'::regnamespace and relkind = 'r' and relname <> all (%s)
    order by relname
"""
# How many rows there are, and the last transaction that has written one; where some columns may
# change, what stands in the others.
WRITTEN = """
    select '{0}' as name, count(*) as rows, max(xmin::text::bigint)::text as written from app.{0}
"""
DIGEST = """
    select '{0}', count(*), md5(string_agg(r.line, '|' order by r.line))
    from (select (to_jsonb(t) - %(columns)s::text[])::text as line from app.{0} t) r
"""

# Words at which the shipped client hides the text or takes it for something else (rest-core §4.2).
MASKED = ("network", "timeout", "navigation", "supabase", "jwt", "pgrst", "schema", "constraint")


@dataclass(frozen=True)
class Person:
    """Somebody with an account and a token."""

    id: str
    email: str
    token: str


@contextmanager
def standing(server: ServerProcess) -> Iterator[ServerProcess]:
    """Keep ``server`` running while the event loops of tests come and go."""
    started, failure = threading.Event(), []
    stop: list[tuple[trio.lowlevel.TrioToken, trio.Event]] = []

    async def keep() -> None:
        async with running(server):
            done = trio.Event()
            stop.append((trio.lowlevel.current_trio_token(), done))
            started.set()
            await done.wait()

    def run() -> None:
        try:
            trio.run(keep)
        except BaseException as error:  # noqa: BLE001 - told to the test, which is elsewhere
            failure.append(error)
        finally:
            started.set()

    thread = threading.Thread(target=run, name="server")
    thread.start()
    assert started.wait(PATIENCE_S + 5)
    try:
        if failure:
            raise failure[0]
        yield server
    finally:
        for token, done in stop:
            token.run_sync_soon(done.set)
        thread.join(PATIENCE_S + 5)


class Product:
    """Requests to a standing server over ``dsn``, and a look at what it has stored."""

    def __init__(self, server: ServerProcess, dsn: str) -> None:
        self.server = server
        self.url = server.url
        self.port = server.port
        self.dsn = dsn
        self._session: psycopg.Connection[dict[str, Any]] | None = None
        self.http = httpx.Client(
            verify=trusted(), base_url=server.url, timeout=PATIENCE_S, trust_env=False
        )
        self.sandbox = httpx.Client(
            verify=trusted(), base_url=server.sandbox_url, timeout=PATIENCE_S, trust_env=False
        )

    def close(self) -> None:
        """Close the connections."""
        self.forget_session()
        self.http.close()
        self.sandbox.close()

    @cached_property
    def secrets(self) -> Secrets:
        """What the emulators sign with."""
        return msgspec.json.decode((self.server.folder / SECRETS_FILE).read_bytes(), type=Secrets)

    @property
    def session(self) -> psycopg.Connection[dict[str, Any]]:
        """A look into the database."""
        if self._session is None:
            self._session = psycopg.connect(self.dsn, autocommit=True, row_factory=dict_row)
        return self._session

    def forget_session(self) -> None:
        """Leave the database; the next look comes back to it."""
        if self._session is not None:
            self._session.close()
            self._session = None

    def rows(self, sql: str, *params: Any) -> list[dict[str, Any]]:
        """Read rows."""
        return self.session.execute(sql, params).fetchall()

    def value(self, sql: str, *params: Any) -> Any:
        """Read one value."""
        (row,) = self.rows(sql, *params)
        return next(iter(row.values()))

    @cached_property
    def _fingerprint(self) -> str:
        tables = self.rows(TABLES, RESTLESS_COLUMNS, list(RESTLESS))
        return " union all ".join(
            (DIGEST if each["is_restless"] else WRITTEN).format(each["name"]) for each in tables
        )

    def stored(self) -> dict[str, tuple[Any, ...]]:
        """A fingerprint of every table: rows, balances, numbers of streams."""
        found = self.session.execute(self._fingerprint, {"columns": RESTLESS_COLUMNS})
        return {row["name"]: (row["rows"], row["written"]) for row in found}

    def rest(self) -> None:
        """Wait until everything that was set off before has come to its end."""
        # The emulator makes its tables when it is first asked.
        self.sandbox.get("/sandbox/events").raise_for_status()
        deadline = time.monotonic() + PATIENCE_S
        while self.value(AT_WORK):
            assert time.monotonic() < deadline, f"still at work after {PATIENCE_S:g} s"

    def until(self, holds: Callable[[], bool]) -> None:
        """Ask again and again until the answer is yes."""
        deadline = time.monotonic() + PATIENCE_S
        while not holds():
            assert time.monotonic() < deadline, f"not so after {PATIENCE_S:g} s"

    @contextmanager
    def unchanged(self, but: Collection[str] = ()) -> Iterator[None]:
        """Check that what happens inside leaves no trace, ``but`` in these tables."""
        self.rest()
        before = self.stored()
        yield
        after = self.stored()
        changed = {name for name in before if after[name] != before[name]}
        assert changed == set(but), changed ^ set(but)

    def books_balance(self) -> bool:
        """Tell whether all sums of the ledger are right."""
        return not any(books.count(self.session, books.SUMS).values())

    def person(self, name: str = "somebody") -> Person:
        """Somebody new; the account is made at the first call."""
        user_id = new_id()
        email = f"{name}.{user_id[:8]}@example.com"
        person = Person(user_id, email, self.token(user_id, email=email))
        assert self.get("/auth/me", by=person).status_code == 200
        return person

    @cached_property
    def operator(self) -> Person:
        """The administrator of a machine that runs on emulators."""
        token = self.token(OPERATOR_ID, app_metadata={"role": "admin"})
        person = Person(OPERATOR_ID, "", token)
        self.until(lambda: self.get("/debug/tree", by=person).status_code == 200)
        return person

    def admin(self) -> Person:
        """An administrator: by their token, and by their account."""
        person = self.person("admin")
        token = self.token(person.id, email=person.email, app_metadata={"role": "admin"})
        promote = "update app.users set role = 'admin' where id = %s returning id"
        assert self.rows(promote, person.id)
        admin = Person(person.id, person.email, token)
        self.until(lambda: self.get("/debug/tree", by=admin).status_code == 200)
        return admin

    def token(self, user_id: str, *, secret: str | None = None, **claims: Any) -> str:
        """An access token with the claims of the auth server, but for ``claims``."""
        now = int(time.time())
        usual = {
            "iss": self.secrets.issuer,
            "sub": user_id,
            "aud": "authenticated",
            "role": "authenticated",
            "iat": now,
            "exp": now + 3600,
        }
        found = {name: value for name, value in (usual | claims).items() if value is not None}
        return jwt.encode(found, secret or self.secrets.jwt_secret, algorithm="HS256")

    def key(self, role: Any) -> str:
        """A project key."""
        return api_key(role, self.secrets.jwt_secret)

    def get(self, path: str, *, by: Person | None = None) -> httpx.Response:
        """Read something."""
        return self.send("GET", path, by=by)

    def post(
        self, path: str, body: Any = None, *, by: Person | None = None, key: str | None = None
    ) -> httpx.Response:
        """Do something; ``key`` is its idempotency key."""
        headers = {"idempotency-key": key} if key else {}
        return self.send("POST", path, body, by=by, headers=headers)

    def send(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        by: Person | None = None,
        headers: dict[str, str] | None = None,
    ) -> httpx.Response:
        """Send any request; a body of bytes goes as it is."""
        headers = dict(headers or {})
        if by is not None:
            headers["authorization"] = f"Bearer {by.token}"
        if not isinstance(body, bytes):
            body = msgspec.json.encode(body) if body is not None else b""
        if body:
            headers.setdefault("content-type", "application/json")
        return self.http.request(method, path, content=body, headers=headers)

    def balance(self, person: Person) -> dict[str, Any]:
        """Somebody's wallet."""
        return self.get("/wallet/balance", by=person).json()


# What an error is told as, on an old path and on a present one.
JSON, PROBLEM = "application/json", "application/problem+json"


def refused(response: httpx.Response, status: int, code: str | None = None) -> dict[str, Any]:
    """Check that a refusal has the shape that every client can read, and return it."""
    assert response.status_code == status, response.text
    is_old = "deprecation" in response.headers
    assert response.headers["content-type"] == (JSON if is_old else PROBLEM)
    body: dict[str, Any] = response.json()
    assert body["statusCode"] == status
    assert body["success"] is False
    assert body["requestId"] == response.headers["x-request-id"]
    assert not {"details", "hint"} & body.keys()
    assert code is None or body["code"] == code, body
    is_retried = status in {429, 503}
    assert is_retried == ("retry-after" in response.headers)
    for text in (body["error"], body["message"]):
        assert is_sentence(text)
    return body


def is_sentence(text: str) -> bool:
    """Tell whether a person may be shown this."""
    is_masked = any(word in text.lower() for word in MASKED)
    return " " in text and not is_masked and "`" not in text and "Traceback" not in text


@contextmanager
def standing_product(dsn: str, **settings: str) -> Iterator[Product]:
    """Keep a product over ``dsn`` running, in a folder of its own."""
    with (
        temporary_folder() as folder,
        standing(ServerProcess(folder, DATABASE_URL=dsn, **settings)) as server,
    ):
        product = Product(server, dsn)
        yield product
        product.close()
