"""What must be zero in the books of a server, read from its database.

The wire tells people of their own money only; whether all of it is somewhere, and nothing twice,
the tables tell.
"""

from __future__ import annotations

from typing import Any, Final

import psycopg
from psycopg.rows import dict_row

# Accounts must sum to zero, and every transfer, and each account must be the sum of its entries.
SUMS: Final = """
    select (select coalesce(sum(balance_cents), 0) from app.ledger_accounts)
               as "cents in all accounts together",
           (select count(*) from (select 1 from app.ledger_entries group by transfer_id
                                  having sum(amount_cents) <> 0) as t)
               as "transfers that do not sum to zero",
           (select count(*) from app.ledger_accounts a
            where a.balance_cents <> (select coalesce(sum(e.amount_cents), 0)
                                      from app.ledger_entries e where e.account_id = a.id))
               as "accounts beside their entries"
"""

# Of what has ended, unless its money is on its way to a provider. A split goes out at once, so what
# goes out of escrow is as often as what came in.
ENDS: Final = """
    with ended as (
        select b.id from app.bounties b
        where b.status in ('completed', 'cancelled', 'archived', 'deleted')
            and not exists (select 1 from app.escrows e where e.bounty_id = b.id
                            and e.state in ('releasing', 'refunding')))
    select (select count(*) from app.ledger_accounts a
            where a.balance_cents <> 0 and a.bounty_id in (select id from ended))
               as "ended bounties with money left",
           (select count(*) from (
                select 1 from app.ledger_accounts a
                join app.ledger_entries n on n.account_id = a.id
                where a.bounty_id in (select id from ended)
                group by a.id having sum(sign(n.amount_cents)) <> 0) as h)
               as "holds that did not end once",
           (select count(*) from app.escrows e
            where e.state in ('funding', 'held', 'frozen')
                and e.bounty_id in (select id from ended))
               as "open escrows of ended bounties"
"""


def count(session: psycopg.Connection[Any], *asked: str) -> dict[str, int]:
    """Return what the queries have found, by what it is; right books have none of anything."""
    found: dict[str, int] = {}
    with session.cursor(row_factory=dict_row) as cursor:
        for query in asked:
            for row in cursor.execute(query):
                found |= {name: int(value) for name, value in row.items()}
    return found


def read(dsn: str) -> dict[str, int]:
    """Return all that must be zero in this database.

    Raises:
        psycopg.Error: it does not answer, or is no database of ours.
    """
    with psycopg.connect(dsn) as session:
        return count(session, SUMS, ENDS)
