import pytest
import torch
from torch.nn.functional import linear

from chatbot.decoding.linear import FloatLinear, Int8Linear, make_linear, pick_precision
from chatbot.decoding.native.kernels import kernels
from chatbot.decoding.params import Precision


def normal(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def by_hand(x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None) -> torch.Tensor:
    """Int8 arithmetic in plain integers: a scale for each row of either, sums without an error."""

    def quantised(rows: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        scales = rows.abs().amax(dim=1, keepdim=True).clamp(min=1e-12) / 127
        return (rows / scales).round().long(), scales

    (activations, row_scales), (weights, channel_scales) = quantised(x), quantised(weight)
    sums = torch.tensor(
        [[sum(map(int.__mul__, a, w)) for w in weights.tolist()] for a in activations.tolist()]
    )
    y = sums.double() * row_scales * channel_scales[:, 0]
    return (y if bias is None else y + bias).float()


@pytest.mark.parametrize("has_bias", [True, False])
def test_int8_is_integer_arithmetic_with_a_scale_for_each_row(has_bias: bool) -> None:
    x, weight = normal(9, 24) * torch.logspace(-3, 3, 9)[:, None], normal(7, 24, seed=1)
    bias = normal(7, seed=2) if has_bias else None
    y = Int8Linear(weight, bias)(x)
    assert y.dtype == torch.float32
    torch.testing.assert_close(y, by_hand(x, weight, bias), rtol=1e-6, atol=1e-6)


def test_int8_is_near_the_product_it_stands_for() -> None:
    x, weight, bias = normal(64, 256), normal(100, 256, seed=1), normal(100, seed=2)
    exact = linear(x, weight, bias)
    error = (Int8Linear(weight, bias)(x) - exact).norm() / exact.norm()
    assert 0 < error < 0.015


def test_int8_does_not_change_what_it_reads_and_keeps_no_hold_of_the_weights() -> None:
    x, weight, bias = normal(3, 16), normal(8, 16, seed=1), normal(8, seed=2)
    layer, copies = Int8Linear(weight, bias), (x.clone(), weight.clone(), bias.clone())
    first = layer(x)
    assert all(map(torch.equal, (x, weight, bias), copies))
    weight.zero_()
    bias.zero_()
    assert torch.equal(layer(x), first)


def test_zeros_are_no_nan() -> None:
    weight = normal(8, 16)
    weight[3] = 0
    y = Int8Linear(weight, None)(torch.cat([torch.zeros(1, 16), normal(1, 16, seed=1)]))
    assert y.isfinite().all()
    assert (y[0] == 0).all()
    assert y[1, 3] == 0


@pytest.mark.parametrize("value", [torch.nan, torch.inf, -torch.inf])
def test_int8_hides_nothing_that_is_not_finite(value: float) -> None:
    x = normal(3, 16)
    x[1, 4] = value
    y = Int8Linear(normal(8, 16, seed=1), normal(8))(x)
    assert not y[1].isfinite().any()
    assert y[[0, 2]].isfinite().all()


@pytest.mark.parametrize("precision", ["int8", "bfloat16"])
@pytest.mark.parametrize(("width", "height"), [(320, 960), (1280, 320), (32, 97)])
def test_a_row_is_the_same_to_the_bit_beside_any_others(
    precision: Precision, width: int, height: int
) -> None:
    """Float32 is left out: its last bits vary, and cost less than keeping them would."""
    layer = make_linear(normal(height, width) * 0.1, normal(height, seed=1), precision)
    x = normal(40, width, seed=2)
    x[7] *= 1e4  # a loud neighbour
    together = layer(x)
    for count in (1, 2, 3, 5, 8, 13, 40):
        for begin in range(0, 40 - count + 1, count):
            part = slice(begin, begin + count)
            assert torch.equal(layer(x[part]), together[part]), (count, begin)
    order = torch.randperm(40, generator=torch.Generator().manual_seed(3))
    assert torch.equal(layer(x[order]), together[order])


def test_float_layers_are_torchs_own() -> None:
    x, weight, bias = normal(5, 24), normal(7, 24, seed=1), normal(7, seed=2)
    assert torch.equal(FloatLinear(weight, bias, torch.float32)(x), linear(x, weight, bias))
    narrow = FloatLinear(weight, bias, torch.bfloat16)
    assert narrow(x).dtype == torch.float32
    torch.testing.assert_close(narrow(x), linear(x, weight, bias), rtol=0.05, atol=0.1)
    assert narrow(x[:1]).shape == (1, 7)


def test_no_rows_give_no_rows() -> None:
    for precision in ("int8", "bfloat16", "float32"):
        assert make_linear(normal(7, 24), None, precision)(normal(0, 24)).shape == (0, 7)


def test_auto_is_int8_only_where_integers_are_multiplied_fast(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    cpu = torch.device("cpu")
    if kernels() is not None:
        assert pick_precision("auto", cpu) == "int8"
    monkeypatch.setattr("chatbot.decoding.linear.kernels", lambda: None)
    for has_vnni, expected in ((True, "int8"), (False, "float32")):
        monkeypatch.setattr(torch.cpu, "_is_vnni_supported", lambda value=has_vnni: value)
        assert pick_precision("auto", cpu) == expected
    for precision in ("int8", "bfloat16", "float32"):
        assert pick_precision(precision, cpu) == precision
    for has_bf16, expected in ((True, "bfloat16"), (False, "float32")):
        monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda value=has_bf16, **_: value)
        assert pick_precision("auto", torch.device("cuda")) == expected
