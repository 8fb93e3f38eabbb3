"""``--dry-run``: a few steps on the real batches, and what the whole run would take."""

import itertools
import time
from dataclasses import dataclass
from statistics import median

from training.loop import Trainer
from training.memory_limit import memory_in_use

_NUM_STEPS = 4  # the first one compiles where that pays


@dataclass(frozen=True)
class Rehearsal:
    """What a run would be.

    Attributes:
        num_weights: numbers that learn.
        num_steps: optimizer steps at most; patience may end the run before.
        num_tokens: that are read in as many steps, about.
        unit: what a token is called.
        memory: bytes in use at the most.
        seconds: of as many steps and their validations, about.
    """

    num_weights: int
    num_steps: int
    num_tokens: int
    unit: str
    memory: int
    seconds: float

    def __str__(self) -> str:
        lines = (
            f"要练的参数 {self.num_weights:,} 个",
            f"最多 {self.num_steps:,} 步，约 {self.num_tokens:,} 个 {self.unit}",
            f"内存约 {self.memory / 2**30:.1f} GB",
            f"约需 {self.seconds / 60:.1f} 分钟",
        )
        return "\n".join(lines)


def rehearse(trainer: Trainer) -> Rehearsal:
    """Take a few steps of a run without saving anything; the trainer is spent afterwards.

    Raises:
        OutOfMemory: a batch does not fit; the message names the value that does.
    """
    learner, num_steps = trainer.learner, trainer.num_steps
    seconds = []
    for step, batches in itertools.islice(trainer.shares.steps(), _NUM_STEPS):
        begin = time.perf_counter()
        learner.update(batches, step, num_steps)
        seconds.append(time.perf_counter() - begin)
    usual = median(seconds[1:] or seconds)
    num_validations = 1 + sum(map(trainer.validation_due, range(1, num_steps + 1)))
    return Rehearsal(
        num_weights=sum(master.numel() for master in learner.optimizer.masters),
        num_steps=num_steps,
        num_tokens=trainer.task.num_tokens * trainer.config.epochs,
        unit=trainer.task.unit,
        memory=memory_in_use(),
        seconds=seconds[0] + usual * (num_steps - 1) + num_validations * _validation(trainer),
    )


def _validation(trainer: Trainer) -> float:
    """Return the seconds of a validation, by its first batch."""
    batches = trainer.task.held_out()
    first = next(batches)
    begin = time.perf_counter()
    trainer.learner.evaluate([first])
    return (time.perf_counter() - begin) * (1 + sum(1 for _ in batches))
