"""Likelihoods: the uniform model by hand, and the learner's own loss for a random one."""

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from transformers import GPT2LMHeadModel

from chatbot.dialogue import DialogueEncoder
from training.collate import collate
from training.dialogue_task import loss_sum
from training.report.likelihood import likelihoods

MakeModel = Callable[..., GPT2LMHeadModel]
DIALOGUES = [("你好", "你好呀！"), ("今天好累", "早点睡吧。", "龘", "晚安～"), ("晚安",)]


def test_a_uniform_model_gives_every_token_the_same(
    make_model: MakeModel, encoder: DialogueEncoder
) -> None:
    model = make_model()
    with torch.no_grad():
        model.transformer.wte.weight.zero_()
    found = likelihoods(model, encoder, DIALOGUES)
    nat = math.log(len(encoder.tokenizer))
    counts = [(3 + 5, 5), (5 + 6 + 2 + 4, 6 + 4), (3, 0)]  # each [SEP] is one
    for item, (whole, bot) in zip(found, counts, strict=True):
        assert (item.whole.num_tokens, item.bot.num_tokens) == (whole, bot)
        assert (item.whole.num_characters, item.bot.num_characters) == (whole, bot)
        assert item.whole.nats == pytest.approx(whole * nat, rel=1e-6)
        assert item.bot.nats == pytest.approx(bot * nat, rel=1e-6)
    assert [item.whole.num_unknown for item in found] == [0, 1, 0]


def test_it_is_the_loss_that_training_minimises(
    make_model: MakeModel, encoder: DialogueEncoder
) -> None:
    model = make_model(seed=3).train()
    many = [dialogue for dialogue in DIALOGUES for _ in range(4)]  # more than a batch
    found = likelihoods(model, encoder, many)
    assert not model.training
    for texts, item in zip(many, found, strict=True):
        rows = [[np.array(encoder.encode(texts))]]
        batch = collate(rows, pad_id=encoder.pad_id, row_length=40)
        assert item.whole.nats == pytest.approx(float(loss_sum(model, batch).detach()), rel=1e-5)
        assert item.bot.nats < item.whole.nats
    assert found[0] == found[1], "the order of the batch changes nothing"


def test_the_bot_s_turns_are_the_even_ones(make_model: MakeModel, encoder: DialogueEncoder) -> None:
    """What the person says first is in the whole, less what is the bot's."""
    model = make_model(seed=3)
    (both,) = likelihoods(model, encoder, [("你好", "你好呀！")])
    (alone,) = likelihoods(model, encoder, [("你好",)])
    assert both.whole.nats - both.bot.nats == pytest.approx(alone.whole.nats, rel=1e-5)


def test_a_long_dialogue_is_cut_into_turns_and_a_turn_too_long_is_left_out(
    make_model: MakeModel, encoder: DialogueEncoder
) -> None:
    model = make_model(n_positions=16)
    long = ("今天好累", "早点睡吧。", "好的", "晚安～")
    pieces = likelihoods(model, encoder, [long[:2], long[2:]])
    (whole,) = likelihoods(model, encoder, [long])
    assert whole.whole.nats == pytest.approx(sum(piece.whole.nats for piece in pieces), rel=1e-5)
    assert whole.bot.num_tokens == sum(piece.bot.num_tokens for piece in pieces)
    (left_out,) = likelihoods(model, encoder, [("好" * 20, "好")])
    assert (left_out.whole.num_tokens, left_out.whole.nats) == (0, 0)
    assert likelihoods(model, encoder, []) == []
