"""Estimates with 95 % intervals: shares (Wilson) and ratios of sums (bootstrap)."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

NUM_RESAMPLES = 1000
_Z = 1.959964  # of the normal distribution, for 95 %


@dataclass(frozen=True)
class Estimate:
    """A figure and the ends of its 95 % interval; all NaN when nothing was counted."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Share:
    """How many of how many; ``hits`` may be an average over several raters."""

    hits: float
    total: int

    @property
    def estimate(self) -> Estimate:
        """The share, 0 to 1, with Wilson's interval."""
        return wilson(self.hits, self.total)


def share_of(flags: Sequence[bool]) -> Share:
    """Return how many flags are set."""
    return Share(sum(flags), len(flags))


def wilson(hits: float, total: int) -> Estimate:
    """Return ``hits / total`` with the score interval of Wilson 1927.

    Wilson, "Probable Inference, the Law of Succession, and Statistical Inference", JASA 22.
    """
    if not total:
        return Estimate(math.nan, math.nan, math.nan)
    share, z2 = hits / total, _Z**2
    middle = (share + z2 / (2 * total)) / (1 + z2 / total)
    spread = share * (1 - share) / total + z2 / (4 * total**2)
    half = _Z * math.sqrt(spread) / (1 + z2 / total)
    return Estimate(share, max(middle - half, 0.0), min(middle + half, 1.0))


def bootstrap_ratio(
    totals: Sequence[float], counts: Sequence[int], *, seed: int, resamples: int = NUM_RESAMPLES
) -> Estimate:
    """Return sum(totals) / sum(counts) with a percentile bootstrap interval over the items.

    Items are drawn with replacement, total and count of one together (Efron and Tibshirani 1993,
    "An Introduction to the Bootstrap", chapter 13). Items that count nothing are left out; the
    same seed and number of items draw the same items.
    """
    kept = [(total, count) for total, count in zip(totals, counts, strict=True) if count]
    if not kept:
        return Estimate(math.nan, math.nan, math.nan)
    pairs: NDArray[np.float64] = np.array(kept, np.float64)  # (N, 2)
    rng = np.random.default_rng(seed)
    ratios = np.empty(resamples)
    for place in range(resamples):
        drawn = pairs[rng.integers(len(pairs), size=len(pairs))].sum(axis=0)
        ratios[place] = drawn[0] / drawn[1]
    low, high = np.percentile(ratios, [2.5, 97.5])
    whole = pairs.sum(axis=0)
    return Estimate(float(whole[0] / whole[1]), float(low), float(high))
