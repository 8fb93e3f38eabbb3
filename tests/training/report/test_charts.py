"""Plots of a report: what is drawn, with a Chinese font and without one."""

import warnings
from pathlib import Path

import pytest
from matplotlib.figure import Figure

from training.metrics.intervals import Estimate, Share, wilson
from training.report import charts
from training.report.charts import draw_lengths, draw_perplexity, draw_recall


def texts(figure: Figure) -> str:
    found = []
    for axes in figure.axes:
        legend = axes.get_legend()
        found += [axes.get_title(), axes.get_xlabel(), axes.get_ylabel()]
        found += [label.get_text() for label in axes.get_xticklabels()]
        found += [label.get_text() for label in legend.get_texts()] if legend else []
    return "\n".join(found)


def draw_all(folder: Path) -> None:
    figures = {
        "留出的对话\n全部": Estimate(20, 18, 23),
        "留出的对话\n小闲的话": Estimate(15, 14, 17),
    }
    panels = {unit: {"甲": figures, "b": figures} for unit in ("每 token", "每字")}
    draw_perplexity(folder / "perplexity.png", panels)
    draw_recall(folder / "recall.png", {"甲": {2: Share(3, 4), 12: Share(1, 4)}, "b": {}})
    draw_lengths(folder / "lengths.png", {"甲": [3, 3, 9, 100], "b": [5, 6]})


def test_values_and_intervals_are_drawn(tmp_path: Path, drawn: list[Figure]) -> None:
    draw_all(tmp_path)
    perplexity, recall, lengths = drawn
    assert perplexity.axes[1].get_title() in ("每字", "per character")
    first = perplexity.axes[0].containers[0]
    assert [y for _, y in first.lines[0].get_xydata()] == [20, 15]
    (bars,) = first.lines[2]
    assert [segment[:, 1].tolist() for segment in bars.get_segments()] == [[18, 23], [14, 17]]
    line = recall.axes[0].containers[0].lines[0]
    assert line.get_xydata().tolist() == [[2, 75], [12, 25]]
    (bars,) = recall.axes[0].containers[0].lines[2]
    ends = [100 * end for share in (3, 1) for end in vars(wilson(share, 4)).values()]
    drawn_ends = [end for segment in bars.get_segments() for end in segment[:, 1]]
    assert drawn_ends == pytest.approx([ends[1], ends[2], ends[4], ends[5]])
    heights = [max(patch.get_xy()[:, 1]) for patch in lengths.axes[0].patches]
    assert heights == [50, 50]
    for name in ("perplexity", "recall", "lengths"):
        assert (tmp_path / f"{name}.png").read_bytes().startswith(b"\x89PNG")


def test_without_a_chinese_font_every_label_is_english(
    tmp_path: Path, drawn: list[Figure], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(charts, "chinese_font", lambda: None)
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # matplotlib warns of a missing glyph
        draw_all(tmp_path)
    for figure in drawn:
        assert max(texts(figure)) < "\u2e80", "no Chinese character is left"
        assert "checkpoint 1" in texts(figure) or "series 1" in texts(figure)
        assert "b" in texts(figure).splitlines()
    assert "held out\nall" in texts(drawn[0])


def test_with_one_the_labels_are_chinese_and_every_glyph_is_there(
    tmp_path: Path, drawn: list[Figure]
) -> None:
    if charts.chinese_font() is None:
        pytest.skip("no Chinese font here")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        draw_all(tmp_path)
    for figure, label in zip(drawn, ("困惑度", "说完隔几句再问", "回复的字数"), strict=True):
        assert label in texts(figure)


def test_nothing_to_draw_is_no_error(tmp_path: Path, drawn: list[Figure]) -> None:
    draw_recall(tmp_path / "a.png", {"b": {}})
    draw_lengths(tmp_path / "b.png", {"b": []})
    assert len(drawn) == 2
