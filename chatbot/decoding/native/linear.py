"""The int8 linear layer on the compiled kernels."""

import ctypes

import torch
from torch import Tensor

from chatbot.decoding.native.kernels import PANEL, CLinear, Kernels
from chatbot.decoding.native.threads import num_threads

MAX_WIDTH = 2**16


class NativeLinear:
    """``Int8Linear`` of ``decoding/linear.py``, with its weights packed for the kernels.

    Attributes:
        handle: for the kernels; good while this object lives.
    """

    def __init__(
        self, weight: Tensor, scale: Tensor, bias: Tensor | None, kernels: Kernels
    ) -> None:
        """Take over an int8 weight (out, in), with float32 scale and bias (out,)."""
        self.height, width = weight.shape
        assert width <= MAX_WIDTH, "32 bits hold every sum"
        self._kernels = kernels
        self._weight = _packed(weight)
        self._scale, self._bias = scale, bias
        self.handle = CLinear(
            self._weight.data_ptr(),
            self._scale.data_ptr(),
            None if self._bias is None else self._bias.data_ptr(),
            width,
            self.height,
        )

    def __call__(self, x: Tensor) -> Tensor:
        """Return (N, out) float32 for (N, in) float32."""
        assert x.shape[1] == self.handle.width, "a row is as wide as the weights"
        x = x.float().contiguous()
        y = x.new_empty((len(x), self.height))
        self._kernels.library.kernels_linear(
            self._kernels.level,
            ctypes.byref(self.handle),
            x.data_ptr(),
            len(x),
            num_threads(),
            y.data_ptr(),
        )
        return y


def _packed(weight: Tensor) -> Tensor:
    """Return int8 weights (out, in) as panels, see ``model.h``; what fills them up counts nothing."""
    height, width = weight.shape
    num_panels, fours = -(-height // PANEL), -(-width // 4)
    padded = torch.zeros((num_panels * PANEL, fours * 4), dtype=torch.uint8)
    padded[:height, :width] = (weight.short() + 128).to(torch.uint8)
    return padded.view(num_panels, PANEL, fours, 4).transpose(1, 2).contiguous()
