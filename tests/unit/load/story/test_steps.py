"""How the story is told: what can be cut and repeated, and how it complains."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import httpx
import pytest
from bountyexpo.load.client.rest import Rest
from bountyexpo.load.story import driver, steps
from bountyexpo.load.story.demo import Report, demo, play
from bountyexpo.load.story.driver import Story, StoryFailed
from bountyexpo.load.story.plot import Plot
from bountyexpo.load.story.plots.catalogue import PLOTS
from bountyexpo.load.story.plots.work import check_books
from bountyexpo.load.story.state import State
from bountyexpo.load.story.step import Step

if TYPE_CHECKING:
    import trio


def story_with(state: State, nursery: trio.Nursery, answer) -> Story:
    told = Story("http://server", state, "json", nursery)
    told.rest = Rest("http://server", transport=httpx.MockTransport(answer))
    return told


def test_a_new_story_has_people_of_its_own() -> None:
    one, other = State.new(), State.new()

    assert one.poster.email != other.poster.email
    assert one.poster.email != one.hunter.email
    assert len(one.poster.username) <= 24


def test_the_keys_of_a_story_never_change() -> None:
    state = State.new()

    again = State.load(state.dump())

    assert again == state
    assert again.id_for("message 1") == state.id_for("message 1")
    assert again.id_for("message 1") != again.id_for("message 2")


def test_a_story_can_be_stored_with_what_was_heard() -> None:
    state = State.new()
    state.poster.log.hear({"type": "unread", "stream": "user:u", "seq": 1, "epoch": "e"})
    state.done.append("register")

    assert State.load(state.dump()) == state


async def test_registering_again_is_fine(nursery: trio.Nursery) -> None:
    state = State.new()
    state.poster.user_id = "u1"
    told = story_with(state, nursery, lambda _request: httpx.Response(409, json={"error": "taken"}))

    await steps.register.run(told)

    assert state.poster.user_id == "u1"
    assert state.done == ["register"]


async def test_a_refusal_ends_the_story_with_the_words_of_the_server(nursery: trio.Nursery) -> None:
    told = story_with(
        State.new(), nursery, lambda _request: httpx.Response(400, json={"message": "Bad email."})
    )

    with pytest.raises(StoryFailed, match="POST /auth/register answered 400: Bad email"):
        await steps.register.run(told)


async def test_an_answer_of_another_shape_ends_the_story(nursery: trio.Nursery) -> None:
    told = story_with(State.new(), nursery, lambda _request: httpx.Response(200, json={}))

    with pytest.raises(StoryFailed, match="session"):
        await steps.sign_in.run(told)


async def test_somebody_elses_account_ends_the_story(nursery: trio.Nursery) -> None:
    told = story_with(State.new(), nursery, lambda _request: httpx.Response(200, json={"id": "x"}))

    with pytest.raises(StoryFailed, match="somebody else"):
        await steps.look_at_oneself.run(told)


async def test_an_application_that_exists_is_fine(
    nursery: trio.Nursery, monkeypatch: pytest.MonkeyPatch
) -> None:
    state = State.new()
    state.hunter.user_id, state.bounty_id = "h", "b1"
    answers = [
        httpx.Response(201, json={"id": "r1", "hunter_id": "h"}),
        httpx.Response(409, json={"error": "x", "request": {"id": "r1", "hunter_id": "h"}}),
    ]
    told = story_with(state, nursery, lambda _request: answers.pop(0))
    state.poster.log.events.append({"type": "request.new", "requestId": "r1"})
    monkeypatch.setattr(Story, "hears", hears_at_once)

    await steps.apply.run(told)

    assert state.request_id == "r1"


async def hears_at_once(_story, person, kind, matches, **_more):
    return next(each for each in person.log.events if each["type"] == kind and matches(each))


async def test_books_that_do_not_balance_end_the_story(
    nursery: trio.Nursery, autojump_clock: trio.testing.MockClock
) -> None:
    wallet = {"balance": 47.5, "balanceCents": 4749}
    told = story_with(State.new(), nursery, lambda _request: httpx.Response(200, json=wallet))

    with pytest.raises(StoryFailed, match=r"wallet should hold 47\.50"):
        await check_books.run(told)


@pytest.mark.parametrize("plot", PLOTS.values(), ids=PLOTS)
def test_every_step_has_a_title_for_people(plot: Plot) -> None:
    titles = [step.title for step in plot.steps]

    assert len(set(titles)) == len(plot.steps)
    assert all(" " in title and not title.endswith(".") for title in titles)


def scripted(monkeypatch: pytest.MonkeyPatch, *plays) -> tuple[Plot, list[str]]:
    """A plot of these steps, on a server that is there; and the names of those that have run."""
    ran: list[str] = []

    def step(play) -> Step:
        async def noted(story: Story) -> None:
            ran.append(play.__name__)
            await play(story)

        noted.__name__, noted.__doc__ = play.__name__, f"They {play.__name__}."
        return Step(noted)

    async def is_there(_url: str) -> bool:
        return True

    monkeypatch.setattr("bountyexpo.load.story.demo._answers", is_there)
    return Plot(name="short", about="little happens", steps=tuple(map(step, plays))), ran


async def meet(_story: Story) -> None: ...


async def quarrel(_story: Story) -> None:
    raise StoryFailed("they do not agree")


async def judge(story: Story) -> None:
    assert story.admin


async def leave(story: Story) -> None:
    await story.outside("/sandbox/people/x/leave")


async def test_a_story_goes_on_where_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    plot, ran = scripted(monkeypatch, meet, quarrel)
    state = State.new()

    with pytest.raises(StoryFailed):
        await play("http://server", plot, report=Report(io.StringIO()), state=state)
    again, _ = scripted(monkeypatch, meet, meet)
    state = await play("http://server", again, report=Report(io.StringIO()), state=state)

    assert ran == ["meet", "quarrel"]
    assert state.done == ["meet"]


async def test_the_demo_says_each_step_and_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    plot, _ = scripted(monkeypatch, meet)
    out = io.StringIO()

    code = await demo("http://server", plots=[plot], report=Report(out))

    assert code == 0
    assert "short: little happens" in out.getvalue()
    assert "✓  They meet" in out.getvalue()
    assert "\x1b" not in out.getvalue()


async def test_the_demo_fails_at_the_first_wrong_thing_and_tells_the_next_story(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    bad, ran = scripted(monkeypatch, quarrel, meet)
    good, ran_then = scripted(monkeypatch, meet)
    out = io.StringIO()

    code = await demo("http://server", plots=[bad, good], report=Report(out, colour=True))

    assert code == 1
    assert (ran, ran_then) == (["quarrel"], ["meet"])
    assert "✗" in out.getvalue()
    assert "they do not agree" in out.getvalue()


@pytest.mark.parametrize(("act", "option"), [(judge, "--token"), (leave, "--sandbox")])
async def test_what_a_story_needs_besides_its_people_is_said(
    monkeypatch: pytest.MonkeyPatch, act, option: str
) -> None:
    plot, _ = scripted(monkeypatch, act)
    out = io.StringIO()

    assert await demo("http://server", plots=[plot], report=Report(out)) == 1
    assert option in out.getvalue()


async def test_a_wrong_address_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    out = io.StringIO()

    assert await demo("localhost:3001", report=Report(out)) == 2
    assert "give one like" in out.getvalue()


async def test_an_unexpected_error_keeps_its_type() -> None:
    with pytest.raises(ZeroDivisionError):
        async with driver.open_story("http://server", State.new()):
            raise ZeroDivisionError
