"""Dropout by few random numbers is dropout."""

import pytest
import torch
from torch import nn

from training.dropout import Dropout, set_dropout


def test_the_share_is_dropped_and_the_rest_keeps_the_mean() -> None:
    torch.manual_seed(0)
    dropped = Dropout(0.1)(torch.ones(400, 1000))
    zeros = (dropped == 0).float().mean().item()
    assert zeros == pytest.approx(0.1, abs=0.003)
    assert dropped.mean().item() == pytest.approx(1, abs=0.003)
    assert dropped.unique().tolist() == pytest.approx([0, 1 / 0.9], abs=1e-4)


def test_values_are_dropped_independently() -> None:
    torch.manual_seed(0)
    kept = (Dropout(0.5)(torch.ones(2000, 8)) > 0).double()
    correlations = torch.corrcoef(kept.T) - torch.eye(8)
    assert correlations.abs().max().item() < 0.1
    rows = torch.corrcoef((Dropout(0.5)(torch.ones(8, 2000)) > 0).double()) - torch.eye(8)
    assert rows.abs().max().item() < 0.1


@pytest.mark.parametrize("shape", [(1,), (5,), (3, 7), (2, 3, 5)])
def test_every_shape_and_type_comes_back(shape: tuple[int, ...]) -> None:
    values = torch.randn(shape, dtype=torch.bfloat16)
    dropped = Dropout(0.3)(values)
    assert (dropped.shape, dropped.dtype) == (values.shape, values.dtype)


def test_the_same_seed_drops_the_same_and_another_does_not() -> None:
    def drop(seed: int) -> torch.Tensor:
        torch.manual_seed(seed)
        values: torch.Tensor = Dropout(0.5)(torch.ones(100))
        return values

    assert torch.equal(drop(1), drop(1))
    assert not torch.equal(drop(1), drop(2))


def test_gradients_flow_through_what_was_kept() -> None:
    values = torch.ones(1000, requires_grad=True)
    dropped = Dropout(0.2)(values)
    dropped.sum().backward()
    assert values.grad is not None
    assert torch.equal(values.grad, dropped.detach())


def test_nothing_is_dropped_outside_of_training_or_without_a_share() -> None:
    values = torch.randn(50)
    assert torch.equal(Dropout(0.9).eval()(values), values)
    assert torch.equal(Dropout(0.0)(values), values)


def test_a_model_gets_it_everywhere_but_on_attention_weights() -> None:
    model = nn.ModuleDict({"attn": nn.ModuleDict({"attn_dropout": nn.Dropout(0.3)})})
    model["drop"] = nn.Sequential(nn.Linear(2, 2), nn.Dropout(0.3))
    set_dropout(model, 0.2)
    set_dropout(model, 0.1)
    found = {name: child.p for name, child in model.named_modules() if isinstance(child, Dropout)}
    assert found == {"attn.attn_dropout": 0.0, "drop.1": 0.1}
