"""Known replies in the bot: found in the engine's thread by the model's state before the reply."""

import asyncio
import contextlib
import threading
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from chatbot.bot import Bot
from chatbot.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from chatbot.decoding.params import SamplingParams
from chatbot.decoding.ranking import RankingWeights
from chatbot.dialogue import DialogueEncoder
from chatbot.known import KnownReplies, KnownReply, Match
from chatbot.known_states import KnownStates

PARAMS = SamplingParams(max_new_tokens=30, candidates=2, seed=1)
TALKS = (("刚下课",), ("你好", "你好呀。", "刚下课"), ("明早见",), ("吃苹果吗",), ("下雪了",))
REPLIES = ("先喘口气。", "这堂讲了什么？", "路上慢点。", "来半个。", "多穿一件。")
SURE = RankingWeights(sampled=-1000, repeat=0, echo=0, recall=0)


def said(talk: Sequence[str], checkpoint: Checkpoint) -> NDArray[np.float32]:
    """The last layer's output behind a talk, from a plain forward pass."""
    ids = torch.tensor([DialogueEncoder(checkpoint.tokenizer).encode(talk)])
    with torch.no_grad():
        hidden: torch.Tensor = checkpoint.model.transformer(ids).last_hidden_state
    return hidden[0, -1].numpy()


@pytest.fixture(scope="module")
def folder(tiny_checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Its known replies have messages that nobody writes, and the states of ``TALKS``."""
    plain = load_checkpoint(tiny_checkpoint)
    known = [KnownReply(f"壹贰叁{reply}", reply, frozenset()) for reply in REPLIES]
    states = KnownStates.of(np.stack([said(talk, plain) for talk in TALKS]))
    path = tmp_path_factory.mktemp("known") / "model"
    return save_checkpoint(
        path, plain.model, plain.tokenizer, name="小闲", known=known, states=states
    )


@pytest.fixture
def sure(monkeypatch: pytest.MonkeyPatch) -> None:
    """What fits best wins and is always good enough, and nothing is left out by the seed."""
    monkeypatch.setattr("chatbot.decoding.engine.RankingWeights", lambda: SURE)
    monkeypatch.setattr("chatbot.known._LEFT_OUT", 0.0)
    for floor in ("_FLOOR", "_FLOOR_IN_TALK"):
        monkeypatch.setattr(f"chatbot.suggestions.{floor}", -2000.0)


@pytest.fixture
def bot(folder: Path) -> Iterator[Bot]:
    with contextlib.closing(Bot.from_checkpoint(folder)) as bot:
        yield bot


def ask(bot: Bot, talk: Sequence[str], params: SamplingParams = PARAMS) -> str:
    async def answer() -> str:
        return (await bot.start(talk[:-1], talk[-1], params).wait()).text

    return asyncio.run(answer())


@pytest.mark.usefixtures("sure")
def test_it_says_what_was_said_in_the_same_state_whatever_the_words(bot: Bot) -> None:
    """The same message has another answer in another talk."""
    assert [ask(bot, talk) for talk in TALKS] == list(REPLIES)


@pytest.mark.usefixtures("sure")
def test_several_at_once_each_find_their_own(bot: Bot) -> None:
    async def together() -> list[str]:
        started = [bot.start(talk[:-1], talk[-1], PARAMS) for talk in TALKS * 2]
        return [reply.text for reply in await asyncio.gather(*(item.wait() for item in started))]

    assert asyncio.run(together()) == list(REPLIES * 2)


@pytest.mark.usefixtures("sure")
def test_without_states_or_known_replies_or_for_one_reply_alone_it_says_none_of_them(
    folder: Path,
) -> None:
    checkpoint = load_checkpoint(folder)
    for known, states, use_known, num_candidates in (
        (checkpoint.known, None, True, 2),
        ((), None, True, 2),
        (checkpoint.known, checkpoint.states, False, 2),
        (checkpoint.known, checkpoint.states, True, 1),
    ):
        bare = replace(checkpoint, known=known, states=states)
        with contextlib.closing(Bot(bare, use_known=use_known)) as bot:
            params = replace(PARAMS, candidates=num_candidates)
            assert ask(bot, TALKS[0], params) not in REPLIES


def test_it_is_asked_in_the_engine_s_thread_with_the_state_before_the_reply(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[str, int, Any, Any]] = []

    def propose(
        _: KnownReplies, _history: Sequence[str], message: str, **options: Any
    ) -> Iterable[Match]:
        asked.append((message, threading.get_ident(), options["state"], options["seed"]))
        return []

    monkeypatch.setattr(KnownReplies, "propose", propose)
    with contextlib.closing(Bot.from_checkpoint(folder, precision="float32")) as bot:
        ask(bot, TALKS[1])
        ask(bot, TALKS[1], replace(PARAMS, temperature=0.0))
    (message, thread, state, seed), greedy = asked
    assert (message, seed, greedy[-1]) == ("刚下课", 1, 0)  # nothing is left to chance when greedy
    assert thread != threading.get_ident()
    assert state.dtype == np.float32
    np.testing.assert_allclose(state, said(TALKS[1], load_checkpoint(folder)), atol=1e-3)


@pytest.mark.usefixtures("sure")
def test_what_the_model_could_not_write_is_not_proposed(folder: Path) -> None:
    """One too long for the tokens that are asked for, and one of characters it does not know."""
    checkpoint = load_checkpoint(folder)
    odd = tuple(replace(item, reply=f"{item.reply}𠮷") for item in checkpoint.known)
    with contextlib.closing(Bot(replace(checkpoint, known=odd))) as bot:
        assert "𠮷" not in ask(bot, TALKS[0])
    with contextlib.closing(Bot(checkpoint)) as bot:
        assert ask(bot, TALKS[0], replace(PARAMS, max_new_tokens=5)) == REPLIES[0]
        assert ask(bot, TALKS[0], replace(PARAMS, max_new_tokens=4)) != REPLIES[0]


@pytest.mark.usefixtures("sure")
def test_a_failure_in_finding_ends_that_reply_alone(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    propose = KnownReplies.propose

    def picky(self: KnownReplies, history: Sequence[str], message: str, **options: Any) -> Any:
        if message == "下雪了":
            raise RuntimeError("lost")
        return propose(self, history, message, **options)

    monkeypatch.setattr(KnownReplies, "propose", picky)
    with contextlib.closing(Bot.from_checkpoint(folder)) as bot:

        async def together() -> list[object]:
            started = [bot.start(talk[:-1], talk[-1], PARAMS) for talk in TALKS]
            waiting = (item.wait() for item in started)
            return list(await asyncio.gather(*waiting, return_exceptions=True))

        *found, failed = asyncio.run(together())
        assert [getattr(reply, "text", None) for reply in found] == list(REPLIES[:4])
        assert isinstance(failed, Exception)
        assert ask(bot, TALKS[0]) == REPLIES[0]
