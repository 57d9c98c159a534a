"""Random lives of bounties, lived by random people over the wire: no cent is made or lost."""

from __future__ import annotations

import random
from collections import Counter
from typing import TYPE_CHECKING, Any, Final

from tests.integration.product.scene import wish
from tests.repetition import repeated, times

if TYPE_CHECKING:
    from tests.integration.product.product import Person, Product
    from tests.integration.product.scene import Scene

DEPOSIT_CENTS: Final = 200_000
BOUNTIES: Final = 4
STEPS: Final = 90
WALKS: Final = 5
# One step of so many is any of all, or is asked for by somebody who mostly may not.
STRAY: Final = 8

# A step: who takes it on most days, how it is asked for, and its words. What it names is the newest
# of its kind of a random bounty.
STEPS_OF: Final[dict[str, tuple[str, str, str, dict[str, Any]]]] = {
    "apply": ("hunter", "POST", "/api/bounty-requests", {"bounty_id": "{bounty}"}),
    "accept": ("poster", "POST", "/api/bounty-requests/{request}/accept", {}),
    "take": ("poster", "POST", "/api/bounties/{bounty}/accept", {}),
    "reject": ("poster", "POST", "/api/bounty-requests/{request}/reject", {}),
    "price": ("poster", "PATCH", "/api/bounties/{bounty}", {"amount": 0}),
    "ready": ("hunter", "POST", "/api/bounties/{bounty}/ready", {}),
    "submit": ("hunter", "POST", "/api/completions", {"bounty_id": "{bounty}", "message": "Done."}),
    "revise": (
        "poster",
        "POST",
        "/api/completions/{submission}/request-revision",
        {"feedback": "Again."},
    ),
    "approve": ("poster", "POST", "/api/completions/{submission}/approve", {"rating": 4}),
    "complete": ("poster", "POST", "/api/bounties/{bounty}/complete", {}),
    "release": ("poster", "POST", "/wallet/release", {"bounty_id": "{bounty}"}),
    "refund": ("poster", "POST", "/bounty-payments/cancel", {"bounty_id": "{bounty}"}),
    "cancel": (
        "poster",
        "POST",
        "/api/bounties/{bounty}/cancellations",
        {"reason": "It rains.", "refund_percentage": 0},
    ),
    "agree": ("hunter", "POST", "/api/cancellations/{cancellation}/accept", {}),
    "refuse": (
        "hunter",
        "POST",
        "/api/cancellations/{cancellation}/reject",
        {"response_message": "No."},
    ),
    "take back": ("poster", "POST", "/api/cancellations/{cancellation}/withdraw", {}),
    "dispute": (
        "hunter",
        "POST",
        "/api/disputes",
        {"bounty_id": "{bounty}", "stage": "in_progress", "reason": "It is red."},
    ),
    "dispute it": (
        "poster",
        "POST",
        "/api/disputes",
        {"bounty_id": "{bounty}", "stage": "cancellation", "reason": "It was done."},
    ),
    "let go": ("hunter", "POST", "/api/disputes/{dispute}/withdraw", {}),
    "judge": (
        "admin",
        "POST",
        "/admin/disputes/{dispute}/resolve",
        {"rationale": "I have seen it."},
    ),
    "appeal": ("hunter", "POST", "/api/disputes/{dispute}/appeals", {"reason": "Look again."}),
    "answer": (
        "admin",
        "PATCH",
        "/admin/appeals/{appeal}",
        {"status": "accepted", "notes": "Yes."},
    ),
    "archive": ("poster", "POST", "/api/bounties/{bounty}/archive", {}),
    "delete": ("poster", "DELETE", "/api/bounties/{bounty}", {}),
}
# What people do on most days, by where the bounty stands: at random alone, most would end at once.
USUAL: Final[dict[str, tuple[str, ...]]] = {
    "open": ("apply", "apply", "apply", "accept", "accept", "accept", "take", "price", "reject"),
    "in_progress": (
        *("ready", "submit", "submit", "submit", "revise", "approve", "approve", "complete"),
        *("release", "cancel", "cancel", "dispute", "dispute", "let go", "judge", "judge"),
    ),
    "cancellation_requested": ("agree", "refuse", "take back", "dispute it", "let go", "judge"),
    "completed": ("appeal", "answer", "answer", "archive", "complete"),
    "cancelled": ("appeal", "answer", "answer", "delete", "refund"),
}

NEWEST: Final = """
    select (select status from app.bounties where id = %(bounty)s) as status,
           (select id::text from app.bounty_requests where bounty_id = %(bounty)s
            order by created_at desc limit 1) as request,
           (select id::text from app.completion_submissions where bounty_id = %(bounty)s
            order by submitted_at desc limit 1) as submission,
           (select id::text from app.bounty_cancellations where bounty_id = %(bounty)s
            order by created_at desc limit 1) as cancellation,
           d.id::text as dispute, coalesce(d.frozen_cents, 0) as frozen,
           (select id::text from app.dispute_appeals where dispute_id = d.id
            order by created_at desc limit 1) as appeal
    from (select 1) as one
    left join lateral (select * from app.disputes where bounty_id = %(bounty)s
                       order by created_at desc limit 1) d on true
"""

# Where the price of each bounty is, and where its rows say that it is.
PRICES: Final = """
    select b.status, b.amount_cents, e.state,
           coalesce(sum(a.balance_cents) filter (where a.kind = 'bounty_escrow'), 0)::int as held,
           coalesce(sum(a.balance_cents) filter (where a.kind = 'bounty_escrow_frozen'), 0)::int
               as frozen,
           exists (select 1 from app.disputes d where d.bounty_id = b.id
                   and d.status in ('open', 'under_review')) as is_disputed
    from app.bounties b
    left join lateral (select state from app.escrows where bounty_id = b.id
                       order by round desc limit 1) e on true
    left join app.ledger_accounts a on a.bounty_id = b.id
    where b.id = any(%s) group by b.id, e.state
"""
# What has come from outside, of all transfers that have touched these people and bounties.
FROM_OUTSIDE: Final = """
    select coalesce(-sum(e.amount_cents), 0)::bigint
    from app.ledger_entries e join app.ledger_accounts a on a.id = e.account_id
    where a.kind = 'stripe_platform' and e.transfer_id in (
        select e.transfer_id from app.ledger_entries e
        join app.ledger_accounts a on a.id = e.account_id
        where a.user_id = any(%s) or a.bounty_id = any(%s))
"""
# What somebody has by the entries; a hold that has ended has ended by one transfer.
ENTRIES: Final = """
    select coalesce(sum(e.amount_cents), 0)::bigint
    from app.ledger_entries e join app.ledger_accounts a on a.id = e.account_id
    where a.user_id = %s and a.kind = 'user_available'
"""
HOLDS: Final = """
    select count(*) from app.ledger_holds h
    where h.user_id = any(%s) and h.status = 'active' and h.kind = 'bounty_dispute'
        and not exists (select 1 from app.disputes d where d.id::text = h.reference_id
                        and d.status in ('open', 'under_review'))
"""
LIVING: Final = {"open", "in_progress", "cancellation_requested"}


class Walk:
    """Two posters, two hunters and an admin, who do something at random."""

    def __init__(self, scene: Scene, admin: Person) -> None:
        self.product: Product = scene.product
        posters, hunters = (
            [self.product.person(name) for _ in range(2)] for name in ("poster", "hunter")
        )
        self.people = {"poster": posters, "hunter": hunters, "admin": [admin]}
        self.told: Counter[int] = Counter()
        self.done: Counter[str] = Counter()
        for each in posters:
            scene.deposit(each, DEPOSIT_CENTS)
        self.bounties: list[tuple[str, Person]] = []
        for _ in range(BOUNTIES):
            self.post()

    def post(self) -> None:
        poster = random.choice(self.people["poster"])
        offer = wish(amount=random.randint(100, 5_000) / 100)
        posted = self.product.post("/api/bounties", offer, by=poster)
        assert posted.status_code == 201, posted.text
        self.bounties.append((posted.json()["id"], poster))

    def step(self) -> None:
        """Take a random step of a random bounty, as who mostly takes it or as anybody."""
        bounty_id, poster = random.choice(self.bounties[-BOUNTIES:])
        [newest] = self.product.session.execute(NEWEST, {"bounty": bounty_id}).fetchall()
        usual = USUAL.get(newest["status"])
        if usual is None:
            self.post()
            return
        name = random.choice(usual if random.randrange(STRAY) else [*STEPS_OF])
        who, method, path, words = STEPS_OF[name]
        named = {**newest, "bounty": bounty_id}
        if any(f"{{{field}}}" in path for field, value in named.items() if value is None):
            return
        body = {
            key: named["bounty"] if key == "bounty_id" else value for key, value in words.items()
        }
        self.fill(name, body, newest["frozen"])
        by = poster if who == "poster" else random.choice(self.people[who])
        if not random.randrange(STRAY):
            by = random.choice([person for people in self.people.values() for person in people])
        for _ in range(random.choice((1, 1, 2))):
            answer = self.product.send(method, path.format_map(named), body or None, by=by)
            assert answer.status_code < 500, (name, answer.text)
            self.told[answer.status_code] += 1
            self.done[name] += answer.is_success

    def fill(self, name: str, body: dict[str, Any], frozen: int) -> None:
        """Choose the amounts that a step names."""
        if name == "price":
            body["amount"] = random.randint(100, 5_000) / 100
        elif name == "cancel":
            body["refund_percentage"] = random.randint(0, 100)
        elif name == "judge":
            body["outcome"] = random.choice(("release", "refund", "split"))
            if body["outcome"] == "split":
                hunter = random.randint(0, frozen)
                body |= {"amountToHunterCents": hunter, "amountToPosterCents": frozen - hunter}

    def check(self) -> None:
        """Compare every account with what it must be."""
        product, bounties = self.product, [bounty_id for bounty_id, _ in self.bounties]
        people = [*self.people["poster"], *self.people["hunter"]]
        ids = [person.id for person in people]
        assert product.books_balance()
        for row in product.rows(PRICES, bounties):
            is_living = row["status"] in LIVING
            due = row["amount_cents"] if is_living else 0
            where = "frozen" if row["is_disputed"] else "held"
            assert (row["held"], row["frozen"]) == ((0, due) if where == "frozen" else (due, 0)), (
                row
            )
            assert row["state"] in ({where} if is_living else {"released", "refunded"}), row
        assert product.value(FROM_OUTSIDE, ids, bounties) == DEPOSIT_CENTS * 2
        for person in people:
            balance = product.balance(person)["balanceCents"]
            assert balance == product.value(ENTRIES, person.id) >= 0
        assert product.value(HOLDS, ids) == 0


@repeated
def test_no_cent_is_made_or_lost(scene: Scene, product: Product) -> None:
    admin, done = product.admin(), Counter[str]()
    for _ in range(times(WALKS)):
        walk = Walk(scene, admin)
        for _ in range(STEPS):
            walk.step()
        walk.check()
        done += walk.done

    # Lives in which nothing happens would show nothing.
    assert sum(done.values()) > WALKS * STEPS // 4, done
