"""API keys: who gets in, what they own, how often they may speak, and what is kept of them."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from datetime import UTC, date, datetime
from typing import Any, TypeVar

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import select, update

from api import keys
from api.settings import Settings
from api.store.database import Database, open_database
from api.store.tables import KeyRow
from chatbot.errors import QueueFull

T = TypeVar("T")


def with_database(settings: Settings, work: Callable[[Database], Awaitable[T]]) -> T:
    async def run() -> T:
        database = await open_database(settings)
        try:
            return await work(database)
        finally:
            await database.close()

    return asyncio.run(run())


def new_key(settings: Settings, name: str, daily_turns: int | None = None) -> str:
    return with_database(settings, lambda database: keys.add(database, name, daily_turns))


@pytest.fixture
def locked(settings: Settings) -> Settings:
    """Settings of a service that wants keys."""
    return settings.model_copy(update={"require_key": True})


@pytest.fixture
def client(make_client: Callable[..., TestClient], locked: Settings, bot: Any) -> TestClient:
    """A client of that service, without a key."""
    return make_client(locked, lambda _: bot)


def bearing(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


def say(client: TestClient, key: str, **body: Any) -> Any:
    return client.post("/chat", json={"message": "你好", **body}, headers=bearing(key))


def test_without_a_valid_key_nothing_is_told(client: TestClient, settings: Settings) -> None:
    new_key(settings, "阿青")
    for header in (
        None,
        "",
        "Bearer",
        "Bearer ",
        "Basic eGlhbmxpYW8=",
        "Bearer xl-00000000-" + "a" * 43,
        "Bearer 钥匙".encode(),
        "Bearer " + "x" * 5000,
    ):
        headers = {} if header is None else {"Authorization": header}
        for method, path, body in (
            ("POST", "/chat", {"message": "你好"}),
            ("POST", "/chat", {}),
            ("GET", "/sessions", None),
            ("GET", "/sessions/nobody", None),
            ("DELETE", "/sessions", None),
            ("POST", "/feedback", {}),
            ("POST", "/write", {}),
            ("POST", "/classify", {"texts": ["好"]}),
        ):
            refused = client.request(method, path, json=body, headers=headers)
            assert refused.status_code == 401, (header, path)
            assert refused.headers["www-authenticate"] == "Bearer"
            assert refused.headers["content-type"] == "application/problem+json"
            assert refused.json()["title"] == "密钥不对"
    for path in ("/", "/docs", "/healthz", "/readyz"):
        assert client.get(path).status_code == 200


def test_a_key_opens_and_owns(client: TestClient, settings: Settings) -> None:
    mine, yours = new_key(settings, "我"), new_key(settings, "你")
    session_id = say(client, mine).json()["session_id"]
    address = f"/sessions/{session_id}"
    assert client.get(address, headers=bearing(mine)).status_code == 200
    assert client.get(address, headers=bearing(yours)).status_code == 404
    assert say(client, yours, session_id=session_id).status_code == 404
    assert len(client.get("/sessions", headers=bearing(mine)).json()["sessions"]) == 1
    assert client.get("/sessions", headers=bearing(yours)).json()["sessions"] == []
    lower_case = {"authorization": f"bearer {mine}"}
    assert client.get(address, headers=lower_case).status_code == 200


def test_a_browser_is_nobody_where_keys_are_wanted(client: TestClient, settings: Settings) -> None:
    key = new_key(settings, "我")
    client.get("/")
    assert client.get("/sessions").status_code == 401
    session_id = say(client, key).json()["session_id"]
    client.cookies.clear()
    assert client.get(f"/sessions/{session_id}", headers=bearing(key)).status_code == 200


def test_almost_the_key_is_not_the_key(client: TestClient, settings: Settings) -> None:
    key = new_key(settings, "我")
    other = new_key(settings, "你")
    mixed = key[:12] + other[12:]
    for wrong in (key[:-1], key + "a", key.swapcase(), mixed, key[:-1] + chr(ord(key[-1]) ^ 1)):
        assert say(client, wrong).status_code == 401
    assert say(client, key).status_code == 200


def test_a_removed_key_opens_nothing_at_once(client: TestClient, settings: Settings) -> None:
    key = new_key(settings, "我")
    session_id = say(client, key).json()["session_id"]
    removed = with_database(
        settings, lambda database: keys.remove(database, "我", with_sessions=True)
    )
    assert removed == 1
    assert say(client, key).status_code == 401
    another = new_key(settings, "我")
    assert client.get(f"/sessions/{session_id}", headers=bearing(another)).status_code == 404


def test_a_quota_counts_turns_and_tells_when_there_is_more(
    client: TestClient, settings: Settings, bot: Any
) -> None:
    key = new_key(settings, "我", daily_turns=2)
    bot.refusal = QueueFull(8)
    for _ in range(3):
        assert say(client, key).status_code == 429
    bot.refusal = None
    assert say(client, key, temperature=9).status_code == 422
    assert say(client, key, session_id="nobody").status_code == 404
    assert say(client, key).status_code == 200  # what was refused was not charged
    assert say(client, key, history=[]).status_code == 200
    refused = say(client, key)
    assert refused.status_code == 429
    assert refused.json()["type"] == "/docs#problem-quota-used"
    assert 0 < int(refused.headers["retry-after"]) <= 24 * 3600
    assert len(bot.started) == 2
    assert say(client, new_key(settings, "不限")).status_code == 200
    yesterday = update(KeyRow).values(used_on=date(2026, 1, 1))

    async def turn_the_day(database: Database) -> None:
        async with database.write() as db:
            await db.execute(yesterday)

    with_database(settings, turn_the_day)
    assert say(client, key).status_code == 200


def test_neither_the_database_nor_the_log_holds_a_key(
    client: TestClient, settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        key = new_key(settings, "我")
        say(client, key)
        say(client, key[:-1])
    secret = key[12:]
    assert secret not in caplog.text
    files = b"".join(path.read_bytes() for path in settings.data_dir.iterdir())
    assert secret.encode() not in files

    async def rows(database: Database) -> list[KeyRow]:
        async with database.read() as db:
            return list((await db.scalars(select(KeyRow))).all())

    (row,) = with_database(settings, rows)
    assert row.id == key[3:11]
    assert len(row.secret_sha256) == 64
    assert abs((datetime.now(UTC) - row.created_at).total_seconds()) < 60
