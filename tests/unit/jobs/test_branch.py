"""Every job is a child of the jobs branch, and a lease of its own keeps it to one node."""

from __future__ import annotations

from bountyexpo.actors.market.effects.applications import CLOSE_REST
from bountyexpo.actors.market.posting import SEARCH_ALERTS
from bountyexpo.actors.money.payment import RESUME
from bountyexpo.jobs.branch import PERIODIC, branch, effect_handlers, webhook_job
from bountyexpo.jobs.money import withdrawals
from bountyexpo.jobs.periodic import JobDependencies
from bountyexpo.persistence.after_commit import Bell

NOTHING = JobDependencies(db=None, actors=None, node="n1", clock=None, policy=None)


def test_every_job_is_a_child_of_its_own() -> None:
    tree = branch(NOTHING, Bell(), webhook_job(NOTHING, livemode=False)).inspect()

    assert [child.name for child in tree.children] == [
        *(
            "outbox",
            "webhooks",
            "books",
            "dispute_auto_close",
            "dispute_escalate",
            "dispute_appeal_window_over",
            "expiry",
            "left",
            "processing",
            "prune",
            "quiet",
            "reactions",
            "search_index",
            "sign_ins",
            "staged_evidence",
            "stuck_webhooks",
            "unpaid",
            "withdrawals",
        ),
    ]


def test_no_two_jobs_share_a_lease() -> None:
    assert len({each.name for each in PERIODIC}) == len(PERIODIC)


def test_a_payment_whose_step_was_cut_off_is_looked_at_again() -> None:
    payouts = {*withdrawals.CALLS, withdrawals.RETRY, withdrawals.MAKE_ACCOUNT}
    known = set(effect_handlers(None, None))
    assert known == {CLOSE_REST, RESUME, SEARCH_ALERTS} | payouts
