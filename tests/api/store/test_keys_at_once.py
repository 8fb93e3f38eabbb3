"""API keys on either database, used from everywhere at once."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from api import keys
from api.problems import ProblemError
from api.store.sessions import SessionStore

InStore = Callable[[str, Callable[[SessionStore], Awaitable[None]]], None]


def test_a_quota_is_not_outrun(url: str, in_store: InStore) -> None:
    async def body(store: SessionStore) -> None:
        token = await keys.add(store.database, "我", daily_turns=5)
        owner = await keys.owner_of(store.database, f"Bearer {token}")

        async def spend() -> bool:
            try:
                async with keys.one_turn(store.database, owner):
                    return True
            except ProblemError:
                return False

        assert sum(await asyncio.gather(*(spend() for _ in range(20)))) == 5
        (row,) = await keys.list_all(store.database)
        assert row.used_turns == 5

    in_store(url, body)


def test_a_name_is_given_once_and_a_removed_key_is_no_owner(url: str, in_store: InStore) -> None:
    async def body(store: SessionStore) -> None:
        token = await keys.add(store.database, "我", None)
        with pytest.raises(keys.NameTaken):
            await keys.add(store.database, "我", None)
        with pytest.raises(keys.NoSuchKey):
            await keys.remove(store.database, "你", with_sessions=True)
        assert await keys.remove(store.database, "我", with_sessions=True) == 0
        with pytest.raises(ProblemError):
            await keys.owner_of(store.database, f"Bearer {token}")

    in_store(url, body)
