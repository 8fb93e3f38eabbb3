"""A text's ids as windows: what the model reads, and one character on, what it should say."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from training.collate import IGNORE
from training.errors import ConfigError


@dataclass(frozen=True)
class WindowBatch:
    """Windows; both tensors are (B, T) int64.

    Attributes:
        input_ids: ids.
        labels: the id after each, ``IGNORE`` where there is none.
    """

    input_ids: Tensor
    labels: Tensor

    @property
    def num_targets(self) -> int:
        """Labels that count."""
        return int((self.labels != IGNORE).sum())

    def to(self, device: torch.device) -> "WindowBatch":
        """Return the batch on ``device``."""
        return WindowBatch(self.input_ids.to(device), self.labels.to(device))


class Windows:
    """The windows of one text; every batch has the shape (``num_rows``, ``length``).

    Attributes:
        num_targets: ids that have one before them.
    """

    def __init__(self, ids: Sequence[int], *, length: int, num_rows: int) -> None:
        self._ids = np.array(ids, np.int64)
        self._length, self._num_rows = length, num_rows
        self.num_targets = len(ids) - 1

    def in_order(self) -> Iterator[WindowBatch]:
        """Yield the text from end to end, each of its targets once."""
        starts = np.arange(0, self.num_targets, self._length)
        num_rows = -(-len(starts) // self._num_rows) * self._num_rows
        beyond = np.full(num_rows - len(starts), self.num_targets)
        for chosen in np.concatenate([starts, beyond]).reshape(-1, self._num_rows):
            yield self.batch(chosen)

    def shuffled(self, epoch: int, *, seed: int) -> NDArray[np.int64]:
        """Return where an epoch's windows begin, (num_batches, num_rows).

        They lie side by side from a random offset on and are taken in random order; the last
        batch is filled up with those of the first. The same arguments give the same windows.

        Raises:
            ConfigError: the text is shorter than two windows.
        """
        num_windows = self.num_targets // self._length - 1
        if num_windows < 1:
            raise ConfigError(
                f"窗口长 {self._length}，文字只有 {self.num_targets + 1} 个字；请用小一些的 --window"
            )
        rng = np.random.default_rng((seed, epoch))
        offset = rng.integers(self.num_targets - num_windows * self._length + 1)
        starts = offset + self._length * rng.permutation(num_windows)
        num_batches = -(-num_windows // self._num_rows)
        return np.resize(starts, (num_batches, self._num_rows))

    def batch(self, starts: NDArray[np.int64]) -> WindowBatch:
        """Return the windows that begin at ``starts``, (num_rows,)."""
        places = starts[:, np.newaxis] + np.arange(self._length)  # (B, T)
        is_inside = places < self.num_targets
        places = np.minimum(places, self.num_targets - 1)
        labels = np.where(is_inside, self._ids[places + 1], IGNORE)
        return WindowBatch(torch.from_numpy(self._ids[places]), torch.from_numpy(labels))
