"""Which batches fall to this process: of every step, and of the held-out data."""

import itertools
import math
from collections.abc import Iterator

from training.config import TrainConfig
from training.parallel import current_world
from training.sharding import blank
from training.task import Batch, Task


class Shares:
    """A task's batches, divided among the processes that train together.

    Sharded processes compute together: who has nothing left gets blank batches, without targets.

    Attributes:
        epoch_ends: the optimizer steps after which an epoch is over.
    """

    def __init__(self, task: Task, config: TrainConfig) -> None:
        self._task, self._world = task, current_world()
        self._fills_up = config.sharding == "fsdp"
        self._size = config.accumulate * self._world.size  # batches of a step, of all processes
        steps = [math.ceil(task.num_batches(epoch) / self._size) for epoch in range(config.epochs)]
        self.epoch_ends = list(itertools.accumulate(steps))

    def steps(self, done: int = 0) -> Iterator[tuple[int, list[Batch]]]:
        """Yield (step, this process' micro-batches) from step ``done`` to the end of the run."""
        for epoch, (begin, end) in enumerate(itertools.pairwise([0, *self.epoch_ends])):
            for step in range(max(begin, done), end):
                first = (step - begin) * self._size
                places = range(first + self._world.rank, first + self._size, self._world.size)
                yield step, [batch for place in places for batch in self._at(epoch, place, first)]

    def held_out(self) -> Iterator[Batch]:
        """Yield this process' batches of the held-out data."""
        batches = self._task.held_out()
        while group := list(itertools.islice(batches, self._world.size)):
            if self._world.rank < len(group):
                yield group[self._world.rank]
            elif self._fills_up:
                yield blank(group[0])

    def _at(self, epoch: int, place: int, first: int) -> list[Batch]:
        """Return the batch at a place; beyond the epoch's end none, or a blank of the first."""
        found = list(self._task.batches(epoch, place, place + 1))
        if found or not self._fills_up:
            return found
        return [blank(batch) for batch in self._task.batches(epoch, first, first + 1)]
