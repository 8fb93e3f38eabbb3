"""The checker of a corpus folder: figures and findings of every file on both sides of the split.

It asks for the form and manner of this project's own corpus; for training on other text only the
format that ``training.corpora`` reads is needed.
"""

import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from training.checks.duplicates import Overlaps, normalise
from training.checks.facts import check_facts
from training.checks.finding import Finding
from training.checks.form import check_dialogue, check_raw
from training.checks.manner import BOUNDS, Manner, check_manner, measure
from training.corpora import Dialogue, corpus_files, is_generated, read_dialogues
from training.errors import CorpusError
from training.split import HELD_OUT, LEAK_OVERLAP, is_held_out, opener_of

NEAR_OVERLAP = 0.35


@dataclass(frozen=True)
class FileFigures:
    """How much a file holds on both sides together, how much of it is held out, and its manner."""

    name: str
    num_dialogues: int
    num_utterances: int
    num_characters: int
    num_held_out: int
    manner: Manner


@dataclass(frozen=True)
class CheckReport:
    """Figures of each file and of all together, and what breaks a rule."""

    files: tuple[FileFigures, ...]
    total: FileFigures
    findings: tuple[Finding, ...]

    def table(self) -> str:
        """Return the figures as a Markdown table with aligned columns."""
        head = ["文件", "段", "句", "字", "留出", *BOUNDS]
        rows = [head, *(_row(figures) for figures in (*self.files, self.total))]
        widths = [max(_width(row[column]) for row in rows) for column in range(len(head))]
        rows.insert(1, ["-" * widths[0], *("-" * (width - 1) + ":" for width in widths[1:])])
        return "\n".join(_line(row, widths) for row in rows)

    def __str__(self) -> str:
        verdict = f"{len(self.findings)} 处要改" if self.findings else "没有要改的地方"
        return "\n".join([self.table(), "", *map(str, self.findings), verdict])


def check_corpus(folder: str | Path) -> CheckReport:
    """Check the corpus files of ``folder`` and of its ``held_out`` subfolder.

    Of generated files (see ``is_generated``) form, facts and exact repeats are checked.

    Raises:
        CorpusError: nothing is there to check.
    """
    folder = Path(folder)
    sides = [side for side in (folder, folder / HELD_OUT) if side == folder or side.is_dir()]
    findings: list[Finding] = []
    dialogues: list[Dialogue] = []
    for path in (path for side in sides for path in corpus_files(side)):
        read, found = _check_file(path)
        dialogues += read
        findings += found
    written = [dialogue for dialogue in dialogues if not is_generated(dialogue.path)]
    findings += _check_copies(dialogues)
    findings += _check_likeness(written)
    if len(sides) == 2:
        findings += _check_sides(written)
    names = sorted({dialogue.path.name for dialogue in dialogues})
    files = []
    for name in names:
        own = [dialogue for dialogue in dialogues if dialogue.path.name == name]
        files.append(_figures(name, own))
        if not is_generated(name):
            findings += check_manner(own[0].path, files[-1].manner)
    return CheckReport(tuple(files), _figures("合计", dialogues), tuple(sorted(findings)))


def _check_file(path: Path) -> tuple[list[Dialogue], list[Finding]]:
    dialogues: list[Dialogue] = []
    findings: list[Finding] = []
    try:
        dialogues.extend(read_dialogues(path))
        if path.suffix == ".txt":
            findings += check_raw(path)
    except CorpusError as error:
        findings.append(Finding(path, error.line or 1, "读取", str(error)))
    for dialogue in dialogues:
        findings += check_dialogue(dialogue)
        findings += check_facts(dialogue)
    return dialogues, findings


def _check_copies(dialogues: list[Dialogue]) -> Iterator[Finding]:
    """Find dialogues that repeat another word for word."""
    firsts: dict[tuple[str, ...], Dialogue] = {}
    for dialogue in dialogues:
        words = _words(dialogue)
        first = firsts.setdefault(words, dialogue)
        if first is not dialogue and "".join(words):
            what = f"与 {first.path}:{first.line} 是同一段：“{first.utterances[0]}”"
            yield Finding(dialogue.path, dialogue.line, "重复", what)


def _check_likeness(dialogues: list[Dialogue]) -> Iterator[Finding]:
    """Find dialogues that retell another, and training ones too close to a held-out one."""
    overlaps = Overlaps([dialogue.utterances for dialogue in dialogues])
    is_apart = [dialogue.path.parent.name == HELD_OUT for dialogue in dialogues]
    pairs = overlaps.near_duplicates(NEAR_OVERLAP)
    for pair in {*pairs, *overlaps.near_across(is_apart, LEAK_OVERLAP)}:
        first, second = dialogues[pair.first], dialogues[pair.second]
        if _words(first) == _words(second):
            continue
        leaks = is_apart[pair.first] != is_apart[pair.second]
        what = f"与 {first.path}:{first.line} 重合 {pair.overlap:.0%}：“{first.utterances[0]}”"
        yield Finding(second.path, second.line, "泄漏" if leaks else "近似", what)


def _words(dialogue: Dialogue) -> tuple[str, ...]:
    return tuple(map(normalise, dialogue.utterances))


def _check_sides(dialogues: list[Dialogue]) -> Iterator[Finding]:
    """Find openers on both sides of the split, and dialogues on the wrong side."""
    openers: dict[str, Dialogue] = {}
    for dialogue in dialogues:
        other = openers.setdefault(opener_of(dialogue.utterances), dialogue)
        if other.path.parent != dialogue.path.parent:
            what = f"{other.path}:{other.line} 在另一边用了同一句开头：“{dialogue.utterances[0]}”"
            yield Finding(dialogue.path, dialogue.line, "开头", what)
        if is_held_out(dialogue.utterances) != (dialogue.path.parent.name == HELD_OUT):
            what = f"放错了边，请重跑 python -m training split：“{dialogue.utterances[0]}”"
            yield Finding(dialogue.path, dialogue.line, "留出", what)


def _figures(name: str, dialogues: list[Dialogue]) -> FileFigures:
    return FileFigures(
        name=name,
        num_dialogues=len(dialogues),
        num_utterances=sum(len(dialogue.utterances) for dialogue in dialogues),
        num_characters=sum(len(text) for dialogue in dialogues for text in dialogue.utterances),
        num_held_out=sum(dialogue.path.parent.name == HELD_OUT for dialogue in dialogues),
        manner=measure(dialogues),
    )


def _row(figures: FileFigures) -> list[str]:
    counts = (
        figures.num_dialogues,
        figures.num_utterances,
        figures.num_characters,
        figures.num_held_out,
    )
    shares = figures.manner.shares.values()
    return [
        figures.name,
        *(f"{count:,}" for count in counts),
        *(f"{share:.1%}" for share in shares),
    ]


def _line(row: list[str], widths: list[int]) -> str:
    cells = [row[0] + " " * (widths[0] - _width(row[0]))]
    cells += [
        " " * (width - _width(cell)) + cell for cell, width in zip(row[1:], widths[1:], strict=True)
    ]
    return "| " + " | ".join(cells) + " |"


def _width(text: str) -> int:
    """Return how many columns a terminal gives ``text``."""
    return sum(2 if unicodedata.east_asian_width(character) in "WF" else 1 for character in text)
