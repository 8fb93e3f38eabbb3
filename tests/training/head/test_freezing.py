"""Freezing: what learns, that what does not stays to the bit, and that both ways agree."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from chatbot.models.head import BackboneWithHead
from training.errors import ConfigError
from training.head.backbone import load_pretrained
from training.head.classification import ClassifierTask
from training.head.examples import Example, split_examples
from training.head.freezing import freeze, layers_of, num_learning
from training.learner import Learner

KINDS = ("gpt2", "bert")


def make(folder: Path, how: str) -> tuple[BackboneWithHead, Any]:
    torch.manual_seed(0)
    backbone, tokenizer = load_pretrained(str(folder))
    model = BackboneWithHead(backbone, 2)
    freeze(model, how)
    return model, tokenizer


def learning(model: BackboneWithHead) -> set[str]:
    return {name for name, weight in model.named_parameters() if weight.requires_grad}


@pytest.mark.parametrize("kind", KINDS)
def test_layers_freeze_from_the_bottom(pretrained: dict[str, Path], kind: str) -> None:
    everything = learning(make(pretrained[kind], "none")[0])
    assert learning(make(pretrained[kind], "0")[0]) == everything
    embeddings = {
        name for name in everything if "embeddings" in name or ".wte" in name or ".wpe" in name
    }
    assert len(embeddings) >= 2
    layer = "backbone.h.{}." if kind == "gpt2" else "backbone.encoder.layer.{}."
    frozen = set(embeddings)
    assert learning(make(pretrained[kind], "embeddings")[0]) == everything - frozen
    for count in (1, 2, 3):
        frozen |= {name for name in everything if name.startswith(layer.format(count - 1))}
        assert learning(make(pretrained[kind], str(count))[0]) == everything - frozen
    assert learning(make(pretrained[kind], "all")[0]) == {"head.weight", "head.bias"}


@pytest.mark.parametrize("how", ["4", "-1", "1.5", "half", "", "²"])
def test_what_cannot_be_frozen_is_told(pretrained: dict[str, Path], how: str) -> None:
    with pytest.raises(ConfigError, match="embeddings、1 到 3、all、no_grad"):
        make(pretrained["gpt2"], how)


def test_layers_that_are_no_list_cannot_be_counted(pretrained: dict[str, Path]) -> None:
    model, _ = make(pretrained["gpt2"], "none")
    model.backbone.config.n_layer = 7
    with pytest.raises(ConfigError, match="none、all 或 no_grad"):
        freeze(model, "1")
    freeze(model, "all")
    freeze(model, "no_grad")


def test_freezing_anew_forgets_the_old(pretrained: dict[str, Path]) -> None:
    model, _ = make(pretrained["gpt2"], "all")
    assert num_learning(model) == 2 * 32 + 2
    freeze(model, "no_grad")
    assert num_learning(model) == 2 * 32 + 2
    freeze(model, "none")
    assert not model.no_grad
    assert num_learning(model) == sum(weight.numel() for weight in model.parameters())


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("how", ["no_grad", "cached", "all", "2", "embeddings"])
def test_what_is_frozen_does_not_move_by_a_bit(
    pretrained: dict[str, Path],
    examples: list[Example],
    quick_head: Callable[..., Any],
    tmp_path: Path,
    kind: str,
    how: str,
) -> None:
    model, tokenizer = make(pretrained[kind], "no_grad" if how == "cached" else how)
    before = {name: weight.detach().clone() for name, weight in model.named_parameters()}
    split = split_examples(examples, share=0.2, seed=0)
    features = tmp_path if how == "cached" else None
    config = quick_head(precision="bfloat16", weight_decay=0.5)
    task = ClassifierTask(
        model, tokenizer, split, config, name="n", balance=True, features=features
    )
    learner = Learner(task.model, task.loss_sum, task.config, num_tokens=0)
    for step, batch in enumerate(task.batches(0, 0, 4)):
        learner.update([batch], step, 4)
    learner.refresh()
    free = {"head.weight", "head.bias"} if model.no_grad else learning(model)
    for name, weight in model.named_parameters():
        moved = not torch.equal(weight, before[name])
        assert moved == (name in free), name


@pytest.mark.parametrize("kind", KINDS)
def test_both_ways_give_the_head_the_same_gradient(
    pretrained: dict[str, Path],
    examples: list[Example],
    quick_head: Callable[..., Any],
    tmp_path: Path,
    kind: str,
) -> None:
    split = split_examples(examples, share=0.2, seed=0)
    gradients, losses = [], []
    for how, features in (("no_grad", None), ("all", None), ("none", None), ("no_grad", tmp_path)):
        model, tokenizer = make(pretrained[kind], how)
        task = ClassifierTask(
            model, tokenizer, split, quick_head(), name="n", balance=True, features=features
        )
        task.model.train()
        loss = sum(task.loss_sum(task.model, batch) for batch in task.batches(0, 0, 99))
        assert isinstance(loss, torch.Tensor)
        loss.backward()
        losses.append(loss.detach())
        gradients.append(model.head.weight.grad)
    for loss, gradient in zip(losses[1:], gradients[1:], strict=True):
        torch.testing.assert_close(loss, losses[0])
        torch.testing.assert_close(gradient, gradients[0], atol=1e-4, rtol=1e-4)


def test_the_layers_are_found(pretrained: dict[str, Path]) -> None:
    for kind in KINDS:
        backbone, _ = load_pretrained(str(pretrained[kind]))
        assert len(layers_of(backbone)) == 3
