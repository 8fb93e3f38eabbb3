"""Temperature and expected calibration error against made-up truth."""

import math

import pytest
import torch

from training.head.calibration import calibrate, expected_calibration_error, fit_temperature


def drawn(count: int, temperature: float) -> tuple[torch.Tensor, torch.Tensor]:
    """Logits that are too large by ``temperature``, and classes drawn by the true chances."""
    generator = torch.Generator().manual_seed(0)
    true = torch.randn(count, 3, generator=generator, dtype=torch.float64) * 2
    classes = torch.multinomial(true.softmax(dim=1), 1, generator=generator)[:, 0]
    return true * temperature, classes


@pytest.mark.parametrize("temperature", [0.4, 1.0, 3.0])
def test_the_temperature_is_found_again(temperature: float) -> None:
    logits, classes = drawn(20_000, temperature)
    assert fit_temperature(logits, classes) == pytest.approx(temperature, rel=0.05)


def test_calibration_takes_the_error_away() -> None:
    logits, classes = drawn(20_000, 3.0)
    found = calibrate(logits.float(), classes)
    assert found.temperature == pytest.approx(3.0, rel=0.05)
    assert found.ece_before > 0.1
    assert found.ece_after < 0.02
    assert found.nll_after < found.nll_before


def test_the_error_is_the_distance_of_confidence_and_accuracy() -> None:
    sure = torch.tensor([[0.9, 0.1]] * 10)
    classes = torch.tensor([0] * 6 + [1] * 4)
    assert expected_calibration_error(sure, classes) == pytest.approx(0.3)
    mixed = torch.cat([sure, torch.tensor([[0.3, 0.7]] * 10)])
    both = torch.cat([classes, torch.tensor([1] * 7 + [0] * 3)])
    assert expected_calibration_error(mixed, both) == pytest.approx(0.15)
    assert expected_calibration_error(torch.tensor([[1.0, 0.0]]), torch.tensor([0])) == 0


def test_few_and_one_sided_texts_give_finite_figures() -> None:
    for count in (1, 2, 3):
        logits = torch.tensor([[5.0, 0.0]] * count)
        found = calibrate(logits, torch.zeros(count, dtype=torch.long))
        assert all(math.isfinite(value) for value in vars(found).values())
        assert found.temperature > 0
