from __future__ import annotations

import ast
import gc
from pathlib import Path

import pytest
from bountyexpo.observability import metrics
from bountyexpo.observability.gc_pauses import GcPauses

KEPT_NAMES = (
    "http_requests_total",
    "http_request_duration_milliseconds",
    "http_errors_total",
    "db_query_duration_milliseconds",
    "db_queries_total",
    "db_errors_total",
    "db_connections_active",
    "websocket_connections_active",
    "websocket_messages_sent",
    "websocket_messages_received",
    "websocket_errors_total",
    "payment_transactions_total",
    "payment_success_total",
    "payment_failures_total",
    "payment_amount_cents_total",
    "bounties_created_total",
    "bounties_accepted_total",
    "bounties_completed_total",
    "user_signups_total",
    "active_users_gauge",
    "worker_jobs_processed_total",
    "worker_jobs_failed_total",
    "outbox_events_processed_total",
    "cache_hits_total",
    "cache_misses_total",
)

# Names of the contract for things that the service cannot do yet: a zero would be a lie.
LATER_NAMES = ("bounties_cancelled_total", "push_sent_total")

PACKAGE = Path(metrics.__file__).parents[1]


@pytest.mark.parametrize("name", KEPT_NAMES)
def test_dashboard_name_is_on_the_page(name):
    page = metrics.render().decode()

    assert f"# TYPE {name} " in page


@pytest.mark.parametrize("name", LATER_NAMES)
def test_what_nothing_counts_is_not_on_the_page(name):
    assert name not in metrics.render().decode()


def test_every_metric_is_touched_somewhere_in_the_package():
    declared = {
        name
        for name, value in vars(metrics).items()
        if name.isupper() and hasattr(value, "collect")
    } - {"REGISTRY"}
    touched = {
        node.attr if isinstance(node, ast.Attribute) else node.id
        for path in PACKAGE.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Attribute | ast.Name) and isinstance(node.ctx, ast.Load)
    }

    assert len(declared) > 30
    assert declared <= touched


def test_no_created_series_are_rendered():
    metrics.HTTP_REQUESTS.labels("GET", "/x", "200").inc()

    assert b"http_requests_created" not in metrics.render()


def full_collections(pauses):
    (family,) = pauses.collect()
    (count,) = [
        sample.value
        for sample in family.samples
        if sample.name.endswith("_count") and sample.labels["generation"] == "2"
    ]
    return count


def test_collections_are_measured_once_installed():
    pauses = GcPauses("gc_pause_seconds", "x")
    pauses.install()
    pauses.install()
    try:
        gc.collect()
    finally:
        gc.callbacks.remove(pauses.on_gc)

    seen = full_collections(pauses)
    gc.collect()

    assert seen >= 1
    assert full_collections(pauses) == seen


def test_gc_histogram_is_cumulative_and_labelled():
    pauses = GcPauses("gc_pause_seconds", "x")
    pauses.on_gc("start", {"generation": 2})
    pauses.on_gc("stop", {"generation": 2})

    (family,) = pauses.collect()
    samples = [s for s in family.samples if s.labels.get("generation") == "2"]

    assert [s.value for s in samples if s.name.endswith("_count")] == [1]
    assert [s.value for s in samples if s.labels.get("le") == "+Inf"] == [1]


def test_page_contains_the_collector_pauses():
    metrics.install_gc_metric()
    try:
        assert b"gc_pause_seconds_bucket" in metrics.render()
    finally:
        gc.callbacks.remove(metrics.GC_PAUSE_S.on_gc)
