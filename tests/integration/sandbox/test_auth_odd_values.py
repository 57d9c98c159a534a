"""Odd values in the bodies of the auth API are refused, and never an error of the server."""

from __future__ import annotations

from itertools import product

import msgspec
import pytest
from bountyexpo.sandbox.auth import bodies

from tests.integration.sandbox.auth_client import PASSWORD


def deep(levels):
    return {"a": deep(levels - 1)} if levels else 1


ODD = ("a\0b", "\0", 1, True, None, [], {}, {"a\0": 1}, {"a": ["b\0"]}, deep(100), "x" * 100_000)


async def test_no_odd_value_of_any_field_is_an_error_of_the_server(client, emulators):
    user = await client.sign_up()
    fields = {
        name
        for kind in vars(bodies).values()
        if isinstance(kind, type) and issubclass(kind, msgspec.Struct)
        for name in kind.__struct_fields__
    }
    assert {"data", "user_metadata", "email", "token", "ban_duration"} <= fields
    routes = [
        (method, rule.rule.removeprefix("/auth/v1").replace("<uuid:user_id>", user["id"]))
        for rule in emulators.app.url_map.iter_rules()
        for method in rule.methods & {"POST", "PUT"}
        if rule.rule.startswith("/auth/v1") and not rule.rule.endswith(("/logout", "/token"))
    ]
    routes += [("POST", f"/token?grant_type={name}") for name in ("password", "refresh_token")]
    assert len(routes) >= 8
    # A new password takes time, and is judged by its length alone.
    tried = product(routes, sorted(fields - {"password"}), ODD)
    for (method, path), field, value in tried:
        ask = client.as_service if path.startswith("/admin") else client.call

        answer = await ask(method, path, {field: value})

        assert answer.status_code < 500, (path, field, value)
    assert (await client.good("GET", "/user"))["id"] == user["id"]


@pytest.mark.parametrize("metadata", [{"a": "\0"}, {"a\0": 1}, {"a": [{"b": "x\0y"}]}, deep(40)])
async def test_metadata_that_no_column_holds_is_refused(client, metadata):
    user = await client.sign_up()
    new = {"email": "x@example.test", "password": PASSWORD}
    answers = [
        await client.call("POST", "/signup", {**new, "data": metadata}),
        await client.call("PUT", "/user", {"data": metadata}),
        await client.as_service("POST", "/admin/users", {**new, "user_metadata": metadata}),
        await client.as_service("POST", "/admin/users", {**new, "app_metadata": metadata}),
        await client.as_service("PUT", f"/admin/users/{user['id']}", {"user_metadata": metadata}),
    ]

    assert {(each.status_code, each.json()["error_code"]) for each in answers} == {
        (400, "validation_failed")
    }
