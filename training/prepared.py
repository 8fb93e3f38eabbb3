"""What ``prepare`` made of a corpus, told as tables."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from training.clean import Cleaner
from training.report.markdown import table
from training.store import StoreReport

_COLUMNS = ("", "对话", "句", "token", "切开的对话", "放不下的句")


@dataclass(frozen=True)
class Prepared:
    """The two stores of a corpus and what went into them.

    Attributes:
        num_shared: training dialogues left out since a held-out one begins alike.
    """

    train: Path
    valid: Path
    train_report: StoreReport
    valid_report: StoreReport
    cleaner: Cleaner
    num_shared: int

    def counts(self) -> list[tuple[str, int]]:
        """Return every count of the gate by its name, drops first, the larger ones first."""
        dropped = [(f"丢弃：{reason}", n) for reason, n in self.cleaner.dropped.most_common()]
        shared = [("丢弃：训练里与留出同一开场白", self.num_shared)] if self.num_shared else []
        cut = [(f"删去：{name}", n) for name, n in self.cleaner.cut.most_common() if n]
        return [*dropped, *shared, *cut]


def print_report(prepared: Prepared) -> None:
    """Print how much was kept, what the rest was dropped for, and some of what was dropped."""
    console = Console()
    stores = Table(title="词元库")
    for column in _COLUMNS:
        stores.add_column(column, justify="right")
    for row in _store_rows(prepared):
        stores.add_row(*row)
    console.print(stores)
    if counts := prepared.counts():
        gate = Table(title="数据清洗")
        gate.add_column("")
        gate.add_column("段或句", justify="right")
        for name, count in counts:
            gate.add_row(name, f"{count:,}")
        console.print(gate)
    for reason, found in prepared.cleaner.examples.items():
        for item in found:
            text = " / ".join(item.utterances)
            console.print(f"{reason}：{item.path}:{item.line}: {text}", markup=False)


def _store_rows(prepared: Prepared) -> Iterator[tuple[str, ...]]:
    for name, report in (("训练", prepared.train_report), ("留出", prepared.valid_report)):
        counts = (
            report.num_dialogues,
            report.num_utterances,
            report.num_tokens,
            report.num_cut,
            report.num_too_long,
        )
        yield (name, *(f"{count:,}" for count in counts))


def as_markdown(prepared: Prepared) -> str:
    """Return the same tables as a Markdown file, without the examples."""
    gate = [(name, f"{count:,}") for name, count in prepared.counts()]
    parts = ["# 语料准备的结果", table(_COLUMNS, list(_store_rows(prepared)))]
    if gate:
        parts.append(table(("", "段或句"), gate))
    return "\n\n".join(parts) + "\n"
