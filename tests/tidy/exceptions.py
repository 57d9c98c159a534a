"""What a check finds and we let stand, and why; one that is no longer needed is refused.

The places of a check are files or folders, and for dead names ``file:name``.
"""

from __future__ import annotations

AHEAD = "for an operation that comes later; it is tested already"
STATE = "each primitive reports its state; the pages that show it come later"
WORDS = "the check itself"

EXCEPTIONS: dict[str, dict[str, str]] = {
    "mirrors": {
        "tests/integration/product": "the product as a whole, behind its port",
        "tests/integration/product/market": "the market of the product as a whole",
        "tests/integration/product/money": "the money of the product as a whole",
    },
    "file_length": {
        "bountyexpo/operations/reference/field_texts.py": "one table, a line for each field",
    },
    "nesting": {
        "examples/chat.py": "it is read as one piece",
    },
    "areas": {
        "bountyexpo/actors/system.py": "the actor kinds and their pools, and no rule",
        "bountyexpo/domain/event_catalogue.py": "the events of all areas in one table",
        "bountyexpo/operations/areas.py": "the access rows of all areas, and their modules",
        "bountyexpo/operations/session_reader.py": "all that a session reads, behind one protocol",
        "bountyexpo/jobs/branch.py": "the jobs of all areas under one supervisor",
    },
    "dead_names": {
        **dict.fromkeys(
            (
                "bountyexpo/supervisors/_supervisor.py:delete_child",
                "bountyexpo/supervisors/_supervisor.py:restart_child",
                "bountyexpo/supervisors/_supervisor.py:start_child",
                "bountyexpo/supervisors/_supervisor.py:terminate_child",
            ),
            "OTP's control of single children, kept to the letter by the conformance tests",
        ),
        **dict.fromkeys(
            (
                "bountyexpo/domain/limits.py:adjustment_amount",
                "bountyexpo/domain/money/connect_account.py:IS_OURS",
                "bountyexpo/domain/money/fees.py:by_percentage",
                "bountyexpo/domain/money/fees.py:cancellation_refund_bps",
                "bountyexpo/domain/money/ledger/book.py:Book",
                "bountyexpo/domain/money/ledger/holds.py:active_cents",
                "bountyexpo/domain/money/ledger/legacy.py:signed_cents",
                "bountyexpo/domain/money/ledger/legacy.py:transfers_of",
                "bountyexpo/domain/money/ledger/statement.py:withdrawal_status",
                "bountyexpo/domain/money/ledger/transfers.py:in_currency",
                "bountyexpo/domain/policy.py:policy_of",
                "bountyexpo/domain/risk/categories.py:check_category",
                "bountyexpo/domain/risk/gate.py:debt_steps",
                "bountyexpo/domain/risk/scoring.py:RESERVE_DAYS",
                "bountyexpo/domain/risk/scoring.py:assess",
                "bountyexpo/domain/risk/scoring.py:is_assessment_due",
                "bountyexpo/domain/risk/scoring.py:patterns",
                "bountyexpo/integrations/supabase.py:get_user_by_id",
                "bountyexpo/integrations/supabase.py:request_password_reset",
                "bountyexpo/integrations/supabase.py:update_password",
            ),
            AHEAD,
        ),
        **dict.fromkeys(
            (
                "bountyexpo/persistence/pool.py:statistics",
                "bountyexpo/realtime/hub.py:statistics",
                "bountyexpo/runtime/_mailbox.py:statistics",
                "bountyexpo/supervisors/_job.py:statistics",
                "bountyexpo/supervisors/_pool.py:statistics",
                "bountyexpo/supervisors/_supervisor.py:statistics",
                "bountyexpo/ws/transport/poller.py:statistics",
            ),
            STATE,
        ),
    },
    "nurseries": {
        "bountyexpo/jobs/periodic.py": "a run beside the renewal of its lease",
        "bountyexpo/persistence/users/listening.py": "a supervised child; its beats are its own",
        "bountyexpo/persistence/outbox.py": "a job that waits for all of its effects",
        "bountyexpo/persistence/pool.py": "a supervised child; sessions are its own",
    },
    "event_names": {
        "bountyexpo/domain/money/access.py": "there is an operation wallet.balance, too",
        "bountyexpo/operations/money/wallet.py": "there is an operation wallet.balance, too",
        "bountyexpo/domain/money/withdrawal_rules.py": "rows are named by the provider's webhooks",
    },
    "close_codes": {
        "bountyexpo/ws/transport/frames.py": "what RFC 6455 allows, ours or not",
    },
    "open_matches": {},
    "dialect": {
        "tests/tidy/samples.py": WORDS,
        "tests/tidy/words.py": WORDS,
    },
    "gender": {
        "tests/tidy/samples.py": WORDS,
        "tests/tidy/words.py": WORDS,
    },
}
