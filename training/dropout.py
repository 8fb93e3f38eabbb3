"""Dropout that costs a CPU little.

PyTorch draws a random number for each value; where the model is small that takes a sixth of a
training step. Sixteen bits a value are enough, so four come out of each number that is drawn.
"""

import torch
from torch import Tensor, nn
from torch.nn.functional import dropout

_STEPS = 1 << 16  # what 16 bits tell apart


class Dropout(nn.Module):
    """Set a share ``p`` of the values to 0 while training and scale up the rest.

    Srivastava et al. 2014, "Dropout". On a CPU the share is a multiple of 1/65536.
    """

    def __init__(self, p: float) -> None:
        super().__init__()
        self.p = p

    def forward(self, values: Tensor) -> Tensor:
        """Return values (…) of the same shape."""
        if not self.training or not self.p:
            return values
        if values.is_cuda:
            return dropout(values, self.p)
        dropped = round(self.p * _STEPS)
        count = values.numel()
        drawn = torch.randint(-(1 << 63), (1 << 63) - 1, (-(-count // 4),))
        is_kept = drawn.view(torch.int16)[:count].view(values.shape) >= dropped - _STEPS // 2
        return torch.where(is_kept, values * (_STEPS / (_STEPS - dropped)), 0.0)


def set_dropout(model: nn.Module, p: float) -> None:
    """Set dropout of embeddings and residuals; none on attention weights.

    There are heads * T of those to a position: drawing that many random numbers nearly doubles
    the time of a step on a CPU.
    """
    for parent in list(model.modules()):
        for name, child in list(parent.named_children()):
            if isinstance(child, (nn.Dropout, Dropout)):
                setattr(parent, name, Dropout(0.0 if name == "attn_dropout" else p))
