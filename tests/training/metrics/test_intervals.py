"""Intervals: values from the literature and by hand, and the cases without anything counted."""

import math

import pytest

from training.metrics.intervals import Share, bootstrap_ratio, share_of, wilson


def test_wilson_gives_the_published_interval() -> None:
    """Newcombe 1998, "Two-sided confidence intervals for the single proportion", table I."""
    for hits, total, low, high in ((81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605)):
        found = wilson(hits, total)
        assert found.value == hits / total
        assert (round(found.low, 4), round(found.high, 4)) == (low, high)


def test_wilson_stays_between_nought_and_one() -> None:
    none, all_ = wilson(0, 20), wilson(20, 20)
    assert (none.value, none.low, round(none.high, 4)) == (0, 0, 0.1611)
    assert (all_.value, round(all_.low, 4), all_.high) == (1, 0.8389, 1)
    assert all(math.isnan(end) for end in vars(wilson(0, 0)).values())


def test_a_share_counts_flags() -> None:
    assert share_of([True, False, True, True]) == Share(3, 4)
    assert share_of([True, False, True, True]).estimate == wilson(3, 4)


def test_the_bootstrap_draws_totals_and_counts_together() -> None:
    """Every item has the ratio 3, so whatever is drawn has it too."""
    found = bootstrap_ratio([3.0, 30.0, 300.0], [1, 10, 100], seed=0)
    assert (found.value, found.low, found.high) == pytest.approx((3, 3, 3))


def test_the_bootstrap_has_the_width_of_the_standard_error() -> None:
    """Of n draws of 0 and 1, half each, the mean's standard error is 0.5 / sqrt(n)."""
    found = bootstrap_ratio([0.0, 1.0] * 200, [1] * 400, seed=0, resamples=4000)
    assert found.value == 0.5
    assert found.high - found.low == pytest.approx(2 * 1.96 * 0.5 / 20, rel=0.05)


def test_the_bootstrap_is_seeded_and_leaves_out_what_counts_nothing() -> None:
    totals, counts = [float(n * n % 97) for n in range(40)], list(range(1, 41))
    first = bootstrap_ratio(totals, counts, seed=1)
    assert first == bootstrap_ratio(totals, counts, seed=1)
    assert first == bootstrap_ratio([*totals, 7.0], [*counts, 0], seed=1)
    assert first != bootstrap_ratio(totals, counts, seed=2)
    assert first.low < first.value < first.high
    assert math.isnan(bootstrap_ratio([1.0], [0], seed=0).value)
