"""Agreement of raters: Fleiss' own kind of example, and ratings that cannot agree."""

import pytest

from training.metrics.agreement import fleiss_kappa, rating_shares
from training.metrics.intervals import Share

# The worked example of the literature: 10 subjects, 14 raters, 5 categories, κ = 0.210.
COUNTS = (
    (0, 0, 0, 0, 14),
    (0, 2, 6, 4, 2),
    (0, 0, 3, 5, 6),
    (0, 3, 9, 2, 0),
    (2, 2, 8, 1, 1),
    (7, 7, 0, 0, 0),
    (3, 2, 6, 3, 0),
    (2, 5, 3, 2, 2),
    (6, 5, 2, 1, 0),
    (0, 2, 2, 3, 7),
)


def test_the_worked_example() -> None:
    ratings = [
        [category for category, count in enumerate(row) for _ in range(count)] for row in COUNTS
    ]
    assert fleiss_kappa(ratings) == pytest.approx(0.210, abs=5e-4)


def test_kappa_by_hand() -> None:
    """Two raters, observed 3/4, shares 5/8 and 3/8: expected 34/64."""
    ratings = [[2, 2], [2, 2], [0, 0], [2, 0]]
    assert fleiss_kappa(ratings) == pytest.approx((3 / 4 - 34 / 64) / (1 - 34 / 64))
    assert fleiss_kappa([[0, 0], [1, 1], [2, 2]]) == 1
    assert fleiss_kappa([[0, 2], [2, 0]]) == -1


def test_kappa_has_no_meaning_without_two_raters_or_two_ratings() -> None:
    assert fleiss_kappa([[1], [2]]) is None
    assert fleiss_kappa([]) is None
    assert fleiss_kappa([[2, 2], [2, 2]]) is None
    with pytest.raises(ValueError, match=r"\[1, 2\]"):
        fleiss_kappa([[1], [1, 2]])


def test_shares_count_replies_and_average_raters() -> None:
    found = rating_shares([[2, 2, 1], [0, 2, 1]])
    assert list(found) == [2, 1, 0]
    assert found[2] == Share(1.0, 2)
    assert found[1].hits == pytest.approx(2 / 3)
    assert found[0].hits == pytest.approx(1 / 3)
