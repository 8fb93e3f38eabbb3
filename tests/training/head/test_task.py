"""The task: its loss by hand, dropout where it belongs, and what is shown and saved."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn
from torch.nn.functional import log_softmax

from chatbot.head_folder import load_head
from chatbot.models.head import BackboneWithHead
from training.collate import IGNORE
from training.dropout import Dropout
from training.head.backbone import load_pretrained
from training.head.batches import HeadBatch
from training.head.classification import ClassifierTask
from training.head.examples import Example, Split, split_examples
from training.state import Progress


@pytest.fixture
def make_task(gpt2_folder: str, quick_head: Callable[..., Any]) -> Callable[..., ClassifierTask]:
    """Make a task on a split; keywords change its configuration."""

    def make(split: Split, *, balance: bool = False, **changes: Any) -> ClassifierTask:
        backbone, tokenizer = load_pretrained(gpt2_folder)
        model = BackboneWithHead(backbone, len(split.labels))
        config = quick_head(**changes)
        return ClassifierTask(model, tokenizer, split, config, name="n", balance=balance)

    return make


@pytest.fixture
def split(examples: list[Example]) -> Split:
    return split_examples(examples[:30], share=0.2, seed=0)  # 27 of one label, 3 of the other


@pytest.mark.parametrize("balance", [False, True])
def test_the_loss_is_a_cross_entropy_on_logits(
    make_task: Callable[..., ClassifierTask], split: Split, balance: bool
) -> None:
    task = make_task(split, balance=balance)
    (batch,) = task.batches(0, 0, 1)
    logits = task.whole(*batch.inputs)
    picked = -log_softmax(logits, dim=1)[torch.arange(len(logits)), batch.labels]
    counts = torch.tensor([float(num) for _, num, _ in split.counts()])
    weights = counts.sum() / (2 * counts) if balance else torch.ones(2)
    expected = (picked * weights[batch.labels]).sum()
    torch.testing.assert_close(task.loss_sum(task.whole, batch), expected)


def test_the_loss_over_tokens_leaves_padding_out(
    make_task: Callable[..., ClassifierTask], split: Split
) -> None:
    task = make_task(split)
    logits = torch.randn(2, 3, 5)
    labels = torch.tensor([[4, 1, IGNORE], [0, IGNORE, IGNORE]])
    batch = HeadBatch((logits,), labels)
    chances = log_softmax(logits, dim=2)
    expected = -(chances[0, 0, 4] + chances[0, 1, 1] + chances[1, 0, 0])
    torch.testing.assert_close(task.loss_sum(nn.Identity(), batch), expected)
    assert batch.num_targets == 3


def test_dropout_is_set_everywhere_but_in_attention(
    make_task: Callable[..., ClassifierTask], split: Split
) -> None:
    task = make_task(split, dropout=0.25)
    found = {
        name: module.p for name, module in task.whole.named_modules() if isinstance(module, Dropout)
    }
    assert {p for name, p in found.items() if "attn_dropout" in name} == {0.0}
    assert {p for name, p in found.items() if "attn_dropout" not in name} == {0.25}


def test_an_epoch_holds_every_text_once(
    make_task: Callable[..., ClassifierTask], split: Split
) -> None:
    task = make_task(split)
    sizes = [batch.num_targets for batch in task.batches(0, 0, task.num_batches(0))]
    assert sum(sizes) == len(split.train) == task.num_tokens
    assert sum(batch.num_targets for batch in task.held_out()) == len(split.held_out)
    again = list(task.batches(0, 1, 3))
    for one, other in zip(again, task.batches(0, 1, 3), strict=True):
        assert torch.equal(one.inputs[0], other.inputs[0])


def test_samples_are_held_out_texts_with_their_labels(
    make_task: Callable[..., ClassifierTask], split: Split
) -> None:
    shown = make_task(split).samples()
    assert 0 < len(shown) <= 5
    labels = {item.text: item.label for item in split.held_out}
    for text, told in shown:
        assert told.endswith(f"%（标的是 {labels[text]}）")


def test_what_is_saved_is_the_whole_model(
    make_task: Callable[..., ClassifierTask], split: Split, tmp_path: Path
) -> None:
    task = make_task(split)
    task.save(tmp_path / "best", Progress(step=3, num_tokens=99), 0.51234)
    loaded = load_head(tmp_path / "best")
    assert (loaded.name, loaded.config.labels, loaded.config.max_length) == ("n", split.labels, 16)
    assert loaded.facts == {"steps": 3, "examples": 99, "held_out_loss": 0.5123}
    for name, weight in task.whole.state_dict().items():
        assert torch.equal(weight, loaded.model.state_dict()[name])
    assert task.describe(0.4321) == "交叉熵 0.432"
