"""Who a request comes from: the cookie that the page gives, and what is kept of it."""

import sqlite3
from typing import Any

from fastapi.testclient import TestClient

from api.cookie import COOKIE
from api.settings import Settings


def owner_in(settings: Settings, session_id: str) -> Any:
    with sqlite3.connect(settings.data_dir / "xianliao.db") as database:
        query = "SELECT owner FROM sessions WHERE id = ?"
        return database.execute(query, [session_id]).fetchone()[0]


def say(client: TestClient) -> str:
    found: str = client.post("/chat", json={"message": "你好"}).json()["session_id"]
    return found


def test_the_page_gives_a_cookie_that_scripts_and_strangers_cannot_use(client: TestClient) -> None:
    given = client.get("/").headers["set-cookie"]
    for words in ("HttpOnly", "SameSite=lax", "Path=/", "Max-Age=34560000"):
        assert words in given
    assert "Secure" not in given
    assert "domain" not in given.lower()
    secure = client.get("https://testserver/").headers["set-cookie"]
    assert "Secure" in secure


def test_an_unchanged_page_keeps_the_cookie(client: TestClient) -> None:
    page = client.get("/")
    before = client.cookies[COOKIE]
    again = client.get("/", headers={"if-none-match": page.headers["etag"]})
    assert again.status_code == 304
    assert client.cookies[COOKIE] == before
    assert before in again.headers["set-cookie"]


def test_only_the_page_gives_it_and_each_browser_has_another(client: TestClient) -> None:
    say(client)
    for path in ("/docs", "/page/chat.js", "/sessions", "/healthz"):
        assert "set-cookie" not in client.get(path).headers
    cookies = set()
    for _ in range(20):
        client.cookies.clear()
        client.get("/")
        cookies.add(client.cookies[COOKIE])
    assert len(cookies) == 20
    assert {len(cookie) for cookie in cookies} == {32}


def test_the_database_does_not_tell_the_cookie(client: TestClient, settings: Settings) -> None:
    assert owner_in(settings, say(client)) is None
    client.get("/")
    owner = owner_in(settings, say(client))
    assert owner.startswith("browser:")
    assert client.cookies[COOKIE] not in owner


def test_a_cookie_that_is_none_of_ours_is_nobody_s(client: TestClient, settings: Settings) -> None:
    for cookie in ("", "x", "x" * 5000):
        client.cookies.set(COOKIE, cookie)
        assert owner_in(settings, say(client)) is None
        client.cookies.clear()
