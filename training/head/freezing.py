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
from training.errors import ConfigError

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


def layers_of(backbone: nn.Module) -> nn.ModuleList:
    """Return a backbone's layers, first to last.

    Raises:
        ConfigError: they are not kept as one list, so they cannot be counted.
    """
    num_layers = backbone.config.num_hidden_layers  # type: ignore[union-attr]
    for module in backbone.modules():
        if isinstance(module, nn.ModuleList) and len(module) == num_layers:
            return module
    raise ConfigError("这种模型的层没有排成一列，数不出前几层；FREEZE= 请用 none、all 或 no_grad")


def num_learning(model: BackboneWithHead) -> int:
    """Return how many numbers of a model learn."""
    part = model.head if model.no_grad else model
    return sum(weight.numel() for weight in part.parameters() if weight.requires_grad)


def _frozen_weights(backbone: nn.Module, how: str) -> list[nn.Parameter]:
    weights = list(backbone.parameters())
    if how == "all":
        return weights
    layers = layers_of(backbone)
    if how != "embeddings" and not (how.isdecimal() and 1 <= int(how) <= len(layers)):
        allowed = f"none、embeddings、1 到 {len(layers)}、all、no_grad"
        raise ConfigError(f"FREEZE={how} 不可用；这个模型可用的是 {allowed}")
    count = 0 if how == "embeddings" else int(how)
    # Weights come in the order in which a text meets them: embeddings, layers, what follows.
    place = {id(weight): number for number, weight in enumerate(weights)}
    if count == len(layers):
        return weights[: 1 + max(place[id(weight)] for weight in layers.parameters())]
    return weights[: min(place[id(weight)] for weight in layers[count].parameters())]
