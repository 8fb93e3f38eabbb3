"""Plots of a run, as PNG files."""

from pathlib import Path
from typing import Any

from matplotlib.figure import Figure


def draw_curves(records: list[dict[str, Any]], path: Path) -> None:
    """Draw training and held-out loss (nats a token) over steps."""
    figure = Figure(figsize=(8, 4.5), layout="constrained")
    axes = figure.subplots()
    for key, label, style in (("loss", "training", "-"), ("valid_loss", "held out", "o-")):
        points = [(record["step"], record[key]) for record in records if key in record]
        if points:
            steps, losses = zip(*points, strict=True)
            axes.plot(steps, losses, style, label=label, markersize=4)
            axes.annotate(
                f"{losses[-1]:.3f}",
                (steps[-1], losses[-1]),
                xytext=(0, 6),
                ha="right",
                textcoords="offset points",
                fontsize=8,
            )
    axes.set_xlabel("optimizer step")
    axes.set_ylabel("loss, nats per token")
    axes.grid(alpha=0.3)
    if axes.lines:
        axes.legend()
    figure.savefig(path, dpi=120)
