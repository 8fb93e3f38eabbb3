"""The last word about a turn, and the corpus that is made of what people liked."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

import pytest
from sqlalchemy import select

from api.store.errors import SessionNotFound, TurnNotFound
from api.store.feedback import dialogues, rate
from api.store.sessions import SessionStore
from api.store.tables import FeedbackRow, SessionRow, TurnRow

InStore = Callable[[str, Callable[[SessionStore], Awaitable[None]]], None]
NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)


def turn(name: str, index: int, bot: str | None = None) -> TurnRow:
    return TurnRow(
        session_id=name,
        index=index,
        user=f"{name}问{index}",
        bot=f"{name}答{index}" if bot is None else bot,
        finish_reason="stop",
        model="tiny",
        seed=1,
        created_at=NOON,
    )


async def talk(store: SessionStore, name: str, ratings: str) -> None:
    """A session with a turn for every character: + liked, - disliked, . neither, ∅ no reply."""
    for index, mark in enumerate(ratings, 1):
        await store.append(turn(name, index, "" if mark == "∅" else None))
        if rating := {"+": "up", "-": "down"}.get(mark):
            await rate(store.database, name, index, None, rating, None)


async def written(store: SessionStore, *, liked: bool) -> list[str]:
    return ["".join(said) async for said in dialogues(store.database, liked=liked)]


def test_the_last_word_counts_and_can_be_taken_back(url: str, in_store: InStore) -> None:
    async def body(store: SessionStore) -> None:
        async def said() -> list[tuple[int, str, str | None]]:
            async with store.database.read() as db:
                rows = await db.scalars(select(FeedbackRow).order_by(FeedbackRow.index))
                return [(row.index, row.rating, row.reason) for row in rows]

        await talk(store, "a", "..")
        await rate(store.database, "a", 1, None, "up", None)
        await rate(store.database, "a", 2, None, "down", "答非所问")
        assert await said() == [(1, "up", None), (2, "down", "答非所问")]
        await rate(store.database, "a", 1, None, "down", "再想想")
        await rate(store.database, "a", 2, None, None, None)
        await rate(store.database, "a", 2, None, None, None)
        assert await said() == [(1, "down", "再想想")]
        await store.remove("a")
        assert await said() == []

    in_store(url, body)


def test_only_turns_of_one_s_own_can_be_rated(url: str, in_store: InStore) -> None:
    async def body(store: SessionStore) -> None:
        await store.append(turn("a", 1), "me")
        with pytest.raises(SessionNotFound):
            await rate(store.database, "a", 1, "you", "up", None)
        with pytest.raises(TurnNotFound):
            await rate(store.database, "a", 2, "me", "up", None)
        assert await written(store, liked=True) == []

    in_store(url, body)


def test_what_was_liked_comes_with_what_led_to_it(url: str, in_store: InStore) -> None:
    async def body(store: SessionStore) -> None:
        for name, ratings in {"a": ".+.", "b": "..", "c": "+-.+.-+", "d": "-", "e": "∅+"}.items():
            await talk(store, name, ratings)
        expected = {"a问1a答1a问2a答2", "c问1c答1", "c问3c答3c问4c答4", "c问7c答7", "e问2e答2"}
        assert set(await written(store, liked=True)) == expected
        assert len(await written(store, liked=False)) == 5

    in_store(url, body)


def test_replies_that_came_from_outside_teach_nobody(url: str, in_store: InStore) -> None:
    async def body(store: SessionStore) -> None:
        row = SessionRow(
            id="x", owner=None, title="", created_at=NOON, updated_at=NOON, version=1, imported=True
        )
        liked = FeedbackRow(session_id="x", index=1, rating="up", reason=None, created_at=NOON)
        await store.add(row, [turn("x", 1)], [liked])
        assert len(await store.last_turns("x")) == 1
        for only_liked in (True, False):
            assert await written(store, liked=only_liked) == []

    in_store(url, body)
