"""What each close code promises to the client."""

from __future__ import annotations

import pytest
from bountyexpo.close_codes import ADVICE, CloseCode, may_resume
from bountyexpo.ws.transport.frames import is_wire_code


def test_every_code_has_its_advice():
    assert set(ADVICE) == set(CloseCode)


@pytest.mark.parametrize("code", [1001, 1006, 1009, 1011, 1012, 1013, 4408, 4411, 4429])
def test_these_sessions_may_be_resumed(code):
    assert may_resume(code)


@pytest.mark.parametrize("code", [1000, 1002, 1003, 1007, 4400, 4401, 4403, 4410, 4430, 4999])
def test_these_sessions_may_not(code):
    assert not may_resume(code)


def test_only_the_two_reported_codes_are_never_sent():
    assert [code for code in CloseCode if not is_wire_code(code)] == [1005, 1006]
