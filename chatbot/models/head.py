"""A pretrained backbone under a new head.

    ids (B, T) → backbone → hidden states (B, T, H) → pooling → Linear(H, num_outputs) → logits

To classify a text, its hidden states are pooled to one vector: that of the last real token, or the
mean over the real ones. To generate, nothing is pooled: every token's vector goes through
``Linear(H, vocab_size)`` and its logits are about the next token.
"""

from contextlib import nullcontext
from typing import Any, Self

import torch
from torch import Tensor, nn

POOLINGS = ("last", "mean", "none")


class BackboneWithHead(nn.Module):
    """A backbone and a linear head.

    Attributes:
        backbone: anything of ``AutoModel`` that returns ``last_hidden_state``.
        head: ``Linear(H, num_outputs)``; its logits belong in a cross-entropy as they are, which
            does the softmax itself.
        no_grad: run the backbone under ``torch.no_grad``: nothing of it is kept for the backward
            pass, and nothing in it can learn.
    """

    def __init__(
        self,
        backbone: nn.Module,
        num_outputs: int,
        *,
        pooling: str = "last",
        bias: bool = True,
        no_grad: bool = False,
    ) -> None:
        """Put a new head on a backbone whose ``config.hidden_size`` is H."""
        super().__init__()
        assert pooling in POOLINGS
        self.backbone, self.pooling, self.no_grad = backbone, pooling, no_grad
        config: Any = backbone.config
        config.use_cache = False  # a text is read once
        self.head = nn.Linear(config.hidden_size, num_outputs, bias=bias)
        nn.init.normal_(self.head.weight, std=0.02)
        if bias:
            nn.init.zeros_(self.head.bias)

    def features(self, input_ids: Tensor, mask: Tensor) -> Tensor:
        """Return what the head reads: ``(B, H)``, or ``(B, T, H)`` without pooling.

        Args:
            input_ids: ``(B, T)``, padded on either side.
            mask: ``(B, T)``, true where the id is a real one; at least one in a row.
        """
        # Real tokens first: positions then count from 0 on whichever side the padding was.
        order = mask.logical_not().to(torch.uint8).argsort(dim=1, stable=True)  # (B, T)
        aligned = mask.gather(1, order)
        with torch.no_grad() if self.no_grad else nullcontext():
            hidden: Tensor = self.backbone(
                input_ids.gather(1, order), attention_mask=aligned.long()
            ).last_hidden_state  # (B, T, H)
        if self.pooling == "none":
            return hidden.gather(1, order.argsort(dim=1)[..., None].expand_as(hidden))
        lengths = aligned.sum(dim=1)  # (B,)
        if self.pooling == "last":
            return hidden[torch.arange(len(hidden), device=hidden.device), lengths - 1]
        return (hidden * aligned[..., None]).sum(dim=1) / lengths[:, None]

    def forward(self, input_ids: Tensor, mask: Tensor) -> Tensor:
        """Return logits: ``(B, num_outputs)``, or ``(B, T, num_outputs)`` without pooling."""
        logits: Tensor = self.head(self.features(input_ids, mask))
        return logits

    def train(self, mode: bool = True) -> Self:
        """Switch dropout on or off; in a backbone that is wholly frozen it stays off."""
        super().train(mode)
        if self.no_grad or not any(weight.requires_grad for weight in self.backbone.parameters()):
            self.backbone.eval()
        return self
