import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from api.schemas import ChatRequest
from api.store.database import Database
from api.store.errors import SessionNotFound, StoreUnavailable
from api.store.sessions import SessionStore
from api.store.tables import TurnRow
from api.turn import admit


def with_store(folder: Path, body: Callable[[SessionStore], Awaitable[None]]) -> None:
    async def run() -> None:
        database = await Database.open(f"sqlite:///{folder / 'sessions.db'}")
        try:
            await body(SessionStore(database, max_per_owner=10))
        finally:
            await database.close()

    asyncio.run(run())


async def talk(store: SessionStore, bot: Any, **fields: Any) -> str:
    chat = ChatRequest(**{"message": "你好", **fields})
    async with admit(chat, bot, store) as turn:
        answer = await turn.finish(store)
    assert answer.session_id is not None
    return answer.session_id


async def is_free(store: SessionStore, session_id: str) -> bool:
    try:
        async with asyncio.timeout(0.2), store.locked(session_id):
            return True
    except TimeoutError:
        return False


def test_leaving_without_finishing_stops_the_reply_and_stores_nothing(
    tmp_path: Path, bot: Any
) -> None:
    async def body(store: SessionStore) -> None:
        session_id = await talk(store, bot)
        chat = ChatRequest(message="走了", session_id=session_id)
        async with admit(chat, bot, store):
            assert len(bot.running) == 1
            assert not await is_free(store, session_id)
        assert bot.running == []
        assert await is_free(store, session_id)
        assert len(await store.last_turns(session_id)) == 1

    with_store(tmp_path, body)


def test_every_refusal_frees_the_session(tmp_path: Path, bot: Any) -> None:
    async def body(store: SessionStore) -> None:
        session_id = await talk(store, bot)
        chat = ChatRequest(message="又来", session_id=session_id)
        bot.refusal = KeyError()
        with pytest.raises(KeyError):
            async with admit(chat, bot, store):
                pass
        with pytest.raises(SessionNotFound):
            await talk(store, bot, session_id="nobody")
        assert await is_free(store, session_id)
        assert await is_free(store, "nobody")
        assert len(bot.started) == 1

    with_store(tmp_path, body)


def test_a_second_turn_waits_for_the_first(tmp_path: Path, bot: Any) -> None:
    async def body(store: SessionStore) -> None:
        session_id = await talk(store, bot)
        chat = ChatRequest(message="等等", session_id=session_id)
        async with admit(chat, bot, store) as turn:
            waiting = asyncio.create_task(talk(store, bot, session_id=session_id))
            await asyncio.sleep(0)
            assert len(bot.started) == 2
            await turn.finish(store)
            assert not waiting.done()
        await waiting
        assert bot.started[-1][0] == ["你好", "好呀。", "等等", "好呀。"]

    with_store(tmp_path, body)


def test_a_turn_that_cannot_be_stored_is_not_answered(
    tmp_path: Path, bot: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def body(store: SessionStore) -> None:
        session_id = await talk(store, bot)

        async def fail(*_row: Any) -> None:
            raise StoreUnavailable("full")

        with monkeypatch.context() as patch:
            patch.setattr(store, "append", fail)
            with pytest.raises(StoreUnavailable):
                await talk(store, bot, session_id=session_id)
        assert await is_free(store, session_id)
        assert await talk(store, bot, session_id=session_id) == session_id
        assert len(await store.last_turns(session_id)) == 2

    with_store(tmp_path, body)


def test_a_session_belongs_to_who_began_it(tmp_path: Path, bot: Any) -> None:
    async def body(store: SessionStore) -> None:
        chat = ChatRequest(message="你好")
        async with admit(chat, bot, store, "me") as turn:
            session_id = (await turn.finish(store)).session_id
        for stranger in ("you", None):
            with pytest.raises(SessionNotFound):
                async with admit(
                    ChatRequest(message="也让我说", session_id=session_id), bot, store, stranger
                ):
                    pass
        assert len(bot.started) == 1

    with_store(tmp_path, body)


def test_a_commit_under_way_ends_before_the_session_is_free(
    tmp_path: Path, bot: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def body(store: SessionStore) -> None:
        session_id = await talk(store, bot)
        append = store.append
        committing = asyncio.Event()

        async def slow_append(row: TurnRow, owner: str | None) -> None:
            committing.set()
            await asyncio.sleep(0.1)
            await append(row, owner)

        monkeypatch.setattr(store, "append", slow_append)
        talking = asyncio.create_task(talk(store, bot, session_id=session_id))
        await committing.wait()
        talking.cancel()
        async with store.locked(session_id):
            assert len(await store.last_turns(session_id)) == 2
        with pytest.raises(asyncio.CancelledError):
            await talking

    with_store(tmp_path, body)
