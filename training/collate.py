"""Rows of dialogues -> tensors. The one place where labels are shifted."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

IGNORE = -100
LOSS_ON = ("all", "bot", "last")


@dataclass(frozen=True)
class Batch:
    """A packed batch; everything is (B, T) int64.

    Attributes:
        input_ids: ids, padded with ``pad_id``.
        labels: the next id of the same dialogue, ``IGNORE`` where there is none.
        position_ids: 0, 1, … anew for each dialogue.
        segment_ids: 1, 2, … for the dialogues of a row, 0 for padding.
    """

    input_ids: Tensor
    labels: Tensor
    position_ids: Tensor
    segment_ids: Tensor

    @property
    def num_targets(self) -> int:
        """Labels that count."""
        return int((self.labels != IGNORE).sum())

    def to(self, device: torch.device) -> "Batch":
        """Return the batch on ``device``."""
        return Batch(*(tensor.to(device, non_blocking=True) for tensor in vars(self).values()))


def collate(
    rows: Sequence[Sequence[NDArray[np.integer[Any]]]],
    *,
    pad_id: int,
    row_length: int,
    num_rows: int | None = None,
    loss_on: str = "all",
    sep_id: int | None = None,
    contexts: Sequence[Sequence[int]] | None = None,
) -> Batch:
    """Pad rows to ``row_length`` (and the batch to ``num_rows``) and shift the labels by one.

    Label t is id t + 1 of the same dialogue, so a model's logits are compared with ``labels`` as
    they stand: never hand these to a model that shifts again.

    Args:
        loss_on: the labels that count: "all", those of the bot's utterances ("bot", the even
            ones), or those of the last utterance ("last").
        sep_id: closes an utterance; needed unless all labels count.
        contexts: for each dialogue, how many ids at its beginning are read but no labels.
    """
    shape = (num_rows or len(rows), row_length)
    input_ids = np.full(shape, pad_id, np.int64)
    labels = np.full(shape, IGNORE, np.int64)
    position_ids = np.zeros(shape, np.int64)
    segment_ids = np.zeros(shape, np.int64)
    for r, row in enumerate(rows):
        start = 0
        for segment, ids in enumerate(row, start=1):
            stop = start + len(ids)
            input_ids[r, start:stop] = ids
            counts = _counts(ids, loss_on, sep_id)
            if contexts is not None:
                counts[: max(contexts[r][segment - 1] - 1, 0)] = False
            labels[r, start : stop - 1] = np.where(counts, ids[1:].astype(np.int64), IGNORE)
            position_ids[r, start:stop] = np.arange(len(ids))
            segment_ids[r, start:stop] = segment
            start = stop
    arrays = (input_ids, labels, position_ids, segment_ids)
    return Batch(*(torch.from_numpy(array) for array in arrays))


def _counts(ids: NDArray[np.integer[Any]], loss_on: str, sep_id: int | None) -> NDArray[np.bool_]:
    """Return which of a dialogue's labels count, ``(len(ids) - 1,)``."""
    if loss_on == "all":
        return np.ones(len(ids) - 1, np.bool_)
    assert sep_id is not None, "the ends of utterances must be known"
    utterance = np.cumsum(ids[:-1] == sep_id)  # of each label
    chosen: NDArray[np.bool_] = (
        utterance % 2 == 1 if loss_on == "bot" else utterance == utterance[-1:]
    )
    return chosen


def attention_mask(segment_ids: Tensor, dtype: torch.dtype) -> Tensor:
    """Return the additive mask (B, 1, T, T): causal, and within one dialogue only."""
    length = segment_ids.shape[1]
    same = segment_ids[:, :, None] == segment_ids[:, None, :]  # (B, T, T)
    causal = torch.ones(length, length, dtype=torch.bool, device=segment_ids.device).tril()
    blocked = torch.finfo(dtype).min
    zero = torch.zeros((), dtype=dtype, device=segment_ids.device)
    return torch.where(same & causal, zero, blocked)[:, None]
