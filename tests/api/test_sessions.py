import asyncio
import gc
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest

from api.sessions import SessionNotFound, SessionStore, TurnRow, new_session_id

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)


def turn(session_id: str, index: int, user: str = "你好", at: datetime = NOON) -> TurnRow:
    return TurnRow(
        session_id=session_id,
        index=index,
        user=user,
        bot="你也好",
        finish_reason="stop",
        model="tiny",
        seed=2**63 - 1,
        created_at=at,
    )


def with_store(folder: Path, body: Callable[[SessionStore], Awaitable[None]]) -> None:
    async def run() -> None:
        store = await SessionStore.open(f"sqlite+aiosqlite:///{folder / 'sessions.db'}")
        try:
            await body(store)
        finally:
            await store.close()

    asyncio.run(run())


def test_turns_survive_a_restart_in_order(tmp_path: Path) -> None:
    async def write(store: SessionStore) -> None:
        for index in (1, 2, 3):
            await store.append(turn("a", index, user=f"第{index}句"))
        await store.append(turn("b", 1))

    async def read(store: SessionStore) -> None:
        turns = await store.last_turns("a")
        assert [(row.index, row.user) for row in turns] == [
            (1, "第1句"),
            (2, "第2句"),
            (3, "第3句"),
        ]
        assert turns[0].seed == 2**63 - 1
        assert [row.index for row in await store.last_turns("a", 2)] == [2, 3]

    with_store(tmp_path, write)
    with_store(tmp_path, read)


def test_moments_come_back_aware_and_in_utc(tmp_path: Path) -> None:
    async def body(store: SessionStore) -> None:
        beijing = timezone(timedelta(hours=8))
        await store.append(turn("a", 1, at=NOON.astimezone(beijing)))
        assert await store.created_at("a") == NOON
        assert (await store.last_turns("a"))[0].created_at == NOON

    with_store(tmp_path, body)


def test_an_unknown_session_is_not_found(tmp_path: Path) -> None:
    async def body(store: SessionStore) -> None:
        for question in (store.created_at, store.last_turns, store.remove):
            with pytest.raises(SessionNotFound):
                await question("nobody\x00")

    with_store(tmp_path, body)


def test_a_turn_is_stored_whole_or_not_at_all(tmp_path: Path) -> None:
    async def body(store: SessionStore) -> None:
        await store.append(turn("a", 1))
        with pytest.raises(SessionNotFound):  # the place is taken
            await store.append(turn("a", 1, user="又一次"))
        with pytest.raises(SessionNotFound):  # its session is gone
            await store.append(turn("gone", 2))
        assert [row.user for row in await store.last_turns("a")] == ["你好"]
        with pytest.raises(SessionNotFound):
            await store.last_turns("gone")

    with_store(tmp_path, body)


def test_deleting_leaves_nothing_in_any_file(tmp_path: Path) -> None:
    secret = "只有我们知道的秘密"

    def files_hold_it() -> bool:
        return any(secret.encode() in path.read_bytes() for path in tmp_path.iterdir())

    async def body(store: SessionStore) -> None:
        await store.append(turn("a", 1, user=secret))
        await store.append(turn("b", 1))
        assert files_hold_it()
        await store.remove("a")
        assert not files_hold_it()
        with pytest.raises(SessionNotFound):
            await store.last_turns("a")
        assert len(await store.last_turns("b")) == 1

    with_store(tmp_path, body)


def test_many_sessions_are_written_at_once(tmp_path: Path) -> None:
    async def body(store: SessionStore) -> None:
        names = [f"s{number}" for number in range(40)]
        for index in (1, 2):
            await asyncio.gather(*(store.append(turn(name, index)) for name in names))
        counts = await asyncio.gather(*(store.last_turns(name) for name in names))
        assert {len(turns) for turns in counts} == {2}

    with_store(tmp_path, body)


def test_one_session_is_held_by_one_at_a_time_and_its_lock_goes(tmp_path: Path) -> None:
    async def body(store: SessionStore) -> None:
        events: list[str] = []

        async def visit(name: str, session_id: str) -> None:
            async with store.locked(session_id):
                events.append(f"{name} in")
                await asyncio.sleep(0.02)
                events.append(f"{name} out")

        await asyncio.gather(visit("1", "a"), visit("2", "a"))
        assert events == ["1 in", "1 out", "2 in", "2 out"]
        events.clear()
        await asyncio.gather(visit("1", "a"), visit("2", "b"))
        assert events[:2] == ["1 in", "2 in"]
        gc.collect()
        assert len(store._locks) == 0

    with_store(tmp_path, body)


def test_a_cancelled_visitor_lets_the_next_one_in(tmp_path: Path) -> None:
    async def body(store: SessionStore) -> None:
        async def hold() -> None:
            async with store.locked("a"):
                await asyncio.sleep(60)

        visitors = [asyncio.create_task(hold()) for _ in range(2)]
        await asyncio.sleep(0.01)
        for visitor in visitors:
            visitor.cancel()
        async with asyncio.timeout(1), store.locked("a"):
            pass

    with_store(tmp_path, body)


def test_ids_cannot_be_guessed() -> None:
    ids = {new_session_id() for _ in range(1000)}
    assert len(ids) == 1000
    assert all(len(session_id) == 24 for session_id in ids)
