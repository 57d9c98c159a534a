"""Options become plans, and figures become a verdict, a table and a page."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from bountyexpo.load.client.requests import unchunk
from bountyexpo.load.options import Options, addresses, bounties_needed, people_needed, plans
from bountyexpo.load.report.html_page import page
from bountyexpo.load.report.result import Result
from bountyexpo.load.report.stats import Second, Stats
from bountyexpo.load.report.terminal import progress, table


def finished(**options: object) -> Result:
    """A run in which ten messages took 10 ms, one 900 ms, and one was refused."""
    result = Result(Options(scenario="chat", **options), elapsed_s=2.0)
    said: list[dict] = []
    stats = Stats(said.append)
    stats.begin(100.0)
    for _ in range(10):
        stats.record("delivered", 0.01)
    stats.tick(101.0)
    stats.record("delivered", 0.9)
    stats.error("RATE_LIMITED")
    stats.flush(102.0)
    for message in said:
        result.timeline.add(0, message)
    return result


def test_thresholds_decide() -> None:
    assert finished(max_errors=1, max_p95_ms=1000, min_rate=5).is_good
    assert not finished(max_errors=0).is_good
    assert not finished(max_errors=1, max_p95_ms=100).is_good
    assert not finished(max_errors=1, min_rate=6).is_good


def test_a_broken_promise_fails_whatever_the_thresholds_say() -> None:
    result = finished(max_errors=100)
    result.fault_count = 1

    assert not result.is_good


def test_a_run_that_measured_nothing_is_not_good() -> None:
    assert not Result(Options(scenario="chat")).is_good


def test_seconds_are_kept_apart_and_added_up() -> None:
    timeline = finished().timeline

    assert [second.times["delivered"].count for second in timeline.seconds.values()] == [10, 1]
    assert timeline.total.times["delivered"].count == 11


def test_a_client_that_was_busy_itself_says_so() -> None:
    result = finished()
    result.timeline.cpu = {0: [0.97, 0.98, 0.1], 1: [0.2, 0.2]}

    assert any("client" in warning for warning in result.warnings())
    assert "the client may be the bottleneck" in table(result)


def test_the_page_asks_for_nothing_from_elsewhere() -> None:
    written = page(finished())

    assert written.count("<svg") == 2
    assert not re.search(r"(src|href)=|@import|url\(", written)


def test_the_line_of_progress_names_the_main_time() -> None:
    second = Second.load(finished().timeline.seconds[0].dump())

    assert "delivered 10" in progress(0, second, "delivered", 0.5)


@pytest.mark.parametrize("name", ["jwt_secret", "admin_token", "database_url"])
def test_the_summary_keeps_the_secret(name: str) -> None:
    assert "a-secret" not in str(finished(**{name: "a-secret"}).summary())


def test_books_that_are_wrong_fail_the_run() -> None:
    result = finished(max_errors=1)
    result.books = {"cents in all accounts together": 0}
    assert result.is_good

    result.books["holds that did not end once"] = 2

    assert not result.is_good
    assert "FAILED  books: 2 holds that did not end once" in table(result)


def test_a_story_whose_books_nobody_looked_at_says_so() -> None:
    told = Result(Options(scenario="story")).warnings()

    assert ["books" in told[0], "disputed" in told[1]] == [True, True]


def test_people_of_stories_who_need_not_register_are_two_for_each() -> None:
    options = Options(scenario="story", rate=3, duration_s=2, processes=2, jwt_secret="s")
    people = [str(number) for number in range(people_needed(options))]

    shares = [plan.tokens for plan in plans(options, "run", people, [])]

    assert all(len(share) >= 6 and len(share) % 2 == 0 for share in shares)
    assert people_needed(replace(options, jwt_secret=None)) == 0
    assert people_needed(replace(options, rate=0)) == 0


def test_pairs_stay_together_when_a_run_is_cut() -> None:
    made = plans(Options(scenario="chat", connections=10, processes=3), "r", ["t"] * 10, [])

    assert [len(plan.tokens) for plan in made] == [4, 4, 2]


def test_a_mixed_run_has_all_three_parts() -> None:
    options = Options(scenario="mixed", connections=20, rate=100)

    made = plans(options, "r", [f"t{number}" for number in range(20)], ["b"])

    assert [plan.scenario for plan in made] == ["chat", "rest", "story"]
    assert all(plan.is_patient for plan in made)
    assert made[0].drops_per_s > 0


def test_a_room_has_as_many_bounties_as_its_events_need() -> None:
    options = Options(scenario="room", connections=10, rate=5, duration_s=6)

    assert bounties_needed(options) == 3


def test_a_network_becomes_addresses() -> None:
    assert addresses(["127.0.0.0/30", "127.9.9.9"]) == ("127.0.0.1", "127.0.0.2", "127.9.9.9")
    with pytest.raises(ValueError, match="nowhere"):
        addresses(["nowhere"])


def test_chunks_become_a_body() -> None:
    assert unchunk(b"5\r\nhello\r\n6;x=1\r\n world\r\n0\r\n\r\n") == b"hello world"
