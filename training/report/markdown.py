"""Tables and estimates as Markdown, for the report card and the ratings."""

import math
from collections.abc import Iterable, Sequence
from pathlib import Path

from training.metrics.intervals import Estimate, Share

NOTHING = "—"


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table; a ``|`` in a cell is escaped, a line break becomes a space."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(map(_cell, line))} |" for line in lines)


def number(value: float, digits: int = 2) -> str:
    """Return a figure, or a dash for NaN."""
    return NOTHING if math.isnan(value) else f"{value:,.{digits}f}"


def interval(estimate: Estimate) -> str:
    """Return a figure with its 95 % interval: ``25.82 [24.90, 26.77]``."""
    if math.isnan(estimate.value):
        return NOTHING
    return f"{number(estimate.value)} [{number(estimate.low)}, {number(estimate.high)}]"


def percent(share: Share) -> str:
    """Return a share with its 95 % interval: ``12.0% [9.8%, 14.6%]``."""
    estimate = share.estimate
    if math.isnan(estimate.value):
        return NOTHING
    return f"{estimate.value:.1%} [{estimate.low:.1%}, {estimate.high:.1%}]"


def shown(path: Path) -> str:
    """Return a path as a reader of this folder would write it: relative where it lies inside."""
    whole = path.resolve()
    here = Path.cwd().resolve()
    return str(whole.relative_to(here)) if whole.is_relative_to(here) else str(path)


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")
