"""The story of an offer with the client that openapi-python-client makes of ``/openapi.json``.

Run by a test in a process of its own, with the generated package ``api_client`` in its path and the
server's address as its argument.
"""

from __future__ import annotations

import sys
import uuid

from api_client import AuthenticatedClient, Client
from api_client.api.auth import auth_register, auth_sign_in
from api_client.api.bounty import bounty_create, bounty_get
from api_client.models import Credentials, NewBounty, Problem, Registration

PASSWORD = "correct horse battery"


def play(url: str) -> None:
    """Register, sign in, make an offer, read it, and be refused."""
    name = f"py_{uuid.uuid4().hex[:12]}"
    anybody = Client(base_url=url)
    account = Registration(
        email=f"{name}@example.com", password=PASSWORD, username=name, age_confirmed=True
    )
    registered = auth_register.sync(client=anybody, body=account)
    assert registered.username == name, registered

    session = auth_sign_in.sync(
        client=anybody, body=Credentials(identifier=name, password=PASSWORD)
    )
    client = AuthenticatedClient(base_url=url, token=session.token)

    offer = NewBounty(title="Paint the fence", description="Two coats of green paint, please.")
    offer.is_for_honor = True
    made = bounty_create.sync(client=client, body=offer)
    assert not isinstance(made, Problem), made
    assert (made.status, made.is_for_honor) == ("open", True), made
    assert bounty_get.sync(made.id, client=client).title == "Paint the fence"

    offer.title = "No"
    refused = bounty_create.sync(client=client, body=offer)
    assert isinstance(refused, Problem)
    assert refused.code == "VALIDATION_ERROR"


if __name__ == "__main__":
    play(sys.argv[1])
