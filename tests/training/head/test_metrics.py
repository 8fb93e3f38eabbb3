"""Accuracy, F1 and the confusion matrix, by hand."""

import pytest

from training.head.metrics import score


def test_figures_by_hand() -> None:
    scores = score(("a", "b", "c"), [0, 0, 0, 0, 1, 1, 2], [0, 0, 0, 1, 1, 0, 1])
    assert scores.confusion.tolist() == [[3, 1, 0], [1, 1, 0], [0, 1, 0]]
    assert scores.accuracy == pytest.approx(4 / 7)
    a, b, c = scores.by_label
    assert (a.precision, a.recall, a.f1, a.support) == (0.75, 0.75, 0.75, 4)
    assert (b.precision, b.recall, b.support) == (pytest.approx(1 / 3), 0.5, 2)
    assert b.f1 == pytest.approx(0.4)
    assert (c.precision, c.recall, c.f1, c.support) == (0, 0, 0, 1)
    assert scores.macro_f1 == pytest.approx((0.75 + 0.4 + 0) / 3)


def test_a_label_that_never_comes_up_does_not_count() -> None:
    scores = score(("a", "b", "c"), [0, 1], [0, 1])
    assert scores.macro_f1 == 1
    assert scores.by_label[2].f1 == 0


def test_nothing_is_no_division_by_zero() -> None:
    scores = score(("a", "b"), [], [])
    assert (scores.accuracy, scores.macro_f1) == (0, 0)
