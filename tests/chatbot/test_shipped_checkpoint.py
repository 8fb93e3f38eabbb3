"""The checkpoint in the repository: whole, small enough, and able to talk."""

import asyncio
from dataclasses import replace

import pytest

from chatbot.bot import Bot
from chatbot.checkpoint import SHIPPED_CHECKPOINT, load_checkpoint
from vocab.wordpiece import SHIPPED_VOCAB


def test_all_checkpoints_together_are_at_most_40_megabytes() -> None:
    files = [path for path in SHIPPED_CHECKPOINT.parent.rglob("*") if path.is_file()]
    assert 0 < sum(path.stat().st_size for path in files) <= 40_000_000


def test_it_is_verified_by_its_manifest_and_uses_the_shipped_vocabulary() -> None:
    checkpoint = load_checkpoint(SHIPPED_CHECKPOINT)
    assert checkpoint.manifest["sha256"]
    assert (SHIPPED_CHECKPOINT / "vocab.txt").read_bytes() == SHIPPED_VOCAB.read_bytes()


def test_each_of_its_known_replies_has_its_state() -> None:
    checkpoint = load_checkpoint(SHIPPED_CHECKPOINT)
    assert checkpoint.states is not None
    assert len(checkpoint.states) == len(checkpoint.known) > 10_000


def test_the_model_card_names_every_corpus_of_the_recipe_and_the_licences() -> None:
    card = (SHIPPED_CHECKPOINT / "README.md").read_text(encoding="utf-8")
    for name in ("SmileChat", "CPsyCoun", "LCCC", "CDial", "KdConv", "CrossWOZ", "XPersona"):
        assert name in card
    for name in ("DiaASQ", "Tatoeba", "CC0", "CC-BY-4.0", "CC-BY-2.0-FR", "MIT", "Apache-2.0"):
        assert name in card


def ask(history: list[str], message: str) -> str:
    async def answer() -> str:
        bot = Bot.from_checkpoint(SHIPPED_CHECKPOINT)
        try:
            params = replace(bot.defaults, seed=0)
            reply = await bot.start(history, message, params).wait()
            assert reply.finish_reason == "stop"
            return reply.text
        finally:
            bot.close()

    return asyncio.run(answer())


@pytest.mark.parametrize("message", ["你好", "今天好累啊", "我养了一只猫"])
def test_it_answers_in_chinese(message: str) -> None:
    text = ask([], message)
    chinese = sum("\u4e00" <= character <= "\u9fff" for character in text)
    assert chinese >= len(text) / 2


def test_it_says_back_what_was_told() -> None:
    talk = [
        "我住在赣州",
        "赣南脐橙的老家呀。",
        "我家猫叫煤球",
        "圆滚滚的名字。",
        "今天好累",
        "早点歇。",
    ]
    assert "煤球" in ask(talk, "我家猫叫什么来着")
    assert "赣州" in ask(talk, "你还记得我住哪儿吗")
