"""The linear layers of decoding, in three precisions, each a row at a time.

``float32`` is the reference. ``int8`` multiplies integers: weights with one scale an output
channel, activations with one scale a row, found as they come (as in LLM.int8, Dettmers et al.
2022, without its outliers). Integer sums are exact in any order, so a row's result does not depend
on the rows beside it; that is why the batch-wide activation scale of torch's own dynamic
quantisation is not used. Where the compiled kernels fit, they multiply (``native/``).
"""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn.functional import linear

from chatbot.decoding.native.kernels import Kernels, kernels
from chatbot.decoding.native.linear import NativeLinear
from chatbot.decoding.params import Precision

Linear = Callable[[Tensor], Tensor]

_LARGEST = 127.0
_TINY = 1e-12  # a row of zeros has scale zero, and 0 / 0 is no number


class Int8Linear:
    """``x Wᵀ + b`` with int8 weights: (N, in) float32 to (N, out) float32."""

    def __init__(self, weight: Tensor, bias: Tensor | None) -> None:
        """Quantise ``weight``, ``(out, in)``; a bias stays float32."""
        weight = weight.float()
        self.scale = weight.abs().amax(dim=1).clamp(min=_TINY) / _LARGEST  # (out,)
        self.weight = (weight / self.scale[:, None]).round().to(torch.int8).t()  # (in, out)
        self.bias = bias.float().clone() if bias is not None else None

    def __call__(self, x: Tensor) -> Tensor:
        largest = x.abs().amax(dim=1, keepdim=True)
        scale = largest.clamp_(min=_TINY).div_(_LARGEST)  # (N, 1)
        sums = torch._int_mm((x / scale).round_().to(torch.int8), self.weight)
        y = sums.float().mul_(scale)
        return y.mul_(self.scale) if self.bias is None else torch.addcmul(self.bias, y, self.scale)


class FloatLinear:
    """``x Wᵀ + b`` in a floating type: (N, in) float32 to (N, out) float32."""

    def __init__(self, weight: Tensor, bias: Tensor | None, dtype: torch.dtype) -> None:
        self.weight = weight.to(dtype).contiguous()
        self.bias = bias.to(dtype) if bias is not None else None

    def __call__(self, x: Tensor) -> Tensor:
        # A lone row in bfloat16 is summed in another order than one of several (oneDNN), and the
        # rounded result shows it; in float32 it does not, and two rows would cost much more.
        is_lone = len(x) == 1 and self.weight.dtype == torch.bfloat16
        rows = x.expand(2, -1) if is_lone else x
        return linear(rows.to(self.weight.dtype), self.weight, self.bias)[: len(x)].float()


def make_linear(
    weight: Tensor, bias: Tensor | None, precision: Precision, kernels: Kernels | None = None
) -> Linear:
    """Return the layer of a weight ``(out, in)`` in a precision that is not ``"auto"``.

    Args:
        kernels: for int8; ``None``: torch multiplies.
    """
    if precision == "int8":
        layer = Int8Linear(weight, bias)
        if kernels is None:
            return layer
        return NativeLinear(layer.weight.t(), layer.scale, layer.bias, kernels)
    return FloatLinear(weight, bias, getattr(torch, precision))


def pick_precision(precision: Precision, device: torch.device) -> Precision:
    """Return what ``"auto"`` stands for on a device: the fastest that its hardware is made for."""
    if precision != "auto":
        return precision
    if device.type == "cuda":
        return "bfloat16" if torch.cuda.is_bf16_supported(including_emulation=False) else "float32"
    # Without these instructions integers are multiplied one by one.
    has_vnni = kernels() is not None or torch.cpu._is_vnni_supported()
    return "int8" if has_vnni else "float32"
