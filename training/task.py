"""What a run learns: a dialogue model, a novelist or a head, behind one face for the loop."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol, Self

import torch
from torch import Tensor, nn

from training.state import Progress


class Batch(Protocol):
    """One forward pass of examples."""

    @property
    def num_targets(self) -> int:
        """What the loss is averaged over: tokens, characters or examples."""

    def to(self, device: torch.device) -> Self:
        """Return the batch on ``device``."""


class Task(Protocol):
    """A model, its data and how it is kept; the loop does the rest.

    Attributes:
        model: float32, on the CPU. The loop trains a copy and brings this one up to date before
            ``save`` and ``samples``.
        num_tokens: targets of one epoch, about: decides whether compiling pays.
        unit: what a target is called in a progress line.
    """

    model: nn.Module
    num_tokens: int
    unit: str

    def num_batches(self, epoch: int) -> int:
        """Return how many batches an epoch has."""

    def batches(self, epoch: int, begin: int, end: int) -> Iterator[Any]:
        """Yield batches ``[begin, end)`` of an epoch, the same ones for the same arguments."""

    def held_out(self) -> Iterator[Any]:
        """Yield the batches of the held-out data."""

    def loss_sum(self, model: Any, batch: Any) -> Tensor:
        """Return the summed loss of a batch in nats, a float32 scalar."""

    def describe(self, loss: float) -> str:
        """Say what a mean loss amounts to, in the task's own measure."""

    def save(self, folder: Path, progress: Progress, loss: float) -> None:
        """Write ``model`` as a checkpoint folder; ``loss`` is its held-out loss."""

    def samples(self) -> list[tuple[str, str]]:
        """Return (prompt, text) pairs that show where ``model`` stands; may be empty."""
