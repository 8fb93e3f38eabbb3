"""Replies as the bot gives them: equal to the bot's own, seeded, and seen before the guard."""

import asyncio
import dataclasses
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from transformers import GPT2LMHeadModel

from chatbot.bot import Bot
from chatbot.checkpoint import load_checkpoint, save_checkpoint
from chatbot.dialogue import DialogueEncoder
from chatbot.errors import MessageTooLong
from chatbot.known import known_replies
from training import respond as module
from training.exchanges import Exchange
from training.respond import Responder

GENERATION = {"temperature": 1, "top_p": 1, "max_new_tokens": 8, "candidates": 3}
KNOWN = [*known_replies(("你好", "你好呀！")), *known_replies(("晚安", "晚安，明天见。"))]
ASKED = [("你好",), ("今天好累", "早点睡吧。", "好的"), ("晚安",), ("我不想活了",), ("你好",)]


def exchanges(asked: list[tuple[str, ...]] = ASKED) -> list[Exchange]:
    return [Exchange(texts[:-1], texts[-1], "", Path("a.txt"), 1) for texts in asked]


@pytest.fixture(scope="module")
def folder(
    tmp_path_factory: pytest.TempPathFactory,
    make_model: Callable[..., GPT2LMHeadModel],
    encoder: DialogueEncoder,
) -> Path:
    """A checkpoint that ranks three candidates and knows two replies."""
    path = tmp_path_factory.mktemp("checkpoint") / "small"
    model = make_model(seed=1)
    return save_checkpoint(
        path, model, encoder.tokenizer, name="小", generation=GENERATION, known=KNOWN
    )


@pytest.fixture
def responder(folder: Path) -> Iterator[Responder]:
    with Responder(folder) as responder:
        yield responder


@pytest.mark.parametrize("use_known", [True, False])
def test_the_replies_are_the_bot_s_own(folder: Path, use_known: bool) -> None:
    with Responder(folder, use_known=use_known) as responder:
        found = responder.respond(exchanges(), seed=5)
    bot = Bot(load_checkpoint(folder), use_known=use_known)

    async def talk() -> list[Any]:
        return [
            await bot.start(
                e.history, e.message, dataclasses.replace(bot.defaults, seed=5 + i)
            ).wait()
            for i, e in enumerate(exchanges())
        ]

    expected = asyncio.run(talk())
    bot.close()
    assert [response.reply for response in found] == expected
    assert [reply.seed for reply in expected] == [5, 6, 7, 8, 9]


def test_known_replies_can_be_left_out(folder: Path) -> None:
    texts = {}
    for use_known in (True, False):
        with Responder(folder, use_known=use_known) as responder:
            texts[use_known] = [r.text for r in responder.respond(exchanges() * 4, seed=0)]
    known = {item.reply for item in KNOWN}
    assert known & set(texts[True])
    assert not known & set(texts[False])


def test_a_seed_repeats_the_replies_however_they_are_batched(
    responder: Responder, monkeypatch: pytest.MonkeyPatch
) -> None:
    counts: list[int] = []
    first = responder.respond(exchanges(), seed=1, tell=counts.append)
    monkeypatch.setattr(module, "_BATCH", 2)
    assert responder.respond(exchanges(), seed=1, tell=counts.append) == first
    assert counts == [5, 2, 2, 1]
    assert responder.respond(exchanges(), seed=2) != first
    assert first[0] != first[4], "equal messages have different seeds"
    assert responder.respond([], seed=0) == []


def test_what_the_guard_would_stop_is_seen_before_it(
    responder: Responder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A guard that lets nothing pass changes what is sent, and not what the model would say."""
    free = responder.respond(exchanges(), seed=1)
    assert [response.raw for response in free[:3]] == [response.text for response in free[:3]]
    assert free[3].raw is None, "the model was not asked"
    assert "12356" in free[3].text
    stopped = free[0].text
    check = responder.bot._guard.check_output
    monkeypatch.setattr(
        type(responder.bot._guard), "check_output", lambda _, text: text != stopped and check(text)
    )
    strict = responder.respond(exchanges(), seed=1)
    assert [response.raw for response in strict] == [response.raw for response in free]
    assert strict[0].text != stopped
    assert strict[1] == free[1]


def test_a_filtered_reply_ends_as_the_bot_s_does(folder: Path) -> None:
    """The stream's filter is in use: the draft stops before all ids are read."""
    with Responder(folder) as responder:
        (free,) = responder.respond(exchanges(ASKED[:1]), seed=1)
        first = free.text[0]

        class Filter:
            tripped = False

            def feed(self, piece: str) -> str:
                self.tripped = piece.startswith(first)
                return "" if self.tripped else piece

            def finish(self) -> str:
                return ""

        responder.bot._guard = type(
            "Guard",
            (),
            {  # type: ignore[assignment]
                "stream": lambda _: Filter(),
                "check_input": lambda *_: None,
                "check_output": lambda *_: True,
                "retorts": lambda *_: (),
                "fallback": lambda _: "换个话头。",
            },
        )()
        (found,) = responder.respond(exchanges(ASKED[:1]), seed=1)
    assert (found.text, found.reply.finish_reason) == ("换个话头。", "filtered")
    assert found.reply.completion_tokens == 1
    assert found.raw == free.raw


def test_a_conversation_goes_on_with_the_bot_s_own_words(responder: Responder) -> None:
    said = [("你好", "今天好累", "晚安"), ("在吗",)]
    talks = responder.converse(said, seed=3)
    assert [talk[::2] for talk in talks] == [list(texts) for texts in said]
    assert [len(talk) for talk in talks] == [6, 2]
    again = responder.respond(exchanges([tuple(talks[0][:3])]), seed=3 + 2)
    assert talks[0][3] == again[0].text
    last = responder.respond(exchanges([tuple(talks[0][:5])]), seed=3 + 3)
    assert talks[0][5] == last[0].text
    assert responder.converse([], seed=0) == []


def test_what_cannot_be_answered_is_told_beforehand(responder: Responder) -> None:
    limit = 64 - 8 - 2
    assert responder.can_answer("好" * limit)
    assert not responder.can_answer("好" * (limit + 1))
    assert not responder.can_answer(" ")
    with pytest.raises(MessageTooLong):
        responder.respond(exchanges([("好" * (limit + 1),)]), seed=0)
