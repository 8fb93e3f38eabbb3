"""The dialogue model as a task: packed rows of whole dialogues, labels shifted once."""

import math
from collections.abc import Iterator, Sequence
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

from torch import Tensor
from transformers import GPT2LMHeadModel

from chatbot.checkpoint import save_checkpoint
from chatbot.dialogue import DialogueEncoder
from chatbot.known import KnownReply
from training.collate import Batch, attention_mask, collate
from training.config import TrainConfig
from training.dropout import set_dropout
from training.freezing import freeze_language_model
from training.objective import cross_entropy_sum, unlikelihood_sum
from training.packing import Mixture, Row, pack_rows
from training.samples import sample_replies
from training.state import Progress
from training.utilisation import flops_per_token


def loss_sum(
    model: GPT2LMHeadModel,
    batch: Batch,
    *,
    label_smoothing: float = 0.0,
    unlikelihood: float = 0.0,
) -> Tensor:
    """Return the summed loss of a packed batch in nats, a float32 scalar.

    The labels are shifted already (collate.py), so the logits are compared as they stand. What is
    added to the cross-entropy counts in training alone: in eval mode this is the cross-entropy.
    """
    mask = attention_mask(batch.segment_ids, model.dtype)
    logits = model(
        input_ids=batch.input_ids,
        position_ids=batch.position_ids,
        attention_mask=mask,
        use_cache=False,
    ).logits  # (B, T, V)
    if not model.training:
        return cross_entropy_sum(logits, batch.labels)
    loss = cross_entropy_sum(logits, batch.labels, label_smoothing)
    if unlikelihood:
        loss = loss + unlikelihood * unlikelihood_sum(logits, batch)
    return loss


class DialogueTask:
    """A ``GPT2LMHeadModel`` that learns dialogues."""

    unit = "token"

    def __init__(
        self,
        model: GPT2LMHeadModel,
        encoder: DialogueEncoder,
        train: Mixture,
        valid: Mixture,
        config: TrainConfig,
        *,
        name: str,
        generation: dict[str, Any],
        known: Sequence[KnownReply] = (),
    ) -> None:
        """Take everything over; ``known`` replies go into the checkpoints."""
        model.config._attn_implementation = "eager"
        set_dropout(model, config.dropout)
        model.config.resid_pdrop = model.config.embd_pdrop = config.dropout
        model.config.attn_pdrop = 0.0
        freeze_language_model(model, config.freeze)
        self.model = model.float()
        self.encoder, self.train, self.valid, self.config = encoder, train, valid, config
        self.name, self.generation, self.known = name, generation, known
        self.num_tokens = train.num_tokens
        learns_whole = all(weight.requires_grad for weight in model.parameters())
        self._flops_per_token = flops_per_token(model, config.row_length) if learns_whole else 0
        self._rows = lru_cache(maxsize=1)(self._pack)
        self.loss_sum = partial(
            loss_sum, label_smoothing=config.label_smoothing, unlikelihood=config.unlikelihood
        )

    @property
    def padding(self) -> float:
        """The share of the first epoch's rows that is padding."""
        rows = self._rows(0)
        lengths = [store.lengths for store in self.train.stores]
        num_ids = sum(int(lengths[store][place]) for row in rows for store, place in row)
        return 1 - num_ids / (len(rows) * self.config.row_length)

    def num_batches(self, epoch: int) -> int:
        """Return how many batches an epoch has; another order may pack into a row more or less."""
        return math.ceil(len(self._rows(epoch)) / self.config.batch_rows)

    def batches(self, epoch: int, begin: int, end: int) -> Iterator[Batch]:
        """Yield batches ``[begin, end)`` of an epoch."""
        size = self.config.batch_rows
        return self._collated(self.train, self._rows(epoch)[begin * size : end * size])

    def held_out(self) -> Iterator[Batch]:
        """Yield the batches of the held-out dialogues."""
        rows = pack_rows(self.valid, row_length=self.config.row_length, seed=0, epoch=0)
        return self._collated(self.valid, rows)

    def flops(self, batch: Batch) -> float:
        """Return the model's operations in learning from a batch's ids, padding left out.

        0 where weights are frozen: how much of the backward pass falls away differs.
        """
        return self._flops_per_token * float((batch.segment_ids > 0).sum())

    def describe(self, loss: float) -> str:
        """Return the perplexity of a loss in words."""
        return f"困惑度 {perplexity(loss):.2f}"

    def save(self, folder: Path, progress: Progress, loss: float) -> None:
        """Write the model as a checkpoint folder."""
        facts = {
            "steps": progress.step,
            "tokens": progress.num_tokens,
            "held_out_perplexity": round(perplexity(loss), 3),
        }
        save_checkpoint(
            folder,
            self.model,
            self.encoder.tokenizer,
            name=self.name,
            generation=self.generation,
            facts=facts,
            known=self.known,
        )

    def samples(self) -> list[tuple[str, str]]:
        """Return replies to the fixed openers."""
        return sample_replies(self.model, self.encoder, self.generation)

    def _pack(self, epoch: int) -> list[Row]:
        config = self.config
        return pack_rows(self.train, row_length=config.row_length, seed=config.seed, epoch=epoch)

    def _collated(self, data: Mixture, rows: list[Row]) -> Iterator[Batch]:
        """Collate to a fixed shape, so that the compiled step is compiled once."""
        size = self.config.batch_rows
        for begin in range(0, len(rows), size):
            chosen = rows[begin : begin + size]
            yield collate(
                [data.row(row) for row in chosen],
                pad_id=self.encoder.pad_id,
                row_length=self.config.row_length,
                num_rows=size,
                loss_on=self.config.loss_on,
                sep_id=self.encoder.sep_id,
                contexts=[data.contexts(row) for row in chosen],
            )


def perplexity(loss: float) -> float:
    """Return the perplexity of a loss in nats a token, kept finite."""
    return math.exp(min(loss, 50))
