"""``novel-compare``: ours beside a GPT-2 of the same size that ``transformers.Trainer`` trains.

Both see the same windows in the same order, are judged on the same end of the text, and have the
same schedule; each computes as is usual for it.
"""

import importlib.util
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from torch.utils.data import Dataset
from transformers import GPT2Config, GPT2LMHeadModel, TrainingArguments
from transformers import Trainer as TransformersTrainer

from chatbot.novelist import Novelist
from training.collate import IGNORE
from training.config import TrainConfig
from training.device import pick_device, pick_dtype
from training.errors import ConfigError
from training.loop import Trainer, seed_everything
from training.novel.task import NovelTask, bits
from training.novel.text import opening_of, read_novel
from training.novel.train import Shape, make_model
from vocab.chars import CharVocab


@dataclass(frozen=True)
class Result:
    """How one of the two did.

    Attributes:
        num_weights: its parameters.
        num_chars: characters it was trained on, repetitions counted.
        bits_per_char: on the end of the text.
        seconds: of training, compiling included.
    """

    name: str
    num_weights: int
    num_chars: int
    bits_per_char: float
    seconds: float


def compare_novel(path: Path, out: Path, config: TrainConfig, shape: Shape) -> list[Result]:
    """Train both on a text, ours first; what ours writes lies in ``out``.

    Raises:
        ConfigError: ``accelerate`` is missing, which ``transformers.Trainer`` needs.
        TrainingError: as ``train_novel``.
    """
    if importlib.util.find_spec("accelerate") is None:
        raise ConfigError(
            "transformers.Trainer 需要 accelerate；"
            "先运行 .venv/bin/python -m pip install -c constraints.txt -e '.[bench]'"
        )
    text = read_novel(path)
    vocab = CharVocab(text)
    seed_everything(config.seed)
    novelist = Novelist(
        make_model(vocab, config, shape), vocab, name=out.name, opening=opening_of(text)
    )
    task = NovelTask(novelist, text, config, {})
    return [train_ours(task, out), train_gpt2(task, len(vocab), shape, out)]


def train_ours(task: NovelTask, out: Path) -> Result:
    """Train with this project's loop."""
    outcome = Trainer(task, task.config, out / "ours").run()
    model = task.novelist.model.eval()
    loss = held_out_bits(task, model)
    return Result("CharGPT", _size(model), outcome.num_tokens, loss, outcome.seconds)


def train_gpt2(task: NovelTask, vocab_size: int, shape: Shape, out: Path) -> Result:
    """Train ``GPT2LMHeadModel`` with ``transformers.Trainer``."""
    config = task.config
    torch.manual_seed(config.seed)
    model = GPT2LMHeadModel(
        GPT2Config(
            vocab_size=vocab_size,
            n_positions=config.row_length,
            n_layer=shape.num_layers,
            n_head=shape.num_heads,
            n_embd=shape.hidden_size,
            resid_pdrop=config.dropout,
            embd_pdrop=config.dropout,
            attn_pdrop=0.0,
            bos_token_id=0,
            eos_token_id=0,
        )
    )
    examples = _Examples(task)
    trainer = TransformersTrainer(
        model,
        _arguments(config, out / "gpt2"),
        train_dataset=examples,
        compute_loss_func=_mean_loss,
    )
    begin = time.monotonic()
    trainer.train()
    seconds = time.monotonic() - begin
    model.to("cpu").eval()
    loss = held_out_bits(task, lambda ids: model(ids).logits)
    return Result("GPT-2", _size(model), examples.num_targets, loss, seconds)


@torch.no_grad()
def held_out_bits(task: NovelTask, logits_of: Callable[[Tensor], Tensor]) -> float:
    """Return the bits a character of a model, which is float32 on the CPU, on the end of the text."""
    total, count = 0.0, 0
    for batch in task.held_out():
        logits = logits_of(batch.input_ids).flatten(0, 1)
        labels = batch.labels.flatten()
        total += float(cross_entropy(logits, labels, ignore_index=IGNORE, reduction="sum"))
        count += batch.num_targets
    return bits(total / count)


class _Examples(Dataset[dict[str, Tensor]]):
    """The windows of all epochs, one after the other."""

    def __init__(self, task: NovelTask) -> None:
        batches = [
            batch
            for epoch in range(task.config.epochs)
            for batch in task.batches(epoch, 0, task.num_batches(epoch))
        ]
        self._input_ids = torch.cat([batch.input_ids for batch in batches])
        self._labels = torch.cat([batch.labels for batch in batches])
        self.num_targets = sum(batch.num_targets for batch in batches)

    def __len__(self) -> int:
        return len(self._input_ids)

    def __getitem__(self, index: int) -> dict[str, Tensor]:
        return {"input_ids": self._input_ids[index], "labels": self._labels[index]}


def _arguments(config: TrainConfig, out: Path) -> TrainingArguments:
    device = pick_device()
    return TrainingArguments(
        output_dir=str(out),
        per_device_train_batch_size=config.batch_rows,
        gradient_accumulation_steps=config.accumulate,
        num_train_epochs=1,  # the examples are those of all epochs
        train_sampling_strategy="sequential",
        learning_rate=config.learning_rate,
        lr_scheduler_type="cosine",
        warmup_steps=config.warmup_steps,
        weight_decay=config.weight_decay,
        adam_beta2=0.95,
        max_grad_norm=config.clip_norm,
        bf16=pick_dtype(config.precision, device) == torch.bfloat16,
        use_cpu=device.type == "cpu",
        seed=config.seed,
        save_strategy="no",
        logging_strategy="no",
        report_to="none",
    )


def _mean_loss(outputs: Any, labels: Tensor, **_: Any) -> Tensor:
    """The labels are shifted already, so the model must not shift them again."""
    return cross_entropy(outputs.logits.flatten(0, 1).float(), labels.flatten())


def _size(model: nn.Module) -> int:
    return sum(parameter.numel() for parameter in model.parameters())
