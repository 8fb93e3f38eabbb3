"""What sampling asks of whole rows of logits, answered by the kernels."""

import ctypes

import torch
from torch import Tensor

from chatbot.decoding.native.kernels import CLogits, Kernels
from chatbot.decoding.native.threads import num_threads


class NativeVocabulary:
    """``Vocabulary`` of ``decoding/vocabulary.py`` for float32 on the CPU."""

    def __init__(self, kernels: Kernels) -> None:
        self._kernels = kernels

    def largest(self, logits: Tensor, count: int) -> tuple[Tensor, Tensor]:
        """As ``Vocabulary``; of equal logits the lower id comes first."""
        assert 0 < count <= logits.shape[1], "there are as many"
        values = logits.new_empty((len(logits), count))
        ids = torch.empty((len(logits), count), dtype=torch.int64)
        self._kernels.library.kernels_largest(
            self._kernels.level,
            ctypes.byref(_handed(logits)),
            count,
            num_threads(),
            values.data_ptr(),
            ids.data_ptr(),
        )
        return values, ids

    def weight(self, logits: Tensor, peaks: Tensor, temperatures: Tensor) -> Tensor:
        """As ``Vocabulary``."""
        assert peaks.shape == temperatures.shape == (len(logits), 1), "one for each row"
        peaks, temperatures = peaks.contiguous(), temperatures.contiguous()
        totals = torch.empty_like(peaks)
        self._kernels.library.kernels_weight(
            self._kernels.level,
            ctypes.byref(_handed(logits)),
            peaks.data_ptr(),
            temperatures.data_ptr(),
            num_threads(),
            totals.data_ptr(),
        )
        return totals


def _handed(logits: Tensor) -> CLogits:
    assert logits.dtype == torch.float32, "they are floats"
    assert logits.stride(1) == 1, "those of a row lie together"
    return CLogits(logits.data_ptr(), len(logits), logits.shape[1], logits.stride(0))
