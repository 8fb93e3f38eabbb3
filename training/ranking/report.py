"""What ratings say of ranking, as Markdown."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from chatbot.checkpoint import load_checkpoint
from training.errors import CorpusError
from training.ranking.features import (
    ANYWHERE,
    LIKELY,
    NAMES,
    SAMPLED,
    WORDS,
    Judged,
    judge_all,
)
from training.ranking.fit import SUBSETS, Quality, across_folds, fit, quality
from training.ranking.ratings import read_ratings

_BINS = (-9.0, 0.3, 0.4, 0.45, 0.5, 0.55, 0.6, 0.65, 0.7, 0.8, 9.0)


def write_fit(checkpoint: Path, ratings: Path, out: Path) -> Path:
    """Fit the weights of ranking and write ``out``, a Markdown file.

    Raises:
        CorpusError, CheckpointError: one line that names the remedy.
    """
    loaded = load_checkpoint(checkpoint)
    items = read_ratings(ratings)
    judged = judge_all(loaded, items)
    if all(item.ratings.min() == item.ratings.max() for item in judged):
        raise CorpusError(ratings, None, "没有一段里的回答分出高下；请给有高有低的打分")
    num = sum(len(item.ratings) for item in judged)
    head = f"`python -m training rank`，模型 {loaded.manifest['name']}，"
    head += f"{len(judged):,} 段上文，{num:,} 句打过分的回答。"
    lines = ["# 排序的权重从哪里来\n", f"{head}\n"]
    lines += [*_quality_lines(judged), *_weight_lines(judged), *_worth_lines(judged)]
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text("\n".join([*lines, ""]), encoding="utf-8")
    return out


def _quality_lines(judged: Sequence[Judged]) -> list[str]:
    first = [item for item in judged if item.is_first]
    later = [item for item in judged if not item.is_first]
    lines = [
        "排在最前面的那一句得 2 / 1 / 0 分的比例（五折交叉，权重没有见过这些上文）：\n",
        "| 看什么 | 全部 | 平均 | 第一句话 | 平均 | 聊到中间 | 平均 |",
        "| --- | --- | ---: | --- | ---: | --- | ---: |",
    ]
    groups = [group for group in (judged, first, later) if len(group) >= 2 * len(SUBSETS)]
    for name, chosen in SUBSETS.items():
        lines.append(_row(name, [across_folds(group, chosen) for group in groups]))
    best = [quality(group, [item.ratings for item in group]) for group in groups]
    return [*lines, _row("挑得全对", best), ""]


def _row(name: str, found: Sequence[Quality]) -> str:
    cells = [
        cell
        for item in found
        for cell in (f"{item.good:.0%} / {item.passable:.0%} / {item.bad:.0%}", f"{item.mean:.2f}")
    ]
    return f"| {name} | {' | '.join(cells)} |"


def _weight_lines(judged: Sequence[Judged]) -> list[str]:
    weights = fit(judged, tuple(range(len(NAMES))))
    return [
        "在全部打分上拟合出来的权重（字面和状态合起来算 1）：\n",
        "| 代码里的名字 | 值 |",
        "| --- | ---: |",
        f"| `RankingWeights.sampled` | {weights[SAMPLED]:.2f} |",
        f"| `RankingWeights.likely` | {weights[LIKELY]:.3f} |",
        f"| `RankingWeights.mmi` | {-weights[ANYWHERE] / weights[LIKELY]:.2f} |",
        f"| `chatbot.known` 里字面的份额 | {weights[WORDS]:.2f} |",
        "",
    ]


def _worth_lines(judged: Sequence[Judged]) -> list[str]:
    """Say which ratings to expect of the best reply by what it is worth: where a floor belongs."""
    weights = fit(judged, tuple(range(len(NAMES))))
    worth, rating = [], []
    for item in judged:
        scores = item.features @ weights
        best = int(np.argmax(scores))
        worth.append(float(scores[best]))
        rating.append((int(item.ratings[best]), item.is_first))
    lines = [
        "最前面那一句按这些权重值多少，得分多少：\n",
        "| 值 | 第一句话：段数，平均分 | 聊到中间：段数，平均分 |",
        "| --- | --- | --- |",
    ]
    places = np.digitize(worth, _BINS)
    for place in range(1, len(_BINS)):
        cells = []
        for is_first in (True, False):
            found = [
                grade
                for (grade, kind), at in zip(rating, places, strict=True)
                if at == place and kind == is_first
            ]
            cells.append(f"{len(found)}，{np.mean(found):.2f}" if found else "0")
        lines.append(f"| {_BINS[place - 1]} 到 {_BINS[place]} | {' | '.join(cells)} |")
    return lines
