"""Keys of end-to-end encryption: whose, which one, and the how manieth."""

from __future__ import annotations

from base64 import b64encode

import pytest
from bountyexpo.domain.ids import new_id
from bountyexpo.errors import InvalidRequest, NotFound

from tests.integration.actors.chat.edge import Edge

ONE, TWO = b64encode(bytes(32)).decode(), b64encode(bytes(range(32))).decode()


@pytest.mark.parametrize("transport", ["rest", "socket"])
async def test_a_peer_sees_the_key_and_that_it_is_another_one(town, transport):
    anna, ben = await town.people(2)
    edge = Edge(town, transport)

    async def seen():
        view = await edge.call(ben, "e2e_key.get", userId=anna)
        return view.userId, view.publicKey, view.version

    steps = [await seen()]
    for key in (ONE, ONE, TWO):
        await edge.call(anna, "e2e_key.set", publicKey=key)
        steps.append(await seen())

    assert steps == [(anna, None, 0), (anna, ONE, 1), (anna, ONE, 1), (anna, TWO, 2)]
    audited = "select count(*) as changes from audit_log where action = 'set_public_key'"
    assert (await town.db.fetch_one(audited))["changes"] == 2


async def test_older_spellings_and_bytes_are_taken(town):
    anna = await town.person()
    edge = Edge(town, "socket")

    first = await edge.call(anna, "e2e_key.set", e2e_public_key=ONE)
    second = await edge.call(anna, "e2e_key.set", public_key=bytes(range(32)))

    assert (first.publicKey, second.publicKey, second.version) == (ONE, TWO, 2)


@pytest.mark.parametrize("key", ["", "AAAA", "no base64 at all", None, 7, ONE + ONE])
async def test_a_key_has_32_bytes(town, key):
    anna = await town.person()

    with pytest.raises(InvalidRequest):
        await Edge(town).call(anna, "e2e_key.set", publicKey=key)

    assert (await Edge(town).call(anna, "e2e_key.get", userId=anna)).version == 0


async def test_nobody_has_no_key(town):
    anna = await town.person()

    with pytest.raises(NotFound):
        await Edge(town).call(anna, "e2e_key.get", userId=new_id())
    with pytest.raises(NotFound):
        await Edge(town).call(new_id(), "e2e_key.set", publicKey=ONE)
