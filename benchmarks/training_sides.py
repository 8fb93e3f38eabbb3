"""Who takes part in ``benchmarks.training``: three ways to train the same model on the same text."""

import contextlib
import tempfile
import time
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import torch
from transformers import GPT2Config, GPT2LMHeadModel
from transformers.utils import logging

from chatbot.checkpoint import SHIPPED_CHECKPOINT, load_checkpoint
from chatbot.dialogue import DialogueEncoder
from training.config import TrainConfig
from training.dialogue_task import DialogueTask
from training.learner import Learner
from training.packing import Mixture
from training.store import TokenStore

SIZES = {"13M": (6, 336, 6), "96M": (12, 768, 12)}  # layers, width, heads
LONGEST = 256
CHITCHAT_RATE = 2.6e-5
_VOCAB_SIZE = 13_317  # GPT2-chitchat's
_FINE = 10_000  # steps of a schedule that follows a share
_SLICE = 8.0  # seconds of a turn, at least one step


@dataclass(frozen=True)
class Entry:
    """Who trains what on what; ``num_threads`` is what each contender gets."""

    contender: str
    size: str
    store: Path
    num_threads: int


def new_model(size: str) -> GPT2LMHeadModel:
    """Return a model with random weights, the same every time."""
    num_layers, width, num_heads = SIZES[size]
    torch.manual_seed(0)
    return GPT2LMHeadModel(
        GPT2Config(
            vocab_size=_VOCAB_SIZE,
            n_positions=LONGEST,
            n_embd=width,
            n_layer=num_layers,
            n_head=num_heads,
        )
    )


def ours(entry: Entry, store: TokenStore, encoder: DialogueEncoder) -> Iterator[int]:
    """Train as we do; yield the useful tokens of each step."""
    config = TrainConfig(epochs=2)
    return learn_as_we_do(new_model(entry.size), store, encoder, config)


def learn_as_we_do(
    model: GPT2LMHeadModel,
    store: TokenStore,
    encoder: DialogueEncoder,
    config: TrainConfig,
    epochs: int = 1,
    share: Callable[[], float] | None = None,
) -> Generator[int]:
    """Train as ``python -m training dialogue`` does; yield the useful tokens of each step.

    Args:
        share: of the run that is over, 0 to 1, which the learning rate follows; None: it follows
            the steps of each epoch.
    """
    mixture = Mixture((store,), (1.0,))
    task = DialogueTask(model, encoder, mixture, mixture, config, name="", generation={})
    learner = Learner(task.model, task.loss_sum, config, num_tokens=config.epochs * task.num_tokens)
    try:
        for epoch in range(epochs):
            num_batches = task.num_batches(epoch)
            for step, batch in enumerate(task.batches(epoch, 0, num_batches)):
                place = (step, num_batches) if share is None else (int(share() * _FINE), _FINE)
                learner.update([batch], *place)
                yield int((batch.segment_ids > 0).sum())
    finally:
        learner.refresh()  # what it learnt goes into the model


def chitchat(entry: Entry, store: TokenStore, _: DialogueEncoder) -> Iterator[int]:
    """Train as GPT2-chitchat does; yield the useful tokens of each step."""
    return learn_as_chitchat(new_model(entry.size), store)


def learn_as_chitchat(
    model: GPT2LMHeadModel,
    store: TokenStore,
    learning_rate: float = CHITCHAT_RATE,
    epochs: int = 1,
) -> Generator[int]:
    """Train as its ``train.py`` does: fp32, batches of 8 in random order, padded; no warm-up."""
    model.train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=learning_rate, eps=1e-9)
    number = 0
    for _ in range(epochs):
        order = torch.randperm(len(store)).tolist()
        for begin in range(0, len(order), 8):
            number += 1
            batch = _padded([store[place].tolist() for place in order[begin : begin + 8]])
            outputs = model(input_ids=batch["input_ids"], labels=batch["labels"])
            right = outputs.logits[:, :-1].argmax(-1) == batch["labels"][:, 1:]  # it reports this
            right.sum().item()
            (outputs.loss / 4).backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 2.0)
            if number % 4 == 0:
                optimizer.step()
                optimizer.zero_grad()
            yield int((batch["labels"] >= 0).sum())


def _padded(rows: list[list[int]]) -> dict[str, torch.Tensor]:
    """Pad to the longest, on the right; what is padding counts in no loss."""
    longest = max(map(len, rows))
    ids = torch.tensor([row + [0] * (longest - len(row)) for row in rows])
    real = torch.tensor([[1] * len(row) + [0] * (longest - len(row)) for row in rows])
    return {
        "input_ids": ids,
        "attention_mask": real,
        "labels": torch.where(real == 1, ids, torch.tensor(-100)),
    }


def run_trainer(entry: Entry, store: TokenStore, on_step: Callable[[int], None]) -> None:
    """Train with ``transformers.Trainer``; ``on_step`` gets the useful tokens of each step."""
    from transformers import Trainer, TrainerCallback, TrainingArguments

    counts: list[int] = []

    def collated(items: list[dict[str, Any]]) -> dict[str, torch.Tensor]:
        batch = _padded([item["input_ids"] for item in items])
        counts.append(int(batch["attention_mask"].sum()))
        return batch

    class Watch(TrainerCallback):  # type: ignore[misc]
        def on_step_end(self, _args: Any, state: Any, _control: Any, **_: Any) -> None:
            on_step(counts[state.global_step - 1])

    class Items(torch.utils.data.Dataset[dict[str, Any]]):
        def __len__(self) -> int:
            return len(store)

        def __getitem__(self, place: int) -> dict[str, Any]:
            ids = store[place].tolist()
            return {"input_ids": ids, "length": len(ids)}

    with tempfile.TemporaryDirectory() as out:
        arguments = TrainingArguments(
            output_dir=out,
            per_device_train_batch_size=16,
            train_sampling_strategy="group_by_length",
            bf16=True,
            optim="adamw_torch_fused",
            use_cpu=not torch.cuda.is_available(),
            remove_unused_columns=False,
            save_strategy="no",
            logging_strategy="no",
            report_to="none",
            disable_tqdm=True,
        )
        trainer = Trainer(
            new_model(entry.size),
            arguments,
            data_collator=collated,
            train_dataset=Items(),
            callbacks=[Watch()],
        )
        trainer.train()


def serve(pipe: Connection, entry: Entry) -> None:
    """Train while it is this contender's turn; answer with (useful tokens, seconds)."""
    logging.set_verbosity_error()
    torch.set_num_threads(entry.num_threads)
    encoder = DialogueEncoder(load_checkpoint(SHIPPED_CHECKPOINT).tokenizer)
    store = TokenStore(entry.store, encoder)
    begin, num_tokens, num_warm = 0.0, 0, 0

    def on_step(count: int) -> None:
        nonlocal begin, num_tokens, num_warm
        num_tokens += count
        num_warm += 1
        seconds = time.perf_counter() - begin
        if num_warm > 2 and seconds >= _SLICE:
            pipe.send((num_tokens, seconds))
        elif num_warm == 2:
            pipe.send((0, 0.0))
        else:
            return
        pipe.recv()
        begin, num_tokens = time.perf_counter(), 0

    with contextlib.suppress(EOFError, ConnectionError, KeyboardInterrupt):
        if entry.contender == "trainer":
            run_trainer(entry, store, on_step)
            return
        steps = {"ours": ours, "chitchat": chitchat}[entry.contender](entry, store, encoder)
        for count in steps:
            on_step(count)
