from __future__ import annotations

import json

import pytest
from bountyexpo.http.limits import BODY_BYTES_MAX

USER = {"authorization": "Bearer user"}
ADMIN = {"authorization": "Bearer admin"}
JSON = {"content-type": "application/json"}


async def test_body_path_and_reply(client):
    response = await client.post(
        "/api/shops/s1/toys", json={"title": "Bear", "shop_id": "other"}, headers=USER
    )

    assert response.status_code == 201
    assert response.headers["content-type"] == "application/json"
    body = await response.get_json()
    assert (body["id"], body["title"]) == ("s1", "Bear")
    assert body["created_at"] == "2026-05-04T03:02:01.250000Z"


async def test_old_path_and_old_names_are_understood_and_marked(client):
    response = await client.post("/old/s1/toys", json={"name": "Bear"}, headers=USER)

    assert response.status_code == 201
    assert (await response.get_json())["id"] == "s1"
    assert response.headers["deprecation"] == "true"
    assert response.headers["x-deprecated"] == "true"
    assert response.headers["sunset"].endswith("GMT")
    assert response.headers["link"] == '</api/shops/s1/toys>; rel="successor-version"'


@pytest.mark.parametrize("prefix", ["", "/functions/v1"])
async def test_an_old_path_may_reply_in_a_form_of_its_own(client, prefix):
    response = await client.get(f"{prefix}/old/toy/t1")

    # The form is another, and nothing else.
    assert (response.status_code, response.headers["etag"]) == (203, '"1"')
    assert response.headers["deprecation"] == "true"
    assert await response.get_json() == [{"toy": "t1"}]


@pytest.mark.parametrize("prefix", ["", "/functions/v1"])
async def test_an_old_path_may_refuse_in_a_form_of_its_own(client, prefix):
    response = await client.post(f"{prefix}/old/conflict")

    assert response.status_code == 418
    assert response.headers["content-type"] == "application/json"
    assert await response.get_json() == {"msg": "You already have it."}


async def test_what_an_old_path_has_no_form_for_is_refused_as_everywhere(client):
    response = await client.post("/older/conflict")

    assert response.status_code == 409
    assert (await response.get_json())["error"] == "You already have it."


async def test_present_path_is_not_marked(client):
    response = await client.get("/api/toys")

    assert "deprecation" not in response.headers


async def test_refusal_on_an_old_path_is_marked_too(client):
    response = await client.post("/old/s1/toys", json={"name": "Bear"})

    assert response.status_code == 401
    assert response.headers["x-deprecated"] == "true"


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("limit=5&is_new=true", {"limit": 5, "is_new": True, "kinds": None}),
        ("kinds=a&kinds=b", {"kinds": ["a", "b"]}),
        ("kinds[]=a", {"kinds": ["a"]}),
        ("kinds=a,b", {"kinds": ["a", "b"]}),
        ("limit=&unknown=1&_=3", {"limit": 20}),
        ("limit=3&limit=4", {"limit": 4}),
    ],
)
async def test_query_is_read(client, query, expected):
    body = await (await client.get(f"/api/toys?{query}")).get_json()

    assert body | expected == body


@pytest.mark.parametrize(
    "query",
    ["limit=many", "limit=0", "limit=%ff", "limit=%00", "a=1&" * 300, "limit=1&x=" + "y" * 9000],
)
async def test_bad_query_is_400(client, query):
    response = await client.get(f"/api/toys?{query}")

    assert response.status_code == 400
    assert (await response.get_json())["code"] == "VALIDATION_ERROR"


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        (b"{", JSON, 400),
        (b"[1]", JSON, 400),
        (b'"x"', JSON, 400),
        (b"\xff", JSON, 400),
        (b"[" * 100_000, JSON, 400),
        (b'{"title": "Bear"}', {"content-type": "text/plain"}, 415),
        (b"a=1", {"content-type": "application/x-www-form-urlencoded"}, 415),
        (b'{"title": "Bear"}', {"content-type": "application/JSON; charset=utf-8"}, 201),
        (b'{"title": "Bear"}', {}, 201),
        (b"", JSON, 400),
        (b" \n", JSON, 400),
        (b"null", JSON, 400),
        (b'{"title": "' + b"x" * BODY_BYTES_MAX + b'"}', JSON, 413),
    ],
)
async def test_body_table(client, body, headers, status):
    response = await client.post("/api/shops/s1/toys", data=body, headers={**USER, **headers})

    assert response.status_code == status
    if status != 201:
        assert (await response.get_json())["statusCode"] == status


async def test_a_null_is_no_object(client):
    # No body at all is an empty object; somebody who says null says something else.
    refused = await client.delete("/api/toys/t1", data=b"null", headers={**ADMIN, **JSON})

    assert refused.status_code == 400
    assert (await refused.get_json())["code"] == "INVALID_JSON"


@pytest.mark.parametrize("query", ["title=Bear", "title=Doll&title=Bear", "name=Bear"])
async def test_a_field_of_the_body_is_not_read_from_the_address(client, query):
    path = f"/api/shops/s1/toys?{query}"

    alone = await client.post(path, json={}, headers=USER)
    beside = await client.post(path, json={"title": "Lion"}, headers=USER)

    assert alone.status_code == 400
    assert (await alone.get_json())["issues"][0]["path"] == "title"
    assert beside.status_code == 201
    assert (await beside.get_json())["title"] == "Lion"


async def test_old_and_new_names_that_contradict_each_other_are_refused(client):
    body = {"title": "Bear", "name": "Lion"}

    response = await client.post("/api/shops/s1/toys", json=body, headers=USER)

    assert response.status_code == 400
    assert (await response.get_json())["issues"][0]["path"] == "title"


async def test_empty_body_with_a_json_type_is_fine(client):
    response = await client.delete("/api/toys/t1", headers={**ADMIN, **JSON})

    assert response.status_code == 200
    assert await response.get_json() == {"success": True}


async def test_faults_are_listed(client):
    response = await client.post("/api/shops/s1/toys", json={"title": "x"}, headers=USER)

    body = await response.get_json()
    assert response.status_code == 400
    assert body["issues"] == [
        {"path": "title", "message": "title must have at least 3 characters."}
    ]


@pytest.mark.parametrize(
    ("token", "status", "code"),
    [
        (None, 401, "AUTHENTICATION_REQUIRED"),
        ("Basic abc", 401, "AUTHENTICATION_REQUIRED"),
        ("Bearer ", 401, "AUTHENTICATION_REQUIRED"),
        ("Bearer nonsense", 401, "AUTHENTICATION_REQUIRED"),
        ("Bearer expired", 401, "TOKEN_EXPIRED"),
        ("Bearer unlucky", 503, "SERVICE_UNAVAILABLE"),
        ("Bearer user", 403, "ADMIN_REQUIRED"),
        ("bearer admin", 200, None),
    ],
)
async def test_token_table(client, token, status, code):
    response = await client.delete(
        "/api/toys/t1", headers={"authorization": token} if token else {}
    )

    assert response.status_code == status
    body = await response.get_json()
    assert body.get("code") == code
    assert ("www-authenticate" in response.headers) is (status == 401)


@pytest.mark.parametrize(("token", "by"), [("user", "u1"), ("nonsense", None), (None, None)])
async def test_public_thing_stays_public_with_a_bad_token(client, token, by):
    headers = {"authorization": f"Bearer {token}"} if token else {}
    response = await client.get("/api/toys", headers=headers)

    assert (await response.get_json())["by"] == by


@pytest.mark.parametrize(
    ("token", "status", "code"),
    [
        ("expired", 401, "TOKEN_EXPIRED"),
        ("left", 401, "SESSION_REVOKED"),
        ("banned", 403, "ACCOUNT_SUSPENDED"),
    ],
)
async def test_whoever_was_known_hears_that_it_is_over(client, token, status, code):
    headers = {"authorization": f"Bearer {token}"}

    response = await client.get("/api/toys", headers=headers)
    signed_in = await client.post("/toys/sign-in", headers=headers, json={"email": "a@b.cd"})

    assert response.status_code == status
    assert (await response.get_json())["code"] == code
    assert signed_in.status_code == 200


async def test_public_thing_still_says_when_tokens_cannot_be_checked(client):
    response = await client.get("/api/toys", headers={"authorization": "Bearer unlucky"})

    assert response.status_code == 503


async def test_handler_shapes_status_and_headers(client):
    response = await client.get("/api/toys/t%20x")

    assert response.status_code == 203
    assert response.headers["etag"] == '"1"'
    assert (await response.get_json())["id"] == "t x"


async def test_raw_reply_is_sent_as_it_is(client):
    response = await client.get("/api/toy-picture")

    assert response.headers["content-type"] == "image/gif"
    assert await response.get_data() == b"GIF89a"


async def test_idempotency_key_reaches_the_handler(client):
    response = await client.post(
        "/api/shops/s1/toys",
        json={"title": "Bear", "idempotencyKey": "body"},
        headers={**USER, "idempotency-key": "header"},
    )

    assert (await response.get_json())["idempotency_key"] == "header"


async def test_endless_idempotency_key_is_400(client):
    response = await client.post(
        "/api/shops/s1/toys",
        json={"title": "Bear"},
        headers={**USER, "idempotency-key": "k" * 256},
    )

    assert response.status_code == 400


async def test_limit_is_answered_with_a_wait(client):
    for _ in range(5):
        assert (await client.post("/toys/sign-in")).status_code == 200

    response = await client.post("/toys/sign-in")

    assert response.status_code == 429
    assert response.headers["retry-after"] == "180"
    assert response.headers["ratelimit-remaining"] == "0"
    body = await response.get_json()
    assert (body["code"], body["retryAfter"]) == ("RATE_LIMIT_EXCEEDED", 180)


async def test_busy_is_answered_with_a_wait(client):
    response = await client.post("/busy")

    assert response.status_code == 503
    assert response.headers["retry-after"] == "7"


async def test_crash_leaks_nothing(client):
    response = await client.post("/crash")

    text = (await response.get_data()).decode()
    assert response.status_code == 500
    assert json.loads(text)["code"] == "INTERNAL_ERROR"
    assert "postgres" not in text
    assert "Zero" not in text


async def test_trailing_slash_is_forgiven(client):
    assert (await client.get("/api/toys/")).status_code == 200
