"""Int8 layers: near the float ones, exact in integers, and independent of their neighbours."""

import pytest
import torch
from torch import nn
from transformers.pytorch_utils import Conv1D

from chatbot.models.int8 import Int8Embedding, Int8Linear, quantise


@pytest.fixture(autouse=True)
def _seeded() -> None:
    torch.manual_seed(0)


@pytest.mark.parametrize("num_rows", [1, 2, 17])
def test_a_linear_layer_is_near_the_float_one(num_rows: int) -> None:
    layer = nn.Linear(40, 24)
    with torch.no_grad():
        layer.weight[3] *= 100  # a row of its own scale
    inputs = torch.randn(num_rows, 40)
    expected, found = layer(inputs), Int8Linear(layer.weight, layer.bias)(inputs)
    assert found.shape == expected.shape
    error = (found - expected).abs() / layer.weight.detach().norm(dim=1)
    assert error.max() < 0.1 * inputs.norm(dim=1).max() / 40**0.5


def test_what_fits_into_int8_is_exact() -> None:
    weight = torch.randint(-127, 128, (8, 16)).float()
    weight[:, 0] = 127
    inputs = torch.randint(-127, 128, (3, 16)).float()
    inputs[:, 0] = 127
    assert torch.equal(Int8Linear(weight, None)(inputs), inputs @ weight.T)


def test_a_row_does_not_depend_on_its_neighbours() -> None:
    layer = Int8Linear(torch.randn(24, 40), torch.randn(24))
    inputs = torch.randn(2, 5, 40)
    inputs[1] *= 1000
    assert torch.equal(layer(inputs)[0], layer(inputs[:1])[0])


def test_a_row_of_zeros_is_no_division_by_zero() -> None:
    layer = Int8Linear(torch.zeros(4, 8), None)
    assert torch.equal(layer(torch.zeros(2, 8)), torch.zeros(2, 4))


def test_an_embedding_has_a_scale_a_row() -> None:
    table = torch.randn(10, 8)
    table[7] *= 1000
    rows = Int8Embedding(table)(torch.tensor([[7, 0]]))
    assert rows.shape == (1, 2, 8)
    allowed = table[[7, 0]].abs().amax(dim=1, keepdim=True) / 254 * 1.001
    assert ((rows[0] - table[[7, 0]]).abs() <= allowed).all()


def test_everything_within_a_model_is_quantised() -> None:
    model = nn.ModuleDict(
        {
            "inner": nn.Sequential(nn.Linear(8, 8), nn.LayerNorm(8)),
            "conv": Conv1D(4, 8),
            "table": nn.Embedding(5, 8),
        }
    )
    conv = model["conv"]
    inputs = torch.randn(3, 8)
    expected = conv(inputs)
    quantise(model)
    kinds = [type(module).__name__ for module in model.modules()]
    assert kinds.count("Int8Linear") == 2
    assert kinds.count("Int8Embedding") == 1
    assert kinds.count("LayerNorm") == 1
    assert isinstance(model["conv"], Int8Linear)
    torch.testing.assert_close(model["conv"](inputs), expected, atol=0.02, rtol=0.05)
    assert not list(model["inner"][0].parameters())
