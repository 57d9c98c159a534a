"""The page for the accountant is what the tables of the ledger say."""

from __future__ import annotations

import importlib.util
from pathlib import Path

from bountyexpo.domain.money.ledger.accounts import RULES as ACCOUNTS
from bountyexpo.domain.money.ledger.legacy import MAPPINGS
from bountyexpo.domain.money.ledger.rules import RULES

DOCS = Path(__file__).parents[5] / "docs"

spec = importlib.util.spec_from_file_location("ledger_page", DOCS / "ledger_page.py")
assert spec is not None
assert spec.loader is not None
ledger_page = importlib.util.module_from_spec(spec)
spec.loader.exec_module(ledger_page)


def test_the_page_is_up_to_date() -> None:
    assert (DOCS / "ledger.md").read_text(encoding="utf-8") == ledger_page.page(), (
        "write it again: python docs/ledger_page.py"
    )


def test_the_page_shows_every_account_rule_and_old_row() -> None:
    page = ledger_page.page()

    assert all(f"`{rule.name.replace('{}', '…')}`" in page for rule in ACCOUNTS.values())
    assert all(f"### {rule.number}. {rule.title}\n" in page for rule in RULES)
    assert page.count("\n| `") >= len(ACCOUNTS) + len(MAPPINGS)
