"""Whose bounties somebody finds, in lists as in searches (rest-core §2.3, §2.10).

Each is a condition on a bounty ``b`` for a viewer, ``%(viewer_id)s``; nobody has hidden or blocked
anything where that is null.
"""

from __future__ import annotations

from typing import Final

NOT_HIDDEN: Final = """
    b.id not in (select bounty_id from bounty_hidden where user_id = %(viewer_id)s::uuid)
"""
# Neither of two whom a block parts finds the other.
NOT_BLOCKED: Final = """
    b.poster_id not in (select blocked_id from user_blocks where blocker_id = %(viewer_id)s::uuid)
    and b.poster_id not in (
        select blocker_id from user_blocks where blocked_id = %(viewer_id)s::uuid)
"""
IN_GOOD_STANDING: Final = """
    not exists (select 1 from users u where u.id = b.poster_id and u.account_status <> 'active')
"""

# What somebody finds who looks for nothing of their own.
VISIBLE: Final = (IN_GOOD_STANDING, NOT_HIDDEN, NOT_BLOCKED)
