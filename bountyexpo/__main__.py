"""``python -m bountyexpo`` is the command ``bountyexpo``."""

from __future__ import annotations

import sys

from bountyexpo.cli import main

sys.exit(main())
