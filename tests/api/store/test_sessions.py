import asyncio
import gc
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from sqlalchemy import select

from api.store.database import Database
from api.store.errors import SessionConflict, SessionNotFound
from api.store.sessions import SessionStore, new_session_id, title_from
from api.store.tables import SessionRow, TurnRow

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


InStore = Callable[[str, Callable[[SessionStore], Awaitable[None]]], None]


async def row_of(store: SessionStore, session_id: str) -> SessionRow:
    async with store.database.read() as db:
        found = await db.get(SessionRow, session_id)
    assert found is not None
    return found


async def ids_of(store: SessionStore) -> set[str]:
    async with store.database.read() as db:
        return set((await db.scalars(select(SessionRow.id))).all())


def test_turns_survive_a_restart_in_order(url: str, in_store: InStore) -> None:
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

    in_store(url, write)
    in_store(url, read)


def test_moments_come_back_aware_and_in_utc(url: str, in_store: InStore) -> None:
    async def body(store: SessionStore) -> None:
        beijing = timezone(timedelta(hours=8))
        await store.append(turn("a", 1, at=NOON.astimezone(beijing)))
        assert (await row_of(store, "a")).created_at == NOON
        assert (await store.last_turns("a"))[0].created_at == NOON

    in_store(url, body)


def test_an_unknown_session_is_not_found(url: str, in_store: InStore) -> None:
    async def body(store: SessionStore) -> None:
        for name in ("nobody", "nobody\x00", "\ud800", "a" * 65, ""):
            for question in (store.last_turns, store.remove):
                with pytest.raises(SessionNotFound):
                    await question(name)

    in_store(url, body)


def test_a_turn_is_stored_whole_or_not_at_all(url: str, in_store: InStore) -> None:
    async def body(store: SessionStore) -> None:
        await store.append(turn("a", 1))
        with pytest.raises(SessionConflict):  # the place is taken
            await store.append(turn("a", 1, user="又一次"))
        with pytest.raises(SessionNotFound):  # its session is gone
            await store.append(turn("gone", 2))
        with pytest.raises(SessionConflict):  # a turn is missing before it
            await store.append(turn("a", 3))
        assert [row.user for row in await store.last_turns("a")] == ["你好"]
        with pytest.raises(SessionNotFound):
            await store.last_turns("gone")

    in_store(url, body)


def test_deleting_leaves_nothing_in_any_file(tmp_path: Path, in_store: InStore) -> None:
    url = f"sqlite:///{tmp_path / 'sessions.db'}"
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

    in_store(url, body)


def test_many_sessions_are_written_at_once(url: str, in_store: InStore) -> None:
    async def body(store: SessionStore) -> None:
        names = [f"s{number}" for number in range(40)]
        for index in (1, 2):
            await asyncio.gather(*(store.append(turn(name, index)) for name in names))
        counts = await asyncio.gather(*(store.last_turns(name) for name in names))
        assert {len(turns) for turns in counts} == {2}

    in_store(url, body)


def test_a_session_counts_its_turns_and_knows_when_it_was_used(url: str, in_store: InStore) -> None:
    async def body(store: SessionStore) -> None:
        await store.append(turn("a", 1, user="今天\n 有点累"), "owner")
        await store.append(turn("a", 2, user="真的", at=NOON + timedelta(hours=1)), "owner")
        row = await row_of(store, "a")
        assert (row.owner, row.title, row.version) == ("owner", "今天 有点累", 2)
        assert (row.created_at, row.updated_at) == (NOON, NOON + timedelta(hours=1))

    in_store(url, body)
    assert title_from("长" * 41) == "长" * 40 + "…"


def test_no_owner_uses_another_s_session(url: str, in_store: InStore) -> None:
    async def body(store: SessionStore) -> None:
        await store.append(turn("a", 1), "one")
        await store.append(turn("free", 1))
        for stranger in ("two", None):
            with pytest.raises(SessionNotFound):
                await store.last_turns("a", owner=stranger)
            with pytest.raises(SessionNotFound):
                await store.remove("a", stranger)
        for somebody in ("one", "two", None):
            assert len(await store.last_turns("free", owner=somebody)) == 1
        assert len(await store.last_turns("a", owner="one")) == 1
        await store.remove("a", "one")
        assert await ids_of(store) == {"free"}

    in_store(url, body)


def test_one_session_too_many_and_the_one_unused_for_longest_goes(
    url: str, in_store: InStore
) -> None:
    async def body(store: SessionStore) -> None:
        for hour, name in enumerate("abc"):
            await store.append(turn(name, 1, at=NOON + timedelta(hours=hour)), "owner")
        await store.append(turn("a", 2, at=NOON + timedelta(hours=3)), "owner")
        for name in "xyzuvw":
            await store.append(turn(name, 1))
        await store.append(turn("other", 1), "another owner")
        await store.append(turn("d", 1, at=NOON + timedelta(hours=4)), "owner")
        assert await ids_of(store) == {"a", "c", "d", "other", *"xyzuvw"}
        assert len(await store.last_turns("a", owner="owner")) == 2

    in_store(url, body)


def test_a_new_session_stays_though_the_clock_was_set_back(url: str, in_store: InStore) -> None:
    async def body(store: SessionStore) -> None:
        for name in "abc":
            await store.append(turn(name, 1, at=NOON), "owner")
        await store.append(turn("d", 1, at=NOON - timedelta(days=1)), "owner")
        assert await ids_of(store) == {"b", "c", "d"}

    in_store(url, body)


def test_of_two_processes_that_continue_a_session_one_is_told(url: str, in_store: InStore) -> None:
    async def body(store: SessionStore) -> None:
        another = await Database.open(url)
        try:
            await store.append(turn("a", 1))
            both = [store, SessionStore(another, max_per_owner=3)]
            for index in range(2, 12):
                outcomes = await asyncio.gather(
                    *(one.append(turn("a", index, user=str(id(one)))) for one in both),
                    return_exceptions=True,
                )
                assert {type(one) for one in outcomes} == {SessionConflict, type(None)}
            turns = await store.last_turns("a")
            assert [row.index for row in turns] == list(range(1, 12))
        finally:
            await another.close()

    in_store(url, body)


def test_one_session_is_held_by_one_at_a_time_and_its_lock_goes(
    url: str, in_store: InStore
) -> None:
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

    in_store(url, body)


def test_a_cancelled_visitor_lets_the_next_one_in(url: str, in_store: InStore) -> None:
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

    in_store(url, body)


def test_ids_cannot_be_guessed() -> None:
    ids = {new_session_id() for _ in range(1000)}
    assert len(ids) == 1000
    assert all(len(session_id) == 24 for session_id in ids)
