"""From which probability on a text counts: chosen so that innocent texts nearly never do."""

import math
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Detection:
    """How a threshold does on texts of which some are what is watched for."""

    threshold: float
    precision: float
    recall: float
    num_positive: int
    num_texts: int

    def __str__(self) -> str:
        """Say it in a few words."""
        return f"{self.threshold:.3f} 处精确率 {self.precision:.1%}、召回率 {self.recall:.1%}"


def choose_threshold(innocent: Sequence[float], share: float) -> float:
    """Return the lowest threshold that at most ``share`` of innocent texts reach.

    Args:
        innocent: their probabilities.
    """
    assert innocent, "nothing to choose by"
    highest = sorted(innocent, reverse=True)
    allowed = math.floor(share * len(highest))
    if allowed == len(highest):
        return 0.0
    above = highest[allowed - 1] if allowed else 1.0
    return max((highest[allowed] + above) / 2, math.nextafter(highest[allowed], 2.0))


def detect(probabilities: Sequence[float], positive: Sequence[bool], threshold: float) -> Detection:
    """Return precision and recall of ``probability >= threshold``."""
    taken = [value >= threshold for value in probabilities]
    hits = sum(a and b for a, b in zip(taken, positive, strict=True))
    return Detection(
        threshold,
        precision=hits / max(sum(taken), 1),
        recall=hits / max(sum(positive), 1),
        num_positive=sum(positive),
        num_texts=len(positive),
    )


def area_under_curve(probabilities: Sequence[float], positive: Sequence[bool]) -> float:
    """Return the chance that a positive text scores higher than another (ROC AUC)."""
    order = sorted(range(len(probabilities)), key=probabilities.__getitem__)
    ranks = [0.0] * len(order)
    begin = 0
    while begin < len(order):  # equal scores share their mean rank
        end = begin
        while end < len(order) and probabilities[order[end]] == probabilities[order[begin]]:
            end += 1
        for place in order[begin:end]:
            ranks[place] = (begin + end + 1) / 2
        begin = end
    num_positive = sum(positive)
    num_other = len(positive) - num_positive
    total = sum(rank for rank, is_one in zip(ranks, positive, strict=True) if is_one)
    return (total - num_positive * (num_positive + 1) / 2) / max(num_positive * num_other, 1)


def precision_recall_curve(
    probabilities: Sequence[float], positive: Sequence[bool]
) -> tuple[list[float], list[float]]:
    """Return recalls and precisions as the threshold falls over the texts."""
    ranked = sorted(zip(probabilities, positive, strict=True), reverse=True)
    total, hits = max(sum(positive), 1), 0
    recalls, precisions = [], []
    for number, (_, is_one) in enumerate(ranked, start=1):
        hits += is_one
        recalls.append(hits / total)
        precisions.append(hits / number)
    return recalls, precisions
