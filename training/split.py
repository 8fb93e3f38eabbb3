"""The held-out split: 5 % of the dialogues, chosen by a hash of their opener.

Equal openers fall on the same side whatever else is said, and a dialogue's side never depends on
the rest of the corpus, so the split stays as it is when the corpus grows.
"""

import hashlib
from dataclasses import dataclass
from pathlib import Path

from training.checks.duplicates import Overlaps, Utterances, normalise
from training.corpora import Dialogue, corpus_files, is_generated, read_dialogues, write_dialogues
from training.errors import CorpusError

HELD_OUT = "held_out"
SHARE = 0.05
LEAK_OVERLAP = 0.25
MAX_DROPPED_SHARE = 0.01


@dataclass(frozen=True)
class SplitReport:
    """What a split did: dialogues on each side, those it moved, and those it dropped."""

    num_train: int
    num_held_out: int
    num_moved: int
    dropped: tuple[Dialogue, ...]

    def __str__(self) -> str:
        told = (
            f"训练 {self.num_train:,} 段，留出 {self.num_held_out:,} 段，换边 {self.num_moved:,} 段"
        )
        lines = [f"{told}，删去与留出近似的 {len(self.dropped):,} 段"]
        for item in self.dropped:
            lines.append(f"{item.path}:{item.line}: 已删去“{' / '.join(item.utterances)}”")
        return "\n".join(lines)


@dataclass
class _File:
    """The two sides of one corpus file."""

    name: str
    train: list[Dialogue]
    held_out: list[Dialogue]


def opener_of(utterances: Utterances) -> str:
    """Return the first utterance in lower case, without punctuation or spaces.

    An opener of nothing but punctuation or emoji stands for itself.
    """
    return normalise(utterances[0]) or utterances[0].strip()


def is_held_out(utterances: Utterances) -> bool:
    """Whether a dialogue belongs to the held-out side, by its opener alone."""
    digest = hashlib.blake2b(opener_of(utterances).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") < SHARE * 2**64


def split_corpus(folder: str | Path) -> SplitReport:
    """Put every dialogue of a folder's ``.txt`` files on its side; a second run changes nothing.

    Held-out dialogues stand in ``folder/held_out`` under the same file name, in the order of the
    file; later finds are appended. A training dialogue that nearly repeats a held-out one is
    dropped, so that no held-out dialogue was as good as seen in training. Generated files are
    left alone, and not counted (see ``is_generated``).

    Raises:
        CorpusError: there is no such folder, a corpus file is not ``.txt``, or more than 1 % of the training dialogues
            would be dropped; nothing has been written then.
    """
    folder = Path(folder)
    before = _read(folder)
    after = [_sort(file) for file in before]
    dropped = _leaks(after)
    num_train = sum(len(file.train) for file in after)
    if len(dropped) > MAX_DROPPED_SHARE * num_train:
        what = (
            f"这一段起，共有 {len(dropped)} 段训练对话与留出的对话近似，"
            f"超过 {MAX_DROPPED_SHARE:.0%}，没有改动任何文件；请先删改雷同的对话"
        )
        raise CorpusError(dropped[0].path, dropped[0].line, what)
    unwanted = {id(dialogue) for dialogue in dropped}
    for file in after:
        file.train = [dialogue for dialogue in file.train if id(dialogue) not in unwanted]
        _write(folder / HELD_OUT / file.name, file.held_out)
        _write(folder / file.name, file.train)
    return SplitReport(
        num_train=sum(len(file.train) for file in after),
        num_held_out=sum(len(file.held_out) for file in after),
        num_moved=sum(_num_moved(file, folder) for file in after),
        dropped=tuple(dropped),
    )


def _read(folder: Path) -> list[_File]:
    if not folder.is_dir():
        raise CorpusError(folder, None, "找不到这个文件夹；请检查路径")
    sides = [folder, folder / HELD_OUT]
    everything = [path for side in sides if side.is_dir() for path in corpus_files(side)]
    paths = [path for path in everything if not is_generated(path)]
    for path in paths:
        if path.suffix != ".txt":
            raise CorpusError(path, None, "这里只拆分 .txt；请先转成一行一句、段间空一行")
    files = []
    for name in sorted({path.name for path in paths}):
        train, held_out = (
            list(read_dialogues(side / name)) if side / name in paths else [] for side in sides
        )
        files.append(_File(name, train, held_out))
    return files


def _sort(file: _File) -> _File:
    """Return a file with its dialogues on their sides; one that stands on both is kept once."""
    known = {dialogue.utterances for dialogue in file.held_out}
    new = [item for item in file.train if item.utterances not in known]
    everything = file.held_out + new
    return _File(
        file.name,
        [item for item in new if not is_held_out(item.utterances)]
        + [item for item in file.held_out if not is_held_out(item.utterances)],
        [item for item in everything if is_held_out(item.utterances)],
    )


def _leaks(files: list[_File]) -> list[Dialogue]:
    """Return the training dialogues that nearly repeat a held-out one, each once."""
    train = [dialogue for file in files for dialogue in file.train]
    held_out = [dialogue for file in files for dialogue in file.held_out]
    utterances = [dialogue.utterances for dialogue in train + held_out]
    is_apart = [False] * len(train) + [True] * len(held_out)
    pairs = Overlaps(utterances).near_across(is_apart, LEAK_OVERLAP)
    return [train[place] for place in sorted({pair.first for pair in pairs})]


def _num_moved(file: _File, folder: Path) -> int:
    out = sum(dialogue.path.parent == folder for dialogue in file.held_out)
    back = sum(dialogue.path.parent != folder for dialogue in file.train)
    return out + back


def _write(path: Path, dialogues: list[Dialogue]) -> None:
    if not dialogues:
        path.unlink(missing_ok=True)
        return
    write_dialogues(path, (dialogue.utterances for dialogue in dialogues))
