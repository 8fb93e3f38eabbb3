"""`python -m api keys | purge | export`, on the database that the environment names."""

import asyncio
import re
import sqlite3
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from api.__main__ import cli
from api.store.database import Database
from api.store.feedback import rate
from api.store.sessions import SessionStore
from api.store.tables import TurnRow
from chatbot.checkpoint import load_checkpoint
from chatbot.dialogue import DialogueEncoder
from training.corpora import read_dialogues
from training.prepare import prepare_corpus


@pytest.fixture
def api(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """Run a command with a data folder of its own."""
    monkeypatch.setenv("XIANLIAO_DATA_DIR", str(tmp_path / "data"))
    return lambda *arguments: CliRunner().invoke(cli, [str(one) for one in arguments])


def said(result: Result) -> str:
    assert result.exit_code == 0, result.output
    return result.stdout


def refusal(result: Result) -> str:
    assert result.exit_code == 2, result.output
    assert len(result.stderr.splitlines()) == 1
    assert result.stderr.startswith("错误：")
    return result.stderr


def in_store(folder: Path, body: Callable[[SessionStore], Awaitable[Any]]) -> None:
    async def run() -> None:
        database = await Database.open(f"sqlite:///{folder / 'data' / 'xianliao.db'}")
        try:
            await body(SessionStore(database, max_per_owner=100))
        finally:
            await database.close()

    asyncio.run(run())


def turn(name: str, index: int, user: str, bot: str, days_ago: int = 0) -> TurnRow:
    return TurnRow(
        session_id=name,
        index=index,
        user=user,
        bot=bot,
        finish_reason="stop",
        model="tiny",
        seed=1,
        created_at=datetime.now(UTC) - timedelta(days=days_ago),
    )


def test_a_key_is_shown_once_listed_and_removed(api: Callable[..., Result]) -> None:
    assert "还没有密钥" in said(api("keys", "list"))
    key = said(api("keys", "add", "阿青", "--daily-turns", 50)).strip()
    assert re.fullmatch(r"xl-[0-9a-f]{8}-[\w-]{43}", key)
    said(api("keys", "add", "阿红"))
    listed = said(api("keys", "list"))
    assert "每天 50 轮，今天用了 0 轮  阿青" in listed
    assert "不限，今天用了 0 轮  阿红" in listed
    assert key not in listed
    assert "python -m api keys remove 阿青" in refusal(api("keys", "add", "阿青"))
    said(api("keys", "remove", "阿青"))
    said(api("keys", "remove", said(api("keys", "list")).split()[0]))
    assert "python -m api keys list" in refusal(api("keys", "remove", "阿青"))
    assert "还没有密钥" in said(api("keys", "list"))


def test_a_key_goes_with_or_without_its_sessions(
    api: Callable[..., Result], tmp_path: Path
) -> None:
    owners = []
    for name in ("留", "删"):
        owners.append("key:" + said(api("keys", "add", name))[3:11])

    async def talk(store: SessionStore) -> None:
        for owner in owners:
            await store.append(turn(owner.removeprefix("key:"), 1, "你好", "好"), owner)

    in_store(tmp_path, talk)
    assert "删除了 0 个会话" in said(api("keys", "remove", "留"))
    assert "删除了 1 个会话" in said(api("keys", "remove", "删", "--with-sessions"))
    with sqlite3.connect(tmp_path / "data" / "xianliao.db") as database:
        assert database.execute("SELECT owner FROM sessions").fetchall() == [(owners[0],)]


def test_old_sessions_are_purged_when_it_is_said_how_old(
    api: Callable[..., Result], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said(api("keys", "list"))

    async def talk(store: SessionStore) -> None:
        for number, days in enumerate((1, 40, 400)):
            await store.append(turn(f"s{number}", 1, "你好", "好", days_ago=days))

    in_store(tmp_path, talk)
    assert "python -m api purge --days 90" in refusal(api("purge"))
    assert said(api("purge", "--days", 90)) == "删除了 1 个会话\n"
    monkeypatch.setenv("XIANLIAO_SESSION_DAYS", "30")
    assert said(api("purge")) == "删除了 1 个会话\n"
    assert said(api("purge")) == "删除了 0 个会话\n"


def test_what_was_liked_becomes_a_corpus_that_training_takes(
    api: Callable[..., Result], tmp_path: Path, tiny_checkpoint: Path
) -> None:
    said(api("keys", "list"))
    pairs = [("我叫阿青\n你呢", "我是小闲，很高兴认识你。"), ("今天好累啊", "辛苦了，早点休息吧。")]

    async def talk(store: SessionStore) -> None:
        for name, order in (("liked", 1), ("plain", -1)):
            for index, (user, bot) in enumerate(pairs[::order], 1):
                await store.append(turn(name, index, user, bot))
        await rate(store.database, "liked", 2, None, "up", None)
        await store.append(turn("private", 1, "我的电话是 13812345678", "记住了，十三八开头的。"))
        await rate(store.database, "private", 1, None, "up", None)

    in_store(tmp_path, talk)
    out = tmp_path / "corpus" / "liked.jsonl"
    assert "写不了" in refusal(api("export", "--out", out))
    out.parent.mkdir()
    assert said(api("export", "--out", out)).startswith("写了 2 段对话")
    dialogues = [list(dialogue.utterances) for dialogue in read_dialogues(out)]
    assert dialogues[0] == [text for pair in pairs for text in pair]
    assert said(api("export", "--out", out, "--rating", "all")).startswith("写了 3 段对话")
    assert sorted(path.name for path in out.parent.iterdir()) == ["liked.jsonl"]
    encoder = DialogueEncoder(load_checkpoint(tiny_checkpoint).tokenizer)
    held_out = out.parent / "held_out" / "one.txt"
    held_out.parent.mkdir()
    held_out.write_text("周末去哪儿玩\n去公园走走怎么样？\n", "utf-8")
    prepared = prepare_corpus(out.parent, tmp_path / "stores", encoder, max_length=256)
    assert prepared.train_report.num_dialogues == 2  # the one with a telephone number is not
    assert "jsonl" in refusal(api("export", "--out", tmp_path / "liked.txt"))


def test_a_database_that_cannot_be_used_is_one_line(
    api: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgres://nobody@127.0.0.1:1/nothing")
    for command in (["keys", "list"], ["purge", "--days", "1"], ["export", "--out", "x.jsonl"]):
        assert "XIANLIAO_DATABASE_URL" in refusal(api(*command))
    monkeypatch.setenv("XIANLIAO_SESSION_DAYS", "永远")
    assert "XIANLIAO_SESSION_DAYS 应是整数" in refusal(api("purge"))
