"""Speed: what is counted and what is not, on a clock of our own. No figure of a machine."""

import math
from collections.abc import Callable, Sequence
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from transformers import GPT2LMHeadModel

from chatbot.checkpoint import save_checkpoint
from chatbot.decoding.params import SamplingParams
from chatbot.dialogue import DialogueEncoder
from training.exchanges import Exchange
from training.report.speed import measure_speed
from training.respond import Responder


@pytest.fixture
def folder(
    tmp_path: Path, make_model: Callable[..., GPT2LMHeadModel], encoder: DialogueEncoder
) -> Path:
    generation = {"temperature": 1, "top_p": 1, "max_new_tokens": 6, "candidates": 2}
    return save_checkpoint(
        tmp_path / "small", make_model(), encoder.tokenizer, name="小", generation=generation
    )


def asked(*messages: str) -> list[Exchange]:
    return [Exchange((), message, "", Path(), 0) for message in messages]


def test_medians_over_the_messages_that_the_model_answers(folder: Path) -> None:
    """A clock that goes one second a look: every interval is one, whatever was done in it."""
    seconds = map(float, count())
    with Responder(folder) as responder:
        found = measure_speed(
            responder, asked("你好", "我不想活了", "晚安"), seed=0, clock=lambda: next(seconds)
        )
    assert found.num_messages == 2
    assert found.first_token == found.served_reply == 1
    assert 0 < found.tokens_per_second <= 6


def test_one_stream_is_one_candidate_and_a_served_reply_is_as_served(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[int] = []
    with Responder(folder) as responder:
        prepare = responder.bot.prepare

        def watched(history: Sequence[str], message: str, params: SamplingParams) -> Any:
            seen.append(params.candidates)
            return prepare(history, message, params)

        monkeypatch.setattr(responder.bot, "prepare", watched)
        measure_speed(responder, asked("你好"), seed=0)
    assert seen == [1, 2] * 2  # once to warm up


def test_nothing_to_time_is_no_error(folder: Path) -> None:
    with Responder(folder) as responder:
        found = measure_speed(responder, asked("我不想活了"), seed=0)
        assert found.num_messages == 0
        assert math.isnan(found.first_token)
        assert measure_speed(responder, [], seed=0).num_messages == 0
