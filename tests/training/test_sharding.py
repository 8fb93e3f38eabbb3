"""Shards, for a process that is alone; test_parallel.py has two."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from transformers import GPT2LMHeadModel

from chatbot.dialogue import DialogueEncoder
from training.collate import collate
from training.config import TrainConfig
from training.dialogue_task import loss_sum
from training.errors import ConfigError, OutOfMemory
from training.learner import Learner
from training.memory_limit import told_when_out_of_memory
from training.sharding import blank, laid_out, whole


def test_a_process_alone_is_told_to_use_a_launcher(
    make_model: Callable[..., GPT2LMHeadModel], quick: Callable[..., TrainConfig]
) -> None:
    with pytest.raises(ConfigError, match=r"sharding=fsdp 要几个进程.*；用 torchrun"):
        Learner(make_model(), loss_sum, quick(sharding="fsdp"), num_tokens=1)


def test_what_is_not_sharded_is_whole() -> None:
    tensor = torch.arange(3.0)
    assert whole(tensor) is tensor
    assert torch.equal(laid_out(tensor, torch.zeros(3)), tensor)


def test_a_blank_batch_costs_nothing_and_teaches_nothing(
    make_model: Callable[..., GPT2LMHeadModel], encoder: DialogueEncoder
) -> None:
    ids = np.array(encoder.encode(["你好", "你好呀！"]))
    batch = collate([[ids]], pad_id=encoder.pad_id, row_length=16)
    empty, model = blank(batch), make_model()
    assert empty.num_targets == 0 < batch.num_targets
    assert torch.equal(empty.input_ids, batch.input_ids)
    loss = loss_sum(model, empty, label_smoothing=0.1, unlikelihood=1.0)
    torch.autograd.backward(loss)
    assert float(loss.detach()) == 0
    for weight in model.parameters():
        assert weight.grad is not None
        assert not weight.grad.any()


def test_where_others_compute_too_nothing_is_tried_alone(
    encoder: DialogueEncoder, quick: Callable[..., TrainConfig]
) -> None:
    batch = collate([[np.array(encoder.encode(["你好"]))]] * 8, pad_id=0, row_length=8)
    config = quick(sharding="fsdp", batch_rows=8)
    tried: list[object] = []

    def backward(part: object) -> float:
        tried.append(part)
        return 0.0

    with (
        pytest.raises(OutOfMemory, match=r"改成 batch_rows=4、accumulate=2"),
        told_when_out_of_memory(backward, batch, config),
    ):
        raise torch.OutOfMemoryError
    assert not tried
