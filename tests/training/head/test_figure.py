"""Plots of a classifier: what is drawn, of how many labels, and with which letters."""

import warnings
from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure

from training.head import figure as module
from training.head.figure import draw_confusion, draw_precision_recall
from training.head.metrics import score


def texts(figure: Figure) -> str:
    found = []
    for axes in figure.axes:
        found += [axes.get_title(), axes.get_xlabel(), axes.get_ylabel()]
        found += [label.get_text() for label in axes.get_xticklabels()]
        found += [text.get_text() for text in axes.texts]
        legend = axes.get_legend()
        found += [label.get_text() for label in legend.get_texts()] if legend else []
    return "\n".join(found)


def test_counts_and_shares_are_drawn(tmp_path: Path, drawn: list[Figure]) -> None:
    scores = score(("正常", "冒犯"), [0] * 1500 + [1] * 4, [0] * 1200 + [1] * 303 + [0])
    draw_confusion(tmp_path / "a.png", scores)
    (figure,) = drawn
    shares = figure.axes[0].images[0].get_array()
    assert shares is not None
    assert shares.tolist() == [[0.8, 0.2], [0.25, 0.75]]
    assert [text.get_text() for text in figure.axes[0].texts] == ["1,200", "300", "1", "3"]
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")


def test_of_many_labels_the_worst_are_drawn(tmp_path: Path, drawn: list[Figure]) -> None:
    labels = [f"l{number}" for number in range(100)]
    classes = list(range(100)) * 2
    predicted = [*range(100), *(n + 1 if 40 <= n < 60 else n for n in range(100))]
    draw_confusion(tmp_path / "a.png", score(labels, classes, predicted))
    named = [label.get_text() for label in drawn[0].axes[0].get_yticklabels()]
    assert len(named) == 30
    assert set(named) >= {f"l{number}" for number in range(40, 61)}
    assert named == sorted(named, key=lambda name: int(name[1:]))
    assert not drawn[0].axes[0].texts, "no room for numbers"


def test_curves_and_the_chosen_points_are_drawn(tmp_path: Path, drawn: list[Figure]) -> None:
    curves = {"COLD": ([0.5, 1.0], [1.0, 0.6]), "例句": ([1.0], [0.9])}
    draw_precision_recall(tmp_path / "a.png", curves, {"COLD": (0.4, 0.8), "例句": (0.3, 0.7)})
    lines = [line.get_xydata() for line in drawn[0].axes[0].lines]
    values = [np.asarray(line).tolist() for line in lines]
    assert [[0.5, 1.0], [1.0, 0.6]] in values
    assert [[0.4, 0.8]] in values
    assert [[0.3, 0.7]] in values


@pytest.mark.parametrize("font", [True, False])
def test_every_letter_can_be_drawn(
    tmp_path: Path, drawn: list[Figure], monkeypatch: pytest.MonkeyPatch, font: bool
) -> None:
    if font and module.chinese_font() is None:
        pytest.skip("no Chinese font here")
    if not font:
        monkeypatch.setattr(module, "chinese_font", lambda: None)
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # matplotlib warns of a missing glyph
        draw_confusion(tmp_path / "a.png", score(("正常", "冒犯"), [0, 1], [0, 1]))
        draw_precision_recall(tmp_path / "b.png", {"例句": ([1.0], [1.0])}, {"例句": (1.0, 1.0)})
    shown = "".join(map(texts, drawn))
    assert ("正常" in shown) == font
    assert ("召回率" in shown) == font
    assert font or max(shown) < "\u2e80"
