"""The training loop: train, validate, keep best and last, stop early, save, resume."""

import itertools
import math
import random
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from transformers import GPT2LMHeadModel

from chatbot.checkpoint import save_checkpoint
from chatbot.dialogue import DialogueEncoder
from chatbot.known import KnownReply
from training.collate import Batch, collate
from training.config import TrainConfig
from training.journal import Journal
from training.learner import Learner
from training.packing import Mixture, Row, pack_rows
from training.samples import sample_replies
from training.state import Progress, load_state, save_state


@dataclass(frozen=True)
class Outcome:
    """How a run went. Losses are nats a token on the held-out data."""

    first_loss: float
    best_loss: float
    best_step: int
    num_steps: int
    num_tokens: int
    seconds: float


class Trainer:
    """One run: ``Trainer(...).run()``. Everything it writes lies in ``out``."""

    def __init__(
        self,
        model: GPT2LMHeadModel,
        encoder: DialogueEncoder,
        train: Mixture,
        valid: Mixture,
        config: TrainConfig,
        out: Path,
        *,
        name: str,
        generation: dict[str, Any],
        known: Sequence[KnownReply] = (),
    ) -> None:
        """Take everything over; ``known`` replies go into the checkpoints."""
        self.config, self.out, self.name, self.generation = config, out, name, generation
        self.known = known
        self.encoder, self.train_data, self.valid_data = encoder, train, valid
        self.learner = Learner(model, config, num_tokens=train.num_tokens * config.epochs)
        self.rows_per_step = config.batch_rows * config.accumulate
        # Packing may make a row more or less of another order, so every epoch is counted.
        steps = [
            math.ceil(len(self._rows(epoch)) / self.rows_per_step) for epoch in range(config.epochs)
        ]
        self.epoch_ends = list(itertools.accumulate(steps))
        self.num_steps = self.epoch_ends[-1]
        self.progress = Progress()
        self.journal = Journal(out)

    def run(self, *, resume: bool = False) -> Outcome:
        """Train to the end or until patience runs out; keep ``best`` and ``last`` in ``out``.

        Raises:
            Diverged: the loss is not finite; the last saved state stays.
        """
        if resume:
            self.progress = load_state(self.out / "state", self.learner.optimizer)
            self.journal.truncate(self.progress.step)
        else:
            self.progress.first_loss = self.progress.best_loss = self.validate()
            self.journal.validation(0, self.progress.first_loss, [])
            self._save_weights("best", self.progress.first_loss)
        begin = time.monotonic()
        for step, batches in self._remaining_steps():
            loss, norm = self.learner.update(batches, step, self.num_steps)
            self.progress.num_tokens += sum(batch.num_targets for batch in batches)
            self.journal.step(step + 1, self.num_steps, loss, norm, self.progress.num_tokens)
            self.progress.step = step + 1
            if self._validation_due() and self._validate_and_keep():
                break
            if self.progress.step % self.config.save_every == 0:
                save_state(self.out / "state", self.learner.optimizer, self.progress)
        self.journal.close()
        done = self.progress
        seconds = time.monotonic() - begin
        return Outcome(
            done.first_loss, done.best_loss, done.best_step, done.step, done.num_tokens, seconds
        )

    def validate(self) -> float:
        """Return the held-out loss in nats a token."""
        rows = pack_rows(self.valid_data, row_length=self.config.row_length, seed=0, epoch=0)
        return self.learner.evaluate(self._batches(self.valid_data, rows))

    def _remaining_steps(self) -> Iterator[tuple[int, list[Batch]]]:
        """Yield (step, micro-batches) from where the run stands to its end."""
        for epoch, (begin, end) in enumerate(itertools.pairwise([0, *self.epoch_ends])):
            if self.progress.step >= end:
                continue
            rows = self._rows(epoch)
            for step in range(max(begin, self.progress.step), end):
                place = (step - begin) * self.rows_per_step
                chunk = rows[place : place + self.rows_per_step]
                yield step, self._batches(self.train_data, chunk)

    def _rows(self, epoch: int) -> list[Row]:
        config = self.config
        return pack_rows(
            self.train_data, row_length=config.row_length, seed=config.seed, epoch=epoch
        )

    def _batches(self, data: Mixture, rows: list[Row]) -> list[Batch]:
        """Collate to a fixed shape, so that the compiled step is compiled once."""
        size = self.config.batch_rows
        return [
            collate(
                [data.row(row) for row in rows[begin : begin + size]],
                pad_id=self.encoder.pad_id,
                row_length=self.config.row_length,
                num_rows=size,
                loss_on=self.config.loss_on,
                sep_id=self.encoder.sep_id,
            )
            for begin in range(0, len(rows), size)
        ]

    def _validation_due(self) -> bool:
        step, every = self.progress.step, self.config.validate_every
        due = step % every == 0 if every else step in self.epoch_ends
        return due or step == self.num_steps

    def _validate_and_keep(self) -> bool:
        """Validate, keep what is worth keeping; True when patience has run out."""
        loss = self.validate()
        done = self.progress
        improved = loss < done.best_loss
        if improved:
            done.best_loss, done.best_step, done.num_bad = loss, done.step, 0
        else:
            done.num_bad += 1
        self._save_weights("last", loss)
        if improved:
            self._save_weights("best", loss)
        save_state(self.out / "state", self.learner.optimizer, done)
        samples = sample_replies(self.learner.reference, self.encoder, self.generation)
        self.journal.validation(done.step, loss, samples)
        return bool(self.config.patience) and done.num_bad >= self.config.patience

    def _save_weights(self, folder: str, loss: float) -> None:
        facts = {
            "steps": self.progress.step,
            "tokens": self.progress.num_tokens,
            "held_out_perplexity": round(math.exp(min(loss, 50)), 3),
        }
        save_checkpoint(
            self.out / folder,
            self.learner.refresh(),
            self.encoder.tokenizer,
            name=self.name,
            generation=self.generation,
            facts=facts,
            known=self.known,
        )


def seed_everything(seed: int) -> None:
    """Seed Python's and torch's generators."""
    random.seed(seed)
    torch.manual_seed(seed)
