"""What stories share: from two strangers to work that is approved, as steps that can be repeated.

Each step does its part and checks everything that it claims. It may be run again after a crash
in its middle: whatever it did before answers the same, and what was heard before is remembered.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bountyexpo.load.story.driver import expect
from bountyexpo.load.story.state import DEPOSIT_CENTS, FEE_CENTS, TITLE
from bountyexpo.load.story.step import Step, has, hears_balance, hears_status

if TYPE_CHECKING:
    from bountyexpo.load.client.stream_log import Frame
    from bountyexpo.load.story.driver import Story
    from bountyexpo.load.story.state import Person

CHAT = (
    ("poster", "Hello! Can you start today?"),
    ("hunter", "Yes, at noon. Which colour?"),
    ("poster", "Green, please. 🟢"),
    ("hunter", "Two coats, then."),
)


@Step
async def register(story: Story) -> None:
    """A poster and a hunter register."""
    for person in story.people:
        names = {"email": person.email, "username": person.username, "password": person.password}
        body = await story.post(person, "/auth/register", names, ok=(201, 409))
        person.user_id = body.get("userId") or person.user_id


@Step
async def sign_in(story: Story) -> None:
    """Both sign in."""
    for person in story.people:
        credentials = {"email": person.email, "password": person.password}
        body = await story.post(person, "/auth/sign-in", credentials)
        person.token = body["session"]["access_token"]
        person.user_id = body["user"]["id"]


@Step
async def come_back(story: Story) -> None:
    """Both have an access token already, and learn who they are."""
    for person in story.people:
        me = await story.get(person, "/auth/me")
        person.user_id, person.email, person.username = me["id"], me["email"], me["username"]


@Step
async def look_at_oneself(story: Story) -> None:
    """Each sees their own account."""
    for person in story.people:
        me = await story.get(person, "/auth/me")
        told = me.get("id"), me.get("email"), me.get("username")
        expect(
            told == (person.user_id, person.email, person.username),
            f"GET /auth/me describes somebody else than the {person.role}: {told}",
        )


@Step
async def open_sockets(story: Story) -> None:
    """Both open a socket."""
    for person in story.people:
        socket = await story.socket(person)
        expect(
            socket.welcome.get("userId") == person.user_id,
            f"the {person.role}'s socket welcomes somebody else: {socket.welcome.get('userId')}",
        )


@Step
async def deposit(story: Story) -> None:
    """The poster deposits $100 by card."""
    poster = story.state.poster
    intent = await story.post(
        poster,
        "/payments/create-payment-intent",
        {
            "amountCents": DEPOSIT_CENTS,
            "currency": "usd",
            "metadata": {"purpose": "wallet_deposit"},
            "idempotencyKey": f"{story.state.key}:deposit",
        },
    )
    expect(intent.get("clientSecret"), f"the payment has no client secret: {intent}")
    story.state.payment_intent_id = intent["paymentIntentId"]
    confirmation = {
        "paymentIntentId": story.state.payment_intent_id,
        "paymentMethodId": "pm_card_visa",
    }
    confirmed = await story.post(poster, "/payments/confirm", confirmation)
    expect(confirmed.get("success"), f"the card payment did not succeed: {confirmed}")
    story.state.deposit_cents = DEPOSIT_CENTS
    await story.balance_is(poster, DEPOSIT_CENTS)
    await hears_balance(story, poster, DEPOSIT_CENTS)


@Step
async def create_bounty(story: Story) -> None:
    """The poster offers a job, and its price is held."""
    poster, hunter = story.people
    watcher = await story.socket(hunter)
    await watcher.subscribe(["feed:open"])
    was_connected = watcher.connections
    wish = {
        "title": f"{TITLE} ({story.state.key})",
        "description": "Twelve metres of wooden fence want two coats of green paint.",
        "amount": story.state.price_cents // 100,
        "is_for_honor": not story.state.price_cents,
        "work_type": "online",
    }
    is_first = not story.state.bounty_id
    row = await story.post(poster, "/api/bounties", wish, key="bounty")
    story.state.bounty_id = bounty_id = row["id"]
    poster_socket = await story.socket(poster)
    again = await poster_socket.request(
        "call", op="bounty.create", args=wish, idempotencyKey=f"{story.state.key}:bounty"
    )
    told = again.get("bountyId") or again.get("result", again).get("id")
    expect(told == bounty_id, f"creating it again over the socket made another bounty: {again}")

    listed = _rows(await story.get(hunter, "/api/bounties?limit=100"), "bounties")
    expect(bounty_id in [item["id"] for item in listed], "the list of open bounties lacks it")
    shown = await story.get(hunter, f"/api/bounties/{bounty_id}")
    told = shown.get("status"), shown.get("amount_cents"), shown.get("poster_id")
    wanted = "open", story.state.price_cents, poster.user_id
    expect(told == wanted, f"the bounty reads otherwise: {told}")
    await story.balance_is(poster, story.state.left_cents)
    if story.state.price_cents:
        await hears_balance(story, poster, story.state.left_cents)
    for person in story.people:
        await (await story.socket(person)).subscribe([f"bounty:{bounty_id}"])
    # The public feed keeps nothing: it was heard only if the socket was there all the time.
    if is_first and watcher.connections == was_connected:
        await story.hears(hunter, None, lambda event: _is_in_feed(event, bounty_id), deadline_s=5)


@Step
async def apply(story: Story) -> None:
    """The hunter applies."""
    poster, hunter = story.people
    wish = {"bounty_id": story.state.bounty_id, "message": None}
    for _ in range(2):  # the second is what an impatient app does
        body = await story.post(hunter, "/api/bounty-requests", wish, ok=(200, 201, 409))
        row = body.get("request") or body
        expect(row.get("hunter_id") == hunter.user_id, f"no application came back: {body}")
        expect(
            story.state.request_id in ("", row["id"]),
            "applying a second time made a second application",
        )
        story.state.request_id = row["id"]
    await story.hears(poster, "request.new", has("requestId", story.state.request_id))


@Step
async def accept(story: Story) -> None:
    """The poster accepts, and a conversation opens."""
    state = story.state
    answers = [
        await story.post(state.poster, f"/api/bounty-requests/{state.request_id}/accept")
        for _ in range(2)
    ]
    for body in answers:
        told = body.get("success"), body.get("acceptedRequestId"), body["bounty"].get("status")
        expect(
            told == (True, state.request_id, "in_progress"),
            f"accepting the application answered {told}",
        )
    ids = {body["conversationId"] for body in answers}
    expect(len(ids) == 1, f"accepting twice made two conversations: {ids}")
    state.conversation_id = ids.pop()
    for person in story.people:
        await hears_status(story, person, "in_progress")
        await story.hears(
            person, "conversation.added", lambda event: state.conversation_id in _ids(event)
        )


@Step
async def chat(story: Story) -> None:
    """They chat, and a message sent twice arrives once."""
    state = story.state
    by_role = {person.role: person for person in story.people}
    for number, (role, text) in enumerate(CHAT):
        client_msg_id = state.id_for(f"message {number}")
        sender = await story.socket(by_role[role])
        ack = await sender.send_message(state.conversation_id, client_msg_id, text)
        again = await sender.send_message(state.conversation_id, client_msg_id, text)
        expect(again.get("duplicate") is True, f"a repeated message was not noticed: {again}")
        expect(
            (again["seq"], again["messageId"]) == (ack["seq"], ack["messageId"]),
            f"a repeated message got another place: {ack['seq']} became {again['seq']}",
        )
        for person in story.people:
            await story.hears(person, "message.new", has("clientMsgId", client_msg_id))
    await check_conversation(story)


@Step
async def submit(story: Story) -> None:
    """The hunter submits the work."""
    await hand_in(story, "Done: two coats, green.", key="completion")


@Step
async def get_ready(story: Story) -> None:
    """The hunter says to be ready, and the poster reads since when."""
    state = story.state
    path = f"/api/bounties/{state.bounty_id}/ready"
    said = [await story.post(state.hunter, path) for _ in range(2)]
    told = await story.get(state.poster, f"/api/completions/{state.bounty_id}/ready")
    expect(
        told["ready_at"] == said[0]["ready_at"] == said[1]["ready_at"],
        f"the hunter is ready since {[each['ready_at'] for each in said]}, but told is {told}",
    )


@Step
async def approve(story: Story) -> None:
    """The poster approves, and the bounty is completed."""
    state = story.state
    for _ in range(2):  # the second must change nothing
        row = await story.post(
            state.poster, f"/api/completions/{state.completion_id}/approve", {"rating": 5}
        )
        expect(row.get("status") == "approved", f"the submission should be approved: {row}")
    for person in story.people:
        await hears_status(story, person, "completed")
    if state.price_cents:
        await hears_balance(story, state.hunter, state.price_cents - FEE_CENTS)


@Step
async def check_streams(story: Story) -> None:
    """Both have heard everything once and in order."""
    await check_conversation(story)
    for person in story.people:
        await story.socket(person)
        expect(not person.log.faults, f"the {person.role} heard wrong: {person.log.faults}")
        buffered = [name for name, place in person.log.places.items() if place.buffered]
        expect(not buffered, f"the {person.role} still misses events of {', '.join(buffered)}")


@Step
async def rate(story: Story) -> None:
    """They rate each other, once and for good."""
    state = story.state
    wish = {"bounty_id": state.bounty_id, "rating": 4, "comment": "Paid at once."}
    rows = [await story.post(state.hunter, "/api/ratings", wish) for _ in range(2)]
    expect(rows[0] == rows[1], f"the same rating again made another one: {rows}")
    await story.refused(state.hunter, "/api/ratings", wish | {"rating": 1}, status=409)
    # The poster's came with the approval.
    for person, stars in ((state.poster, 4), (state.hunter, 5)):
        told = await story.get(person, f"/api/ratings/stats/{person.user_id}")
        wanted = {"averageRating": stars, "ratingCount": 1}
        expect(told == wanted, f"the {person.role} is rated {told} instead of {wanted}")


async def hand_in(story: Story, message: str, *, key: str) -> None:
    """Let the hunter submit work, and remember which submission it is."""
    state = story.state
    work = {"bounty_id": state.bounty_id, "message": message, "proof_items": []}
    row = await story.post(state.hunter, "/api/completions", work, key=key)
    expect(row.get("status") == "pending", f"the submission should be pending: {row}")
    state.completion_id = row["id"]


async def check_ending(story: Story, status: str, *, poster: int, hunter: int) -> None:
    """Check where the bounty ended, and what both wallets hold then, in cents."""
    await story.balance_is(story.state.hunter, hunter)
    await story.balance_is(story.state.poster, poster)
    bounty = await story.get(story.state.poster, f"/api/bounties/{story.state.bounty_id}")
    told = bounty.get("status")
    expect(told == status, f"the bounty should be {status}, but is {told}")


async def check_conversation(story: Story) -> None:
    """Check that both sides and the store have every message once and in the same order."""
    path = f"/api/conversations/{story.state.conversation_id}/messages?limit=100"
    expected = [story.state.id_for(f"message {number}") for number in range(len(CHAT))]
    for person in story.people:
        page = await story.get(person, path)
        stored = [(row["seq"], row["id"]) for row in page["messages"]]
        seqs = [seq for seq, _ in stored]
        expect(
            seqs == list(range(1, len(seqs) + 1)) and page["headSeq"] == len(seqs),
            f"the stored messages are numbered {seqs} with the head at {page.get('headSeq')}",
        )
        sent = [row.get("clientMsgId") for row in page["messages"]]
        sent = [name for name in sent if name in expected]
        expect(sent == expected, f"of {len(expected)} messages sent, {len(sent)} are stored")
        await _has_heard(story, person, stored)


async def _has_heard(story: Story, person: Person, stored: list[tuple[int, str]]) -> None:
    last_id = stored[-1][1]
    await story.hears(person, "message.new", has("messageId", last_id))
    heard = [
        (event["seq"], event["messageId"])
        for event in person.log.events
        if event.get("type") == "message.new"
    ]
    expect(heard == stored, f"the {person.role} heard {heard}, but stored is {stored}")


def _is_in_feed(event: Frame, bounty_id: str) -> bool:
    return bounty_id in _ids(event) and "seq" not in event


def _ids(event: Frame) -> list[Any]:
    """What an event is about, wherever it says so."""
    nested = [event.get(name) for name in ("conversation", "bounty")]
    return [
        *(event.get(name) for name in ("id", "conversationId", "bountyId")),
        *(item.get("id") for item in nested if isinstance(item, dict)),
    ]


def _rows(body: Any, name: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = body[name] if isinstance(body, dict) else body
    return rows


MEETING = (register, sign_in, look_at_oneself, open_sockets)
# Up to where the hunter works on what is paid for.
BEGINNING = (*MEETING, deposit, create_bounty, apply, accept)
