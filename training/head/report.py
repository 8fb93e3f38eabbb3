"""What a trained classifier is worth, on texts that it did not learn from."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from rich.progress import track
from torch import Tensor

from chatbot.classifier import padded
from chatbot.models.head import BackboneWithHead
from training.head.batches import in_order
from training.head.calibration import Calibration
from training.head.figure import draw_confusion
from training.head.metrics import Scores
from training.report.markdown import table

_BATCH_TEXTS = 32
_PRINTED_LABELS = 20


@dataclass(frozen=True)
class Evaluation:
    """Scores and calibration on held-out texts."""

    scores: Scores
    calibration: Calibration

    def __str__(self) -> str:
        """Say it in a few lines."""
        scores, found = self.scores, self.calibration
        told = f"准确率 {scores.accuracy:.1%}，宏平均 F1 {scores.macro_f1:.3f}"
        lines = [
            f"留出的 {scores.confusion.sum():,} 条：{told}",
            f"温度 {found.temperature:.3f}：期望校准误差 {found.ece_before:.3f} → "
            f"{found.ece_after:.3f}，交叉熵 {found.nll_before:.3f} → {found.nll_after:.3f}",
        ]
        weakest = sorted(scores.by_label, key=lambda item: item.f1)[:_PRINTED_LABELS]
        lines += [
            f"  {item.label}：精确率 {item.precision:.3f}，召回率 {item.recall:.3f}，"
            f"F1 {item.f1:.3f}，共 {item.support:,} 条"
            for item in weakest
        ]
        hidden = len(scores.by_label) - len(weakest)
        return "\n".join([*lines, *([f"  还有 {hidden} 类更好，见报告"] if hidden else [])])


@torch.inference_mode()
def logits_of(model: BackboneWithHead, ids: Sequence[Sequence[int]], *, padding: int) -> Tensor:
    """Return a model's logits ``(N, C)`` in float32 for encoded texts, in their order."""
    model.eval()
    logits = torch.empty(len(ids), model.head.out_features)
    lengths = [len(row) for row in ids]
    for places in track(list(in_order(lengths, _BATCH_TEXTS)), description="判一遍"):
        logits[places] = model(*padded([ids[place] for place in places], padding)).float()
    return logits


def write_evaluation(folder: Path, evaluation: Evaluation, *, title: str) -> Path:
    """Write ``report.md`` and ``confusion.png`` into a folder; return the first."""
    folder.mkdir(parents=True, exist_ok=True)
    draw_confusion(folder / "confusion.png", evaluation.scores)
    scores, found = evaluation.scores, evaluation.calibration
    rows = [
        (item.label, *(f"{value:.3f}" for value in (item.precision, item.recall, item.f1)),
         f"{item.support:,}")
        for item in scores.by_label
    ]  # fmt: skip
    parts = [
        f"# {title}",
        f"留出的 {scores.confusion.sum():,} 条文本，训练时没有见过。"
        f"准确率 **{scores.accuracy:.1%}**，宏平均 F1 **{scores.macro_f1:.3f}**。",
        table(("类", "精确率", "召回率", "F1", "条数"), rows),
        "![混淆矩阵](confusion.png)",
        "## 概率可信吗",
        table(
            ("", "期望校准误差（ECE，15 格）", "交叉熵"),
            [
                ("原样", f"{found.ece_before:.4f}", f"{found.nll_before:.4f}"),
                (
                    f"除以温度 {found.temperature:.3f}",
                    f"{found.ece_after:.4f}",
                    f"{found.nll_after:.4f}",
                ),
            ],
        ),
        "温度在留出的文本上求得；上表第二行是交叉求的：一半文本用另一半求出的温度。",
    ]
    path = folder / "report.md"
    path.write_text("\n\n".join(parts) + "\n", encoding="utf-8")
    return path
