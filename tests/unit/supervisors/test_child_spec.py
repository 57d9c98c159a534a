"""A child spec refuses what cannot be meant."""

from __future__ import annotations

from dataclasses import FrozenInstanceError

import pytest
import trio
from bountyexpo.supervisors import ChildSpec, Restart


async def start(*, task_status) -> None:
    task_status.started()
    await trio.sleep_forever()


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"id": ""}, "needs an id"),
        ({"start": None}, "cannot be called"),
        ({"kind": "boss"}, "worker or supervisor"),
        ({"shutdown_s": -1}, "negative"),
        ({"shutdown_s": None}, "needs a deadline"),
        ({"significant": True}, "cannot be significant"),
    ],
)
def test_senseless_spec_is_refused(options, complaint) -> None:
    with pytest.raises((ValueError, TypeError), match=complaint):
        ChildSpec(**({"id": "a", "start": start} | options))


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"shutdown_s": 0},
        {"shutdown_s": None, "kind": "supervisor"},
        {"significant": True, "restart": Restart.TRANSIENT},
        {"significant": True, "restart": Restart.TEMPORARY},
    ],
)
def test_sensible_spec_is_taken(options) -> None:
    assert ChildSpec("a", start, **options).id == "a"


def test_spec_does_not_change() -> None:
    with pytest.raises(FrozenInstanceError):
        ChildSpec("a", start).id = "b"
