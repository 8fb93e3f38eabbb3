"""Probabilities that mean what they say: temperature scaling, and how far they are off.

Guo et al. 2017, "On Calibration of Modern Neural Networks".
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

_NUM_BINS = 15
_WIDEST = 4.0  # |log temperature| at most
_NUM_HALVINGS = 50


@dataclass(frozen=True)
class Calibration:
    """A temperature and what it changes; ECE is the expected calibration error, 0 to 1.

    ``ece_after`` and ``nll_after`` judge each half of the texts by the temperature of the other.
    """

    temperature: float
    ece_before: float
    ece_after: float
    nll_before: float
    nll_after: float


def calibrate(logits: Tensor, classes: Tensor) -> Calibration:
    """Fit a temperature on held-out logits ``(N, C)`` and classes ``(N,)``."""
    logits = logits.double()
    scaled = torch.empty_like(logits)
    even = torch.arange(len(logits)) % 2 == 0
    for fold in (even, ~even):
        rest = ~fold if bool((~fold).any()) else fold
        scaled[fold] = logits[fold] / fit_temperature(logits[rest], classes[rest])
    return Calibration(
        temperature=fit_temperature(logits, classes),
        ece_before=expected_calibration_error(logits.softmax(dim=1), classes),
        ece_after=expected_calibration_error(scaled.softmax(dim=1), classes),
        nll_before=float(cross_entropy(logits, classes)),
        nll_after=float(cross_entropy(scaled, classes)),
    )


def fit_temperature(logits: Tensor, classes: Tensor) -> float:
    """Return the temperature under which the classes are likeliest.

    The loss has one minimum over the temperature, so a golden-section search finds it.
    """

    def loss(log_temperature: float) -> float:
        return float(cross_entropy(logits / math.exp(log_temperature), classes))

    golden = (math.sqrt(5) - 1) / 2
    low, high = -_WIDEST, _WIDEST
    for _ in range(_NUM_HALVINGS):
        left, right = high - golden * (high - low), low + golden * (high - low)
        if loss(left) <= loss(right):
            high = right
        else:
            low = left
    return math.exp((low + high) / 2)


def expected_calibration_error(probabilities: Tensor, classes: Tensor) -> float:
    """Return the mean distance of confidence and accuracy over 15 bins of equal width."""
    confidence, predicted = probabilities.double().max(dim=1)
    right = (predicted == classes).double()
    bins = (confidence * _NUM_BINS).long().clamp(max=_NUM_BINS - 1)
    gaps = torch.zeros(_NUM_BINS, dtype=torch.float64).index_add(0, bins, confidence - right)
    return float(gaps.abs().sum() / len(classes))
