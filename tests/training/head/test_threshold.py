"""The threshold that innocent texts nearly never reach, and what it finds."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from training.head.threshold import (
    area_under_curve,
    choose_threshold,
    detect,
    precision_recall_curve,
)


def test_it_is_between_the_last_allowed_and_the_next() -> None:
    innocent = [number / 1000 for number in range(1000)]
    assert choose_threshold(innocent, 0.005) == pytest.approx(0.9945)
    assert choose_threshold(innocent, 0.0) == pytest.approx((0.999 + 1) / 2)
    assert choose_threshold([0.2, 0.4], 1.0) == 0


@given(
    innocent=st.lists(st.floats(0, 1), min_size=1, max_size=300),
    share=st.floats(0, 0.99),
)
def test_no_more_than_the_share_reach_it(innocent: list[float], share: float) -> None:
    threshold = choose_threshold(innocent, share)
    assert sum(value >= threshold for value in innocent) <= share * len(innocent)


def test_precision_and_recall_by_hand() -> None:
    found = detect([0.9, 0.8, 0.5, 0.1], [True, False, True, False], 0.5)
    assert (found.precision, found.recall) == (pytest.approx(2 / 3), 1)
    assert (found.num_positive, found.num_texts) == (2, 4)
    none = detect([0.1], [True], 0.5)
    assert (none.precision, none.recall) == (0, 0)


def test_the_area_is_the_chance_to_be_ranked_above() -> None:
    positive = [True, False, True, False]
    assert area_under_curve([0.9, 0.1, 0.8, 0.2], positive) == 1
    assert area_under_curve([0.1, 0.9, 0.2, 0.8], positive) == 0
    assert area_under_curve([0.9, 0.5, 0.4, 0.1], positive) == pytest.approx(3 / 4)
    assert area_under_curve([0.5] * 4, positive) == pytest.approx(1 / 2)


def test_the_curve_falls_over_the_texts() -> None:
    recalls, precisions = precision_recall_curve([0.9, 0.8, 0.5], [True, False, True])
    assert recalls == [0.5, 0.5, 1]
    assert precisions == [1, 0.5, pytest.approx(2 / 3)]
