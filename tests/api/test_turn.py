import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from starlette.requests import ClientDisconnect

from api.schemas import ChatRequest
from api.sessions import SessionNotFound, SessionStore, TurnRow
from api.turn import admit


async def stays() -> bool:
    return False


async def has_left() -> bool:
    return True


def with_store(folder: Path, body: Callable[[SessionStore], Awaitable[None]]) -> None:
    async def run() -> None:
        store = await SessionStore.open(f"sqlite+aiosqlite:///{folder / 'sessions.db'}")
        try:
            await body(store)
        finally:
            await store.close()

    asyncio.run(run())


async def talk(store: SessionStore, bot: Any, **fields: Any) -> str:
    chat = ChatRequest(**{"message": "你好", **fields})
    async with admit(chat, bot, store, stays) as turn:
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
        async with admit(chat, bot, store, stays):
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
        with pytest.raises(ClientDisconnect):
            async with admit(chat, bot, store, has_left):
                pass
        bot.refusal = KeyError()
        with pytest.raises(KeyError):
            async with admit(chat, bot, store, stays):
                pass
        with pytest.raises(SessionNotFound):
            await talk(store, bot, session_id="nobody")
        assert await is_free(store, session_id)
        assert await is_free(store, "nobody")
        assert len(bot.started) == 1

    with_store(tmp_path, body)


def test_a_client_that_left_while_waiting_starts_nothing(tmp_path: Path, bot: Any) -> None:
    async def wait_in_vain(store: SessionStore, chat: ChatRequest) -> None:
        async with admit(chat, bot, store, has_left):
            pytest.fail("nobody was there any more")

    async def body(store: SessionStore) -> None:
        session_id = await talk(store, bot)
        chat = ChatRequest(message="等等", session_id=session_id)
        async with admit(chat, bot, store, stays) as turn:
            waiting = asyncio.create_task(wait_in_vain(store, chat))
            await turn.finish(store)
            assert not waiting.done()
        with pytest.raises(ClientDisconnect):
            await waiting
        assert len(bot.started) == 2

    with_store(tmp_path, body)


def test_a_commit_under_way_ends_before_the_session_is_free(
    tmp_path: Path, bot: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def body(store: SessionStore) -> None:
        session_id = await talk(store, bot)
        append = store.append
        committing = asyncio.Event()

        async def slow_append(row: TurnRow) -> None:
            committing.set()
            await asyncio.sleep(0.1)
            await append(row)

        monkeypatch.setattr(store, "append", slow_append)
        talking = asyncio.create_task(talk(store, bot, session_id=session_id))
        await committing.wait()
        talking.cancel()
        async with store.locked(session_id):
            assert len(await store.last_turns(session_id)) == 2
        with pytest.raises(asyncio.CancelledError):
            await talking

    with_store(tmp_path, body)
