"""``prepare``: corpus files -> data gate -> train and valid token stores."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from chatbot.dialogue import DialogueEncoder
from training.clean import Cleaner
from training.corpora import Dialogue, corpus_files, read_dialogues
from training.errors import ConfigError, CorpusError
from training.split import HELD_OUT, is_held_out
from training.store import StoreReport, write_store

Reader = Callable[[Path], Iterator[Dialogue]]


@dataclass(frozen=True)
class Prepared:
    """The two stores of a corpus and what went into them."""

    train: Path
    valid: Path
    train_report: StoreReport
    valid_report: StoreReport
    cleaner: Cleaner


def prepare_corpus(
    corpus: str | Path, out: Path, encoder: DialogueEncoder, *, max_length: int
) -> Prepared:
    """Write ``out/train`` and ``out/valid`` from a corpus file or folder.

    A folder's ``held_out`` subfolder is the validation set where there is one; otherwise 5 % of
    the dialogues are held out by a hash of their opener. Memory does not grow with the text.

    Raises:
        CorpusError: names file, line and remedy; also when nothing is left to train on.
        ConfigError: ``max_length`` has no room for a turn.
    """
    if max_length < 8:
        raise ConfigError(f"max_length={max_length} 不可用；须至少是 8")
    corpus = Path(corpus)
    files = corpus_files(corpus)
    held_out = corpus / HELD_OUT
    cleaner = Cleaner()
    if held_out.is_dir():
        valid_files = corpus_files(held_out)
        train, valid = _all(files), _all(valid_files)
    else:
        train = (item for item in _all(files) if not is_held_out(item.utterances))
        valid = (item for item in _all(files) if is_held_out(item.utterances))
    with progress_bar() as progress:
        reports = [
            write_gated(out / side, progress, stream, cleaner, encoder, max_length=max_length)
            for side, stream in (("train", train), ("valid", valid))
        ]
    if not reports[0].num_dialogues:
        raise CorpusError(corpus, None, "清洗之后没有剩下可训练的对话；看上面的丢弃原因")
    if not reports[1].num_dialogues:
        raise CorpusError(corpus, None, "对话太少，留不出验证集；至少给几十段对话")
    return Prepared(out / "train", out / "valid", reports[0], reports[1], cleaner)


def write_gated(
    folder: Path,
    progress: Progress,
    dialogues: Iterator[Dialogue],
    cleaner: Cleaner,
    encoder: DialogueEncoder,
    *,
    max_length: int,
) -> StoreReport:
    """Pass a stream through the gate into a store, showing progress."""
    task = progress.add_task(f"{folder.parent.name}/{folder.name}", total=None)
    before = cleaner.dropped.copy()
    facts: dict[str, Any] = {}

    def watched() -> Iterator[Dialogue]:
        for item in dialogues:
            progress.advance(task)
            yield item
        facts["dropped"] = dict(cleaner.dropped - before)

    report = write_store(
        folder, cleaner.clean(watched()), encoder, max_length=max_length, facts=facts
    )
    progress.update(task, total=progress.tasks[task].completed)
    return report


def print_report(prepared: Prepared) -> None:
    """Print how much was kept and why the rest was dropped."""
    console = Console()
    table = Table(title="词元库")
    for column in ("", "对话", "句", "token", "放不下的句"):
        table.add_column(column, justify="right")
    for name, report in (("训练", prepared.train_report), ("留出", prepared.valid_report)):
        counts = (
            report.num_dialogues,
            report.num_utterances,
            report.num_tokens,
            report.num_too_long,
        )
        table.add_row(name, *(f"{count:,}" for count in counts))
    console.print(table)
    for reason, count in prepared.cleaner.dropped.most_common():
        console.print(f"丢弃 {count:,} 段：{reason}")


def _all(files: list[Path]) -> Iterator[Dialogue]:
    for path in files:
        yield from read_dialogues(path)


def progress_bar() -> Progress:
    """Return a progress display that counts dialogues."""
    return Progress(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        TextColumn("{task.completed:,.0f} 段"),
        TimeElapsedColumn(),
    )
