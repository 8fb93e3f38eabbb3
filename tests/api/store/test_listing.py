"""An owner's list: what is on which page, what a search finds, what a deletion takes."""

import re
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from api.store.errors import SessionNotFound
from api.store.listing import Cursor, list_sessions, remove_all, rename_session
from api.store.sessions import SessionStore
from api.store.tables import TurnRow

InStore = Callable[[str, Callable[[SessionStore], Awaitable[None]]], None]
NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)


def turn(name: str, minute: int, user: str = "你好", index: int = 1, bot: str = "好") -> TurnRow:
    return TurnRow(
        session_id=name,
        index=index,
        user=user,
        bot=bot,
        finish_reason="stop",
        model="tiny",
        seed=1,
        created_at=NOON + timedelta(minutes=minute),
    )


async def found(store: SessionStore, search: str = "", owner: str | None = "me") -> list[str]:
    rows, following = await list_sessions(
        store.database, owner, search=search, limit=100, after=None
    )
    assert following is None
    return [row.id for row in rows]


def test_pages_follow_one_another_whatever_happens_meanwhile(url: str, in_store: InStore) -> None:
    async def body(store: SessionStore) -> None:
        store = SessionStore(store.database, max_per_owner=100)
        for number in range(7):  # pairs were used in the same moment
            await store.append(turn(f"s{number}", number // 2), "me")
        await store.append(turn("foreign", 9), "you")
        await store.append(turn("free", 9))
        pages, after = [], None
        for limit in (3, 2, 2):
            rows, after = await list_sessions(
                store.database, "me", search="", limit=limit, after=after
            )
            pages.append([row.id for row in rows])
            if after is not None:
                after = Cursor.parse(str(after))
                await store.append(turn(f"new{limit}", 60 + limit), "me")
                await store.remove(rows[-1].id, "me")
        assert pages == [["s6", "s5", "s4"], ["s3", "s2"], ["s1", "s0"]]
        assert after is None
        assert await found(store, owner=None) == []

    in_store(url, body)


def test_a_search_looks_in_titles_and_in_both_voices(url: str, in_store: InStore) -> None:
    async def body(store: SessionStore) -> None:
        await store.append(turn("a", 1, "我家的猫"), "me")
        await store.append(turn("a", 2, "它叫年糕", index=2), "me")
        await store.append(turn("b", 3, "Hello", bot="100% 的 Cat_1"), "me")
        await store.append(turn("c", 4, "我家的猫"), "you")
        await rename_session(store.database, "b", "me", "英文课")
        expected = {
            "猫": ["a"],
            "年糕": ["a"],
            "英文": ["b"],
            "hello": ["b"],
            "100%": ["b"],
            "cat_1": ["b"],
            "1%": [],
            "_": ["b"],
            "家%猫": [],
            "没有": [],
        }
        assert {words: await found(store, words) for words in expected} == expected

    in_store(url, body)


def test_a_title_is_the_owner_s_to_change(url: str, in_store: InStore) -> None:
    async def body(store: SessionStore) -> None:
        await store.append(turn("a", 1), "me")
        row = await rename_session(store.database, "a", "me", "另一个名字")
        assert (row.title, row.updated_at) == ("另一个名字", NOON + timedelta(minutes=1))
        with pytest.raises(SessionNotFound):
            await rename_session(store.database, "a", "you", "改成我的")
        rows, _ = await list_sessions(store.database, "me", search="", limit=1, after=None)
        assert rows[0].title == "另一个名字"

    in_store(url, body)


def test_all_of_one_owner_s_sessions_go_from_the_file_too(
    tmp_path: Path, in_store: InStore
) -> None:
    def files_hold(words: str) -> bool:
        return any(words.encode() in path.read_bytes() for path in tmp_path.iterdir())

    async def body(store: SessionStore) -> None:
        for name in "ab":
            await store.append(turn(name, 1, "我的秘密"), "me")
        await store.append(turn("c", 1, "别人的秘密"), "you")
        await store.append(turn("d", 1, "谁的秘密"))
        assert await remove_all(store.database, "me") == 2
        assert await remove_all(store.database, None) == 0
        assert not files_hold("我的秘密")
        assert files_hold("别人的秘密")
        assert files_hold("谁的秘密")

    in_store(f"sqlite:///{tmp_path / 'sessions.db'}", body)


@pytest.mark.parametrize("text", ["", "a", "_a", "1", "-1_a", "1.5_a", "９_a", "9" * 18 + "_a"])
def test_a_cursor_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(text)}$"):
        Cursor.parse(text)
