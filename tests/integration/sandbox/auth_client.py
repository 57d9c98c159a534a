"""Somebody who uses the auth emulator over plain HTTP."""

from __future__ import annotations

EMAIL = "hunter@example.test"
PASSWORD = "correct horse"


class Client:
    """Somebody with the project key, and a token once they have one."""

    def __init__(self, http, url, settings):
        self._http, self._url, self._settings = http, url, settings
        self.token = settings.anon_key
        self.headers = {}

    async def call(self, method, path, body=None, *, token=None):
        bearer = f"Bearer {token or self.token}"
        headers = {"apikey": self._settings.anon_key, "Authorization": bearer, **self.headers}
        return await self._http.request(
            method, f"{self._url}/auth/v1{path}", headers=headers, json=body
        )

    async def good(self, method, path, body=None):
        answer = await self.call(method, path, body)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def refused(self, method, path, body=None):
        answer = await self.call(method, path, body)
        return answer.status_code, answer.json()["error_code"]

    async def as_service(self, method, path, body=None):
        return await self.call(method, path, body, token=self._settings.service_role_key)

    async def sign_up(self, email=EMAIL):
        session = await self.good("POST", "/signup", {"email": email, "password": PASSWORD})
        self.token = session["access_token"]
        return session["user"]

    async def sign_in(self, email=EMAIL, password=PASSWORD):
        body = {"email": email, "password": password}
        session = await self.good("POST", "/token?grant_type=password", body)
        self.token = session["access_token"]
        return session

    async def inbox(self, to):
        answer = await self._http.get(f"{self._url}/sandbox/messages", params={"to": to})
        return answer.json()["messages"]

    async def verify(self, purpose, to, code):
        where = "phone" if purpose == "phone_change" else "email"
        return await self.call("POST", "/verify", {"type": purpose, where: to, "token": code})
