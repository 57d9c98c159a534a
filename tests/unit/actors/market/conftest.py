"""Commands without a database; tests/integration/actors/market runs the same tests with one."""

from __future__ import annotations

import pytest

from tests.unit.actors.market.stage import ScriptedStage


@pytest.fixture
def stage() -> ScriptedStage:
    return ScriptedStage()
