"""What several raters gave, and how far they agree."""

from collections import Counter
from collections.abc import Sequence

from training.metrics.intervals import Share

RATINGS = (2, 1, 0)


def rating_shares(ratings: Sequence[Sequence[int]]) -> dict[int, Share]:
    """Return the share of each rating, best first.

    Several ratings of one reply are no independent draws, so the total of a share is the number
    of replies, and its hits are averaged over the raters.

    Args:
        ratings: (N, R): for each reply what each rater gave.

    Raises:
        ValueError: replies differ in their number of ratings.
    """
    num_raters = _num_raters(ratings)
    counts = Counter(rating for row in ratings for rating in row)
    return {rating: Share(counts[rating] / max(num_raters, 1), len(ratings)) for rating in RATINGS}


def fleiss_kappa(ratings: Sequence[Sequence[int]]) -> float | None:
    """Return Fleiss' κ, 1 for full agreement, 0 for that of chance.

    Fleiss 1971, "Measuring nominal scale agreement among many raters". None where it has no
    meaning: fewer than two raters, no reply, or one and the same rating everywhere.

    Args:
        ratings: (N, R): for each reply what each rater gave.

    Raises:
        ValueError: replies differ in their number of ratings.
    """
    num_raters = _num_raters(ratings)
    if num_raters < 2:
        return None
    rows = [Counter(row) for row in ratings]
    pairs = num_raters * (num_raters - 1)
    agreed = [sum(n * (n - 1) for n in row.values()) / pairs for row in rows]
    observed = sum(agreed) / len(rows)
    totals: Counter[int] = sum(rows, Counter())
    expected = sum((n / totals.total()) ** 2 for n in totals.values())
    return None if len(totals) == 1 else (observed - expected) / (1 - expected)


def _num_raters(ratings: Sequence[Sequence[int]]) -> int:
    numbers = {len(row) for row in ratings}
    if len(numbers) > 1:
        raise ValueError(f"replies have {sorted(numbers)} ratings each; all need the same number")
    return numbers.pop() if numbers else 0
