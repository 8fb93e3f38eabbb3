"""Perplexity through the engine against a plain cross-entropy of the model."""

import math
from pathlib import Path

import pytest
import torch
from torch.nn.functional import cross_entropy

from benchmarks.perplexity import Perplexities, perplexities
from chatbot.checkpoint import load_checkpoint
from chatbot.dialogue import DialogueEncoder

DIALOGUES = (
    ("你好", "你好呀，我是小闲。"),
    ("晚安", "晚安"),
    ("今天好累啊", "早点睡吧。", "好的", "晚安～"),
)


def test_float32_is_the_models_own_and_int8_is_near(tiny_checkpoint: Path) -> None:
    checkpoint = load_checkpoint(tiny_checkpoint)
    encoder = DialogueEncoder(checkpoint.tokenizer)
    nats, count = 0.0, 0
    for texts in DIALOGUES:
        ids = torch.tensor(encoder.encode(texts))
        with torch.inference_mode():
            logits = checkpoint.model(ids[None]).logits[0]
        nats += float(cross_entropy(logits[:-1], ids[1:], reduction="sum"))
        count += len(ids) - 1
    found = perplexities(checkpoint.model, checkpoint.tokenizer, DIALOGUES)
    assert found.num_tokens == count
    assert found.float32 == pytest.approx(math.exp(nats / count), rel=1e-4)
    assert found.int8 != found.float32
    assert found.ratio == pytest.approx(1, abs=0.05)


def test_a_long_dialogue_is_cut_into_whole_turns(tiny_checkpoint: Path) -> None:
    checkpoint = load_checkpoint(tiny_checkpoint)
    turn = ("一二三四五六七八九十" * 5, "好")
    found = perplexities(checkpoint.model, checkpoint.tokenizer, [turn * 12])
    assert found.num_tokens == 12 * (50 + 1 + 2)


def test_ratio() -> None:
    assert Perplexities(30.3, 30.0, 1).ratio == pytest.approx(1.01)
