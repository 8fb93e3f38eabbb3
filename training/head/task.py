"""A head on a backbone as a task: the same loss whether it names a text's class or its next id."""

import copy
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import lru_cache, partial
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from chatbot.models.head import BackboneWithHead
from training.collate import IGNORE
from training.config import TrainConfig
from training.device import pick_device, pick_dtype
from training.dropout import set_dropout
from training.head.batches import HeadBatch, Texts, in_order, shuffled
from training.head.features import Features, compute_features
from training.state import Progress


class HeadTask(ABC):
    """A ``BackboneWithHead`` that learns; how it is saved is told by who derives from this.

    Attributes:
        whole: backbone and head. ``model``, what learns, is the same, or the head alone where
            the backbone runs under ``no_grad`` and its outputs are computed beforehand.
        config: to train with. A head alone is small and computes in float32.
    """

    model: nn.Module
    unit = "个"

    def __init__(
        self,
        whole: BackboneWithHead,
        train: Texts,
        held_out: Texts,
        config: TrainConfig,
        *,
        class_weights: Sequence[float] | None = None,
        features: Path | None = None,
    ) -> None:
        """Take a model over, its backbone frozen as it shall be.

        Args:
            class_weights: what a label's loss counts, ``(num_outputs,)``.
            features: a folder for the outputs of a backbone that runs under ``no_grad``.
        """
        _prepare(whole, config.dropout)
        self.whole, self.config = whole, config
        self.num_tokens = train.num_targets
        self._weights = None if class_weights is None else torch.tensor(class_weights)
        self._size = config.batch_rows
        self._train: Texts | Features = train
        self._held_out: Texts | Features = held_out
        self.model = whole
        if whole.no_grad and features is not None:
            self.model, self.config = whole.head, replace(config, precision="float32")
            self._size *= max(train.num_targets // len(train.lengths), 1)
            self._train, self._held_out = _computed(whole, train, held_out, config, features)
        order = partial(shuffled, self._train.lengths, self._size, seed=config.seed)
        self._order = lru_cache(maxsize=1)(lambda epoch: order(epoch=epoch))

    def num_batches(self, epoch: int) -> int:
        """Return how many batches an epoch has."""
        return len(self._order(epoch))

    def batches(self, epoch: int, begin: int, end: int) -> Iterator[HeadBatch]:
        """Yield batches ``[begin, end)`` of an epoch."""
        return map(self._train.batch, self._order(epoch)[begin:end])

    def held_out(self) -> Iterator[HeadBatch]:
        """Yield the batches of the held-out texts."""
        return map(self._held_out.batch, in_order(self._held_out.lengths, self._size))

    def loss_sum(self, model: nn.Module, batch: HeadBatch) -> Tensor:
        """Return the summed cross-entropy on the logits in nats, a float32 scalar."""
        logits: Tensor = model(*batch.inputs)  # (B, C) or (B, T, V)
        weights = None if self._weights is None else self._weights.to(logits.device)
        return cross_entropy(
            logits.flatten(0, -2).float(),
            batch.labels.flatten(),
            weight=weights,
            ignore_index=IGNORE,
            reduction="sum",
        )

    def describe(self, loss: float) -> str:
        """Return the mean cross-entropy in words."""
        return f"交叉熵 {loss:.3f}"

    @abstractmethod
    def save(self, folder: Path, progress: Progress, loss: float) -> None:
        """Write the whole model as a folder."""

    @abstractmethod
    def samples(self) -> list[tuple[str, str]]:
        """Return held-out texts, or openers, with what the model makes of them."""


def _prepare(model: BackboneWithHead, dropout: float) -> None:
    """Set dropout, none on attention weights, and the attention that is fast backwards on a CPU."""
    model.float()
    model.backbone.set_attn_implementation("eager")  # type: ignore[operator]
    set_dropout(model, dropout)


def _computed(
    model: BackboneWithHead, train: Texts, held_out: Texts, config: TrainConfig, folder: Path
) -> tuple[Features, Features]:
    """Return the backbone's outputs for both sides, computed where and as training would."""
    device = pick_device()
    twin = copy.deepcopy(model).to(device, pick_dtype(config.precision, device))
    compute = partial(compute_features, twin, size=config.batch_rows)
    return (
        compute(train, folder / "train.npy", told="骨干读一遍训练集"),
        compute(held_out, folder / "held_out.npy", told="骨干读一遍留出集"),
    )
