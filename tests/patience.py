"""How long a test waits for what has to happen.

It ends a test that hangs, and measures nothing: the machine may be as busy as it likes. A test that
is about time says what comes first, by making the other things take for ever.
"""

from __future__ import annotations

from typing import Final

PATIENCE_S: Final = 60.0
