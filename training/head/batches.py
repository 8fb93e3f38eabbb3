"""Texts as batches for a head, the same ones for the same seed and epoch."""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from training.collate import IGNORE, collate

_ALIKE = 20  # batches whose texts are sorted by length together
_MULTIPLE = 8  # rows are padded to one of it


@dataclass(frozen=True)
class HeadBatch:
    """What a model is called with, and what it should say.

    Attributes:
        inputs: ids and mask ``(B, T)`` for the whole model, or features ``(B, H)`` for a head.
        labels: classes ``(B,)``, or the next ids ``(B, T)`` with ``IGNORE`` where there is none.
    """

    inputs: tuple[Tensor, ...]
    labels: Tensor

    @property
    def num_targets(self) -> int:
        """Labels that count."""
        return int((self.labels != IGNORE).sum())

    def to(self, device: torch.device) -> "HeadBatch":
        """Return the batch on ``device``."""
        return HeadBatch(tuple(part.to(device) for part in self.inputs), self.labels.to(device))


class Texts:
    """Encoded texts with their classes; without classes, each id's label is the next one."""

    def __init__(
        self, ids: Sequence[Sequence[int]], classes: Sequence[int] | None, *, padding: int
    ) -> None:
        self._ids, self._classes, self._padding = ids, classes, padding
        self.lengths = [len(row) for row in ids]

    @property
    def num_targets(self) -> int:
        """Labels in all."""
        return sum(self.lengths) - len(self.lengths) if self._classes is None else len(self._ids)

    def batch(self, places: Sequence[int]) -> HeadBatch:
        """Return the texts at these places, padded on the right to a multiple of 8."""
        rows = [[np.asarray(self._ids[place])] for place in places]
        length = -(-max(self.lengths[place] for place in places) // _MULTIPLE) * _MULTIPLE
        packed = collate(rows, pad_id=self._padding, row_length=length)
        labels = packed.labels
        if self._classes is not None:
            labels = torch.tensor([self._classes[place] for place in places])
        return HeadBatch((packed.input_ids, packed.segment_ids > 0), labels)


def in_order(lengths: Sequence[int], size: int) -> Iterator[list[int]]:
    """Yield the places of all items, shortest first, ``size`` at a time."""
    yield from _chunks(sorted(range(len(lengths)), key=lengths.__getitem__), size)


def shuffled(lengths: Sequence[int], size: int, *, seed: int, epoch: int) -> list[list[int]]:
    """Return the places of every batch of an epoch: shuffled, but of like lengths in a batch."""
    chance = random.Random(f"{seed} {epoch}")
    order = list(range(len(lengths)))
    chance.shuffle(order)
    batches: list[list[int]] = []
    for pool in _chunks(order, size * _ALIKE):
        batches += _chunks(sorted(pool, key=lengths.__getitem__), size)
    chance.shuffle(batches)
    return batches


def _chunks(items: list[int], size: int) -> Iterator[list[int]]:
    for begin in range(0, len(items), size):
        yield items[begin : begin + size]
