"""Which weights of a backbone learn: ``FREEZE=none | embeddings | 1 … N | all | no_grad``.

none, 0      everything learns: full fine-tuning
embeddings   the embeddings stay
1 … N        the embeddings and the first so many layers stay
all          the whole backbone stays: ``requires_grad_(False)`` on each of its weights
no_grad      the whole backbone stays: it runs under ``torch.no_grad()``, its outputs are
             computed once, and what learns is the head alone
"""

from torch import nn

from chatbot.models.head import BackboneWithHead
from training.freezing import layers_of, lower_weights

__all__ = [
    "FINE_TUNING_RATE",
    "HEAD_ONLY",
    "HEAD_ONLY_RATE",
    "NO_GRAD",
    "freeze",
    "layers_of",
    "num_learning",
]

NO_GRAD = "no_grad"
HEAD_ONLY = ("all", NO_GRAD)  # ways in which nothing but the head learns
HEAD_ONLY_RATE, FINE_TUNING_RATE = 1e-2, 3e-4  # a new head may take larger steps


def freeze(model: BackboneWithHead, how: str) -> None:
    """Freeze a model's backbone as ``how`` says, whatever it was before.

    Raises:
        ConfigError: ``how`` is none of the above, or this backbone has fewer layers.
    """
    model.no_grad = how == NO_GRAD
    model.requires_grad_(True)
    if how not in ("none", "0", NO_GRAD):
        for weight in _frozen_weights(model.backbone, how):
            weight.requires_grad_(False)


def num_learning(model: BackboneWithHead) -> int:
    """Return how many numbers of a model learn."""
    part = model.head if model.no_grad else model
    return sum(weight.numel() for weight in part.parameters() if weight.requires_grad)


def _frozen_weights(backbone: nn.Module, how: str) -> list[nn.Parameter]:
    if how == "all":
        return list(backbone.parameters())
    return lower_weights(backbone, how, others="all、no_grad")
