"""Which weights of a pretrained model learn and which stay as they are, to the bit."""

import copy

from torch import nn
from transformers import GPT2LMHeadModel

from training.errors import ConfigError

ALL_BUT_HEAD = "all-but-head"


def freeze_language_model(model: GPT2LMHeadModel, how: str) -> None:
    """Freeze a dialogue model: ``FREEZE=none | embeddings | 1 … N | all-but-head``.

    A GPT-2's head shares the embeddings' weights and so stays with them; for ``all-but-head`` it
    becomes a copy of its own, which learns alone.

    Raises:
        ConfigError: ``how`` is none of the above, or the model has fewer layers.
    """
    model.requires_grad_(True)
    if how == ALL_BUT_HEAD:
        model.lm_head.weight = nn.Parameter(copy.deepcopy(model.lm_head.weight.detach()))
        model.config.tie_word_embeddings = False
        model.transformer.requires_grad_(False)
    elif how not in ("none", "0"):
        for weight in lower_weights(model.transformer, how, others=ALL_BUT_HEAD):
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


def lower_weights(backbone: nn.Module, how: str, *, others: str) -> list[nn.Parameter]:
    """Return the weights of the ``embeddings``, or of them and the first ``how`` layers.

    Args:
        others: what else may be chosen, for the message.

    Raises:
        ConfigError: ``how`` is neither, or the model has fewer layers.
    """
    weights = list(backbone.parameters())
    layers = layers_of(backbone)
    if how != "embeddings" and not (how.isdecimal() and 1 <= int(how) <= len(layers)):
        allowed = f"none、embeddings、1 到 {len(layers)}、{others}"
        raise ConfigError(f"FREEZE={how} 不可用；这个模型可用的是 {allowed}")
    count = 0 if how == "embeddings" else int(how)
    # Weights come in the order in which a text meets them: embeddings, layers, what follows.
    place = {id(weight): number for number, weight in enumerate(weights)}
    if count == len(layers):
        return weights[: 1 + max(place[id(weight)] for weight in layers.parameters())]
    return weights[: min(place[id(weight)] for weight in layers[count].parameters())]
