"""Addresses that can be used and that cannot; a database that goes away and comes back."""

import asyncio
import logging
import sys
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import Connection, text

from api.settings import Settings
from api.store.database import Database, open_database
from api.store.errors import StoreUnavailable, StoreUnusable
from api.store.sessions import SessionStore
from api.store.tables import TurnRow

InStore = Callable[[str, Callable[[SessionStore], Awaitable[None]]], None]


def turn(name: str, index: int = 1, user: str = "你好") -> TurnRow:
    return TurnRow(
        session_id=name,
        index=index,
        user=user,
        bot="好",
        finish_reason="stop",
        model="tiny",
        seed=1,
        created_at=datetime.now(UTC),
    )


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("no address", "XIANLIAO_DATABASE_URL 不能用；应写成 postgresql://"),
        ("mysql://a@b/c", "应写成 postgresql://"),
        ("sqlite+nothing:///x.db", "XIANLIAO_DATABASE_URL 不能用"),
        ("sqlite:////no/such/folder/x.db", "会话数据库打不开"),
        ("postgres://user:hunter2@127.0.0.1:1/x", "会话数据库打不开"),
    ],
)
def test_an_address_that_cannot_be_used_is_one_line_without_its_password(
    url: str, words: str
) -> None:
    with pytest.raises(StoreUnusable) as error:
        asyncio.run(Database.open(url))
    assert words in str(error.value)
    assert "\n" not in str(error.value)
    assert "hunter2" not in str(error.value)


def test_a_missing_driver_is_named_with_its_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(StoreUnusable, match=r"pip install '\.\[postgres\]'"):
        asyncio.run(Database.open("postgres://user@127.0.0.1:1/x"))


def test_a_file_that_is_no_database_is_told(tmp_path: Path) -> None:
    (tmp_path / "xianliao.db").write_text("这不是数据库" * 1000, "utf-8")
    with pytest.raises(StoreUnusable, match="file is not a database"):
        asyncio.run(open_database(Settings(data_dir=tmp_path)))


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+psycopg"])
def test_postgres_is_reached_by_any_of_its_usual_addresses(
    postgres: Any, in_store: InStore, scheme: str
) -> None:
    async def body(store: SessionStore) -> None:
        await store.append(turn("a"))
        assert len(await store.last_turns("a")) == 1

    in_store(postgres.new_schema().replace("postgresql", scheme, 1), body)


def test_a_writer_of_another_process_is_waited_for(tmp_path: Path, in_store: InStore) -> None:
    async def body(store: SessionStore) -> None:
        other = await Database.open(f"sqlite:///{tmp_path / 'sessions.db'}")
        try:
            async with other.write() as db:
                await db.execute(text("UPDATE sessions SET title = ''"))
                waiting = asyncio.create_task(store.append(turn("a")))
                await asyncio.wait([waiting], timeout=0.2)
                assert not waiting.done()
            await waiting
        finally:
            await other.close()

    in_store(f"sqlite:///{tmp_path / 'sessions.db'}", body)


def test_a_full_disk_stores_nothing_and_is_forgotten_when_there_is_room(
    tmp_path: Path, in_store: InStore, caplog: pytest.LogCaptureFixture
) -> None:
    async def limit_pages(store: SessionStore, number: int) -> None:
        await store.database.read_by(
            lambda db: db.execute(text(f"PRAGMA max_page_count = {number}"))
        )

    async def body(store: SessionStore) -> None:
        await store.append(turn("a"))
        await limit_pages(store, 1)  # SQLite goes no lower than what it holds
        with pytest.raises(StoreUnavailable, match="full"):
            await store.append(turn("a", 2, user="我的秘密" * 5000))
        assert [row.index for row in await store.last_turns("a")] == [1]
        await limit_pages(store, 100_000)
        await store.append(turn("a", 2))
        assert [row.index for row in await store.last_turns("a")] == [1, 2]

    with caplog.at_level(logging.ERROR):
        in_store(f"sqlite:///{tmp_path / 'sessions.db'}", body)
    assert "full" in caplog.text
    assert "秘密" not in caplog.text


def test_postgres_goes_and_comes_back_under_a_running_service(
    postgres: Any, make_client: Callable[..., TestClient], settings: Settings, bot: Any
) -> None:
    url = postgres.new_schema()
    client = make_client(settings.model_copy(update={"database_url": url}), lambda _: bot)
    session_id = client.post("/chat", json={"message": "你好"}).json()["session_id"]
    again = {"message": "还在吗", "session_id": session_id}
    postgres.stop()
    try:
        for response in (
            client.post("/chat", json=again),
            client.post("/chat", json={"message": "新的"}),
            client.get(f"/sessions/{session_id}"),
            client.delete(f"/sessions/{session_id}"),
            client.get("/readyz"),
        ):
            assert response.status_code == 503
            assert response.headers["content-type"] == "application/problem+json"
            assert response.json()["title"] == "会话暂时存取不了"
            assert int(response.headers["retry-after"]) >= 1
        stream = client.post("/chat", json={"message": "流", "stream": True})
        assert "event: error" in stream.text
        assert "store-unavailable" in stream.text
        assert client.get("/healthz").status_code == 200
    finally:
        postgres.start()
    assert client.post("/chat", json=again).json()["turn"] == 2
    postgres.stop()
    postgres.start()  # nobody asked meanwhile: the connections look as if they lived
    assert client.get(f"/sessions/{session_id}").status_code == 200
    turns = client.get(f"/sessions/{session_id}").json()["turns"]
    assert [turn["user"] for turn in turns] == ["你好", "还在吗"]


def test_work_is_stored_whole_or_not_at_all(url: str, in_store: InStore) -> None:
    def count(db: Connection) -> int:
        return db.scalar(text("SELECT count(*) FROM sessions")) or 0

    def broken(db: Connection) -> None:
        db.execute(text("DELETE FROM sessions"))
        assert count(db) == 0
        raise KeyError("half way")

    async def body(store: SessionStore) -> None:
        await asyncio.gather(*(store.append(turn(name)) for name in "abcdef"))
        with pytest.raises(KeyError):
            await store.database.write_by(broken)
        assert await store.database.read_by(count) == 6

    in_store(url, body)


def test_a_database_in_memory_is_one_database(in_store: InStore) -> None:
    async def body(store: SessionStore) -> None:
        await store.append(turn("a"))
        await store.append(turn("a", 2))
        assert [row.index for row in await store.last_turns("a")] == [1, 2]
        await store.database.check()

    in_store("sqlite://", body)
