"""``prepare``: corpus files -> data gate -> train and valid token stores, and what was dropped."""

import hashlib
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from chatbot.dialogue import DialogueEncoder
from training.clean import Cleaner, CleanRules
from training.corpora import Dialogue, corpus_files
from training.errors import ConfigError, CorpusError
from training.prepared import Prepared, as_markdown, print_report
from training.sides import Sides
from training.split import HELD_OUT
from training.store import StoreReport, write_store

__all__ = [
    "Prepared",
    "corpus_digest",
    "prepare_corpus",
    "print_report",
    "progress_bar",
    "write_gated",
]

Gate = Callable[[Iterable[Dialogue]], Iterator[Dialogue]]

RULES = CleanRules(drop_near_duplicates=True, generic_share=0.1)
REPORT = "prepared.md"
_SEVERAL = 500  # dialogues between two looks at the progress display


def prepare_corpus(
    corpus: str | Path,
    out: Path,
    encoder: DialogueEncoder,
    *,
    max_length: int,
    clean: bool = True,
    num_examples: int = 0,
) -> Prepared:
    """Write ``out/train`` and ``out/valid`` from a corpus file or folder.

    A folder's ``held_out`` subfolder is the validation set where there is one; otherwise 5 % of
    the dialogues are held out by a hash of their opener. Either way no opener stands on both
    sides. Memory does not grow with the text. What the gate did is written to ``out`` too.

    Args:
        clean: pass the data gate; without it everything is taken as it stands.
        num_examples: dropped dialogues to keep of each reason.

    Raises:
        CorpusError: names file, line and remedy; also when nothing is left to train on.
        ConfigError: ``max_length`` has no room for a turn.
    """
    if max_length < 8:
        raise ConfigError(f"max_length={max_length} 不可用；须至少是 8")
    corpus = Path(corpus)
    sides = Sides(corpus, generated=True)
    cleaner = Cleaner(RULES, num_examples=num_examples)
    gate: Gate = cleaner.clean if clean else iter
    facts = {"corpus_sha256": corpus_digest(corpus)}
    with progress_bar() as progress:

        def write(side: str, stream: Iterator[Dialogue]) -> StoreReport:
            folder = out / side
            return _write(folder, progress, stream, gate, cleaner, encoder, max_length, facts)

        train, valid = write("train", sides.train()), write("valid", sides.held_out())
    if not train.num_dialogues:
        raise CorpusError(corpus, None, "清洗之后没有剩下可训练的对话；看上面的丢弃原因")
    if not valid.num_dialogues:
        raise CorpusError(corpus, None, "对话太少，留不出验证集；至少给几十段对话")
    prepared = Prepared(out / "train", out / "valid", train, valid, cleaner, sides.num_shared)
    (out / REPORT).write_text(as_markdown(prepared), encoding="utf-8")
    return prepared


def corpus_digest(corpus: str | Path) -> str:
    """Return the SHA-256 of a corpus' files, its held-out part included."""
    corpus = Path(corpus)
    digest = hashlib.sha256()
    for folder in (corpus, corpus / HELD_OUT):
        for path in corpus_files(folder) if folder.exists() else ():
            with path.open("rb") as file:
                digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()


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
    return _write(folder, progress, dialogues, cleaner.clean, cleaner, encoder, max_length, {})


def _write(
    folder: Path,
    progress: Progress,
    dialogues: Iterator[Dialogue],
    gate: Gate,
    cleaner: Cleaner,
    encoder: DialogueEncoder,
    max_length: int,
    facts: dict[str, Any],
) -> StoreReport:
    task = progress.add_task(f"{folder.parent.name}/{folder.name}", total=None)
    before = cleaner.dropped.copy()
    facts = dict(facts)

    def watched() -> Iterator[Dialogue]:
        count = 0
        for count, item in enumerate(dialogues, start=1):
            if count % _SEVERAL == 0:
                progress.update(task, completed=count)
            yield item
        progress.update(task, completed=count, total=count)
        facts["dropped"] = dict(cleaner.dropped - before)

    return write_store(folder, gate(watched()), encoder, max_length=max_length, facts=facts)


def progress_bar() -> Progress:
    """Return a progress display that counts dialogues."""
    return Progress(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        TextColumn("{task.completed:,.0f} 段"),
        TimeElapsedColumn(),
    )
