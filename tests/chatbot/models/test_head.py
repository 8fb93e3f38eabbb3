"""A head on a backbone: pooling by hand, padding on either side, and what learns."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from transformers import BertConfig, BertModel, GPT2Config, GPT2Model

from chatbot.models.head import POOLINGS, BackboneWithHead

SIZE = 16
ROWS = ([5, 6, 7, 8, 9], [5, 6], [9])


def gpt2(dropout: float = 0.0) -> nn.Module:
    config = GPT2Config(vocab_size=20, n_positions=32, n_embd=SIZE, n_layer=2, n_head=2)
    config.resid_pdrop = config.embd_pdrop = config.attn_pdrop = dropout
    config.initializer_range = 0.5
    return GPT2Model(config).eval()


def bert() -> nn.Module:
    config = BertConfig(
        vocab_size=20,
        hidden_size=SIZE,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=32,
        max_position_embeddings=32,
        initializer_range=0.5,
    )
    return BertModel(config, add_pooling_layer=False).eval()


def padded(side: str, length: int) -> tuple[Tensor, Tensor]:
    """The rows, filled up with an id that also occurs in them, on one side."""
    ids, mask = torch.full((len(ROWS), length), 5), torch.zeros(len(ROWS), length, dtype=torch.bool)
    for row, tokens in enumerate(ROWS):
        begin = 0 if side == "right" else length - len(tokens)
        ids[row, begin : begin + len(tokens)] = torch.tensor(tokens)
        mask[row, begin : begin + len(tokens)] = True
    return ids, mask


@pytest.fixture(autouse=True)
def _seeded() -> None:
    torch.manual_seed(0)


@pytest.mark.parametrize("make", [gpt2, bert])
@pytest.mark.parametrize("pooling", POOLINGS)
def test_padding_changes_nothing_on_either_side(
    make: Callable[[], nn.Module], pooling: str
) -> None:
    model = BackboneWithHead(make(), 3, pooling=pooling).eval()
    alone = [model(torch.tensor([row]), torch.ones(1, len(row)).bool())[0] for row in ROWS]
    for side, length in (("right", 5), ("right", 11), ("left", 5), ("left", 11)):
        ids, mask = padded(side, length)
        logits = model(ids, mask)
        for row, expected in enumerate(alone):
            found = logits[row][mask[row]] if pooling == "none" else logits[row]
            torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("pooling", ["last", "mean"])
def test_pooling_is_what_it_says(pooling: str) -> None:
    backbone = gpt2()
    model = BackboneWithHead(backbone, 3, pooling=pooling)
    features = model.features(*padded("left", 7))
    for row, tokens in enumerate(ROWS):
        hidden = backbone(torch.tensor([tokens])).last_hidden_state[0]
        expected = hidden[-1] if pooling == "last" else hidden.mean(dim=0)
        torch.testing.assert_close(features[row], expected, atol=1e-5, rtol=1e-5)
    assert model(*padded("left", 7)).shape == (3, 3)


def test_without_pooling_every_token_has_logits() -> None:
    model = BackboneWithHead(gpt2(), 20, pooling="none", bias=False)
    assert model(*padded("right", 6)).shape == (3, 6, 20)
    assert model.head.bias is None


def test_under_no_grad_only_the_head_gets_a_gradient() -> None:
    model = BackboneWithHead(gpt2(), 3, no_grad=True)
    model(*padded("right", 5)).sum().backward()
    assert model.head.weight.grad is not None
    assert all(weight.grad is None for weight in model.backbone.parameters())


@pytest.mark.parametrize("how", ["no_grad", "frozen"])
def test_dropout_stays_off_in_a_backbone_that_does_not_learn(how: str) -> None:
    inputs = padded("right", 5)
    learning = BackboneWithHead(gpt2(dropout=0.5), 3).train()
    assert not torch.equal(learning(*inputs), learning(*inputs))
    model = BackboneWithHead(gpt2(dropout=0.5), 3, no_grad=how == "no_grad")
    if how == "frozen":
        model.backbone.requires_grad_(False)
    model.train()
    assert model.training
    assert torch.equal(model(*inputs), model(*inputs))
