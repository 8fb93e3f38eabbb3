"""Plots of a classifier, as PNG files: Chinese where the machine has a font for it."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from training.head.metrics import Scores
from training.report.charts import chinese_font

_MOST_LABELS = 30  # of a picture that can be read
_MOST_NUMBERS = 15  # labels up to which the counts are written into the cells
_DPI = 120


def draw_confusion(path: Path, scores: Scores) -> None:
    """Draw which labels were taken for which; of many, those with the most mistakes."""
    places = _worst(scores.confusion)
    counts = scores.confusion[np.ix_(places, places)]
    shares = counts / np.maximum(scores.confusion.sum(axis=1)[places, None], 1)
    size = 3.2 + 0.45 * max(len(places), 4)
    with _axes(path, (size + 1, size)) as axes:
        image = axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
        names = _names([scores.labels[place] for place in places], places)
        tilt = 45 if max(map(len, names)) > 3 else 0
        side = "right" if tilt else "center"
        axes.set_xticks(range(len(places)), names, rotation=tilt, ha=side, rotation_mode="anchor")
        axes.set_yticks(range(len(places)), names)
        axes.set_xlabel(_text("判成", "predicted"))
        axes.set_ylabel(_text("其实是", "true"))
        if len(places) < len(scores.labels):
            axes.set_title(
                _text(
                    f"{len(scores.labels)} 类中错得最多的 {len(places)} 类",
                    f"the {len(places)} worst of {len(scores.labels)} labels",
                )
            )
        if len(places) <= _MOST_NUMBERS:
            for row, column in np.ndindex(*counts.shape):
                dark = shares[row, column] > 0.5
                axes.text(
                    column,
                    row,
                    f"{counts[row, column]:,}",
                    ha="center",
                    va="center",
                    color="white" if dark else "black",
                )
        assert axes.figure is not None
        bar = axes.figure.colorbar(image, ax=axes, fraction=0.046, pad=0.04)
        bar.set_label(_text("占这一类的比例", "share of the true label"))


def draw_precision_recall(
    path: Path,
    curves: Mapping[str, tuple[Sequence[float], Sequence[float]]],
    chosen: Mapping[str, tuple[float, float]],
) -> None:
    """Draw curves of (recalls, precisions) by name, and on each the (recall, precision) chosen."""
    with _axes(path, (7, 4.5)) as axes:
        for number, (name, (recalls, precisions)) in enumerate(curves.items()):
            (line,) = axes.plot(recalls, precisions, label=_text(name, f"set {number + 1}"))
            axes.plot(*chosen[name], "o", color=line.get_color())
        axes.plot([], [], "o", color="gray", label=_text("选定的阈值", "chosen threshold"))
        axes.set_xlabel(_text("召回率", "recall"))
        axes.set_ylabel(_text("精确率", "precision"))
        axes.set_xlim(0, 1)
        axes.set_ylim(0, 1.02)
        axes.grid(alpha=0.3)
        axes.legend(loc="lower left")


def _worst(confusion: NDArray[np.int64]) -> list[int]:
    """Return the places of the labels to draw, in their order."""
    if len(confusion) <= _MOST_LABELS:
        return list(range(len(confusion)))
    wrong = confusion.copy()
    np.fill_diagonal(wrong, 0)
    mistakes = wrong.sum(axis=0) + wrong.sum(axis=1)
    return sorted(np.argsort(-mistakes, kind="stable")[:_MOST_LABELS].tolist())


@contextmanager
def _axes(path: Path, size: tuple[float, float]) -> Iterator[Axes]:
    """Give axes to draw on; at the end the picture is written."""
    font = chinese_font()
    style = {"font.family": [font, "DejaVu Sans"]} if font else {}
    with matplotlib.rc_context(style):  # type: ignore[arg-type]
        figure = Figure(figsize=size, layout="constrained")
        yield figure.subplots()
        figure.savefig(path, dpi=_DPI)


def _names(labels: Sequence[str], places: Sequence[int]) -> list[str]:
    """Return what can be drawn: the labels, or their numbers where there is no font for them."""
    if chinese_font() or all(label.isascii() for label in labels):
        return [label if len(label) <= 12 else f"{label[:11]}…" for label in labels]
    return [str(place + 1) for place in places]


def _text(chinese: str, english: str) -> str:
    return chinese if chinese_font() else english
