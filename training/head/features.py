"""What a frozen backbone makes of texts, computed once: then a head trains in seconds."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.lib.format import open_memmap
from numpy.typing import NDArray
from rich.progress import track
from torch import Tensor

from chatbot.models.head import BackboneWithHead
from training.collate import IGNORE
from training.head.batches import HeadBatch, Texts, in_order


class Features:
    """One vector for every target, in a memory-mapped file, with the target beside it."""

    def __init__(self, vectors: NDArray[np.float32], labels: Tensor) -> None:
        """Take over vectors ``(N, H)`` and their labels ``(N,)``."""
        self._vectors, self._labels = vectors, labels
        self.lengths = [1] * len(labels)

    def batch(self, places: Sequence[int]) -> HeadBatch:
        """Return the targets at these places, to be called as ``head(vectors)``."""
        vectors = torch.from_numpy(self._vectors[list(places)])
        return HeadBatch((vectors,), self._labels[list(places)])


@torch.inference_mode()
def compute_features(
    model: BackboneWithHead, texts: Texts, path: Path, *, size: int, told: str
) -> Features:
    """Run the backbone over all texts and keep what the head would read.

    Args:
        path: the file to write, float32 ``(N, H)``; N is the number of texts, or of their labels
            where every token has one.
        size: texts in one pass.
        told: what the progress line says.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    model.eval()
    device = model.head.weight.device
    shape = (texts.num_targets, model.head.in_features)
    vectors = open_memmap(path, mode="w+", dtype=np.float32, shape=shape)
    labels: list[Tensor] = []
    place = 0
    for places in track(list(in_order(texts.lengths, size)), description=told):
        batch = texts.batch(places)
        counts = batch.labels != IGNORE
        features = model.features(*batch.to(device).inputs)[counts.to(device)]
        vectors[place : place + len(features)] = features.float().cpu().numpy()
        place += len(features)
        labels.append(batch.labels[counts])
    vectors.flush()
    return Features(open_memmap(path, mode="r"), torch.cat(labels))
