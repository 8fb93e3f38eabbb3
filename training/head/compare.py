"""The ways to freeze, side by side on the same data: what each costs and what it brings."""

import copy
import statistics
import tempfile
import time
from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch
from torch import Tensor, nn

from chatbot.models.head import BackboneWithHead
from training.config import TrainConfig
from training.head.backbone import load_pretrained, require_room
from training.head.classification import ClassifierTask
from training.head.examples import read_examples, split_examples
from training.head.freezing import (
    FINE_TUNING_RATE,
    HEAD_ONLY,
    HEAD_ONLY_RATE,
    NO_GRAD,
    freeze,
    layers_of,
    num_learning,
)
from training.learner import Learner
from training.loop import seed_everything
from training.report.markdown import table

_BYTES_A_WEIGHT = 12  # that learns: a gradient and AdamW's two moments, float32
_HEADER = ("做法", "要练的参数", "训练多占的内存", "先过一遍骨干", "每步", "准确率")


@dataclass(frozen=True)
class Measured:
    """One way's figures.

    Attributes:
        num_bytes: of gradients, the optimizer's moments, and what the forward pass keeps for the
            backward pass, at most, in one step.
        first_pass: seconds before the first step.
        step: median seconds of a step.
        accuracy: on the held-out texts at the end.
    """

    name: str
    num_learning: int
    num_bytes: int
    first_pass: float
    step: float
    accuracy: float

    def cells(self) -> tuple[str, ...]:
        """Return the table's row."""
        return (
            self.name,
            f"{self.num_learning:,}",
            _size(self.num_bytes),
            f"{self.first_pass:.1f} 秒" if self.first_pass else "",
            f"{1000 * self.step:,.1f} 毫秒",
            f"{self.accuracy:.1%}",
        )


def as_table(measured: Iterable[Measured]) -> str:
    """Return the figures as a Markdown table."""
    return table(_HEADER, (item.cells() for item in measured))


def compare(
    data: Path,
    init: str,
    *,
    epochs: int,
    num_frozen: int,
    max_length: int = 128,
    pooling: str = "last",
    seed: int = 0,
) -> list[Measured]:
    """Train a head on ``label<TAB>text`` lines in five ways, and measure each.

    Args:
        num_frozen: layers that stay in the way that freezes some.
        max_length: tokens of a text that are read.

    Raises:
        TrainingError, CheckpointError: one line that names the remedy.
    """
    split = split_examples(read_examples(data), share=0.1, seed=seed)
    backbone, tokenizer = load_pretrained(init)
    ways = _ways(min(num_frozen, len(layers_of(backbone))))
    measured = []
    for name, (how, cached) in ways.items():
        rate = HEAD_ONLY_RATE if how in HEAD_ONLY else FINE_TUNING_RATE
        config = TrainConfig(epochs=epochs, row_length=max_length, learning_rate=rate, seed=seed)
        require_room(config, backbone)
        seed_everything(seed)
        model = BackboneWithHead(copy.deepcopy(backbone), len(split.labels), pooling=pooling)
        freeze(model, how)
        print(f"{name}……", flush=True)
        make = partial(ClassifierTask, model, tokenizer, split, config, name="", balance=True)
        with tempfile.TemporaryDirectory() as folder:
            begin = time.monotonic()
            task = make(features=Path(folder) if cached else None)
            first_pass = time.monotonic() - begin if cached else 0.0
            measured.append(_measure(name, task, first_pass))
    return measured


def _ways(num_frozen: int) -> dict[str, tuple[str, bool]]:
    """Return what is frozen, and whether the backbone's outputs are kept, by the way's name."""
    return {
        "`no_grad`，骨干的输出算一次存着": (NO_GRAD, True),
        "`no_grad`，每步现算": (NO_GRAD, False),
        "`requires_grad_(False)`": ("all", False),
        f"冻结词嵌入和前 {num_frozen} 层": (str(num_frozen), False),
        "全部微调": ("none", False),
    }


def _measure(name: str, task: ClassifierTask, first_pass: float) -> Measured:
    config = task.config
    learner = Learner(task.model, task.loss_sum, config, num_tokens=0)
    num_bytes = _BYTES_A_WEIGHT * num_learning(task.whole) + _bytes_kept(learner.model, task)
    num_steps = sum(task.num_batches(epoch) for epoch in range(config.epochs))
    seconds: list[float] = []
    for epoch in range(config.epochs):
        for batch in task.batches(epoch, 0, task.num_batches(epoch)):
            begin = time.monotonic()
            learner.update([batch], len(seconds), num_steps)
            seconds.append(time.monotonic() - begin)
    learner.refresh()
    step = statistics.median(seconds)
    return Measured(name, num_learning(task.whole), num_bytes, first_pass, step, _accuracy(task))


def _size(num_bytes: int) -> str:
    mega = num_bytes / 2**20
    return f"{mega:,.1f} MB" if mega >= 1 else f"{1024 * mega:,.0f} KB"


def _bytes_kept(model: nn.Module, task: ClassifierTask) -> int:
    """Return what the forward pass of the largest batch keeps for the backward pass, in bytes."""
    weights = {weight.untyped_storage().data_ptr() for weight in model.parameters()}
    kept: dict[int, int] = {}

    def note(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in weights:
            kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    model.train()
    batches = task.batches(0, 0, task.num_batches(0))
    largest = max(batches, key=lambda batch: batch.inputs[0].numel())
    with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
        loss = task.loss_sum(model, largest.to(next(model.parameters()).device))
    del loss
    return sum(kept.values())


@torch.inference_mode()
def _accuracy(task: ClassifierTask) -> float:
    model = task.model.eval()
    right = [(model(*batch.inputs).argmax(dim=1) == batch.labels) for batch in task.held_out()]
    return float(torch.cat(right).double().mean())
