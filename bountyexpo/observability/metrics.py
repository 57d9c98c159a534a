"""Every metric of the service, under the names the existing dashboards know (operations §8.2).

Labels are always bounded: ``path`` is the route's template or ``unmatched``, never a raw URL.
An error is a 5xx; client errors are counted apart. All live in one registry of our own, so that a
library that registers something global cannot change what ``/metrics`` says.
"""

from __future__ import annotations

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    PlatformCollector,
    ProcessCollector,
    disable_created_metrics,
    generate_latest,
)

from bountyexpo.observability.gc_pauses import GcPauses

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

# Bucket bounds of requests (operations §8.2), in milliseconds.
REQUEST_BUCKETS_MS = (10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10000)

# Bucket bounds of the short steps inside a request: statements, commits, waits.
STEP_BUCKETS_MS = (0.5, 1, 2.5, 5, 10, 25, 50, 100, 250, 500, 1000, 5000)

# Bucket bounds of batch sizes, in rows.
BATCH_BUCKETS = (1, 2, 5, 10, 25, 50, 100, 250, 500, 1000)

# A "created" series beside each counter would double the page for nothing.
disable_created_metrics()  # type: ignore[no-untyped-call]

REGISTRY = CollectorRegistry()
ProcessCollector(registry=REGISTRY)
PlatformCollector(registry=REGISTRY)


def _counter(name: str, text: str, *labels: str) -> Counter:
    return Counter(name, text, labels, registry=REGISTRY)


def _gauge(name: str, text: str, *labels: str) -> Gauge:
    return Gauge(name, text, labels, registry=REGISTRY)


def _histogram(name: str, text: str, buckets: tuple[float, ...], *labels: str) -> Histogram:
    return Histogram(name, text, labels, registry=REGISTRY, buckets=buckets)


HTTP_REQUESTS = _counter("http_requests_total", "Answered requests", "method", "path", "status")
HTTP_DURATION_MS = _histogram(
    "http_request_duration_milliseconds", "Request time", REQUEST_BUCKETS_MS, "method", "path"
)
HTTP_ERRORS = _counter("http_errors_total", "Answers of 500 and above", "method", "path", "status")
HTTP_CLIENT_ERRORS = _counter(
    "http_client_errors_total", "Answers from 400 to 499", "method", "path", "status"
)
HTTP_CONNECTIONS_ENDED = _counter(
    "http_connections_ended_total", "Idle connections that gave their place to another"
)
HTTP_CONNECTIONS_REFUSED = _counter(
    "http_connections_refused_total", "Connections for which there was no place", "code"
)
OPERATION_CALLS = _counter(
    "operation_calls_total", "Dispatched operations", "operation", "transport", "outcome"
)
OPERATION_DURATION_MS = _histogram(
    "operation_duration_milliseconds", "Operation time", STEP_BUCKETS_MS, "operation", "transport"
)
RATE_LIMITED = _counter("rate_limited_total", "Calls refused by a rate limit", "route")
DEPRECATED_CALLS = _counter("deprecated_calls_total", "Calls of an old path", "path")

DB_QUERY_MS = _histogram(
    "db_query_duration_milliseconds", "Statement time", STEP_BUCKETS_MS, "operation"
)
DB_QUERIES = _counter("db_queries_total", "Statements", "operation")
DB_ERRORS = _counter("db_errors_total", "Failed statements", "operation")
DB_CONNECTIONS_ACTIVE = _gauge("db_connections_active", "Connections in use", "pool")
DB_POOL_IN_USE = _gauge("db_pool_in_use", "Connections handed out")
DB_POOL_SIZE = _gauge("db_pool_size", "Connections open")
DB_POOL_WAIT_MS = _histogram(
    "db_pool_wait_milliseconds", "Wait for a free connection", STEP_BUCKETS_MS
)

WS_CONNECTIONS = _gauge("websocket_connections_active", "Open sockets", "channel")
# These two counters have no "_total" in the names that the dashboards use, and the client library
# appends one to every counter; as gauges that only grow they keep their names.
WS_SENT = _gauge("websocket_messages_sent", "Frames handed to sockets; only grows")
WS_RECEIVED = _gauge("websocket_messages_received", "Frames read from sockets; only grows")
WS_QUEUED_BYTES = _gauge("websocket_queued_bytes", "Bytes that wait for clients to read")
WS_ERRORS = _counter("websocket_errors_total", "Sockets ended by a fault")
WS_SLOW_DISCONNECTS = _counter("ws_slow_consumer_disconnects_total", "Sockets closed as too slow")
WS_CLOSES = _counter("ws_close_total", "Sockets that ended", "code")
# resumed: whole; limited: some streams have to be read over REST; refused: it is not here any more.
WS_RESUMES = _counter("ws_resume_total", "Sessions that clients asked to resume", "outcome")
# whole; limited: too far behind, or numbered anew; refused: not the client's to read.
WS_REPLAYS = _counter("ws_replay_total", "Streams that clients asked to replay", "outcome")
WS_GAPS = _counter("ws_gap_total", "Streams of which a client was told that it missed events")
WS_RATE_LIMITED = _counter("ws_rate_limited_total", "Sockets and frames refused", "what")
WS_RESUMABLE = _gauge("ws_resumable_sessions", "Sessions that wait for their client to come back")

ACTOR_MAILBOX_DEPTH = _gauge("actor_mailbox_depth", "Messages waiting", "actor")
ACTOR_MAILBOX_WAIT_MS = _histogram(
    "actor_mailbox_wait_milliseconds",
    "Wait of a first message until its actor, loaded if need be, handles it; one of 16",
    STEP_BUCKETS_MS,
    "actor",
)
ACTOR_RESTARTS = _counter("actor_restarts_total", "Actors restarted after a crash", "actor")
ACTOR_PUT_ASIDE = _counter(
    "actor_messages_put_aside_total",
    "Messages refused for a while, after crash upon crash",
    "actor",
)
ACTOR_LIVE = _gauge("actor_live", "Actors in memory", "actor")
SUPERVISOR_RESTARTS = _counter("supervisor_restarts_total", "Children restarted", "child")

JOURNAL_BATCH_ROWS = _histogram("journal_batch_rows", "Rows of one commit", BATCH_BUCKETS)
JOURNAL_COMMIT_MS = _histogram("journal_commit_milliseconds", "Commit time", STEP_BUCKETS_MS)
OUTBOX_EVENTS = _counter("outbox_events_processed_total", "Effects carried out", "type")
OUTBOX_DEAD = _counter("outbox_dead_letters_total", "Effects nobody could carry out", "type")
OUTBOX_LAG_S = _gauge("outbox_lag_seconds", "Age of the oldest effect that is due")
JOB_DURATION_MS = _histogram(
    "job_duration_milliseconds", "Run time of a job", REQUEST_BUCKETS_MS, "job"
)
JOB_LAST_SUCCESS = _gauge("job_last_success_timestamp", "Epoch seconds of the last good run", "job")
WORKER_JOBS_PROCESSED = _counter("worker_jobs_processed_total", "Finished job runs", "job")
WORKER_JOBS_FAILED = _counter("worker_jobs_failed_total", "Failed job runs", "job")
CACHE_HITS = _counter("cache_hits_total", "Reads answered from memory", "cache")
CACHE_MISSES = _counter("cache_misses_total", "Reads that memory could not answer", "cache")

WEBHOOK_EVENTS = _counter("webhook_events_total", "Received webhooks", "type", "result")
# deferred: for a version that has a route for them; dead: for somebody who has them replayed.
WEBHOOKS_WAITING = _gauge("webhook_events_waiting", "Stored webhooks that wait", "status")
# ok; refused: nothing happened; retry: neither, for now; unknown: no proper answer; cancelled.
PROVIDER_CALL_MS = _histogram(
    "provider_call_duration_milliseconds",
    "Time of a call to the card service, its wait and its repeats included",
    REQUEST_BUCKETS_MS,
    "call",
    "outcome",
)
PROVIDER_BREAKER_OPEN = _gauge(
    "provider_breaker_open", "1 while the card service is not asked because it does not answer"
)
IDEMPOTENT_REPLAYS = _counter("idempotent_replays_total", "Replies repeated for a known key")
PAYMENT_TRANSACTIONS = _counter("payment_transactions_total", "Attempted payments", "type")
PAYMENT_SUCCESS = _counter("payment_success_total", "Successful payments", "type")
PAYMENT_FAILURES = _counter("payment_failures_total", "Failed payments", "type")
PAYMENT_AMOUNT_CENTS = _counter("payment_amount_cents_total", "Amount paid", "type")
LEDGER_IMBALANCE_CENTS = _gauge("ledger_imbalance_cents", "Sum of all postings; must be 0")
BOUNTIES_CREATED = _counter("bounties_created_total", "Posted bounties", "hasAmount")
BOUNTIES_ACCEPTED = _counter("bounties_accepted_total", "Accepted bounties")
BOUNTIES_COMPLETED = _counter("bounties_completed_total", "Completed bounties")
SIGNUPS = _counter("user_signups_total", "New accounts", "method")
ACTIVE_USERS = _gauge("active_users_gauge", "Users with an open socket")

GC_PAUSE_S = GcPauses("gc_pause_seconds", "Time the collector held the process")
REGISTRY.register(GC_PAUSE_S)


def install_gc_metric() -> None:
    """Start to measure the pauses of the garbage collector; harmless when repeated."""
    GC_PAUSE_S.install()


def render() -> bytes:
    """Return the whole page for a Prometheus scraper (see ``CONTENT_TYPE``)."""
    return generate_latest(REGISTRY)
