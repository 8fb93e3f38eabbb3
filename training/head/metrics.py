"""How well a classifier does: accuracy, macro-F1, and each label's own figures."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class LabelScore:
    """One label's figures; ``support`` is how many texts really are it."""

    label: str
    precision: float
    recall: float
    f1: float
    support: int


@dataclass(frozen=True)
class Scores:
    """A classifier's figures.

    Attributes:
        confusion: ``(C, C)``; row: what a text is, column: what it was taken for.
        macro_f1: the mean over labels that occur or were predicted, every one counting the same.
    """

    labels: tuple[str, ...]
    confusion: NDArray[np.int64]
    accuracy: float
    macro_f1: float
    by_label: tuple[LabelScore, ...]


def score(labels: Sequence[str], classes: Sequence[int], predicted: Sequence[int]) -> Scores:
    """Compare what texts are with what they were taken for; a share of nothing is 0."""
    confusion = np.zeros((len(labels), len(labels)), np.int64)
    np.add.at(confusion, (np.asarray(classes, np.int64), np.asarray(predicted, np.int64)), 1)
    hits, support, taken = np.diag(confusion), confusion.sum(axis=1), confusion.sum(axis=0)
    by_label = tuple(
        LabelScore(
            label,
            precision=_share(hits[place], taken[place]),
            recall=_share(hits[place], support[place]),
            f1=_share(2 * hits[place], support[place] + taken[place]),
            support=int(support[place]),
        )
        for place, label in enumerate(labels)
    )
    known = [item.f1 for item, count in zip(by_label, support + taken, strict=True) if count]
    return Scores(
        tuple(labels),
        confusion,
        accuracy=_share(hits.sum(), confusion.sum()),
        macro_f1=sum(known) / max(len(known), 1),
        by_label=by_label,
    )


def _share(part: float, whole: float) -> float:
    return float(part / whole) if whole else 0.0
