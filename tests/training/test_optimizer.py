"""AdamW over float32 masters, and the learning-rate schedule."""

import math
from collections.abc import Callable

import pytest
import torch
from torch import nn

from training.config import TrainConfig
from training.optimizer import MasterAdamW, learning_rate_at

Quick = Callable[..., TrainConfig]


def layer(dtype: torch.dtype = torch.float32) -> nn.Linear:
    torch.manual_seed(0)
    return nn.Linear(4, 3).to(dtype)


def backward(model: nn.Linear, seed: int, *, scale: float = 1.0) -> None:
    inputs = torch.randn(5, 4, generator=torch.Generator().manual_seed(seed))
    loss = model(inputs.to(model.weight.dtype)).pow(2).sum() * scale
    torch.autograd.backward(loss)


def test_in_float32_it_is_torch_s_adamw(quick: Quick) -> None:
    ours, theirs = layer(), layer()
    optimizer = MasterAdamW(ours.parameters(), quick(weight_decay=0.1, clip_norm=0.5))
    groups = [
        {"params": [theirs.weight], "weight_decay": 0.1},
        {"params": [theirs.bias], "weight_decay": 0.0},
    ]
    reference = torch.optim.AdamW(groups, betas=(0.9, 0.95))
    for step, rate in enumerate((0.1, 0.05, 0.01)):
        backward(ours, step)
        optimizer.collect_gradients()
        norm = optimizer.step(rate)
        backward(theirs, step)
        expected = nn.utils.clip_grad_norm_(theirs.parameters(), 0.5)
        for group in reference.param_groups:
            group["lr"] = rate
        reference.step()
        reference.zero_grad()
        assert norm == pytest.approx(float(expected), rel=1e-5)
        torch.testing.assert_close(ours.state_dict(), theirs.state_dict())


def test_gradients_add_up_over_micro_batches(quick: Quick) -> None:
    once, twice = layer(), layer()
    optimizers = [MasterAdamW(model.parameters(), quick()) for model in (once, twice)]
    backward(once, 1)
    backward(once, 2)
    optimizers[0].collect_gradients()
    for seed in (1, 2):
        backward(twice, seed)
        optimizers[1].collect_gradients()
        assert twice.weight.grad is None
    assert optimizers[0].step(0.1) == pytest.approx(optimizers[1].step(0.1))
    torch.testing.assert_close(once.state_dict(), twice.state_dict())


def test_no_gradient_is_left_for_the_next_step(quick: Quick) -> None:
    model = layer()
    optimizer = MasterAdamW(model.parameters(), quick(weight_decay=0.0))
    backward(model, 1)
    optimizer.collect_gradients()
    assert optimizer.step(0.1) > 0
    assert optimizer.step(0.1) == 0


def test_only_matrices_decay(quick: Quick) -> None:
    model = layer()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    optimizer = MasterAdamW(model.parameters(), quick(weight_decay=0.5))
    for parameter in model.parameters():
        parameter.grad = torch.zeros_like(parameter)
    optimizer.collect_gradients()
    optimizer.step(0.1)
    torch.testing.assert_close(model.weight.data, before["weight"] * (1 - 0.1 * 0.5))
    assert torch.equal(model.bias.data, before["bias"])


def test_clipping_limits_the_norm_and_zero_turns_it_off(quick: Quick) -> None:
    norms = {}
    for limit in (0.0, 0.5):
        model = layer()
        optimizer = MasterAdamW(model.parameters(), quick(clip_norm=limit))
        backward(model, 1)
        optimizer.collect_gradients()
        norms[limit] = optimizer.step(0.1)
        first = optimizer.state()["0.exp_avg"]
        size = torch.cat([first.flatten(), optimizer.state()["1.exp_avg"]]).norm() / 0.1
        assert float(size) == pytest.approx(limit or norms[limit], rel=1e-3)
    assert norms[0.0] == pytest.approx(norms[0.5])
    assert norms[0.0] > 0.5


@pytest.mark.parametrize("scale", [math.nan, math.inf])
def test_a_norm_that_is_not_finite_changes_no_weight(quick: Quick, scale: float) -> None:
    model = layer()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    optimizer = MasterAdamW(model.parameters(), quick())
    backward(model, 1, scale=scale)
    optimizer.collect_gradients()
    assert not math.isfinite(optimizer.step(0.1))
    assert all(torch.equal(model.state_dict()[name], before[name]) for name in before)


def test_small_updates_add_up_below_bfloat16_s_precision(quick: Quick) -> None:
    """One update is lost in bfloat16's eight bits; fifty of them are not."""
    model = layer(torch.bfloat16)
    with torch.no_grad():
        model.weight.fill_(1.0)
    optimizer = MasterAdamW(model.parameters(), quick(weight_decay=0.0))
    for step in range(50):
        model.weight.grad = torch.ones_like(model.weight)
        optimizer.collect_gradients()
        optimizer.step(1e-3)
        if step == 0:
            assert torch.equal(model.weight, torch.ones_like(model.weight))
    assert optimizer.masters[0].dtype == torch.float32
    torch.testing.assert_close(optimizer.masters[0], torch.full((3, 4), 0.95), atol=1e-3, rtol=0)
    torch.testing.assert_close(model.weight.float(), optimizer.masters[0], atol=4e-3, rtol=0)


def test_frozen_parameters_stay(quick: Quick) -> None:
    model = layer()
    model.bias.requires_grad_(False)
    optimizer = MasterAdamW(model.parameters(), quick())
    assert len(optimizer.masters) == 1


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_its_state_makes_another_go_on_as_it_would(quick: Quick, dtype: torch.dtype) -> None:
    first, second = layer(dtype), layer(dtype)
    optimizers = [MasterAdamW(model.parameters(), quick()) for model in (first, second)]
    for seed in (1, 2):
        backward(first, seed)
        optimizers[0].collect_gradients()
        optimizers[0].step(0.1)
    optimizers[1].load_state(optimizers[0].state())
    assert torch.equal(second.weight, first.weight)
    for model, optimizer in zip((first, second), optimizers, strict=True):
        backward(model, 3)
        optimizer.collect_gradients()
        optimizer.step(0.1)
    assert torch.equal(second.weight, first.weight)
    assert torch.equal(second.bias, first.bias)
    assert first.weight.data_ptr() != second.weight.data_ptr()


def test_the_schedule_warms_up_and_falls_as_a_cosine(quick: Quick) -> None:
    config = quick(learning_rate=0.5, warmup_steps=4, min_learning_rate=0.1)
    rates = [learning_rate_at(step, 12, config) for step in range(12)]
    assert rates[:5] == pytest.approx([0.1, 0.2, 0.3, 0.4, 0.5])
    assert rates[6] == pytest.approx(0.5 * (0.1 + 0.9 * 0.5 * (1 + math.cos(math.pi / 4))))
    assert rates[8] == pytest.approx(0.5 * 0.55)
    assert rates[4:] == sorted(rates[4:], reverse=True)
    assert learning_rate_at(12, 12, config) == pytest.approx(0.05)
    assert learning_rate_at(99, 12, config) == pytest.approx(0.05)


@pytest.mark.parametrize("num_steps", [1, 2, 5])
def test_a_run_shorter_than_the_warm_up_still_reaches_the_peak(
    quick: Quick, num_steps: int
) -> None:
    config = quick(learning_rate=0.5, warmup_steps=100)
    rates = [learning_rate_at(step, num_steps, config) for step in range(num_steps)]
    assert rates[-1] == pytest.approx(0.5)
    assert min(rates) > 0


def test_without_warm_up_the_first_step_is_at_the_peak(quick: Quick) -> None:
    assert learning_rate_at(0, 10, quick(learning_rate=0.5, warmup_steps=0)) == pytest.approx(0.5)
