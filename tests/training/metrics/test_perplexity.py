"""Perplexity per token and per character, by hand."""

import math

import pytest

from training.metrics.perplexity import Tally, per_character, per_token

# 6 ln 2 and 4 ln 8 nats: together 18 ln 2, over 6 tokens and 9 characters.
TALLIES = [Tally(6 * math.log(2), 4, 6), Tally(4 * math.log(8), 2, 3)]


def test_nats_are_summed_before_they_are_divided() -> None:
    assert per_token(TALLIES, seed=0).value == pytest.approx(2**3)
    assert per_character(TALLIES, seed=0).value == pytest.approx(2**2)


def test_the_interval_is_that_of_the_draws() -> None:
    """Two dialogues: a draw is one of them twice, or both."""
    found = per_token(TALLIES, seed=0)
    assert (found.low, found.high) == pytest.approx((2 ** (6 / 4), 2 ** (12 / 2)))


def test_tallies_add_up() -> None:
    assert Tally(1.5, 2, 3, 1) + Tally(0.5, 1, 1, 2) == Tally(2.0, 3, 4, 3)
    assert math.isnan(per_token([], seed=0).value)
