"""The training loop: train, validate, keep best and last, stop early, save, resume."""

import itertools
import math
import random
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch

from training.config import TrainConfig
from training.journal import Journal
from training.learner import Learner
from training.state import Progress, load_state, save_state
from training.task import Batch, Task


@dataclass(frozen=True)
class Outcome:
    """How a run went. Losses are nats a target on the held-out data."""

    first_loss: float
    best_loss: float
    best_step: int
    num_steps: int
    num_tokens: int
    seconds: float


class Trainer:
    """One run: ``Trainer(...).run()``. Everything it writes lies in ``out``."""

    def __init__(self, task: Task, config: TrainConfig, out: Path) -> None:
        """Take a task over and count its steps."""
        self.task, self.config, self.out = task, config, out
        num_tokens = task.num_tokens * config.epochs
        self.learner = Learner(task.model, task.loss_sum, config, num_tokens=num_tokens)
        steps = [
            math.ceil(task.num_batches(epoch) / config.accumulate) for epoch in range(config.epochs)
        ]
        self.epoch_ends = list(itertools.accumulate(steps))
        self.num_steps = self.epoch_ends[-1]
        self.progress = Progress()
        self.journal = Journal(out, describe=task.describe, unit=task.unit)

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
        """Return the held-out loss in nats a target."""
        return self.learner.evaluate(self.task.held_out())

    def _remaining_steps(self) -> Iterator[tuple[int, list[Batch]]]:
        """Yield (step, micro-batches) from where the run stands to its end."""
        size = self.config.accumulate
        for epoch, (begin, end) in enumerate(itertools.pairwise([0, *self.epoch_ends])):
            for step in range(max(begin, self.progress.step), end):
                place = (step - begin) * size
                yield step, list(self.task.batches(epoch, place, place + size))

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
        self.journal.validation(done.step, loss, self.task.samples())
        return bool(self.config.patience) and done.num_bad >= self.config.patience

    def _save_weights(self, folder: str, loss: float) -> None:
        self.learner.refresh()
        self.task.save(self.out / folder, self.progress, loss)


def seed_everything(seed: int) -> None:
    """Seed Python's and torch's generators."""
    random.seed(seed)
    torch.manual_seed(seed)
