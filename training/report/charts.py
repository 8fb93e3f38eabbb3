"""Plots of a report card, as PNG files: Chinese labels where the machine has a font for them."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import matplotlib
from matplotlib import font_manager
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from training.metrics.intervals import Estimate, Share

_FONTS = (
    "Noto Sans CJK SC",
    "Source Han Sans SC",
    "Source Han Sans CN",
    "PingFang SC",
    "Hiragino Sans GB",
    "Microsoft YaHei",
    "WenQuanYi Micro Hei",
    "WenQuanYi Zen Hei",
    "SimHei",
    "Noto Sans CJK JP",
    "Noto Serif CJK SC",
)
_STYLES = ("-", "--", ":")
_MARKERS = ("o", "s", "^")
_ENGLISH = {
    "每 token": "per token",
    "每字": "per character",
    "留出的对话": "held out",
    "末尾": "tail",
    "全部": "all",
    "小闲的话": "the bot's",
    "语料里的原话": "as written",
}
_LONGEST = 60  # characters; longer replies stand in the last bin


@cache
def chinese_font() -> str | None:
    """Return the name of a font with Chinese characters, or None."""
    known = {entry.name for entry in font_manager.fontManager.ttflist}
    return next((name for name in _FONTS if name in known), None)


def draw_perplexity(path: Path, panels: Mapping[str, Mapping[str, Mapping[str, Estimate]]]) -> None:
    """Draw perplexities with their intervals: panel -> system -> what was measured -> figure."""
    with _plot(path, num_panels=len(panels)) as all_axes:
        for axes, (title, systems) in zip(all_axes, panels.items(), strict=True):
            for number, (system, figures) in enumerate(systems.items()):
                shift = (number - (len(systems) - 1) / 2) * 0.2
                values = [figure.value for figure in figures.values()]
                ends = [(f.value - f.low, f.high - f.value) for f in figures.values()]
                axes.errorbar(
                    [place + shift for place in range(len(figures))],
                    values,
                    yerr=list(zip(*ends, strict=True)),
                    fmt=_MARKERS[number % len(_MARKERS)],
                    capsize=4,
                    label=_name(system, f"checkpoint {number + 1}"),
                )
            names = list(next(iter(systems.values())))
            labels = [_name(name, f"set {n + 1}") for n, name in enumerate(names)]
            axes.set_xticks(range(len(names)), labels)
            axes.set_xlim(-0.5, len(names) - 0.5)
            axes.set_ylim(bottom=0)
            axes.set_title(_name(title, ""))
            axes.set_ylabel(_text("困惑度（95 % 区间）", "perplexity (95 % interval)"))


def draw_recall(path: Path, systems: Mapping[str, Mapping[int, Share]]) -> None:
    """Draw the recall of told facts over the distance from telling to asking."""
    with _plot(path) as (axes,):
        for number, (system, shares) in enumerate(systems.items()):
            estimates = [share.estimate for share in shares.values()]
            values = [100 * estimate.value for estimate in estimates]
            axes.errorbar(
                [distance + 0.12 * number for distance in shares],
                values,
                yerr=[
                    [100 * (estimate.value - estimate.low) for estimate in estimates],
                    [100 * (estimate.high - estimate.value) for estimate in estimates],
                ],
                fmt=_STYLES[number % len(_STYLES)] + _MARKERS[number % len(_MARKERS)],
                capsize=4,
                label=_name(system, f"checkpoint {number + 1}"),
            )
        axes.set_ylim(-3, 103)
        axes.set_xticks(sorted({distance for shares in systems.values() for distance in shares}))
        axes.set_xlabel(_text("说完隔几句再问", "utterances from telling to asking"))
        axes.set_ylabel(_text("答对 %（95 % 区间）", "recalled, % (95 % interval)"))


def draw_lengths(path: Path, systems: Mapping[str, Sequence[int]]) -> None:
    """Draw how long the replies are, in characters, as shares of each system's replies."""
    longest = max((length for lengths in systems.values() for length in lengths), default=0)
    with _plot(path) as (axes,):
        for number, (system, lengths) in enumerate(systems.items()):
            axes.hist(
                [min(length, _LONGEST) for length in lengths],
                bins=range(0, min(longest, _LONGEST) + 3, 2),
                weights=[100 / max(len(lengths), 1)] * len(lengths),
                histtype="step",
                linestyle=_STYLES[number % len(_STYLES)],
                linewidth=1.5,
                label=_name(system, f"series {number + 1}"),
            )
        last = f"{_LONGEST}+"
        axes.set_xlabel(_text(f"回复的字数（{last} 并在最后）", f"characters of a reply ({last})"))
        axes.set_ylabel(_text("占回复的 %", "share of replies, %"))


@contextmanager
def _plot(path: Path, *, num_panels: int = 1) -> Iterator[list[Axes]]:
    """Give axes to draw on; at the end they are labelled and written."""
    font = chinese_font()
    style = {"font.family": [font, "DejaVu Sans"]} if font else {}
    with matplotlib.rc_context(style):  # type: ignore[arg-type]
        figure = Figure(figsize=(8 if num_panels == 1 else 10, 4.5), layout="constrained")
        all_axes = list(figure.subplots(1, num_panels, squeeze=False)[0])
        yield all_axes
        for axes in all_axes:
            axes.grid(alpha=0.3)
            if axes.get_legend_handles_labels()[0]:
                axes.legend()
        figure.savefig(path, dpi=120)


def _text(chinese: str, english: str) -> str:
    """Return the label that can be drawn."""
    return chinese if chinese_font() else english


def _name(name: str, substitute: str) -> str:
    """Return a name that can be drawn: itself, its English, or the substitute."""
    if chinese_font():
        return name
    for chinese, english in _ENGLISH.items():
        name = name.replace(chinese, english)
    return name if name.isascii() else substitute
