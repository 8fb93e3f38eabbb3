"""What sampling asks of whole rows of logits, whoever answers it."""

from typing import Protocol

from torch import Tensor


class Vocabulary(Protocol):
    """Work over all V logits of a row; no logit is NaN, and the largest of each row is finite."""

    def largest(self, logits: Tensor, count: int) -> tuple[Tensor, Tensor]:
        """Return the ``count`` largest of (N, V), largest first, and their ids: (N, count) each."""

    def weight(self, logits: Tensor, peaks: Tensor, temperatures: Tensor) -> Tensor:
        """Return Σ e^((logit - peak) / temperature) of each row, (N, 1), for (N, 1) of either."""


class TorchVocabulary:
    """In torch operations."""

    def largest(self, logits: Tensor, count: int) -> tuple[Tensor, Tensor]:
        """As ``Vocabulary``; equal logits come in any order."""
        found = logits.topk(count, dim=1)
        return found.values, found.indices

    def weight(self, logits: Tensor, peaks: Tensor, temperatures: Tensor) -> Tensor:
        """As ``Vocabulary``."""
        # Shifted first, so that nothing overflows.
        return ((logits - peaks) / temperatures).exp().sum(dim=1, keepdim=True)
