"""What nobody used for too long goes, and only that."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta, tzinfo
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from api.store import retention
from api.store.errors import StoreUnavailable
from api.store.retention import Purger, purge
from api.store.sessions import SessionStore
from api.store.tables import SessionRow, TurnRow

InStore = Callable[[str, Callable[[SessionStore], Awaitable[None]]], None]


def turn(name: str, days_ago: int, index: int = 1) -> TurnRow:
    return TurnRow(
        session_id=name,
        index=index,
        user=f"{name}的秘密",
        bot="好",
        finish_reason="stop",
        model="tiny",
        seed=1,
        created_at=datetime.now(UTC) - timedelta(days=days_ago),
    )


async def ids_of(store: SessionStore) -> set[str]:
    async with store.database.read() as db:
        return set((await db.scalars(select(SessionRow.id))).all())


def test_the_last_use_counts_not_the_first(url: str, in_store: InStore) -> None:
    async def body(store: SessionStore) -> None:
        await store.append(turn("old", 8), "me")
        await store.append(turn("used", 30), "me")
        await store.append(turn("used", 6, index=2), "me")
        await store.append(turn("young", 1))
        assert await purge(store.database, 7) == 1
        assert await ids_of(store) == {"used", "young"}
        assert await purge(store.database, 7) == 0

    in_store(url, body)


def test_it_goes_from_the_file_too(tmp_path: Path, in_store: InStore) -> None:
    async def body(store: SessionStore) -> None:
        await store.append(turn("old", 8))
        await store.append(turn("young", 1))
        await purge(store.database, 7)
        left = b"".join(path.read_bytes() for path in tmp_path.iterdir())
        assert "old的秘密".encode() not in left
        assert "young的秘密".encode() in left

    in_store(f"sqlite:///{tmp_path / 'sessions.db'}", body)


def test_it_is_done_again_and_again_through_trouble(
    tmp_path: Path, in_store: InStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    outcomes = iter([StoreUnavailable("gone"), 0, 0])
    third = asyncio.Event()

    async def purge_in_trouble(_database: object, days: int, now: datetime) -> int:
        assert days == 7
        assert abs(datetime.now(UTC) - now) < timedelta(hours=1)
        outcome = next(outcomes, None)
        if outcome is None:
            third.set()
            await asyncio.sleep(60)
        if isinstance(outcome, Exception):
            raise outcome
        return 0

    monkeypatch.setattr(retention, "_ROUND_SECONDS", 0)
    monkeypatch.setattr(retention, "purge", purge_in_trouble)

    async def body(store: SessionStore) -> None:
        purger = Purger(store.database, days=7)
        purger.start()
        async with asyncio.timeout(60):
            await third.wait()
        await purger.close()

    in_store(f"sqlite:///{tmp_path / 'sessions.db'}", body)


@pytest.mark.parametrize("jump", [timedelta(days=-3650), timedelta(days=3650)])
def test_a_clock_that_jumps_makes_no_session_old(
    tmp_path: Path, in_store: InStore, monkeypatch: pytest.MonkeyPatch, jump: timedelta
) -> None:
    purged = asyncio.Event()

    async def purge_and_tell(*arguments: Any) -> int:
        removed = await purge(*arguments)
        purged.set()
        return removed

    class Jumped(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> datetime:  # type: ignore[override]
            return datetime.now(tz) + jump

    async def body(store: SessionStore) -> None:
        await store.append(turn("young", 1))
        purger = Purger(store.database, days=7)
        monkeypatch.setattr(retention, "datetime", Jumped)
        monkeypatch.setattr(retention, "purge", purge_and_tell)
        purger.start()
        async with asyncio.timeout(60):
            await purged.wait()
        await purger.close()
        assert await ids_of(store) == {"young"}

    in_store(f"sqlite:///{tmp_path / 'sessions.db'}", body)


def test_zero_days_keep_everything(tmp_path: Path, in_store: InStore) -> None:
    async def body(store: SessionStore) -> None:
        await store.append(turn("old", 5000))
        purger = Purger(store.database, days=0)
        purger.start()
        await asyncio.sleep(0)
        await purger.close()
        assert await ids_of(store) == {"old"}

    in_store(f"sqlite:///{tmp_path / 'sessions.db'}", body)
