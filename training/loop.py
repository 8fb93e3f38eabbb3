"""The training loop: train, validate, keep best and last, stop early, save, resume."""

import contextlib
import dataclasses
import random
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError

from training.config import TrainConfig
from training.errors import Diverged, SaveError
from training.interrupt import Interruption
from training.journal import Journal
from training.learner import Learner
from training.parallel import current_world
from training.shares import Shares
from training.state import Progress, load_state, save_state
from training.task import Batch, Task
from training.utilisation import peak_flops


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
    """One run: ``Trainer(...).run()``; of several processes the first writes, into ``out``."""

    def __init__(
        self,
        task: Task,
        config: TrainConfig,
        out: Path,
        *,
        data: str = "",
        flops: Callable[[Any], float] = lambda _batch: 0.0,
    ) -> None:
        """Take a task over and count its steps.

        Args:
            data: a digest of what is learnt from; a run only goes on with the same.
            flops: the model's operations in learning from a batch; 0: not counted.
        """
        self.task, self.config, self.out, self._flops = task, config, out, flops
        self.world = current_world()
        num_tokens = task.num_tokens * config.epochs
        self.learner = Learner(task.model, task.loss_sum, config, num_tokens=num_tokens)
        self.shares = Shares(task, config)
        self.num_steps = self.shares.epoch_ends[-1]
        self.progress = Progress()
        self.settings: dict[str, Any] = dataclasses.asdict(config)
        self.settings |= {"data": data, "processes": self.world.size}

    @cached_property
    def journal(self) -> Journal:
        """The record of the run, opened when something is to be written."""
        return Journal(
            self.out,
            describe=self.task.describe,
            unit=self.task.unit,
            is_on=self.world.is_main,
            peak_flops=peak_flops(self.config.peak_tflops),
        )

    def run(self, *, resume: bool = False) -> Outcome:
        """Train to the end or until patience runs out; keep ``best`` and ``last`` in ``out``.

        Raises:
            Diverged, OutOfMemory: see ``Learner.update``; the last saved state stays.
            SaveError: the disk is full; the last whole save stays.
            KeyboardInterrupt: Ctrl+C, after the state was saved.
        """
        begin = time.monotonic()
        with Interruption() as interruption:
            self._begin(resume=resume)
            for step, batches in self.shares.steps(self.progress.step):
                if self._is_over():
                    break
                if any(self.world.total(interruption.requested)):
                    self._save_state()
                    print(f"第 {self.progress.step} 步已存盘", flush=True)
                    raise KeyboardInterrupt
                self._step(step, batches)
        self.journal.close()
        done = self.progress
        seconds = time.monotonic() - begin
        return Outcome(
            done.first_loss, done.best_loss, done.best_step, done.step, done.num_tokens, seconds
        )

    def validate(self) -> float:
        """Return the held-out loss in nats a target."""
        return self.learner.evaluate(self.shares.held_out())

    def _begin(self, *, resume: bool) -> None:
        if resume:
            self.progress = load_state(self.out / "state", self.learner.optimizer, self.settings)
            self.journal.truncate(self.progress.step)
            return
        self.progress.first_loss = self.progress.best_loss = self.validate()
        with self._saving():
            self.journal.validation(0, self.progress.first_loss, [])
        self._save_weights("best", self.progress.first_loss)
        self._save_state()

    def _step(self, step: int, batches: list[Batch]) -> None:
        """Take a step and do what is due after it."""
        done = self.progress
        try:
            result = self.learner.update(batches, step, self.num_steps)
        except Diverged as error:
            path = self._keep_batches(batches)
            raise Diverged(f"{error}；这一步的数据在 {path}") from None
        done.num_tokens += result.num_targets
        done.step = step + 1
        with self._saving():
            told = (done.step, self.num_steps, result.loss, result.norm, done.num_tokens)
            self.journal.step(*told, flops=sum(map(self._flops, batches)))
        if self.validation_due(done.step):
            self._validate_and_keep()
        elif done.step % self.config.save_every == 0:
            self._save_state()

    def _is_over(self) -> bool:
        """Whether patience has run out."""
        return bool(self.config.patience) and self.progress.num_bad >= self.config.patience

    def validation_due(self, step: int) -> bool:
        """Whether the held-out data is looked at after so many steps."""
        every = self.config.validate_every
        due = step % every == 0 if every else step in self.shares.epoch_ends
        return due or step == self.num_steps

    def _validate_and_keep(self) -> None:
        """Validate and keep what is worth keeping."""
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
        self._save_state()
        if self.world.is_main:
            with self._saving():
                self.journal.validation(done.step, loss, self.task.samples())

    def _save_weights(self, folder: str, loss: float) -> None:
        self.learner.refresh()
        if self.world.is_main:
            with self._saving():
                self.task.save(self.out / folder, self.progress, loss)

    def _save_state(self) -> None:
        with self._saving():
            save_state(self.out / "state", self.learner.optimizer, self.progress, self.settings)

    def _keep_batches(self, batches: list[Batch]) -> Path:
        """Write the batches of a step that went wrong, as a list of their tensors."""
        path = self.out / f"diverged.{self.world.rank}.pt"
        with self._saving():
            torch.save([dict(vars(batch)) for batch in batches], path)
        return path

    @contextlib.contextmanager
    def _saving(self) -> Iterator[None]:
        """Tell in one line that something could not be written."""
        try:
            yield
        except (OSError, SafetensorError) as error:
            what = " ".join(str(error).split())[:160]
            raise SaveError(
                f"{self.out}: 写不进去（{what}）；上一次的存盘是完整的，"
                "腾出空间后加 RESUME=1 接着练"
            ) from None


def seed_everything(seed: int) -> None:
    """Seed Python's and torch's generators."""
    random.seed(seed)
    torch.manual_seed(seed)
