import pytest
import torch

from chatbot.decoding.linear import Int8Linear
from chatbot.decoding.native.kernels import Kernels
from chatbot.decoding.native.linear import NativeLinear

SHAPES = [(320, 960), (64, 97), (30, 50), (1, 1), (5, 200), (1280, 320)]
COUNTS = (1, 2, 3, 5, 8, 9, 13, 40)


def normal(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def both(
    width: int, height: int, kernels: Kernels, *, has_bias: bool = True
) -> tuple[Int8Linear, NativeLinear]:
    plain = Int8Linear(normal(height, width), normal(height, seed=1) if has_bias else None)
    return plain, NativeLinear(plain.weight.t(), plain.scale, plain.bias, kernels)


@pytest.mark.parametrize("has_bias", [True, False])
@pytest.mark.parametrize(("width", "height"), SHAPES)
def test_it_is_torchs_int8_layer(kernels: Kernels, width: int, height: int, has_bias: bool) -> None:
    plain, native = both(width, height, kernels, has_bias=has_bias)
    x = normal(40, width, seed=2) * torch.logspace(-3, 3, 40)[:, None]
    for count in COUNTS:
        torch.testing.assert_close(native(x[:count]), plain(x[:count]), rtol=1e-5, atol=1e-5)


def test_the_largest_numbers_do_not_overflow(kernels: Kernels) -> None:
    width = 2**16
    weight = torch.full((3, width), 127, dtype=torch.int8)
    weight[1] = -127
    native = NativeLinear(weight, torch.ones(3), None, kernels)
    y = native(torch.tensor([127.0, -127.0])[:, None].expand(2, width))
    expected = 127.0 * 127 * width
    assert y.tolist() == [[expected, -expected, expected], [-expected, expected, -expected]]
    with pytest.raises(AssertionError):
        NativeLinear(torch.zeros(1, width + 1, dtype=torch.int8), torch.ones(1), None, kernels)


@pytest.mark.parametrize("num_threads", [1, 2, 5])
def test_a_row_is_the_same_to_the_bit_beside_any_others_on_any_number_of_threads(
    kernels: Kernels, num_threads: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, layer = both(320, 960, kernels)
    x = normal(40, 320, seed=2)
    x[7] *= 1e4  # a loud neighbour
    together = layer(x)
    monkeypatch.setattr("chatbot.decoding.native.linear.num_threads", lambda: num_threads)
    for count in COUNTS:
        for begin in range(0, 40 - count + 1, count):
            part = slice(begin, begin + count)
            assert torch.equal(layer(x[part]), together[part]), (count, begin)


@pytest.mark.parametrize("value", [torch.nan, torch.inf, -torch.inf])
def test_it_hides_nothing_that_is_not_finite(kernels: Kernels, value: float) -> None:
    _, layer = both(48, 20, kernels)
    x = normal(3, 48)
    clean = layer(x)
    x[1, 4] = value
    y = layer(x)
    assert not y[1].isfinite().any()
    assert torch.equal(y[[0, 2]], clean[[0, 2]])


def test_zeros_are_zeros_and_no_rows_give_no_rows(kernels: Kernels) -> None:
    _, layer = both(20, 7, kernels, has_bias=False)
    assert layer(torch.zeros(2, 20)).tolist() == [[0.0] * 7] * 2
    assert layer(torch.zeros(0, 20)).shape == (0, 7)


def test_what_it_reads_need_not_lie_together(kernels: Kernels) -> None:
    _, layer = both(20, 7, kernels)
    x = normal(20, 6)
    assert torch.equal(layer(x.t()), layer(x.t().contiguous()))
    with pytest.raises(AssertionError):
        layer(normal(2, 21))
