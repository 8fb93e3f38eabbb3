"""Fit the weights of ranking to ratings, and say what they bring.

Pairs of replies to one message that were rated apart are told apart by the logistic loss of their
order (Burges et al. 2005, "RankNet"); every conversation counts alike. What is printed of weights
is measured on conversations that had no part in fitting them (five folds).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn.functional import logsigmoid

from training.ranking.features import LIKELY, NAMES, SAMPLED, STATE, WORDS, Judged

NUM_FOLDS = 5
_PENALTY = 1e-3
SUBSETS = {
    "字面": (SAMPLED, LIKELY, WORDS),
    "状态": (SAMPLED, LIKELY, STATE),
    "字面和状态": (SAMPLED, LIKELY, WORDS, STATE),
    "再加 λ": tuple(range(len(NAMES))),
}

Weights = NDArray[np.float32]


@dataclass(frozen=True)
class Quality:
    """Shares of conversations whose first-ranked reply was rated 2, 1 and 0."""

    good: float
    passable: float
    bad: float

    @property
    def mean(self) -> float:
        """The mean rating."""
        return 2 * self.good + self.passable


def fit(judged: Sequence[Judged], chosen: Sequence[int]) -> Weights:
    """Return a weight for every feature, 0 for those that are not ``chosen``.

    The scale is that of ``Proposal.prior``: those of words and state are 1 together.
    """
    apart, share = _pairs(judged)
    used = torch.from_numpy(apart[:, list(chosen)])
    scale = used.std(dim=0) + 1e-6
    weights = torch.zeros(len(chosen), requires_grad=True)
    optimizer = torch.optim.LBFGS([weights], max_iter=100, line_search_fn="strong_wolfe")

    def loss() -> float:
        optimizer.zero_grad()
        wrong = -(logsigmoid((used / scale) @ weights) * torch.from_numpy(share)).sum()
        total = wrong + _PENALTY * weights.square().sum()
        torch.autograd.backward(total)
        return float(total.detach())

    optimizer.step(loss)  # type: ignore[no-untyped-call]
    found = np.zeros(len(NAMES), np.float32)
    found[list(chosen)] = (weights / scale).detach().numpy()
    prior = found[WORDS] + found[STATE]
    return found / prior if prior > 0 else found


def across_folds(judged: Sequence[Judged], chosen: Sequence[int]) -> Quality:
    """Return what weights bring where they were not fitted."""
    scores: list[NDArray[np.float32]] = [np.empty(0, np.float32)] * len(judged)
    for fold in range(NUM_FOLDS):
        weights = fit([item for n, item in enumerate(judged) if n % NUM_FOLDS != fold], chosen)
        for number in range(fold, len(judged), NUM_FOLDS):
            scores[number] = judged[number].features @ weights
    return quality(judged, scores)


def quality(judged: Sequence[Judged], scores: Sequence[NDArray[Any]]) -> Quality:
    """Return what the scores (R,) of each conversation's replies rank first."""
    pairs = zip(judged, scores, strict=True)
    best = [int(item.ratings[int(np.argmax(score))]) for item, score in pairs]
    shares = np.bincount(best, minlength=3) / max(len(best), 1)
    return Quality(float(shares[2]), float(shares[1]), float(shares[0]))


def _pairs(judged: Sequence[Judged]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return the differences of features (P, 5) of replies rated apart, the better one's first,
    and each pair's share in the loss, (P,).
    """
    apart: list[NDArray[np.float32]] = []
    share: list[NDArray[np.float32]] = []
    for item in judged:
        better, worse = np.nonzero(item.ratings[:, None] > item.ratings[None])
        if len(better):
            apart.append(item.features[better] - item.features[worse])
            share.append(np.full(len(better), 1 / len(better), np.float32))
    return np.concatenate(apart), np.concatenate(share) / np.float32(len(share))
