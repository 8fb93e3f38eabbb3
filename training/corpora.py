"""Every accepted corpus format, as a stream of dialogues.

``.txt``    one utterance a line, a blank line between dialogues (GPT2-chitchat's form)
``.json``   a list of lists of utterances (LCCC's form)
``.jsonl``  ``{"dialogue": [...]}`` or OpenAI's ``{"messages": [{"role", "content"}]}`` a line
Any of them compressed as ``.gz`` or ``.xz``.
"""

import gzip
import lzma
import os
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from training.errors import CorpusError
from training.records import (
    items_of_list,
    parse_line,
    utterances_of_list,
    utterances_of_record,
)

FORMATS = (".txt", ".json", ".jsonl")
GENERATED = "generated_"
_COMPRESSED: dict[str, Callable[..., IO[str]]] = {".gz": gzip.open, ".xz": lzma.open}
_BROKEN = (EOFError, lzma.LZMAError, gzip.BadGzipFile, zlib.error)


@dataclass(frozen=True)
class Dialogue:
    """Utterances in order, the person's first, and where they stand."""

    utterances: tuple[str, ...]
    path: Path
    line: int


def corpus_files(path: str | Path) -> list[Path]:
    """Return the corpus files that ``path`` names: itself, or those directly in a folder.

    Raises:
        CorpusError: nothing is there, or the folder holds no corpus file.
    """
    path = Path(path)
    if path.is_file():
        return [path]
    if not path.is_dir():
        raise CorpusError(path, None, "找不到语料；请检查 CORPUS= 的路径")
    files = sorted(
        child for child in path.iterdir() if child.is_file() and _format(child) in FORMATS
    )
    if not files:
        raise CorpusError(
            path, None, f"文件夹里没有语料；需要 {'、'.join(FORMATS)}，可再压成 .gz、.xz"
        )
    return files


def is_generated(path: str | Path) -> bool:
    """Whether a corpus file was written by a program, which its name says: ``generated_*``.

    The split leaves such a file alone. Its dialogues are alike by construction, so the checker
    asks of them form and facts, but neither distance from others nor the bounds of manner.
    """
    return Path(path).name.startswith(GENERATED)


def read_dialogues(path: str | Path) -> Iterator[Dialogue]:
    """Yield the dialogues of one file, never holding more than one (``.json`` excepted).

    Raises:
        CorpusError: names file, line and remedy; also for a dialogue of one utterance and for a
            file without any dialogue.
    """
    path = Path(path)
    readers = {".txt": _read_txt, ".json": _read_json, ".jsonl": _read_jsonl}
    reader = readers.get(_format(path))
    if reader is None:
        raise CorpusError(
            path, None, f"不认得这种格式；需要 {'、'.join(FORMATS)}，可再压成 .gz、.xz"
        )
    found = False
    for dialogue in reader(path):
        if len(dialogue.utterances) < 2:
            raise CorpusError(path, dialogue.line, _too_short(dialogue))
        found = True
        yield dialogue
    if not found:
        raise CorpusError(path, None, "文件里没有对话；请确认文件不是空的")


def read_texts(path: str | Path) -> Iterator[Dialogue]:
    """Yield every line of a ``.txt`` file of prose as a text of its own (one utterance each)."""
    path = Path(path)
    with _open(path) as file:
        for number, line in enumerate(_lines(path, file), start=1):
            if line := line.strip():
                yield Dialogue((line,), path, number)


def _too_short(dialogue: Dialogue) -> str:
    found = f"只有一句（{dialogue.utterances[0][:20]}）" if dialogue.utterances else "是空的"
    return f"这段对话{found}；一段至少两句，段与段之间空一行"


def _format(path: Path) -> str:
    return Path(path.stem).suffix if path.suffix in _COMPRESSED else path.suffix


def _open(path: Path) -> IO[str]:
    try:
        opener: Callable[..., IO[str]] = _COMPRESSED.get(path.suffix, open)
        # What is not UTF-8 becomes surrogates, so that ``_lines`` meets it on its own line.
        return opener(path, "rt", encoding="utf-8-sig", errors="surrogateescape")
    except FileNotFoundError:
        raise CorpusError(path, None, "找不到文件；请检查路径") from None
    except OSError as error:
        what = f"打不开（{error.strerror}）；请检查路径和权限"
        raise CorpusError(path, None, what) from None


def _lines(path: Path, file: IO[str]) -> Iterator[str]:
    number = 0
    try:
        for number, line in enumerate(file, start=1):  # noqa: B007
            line.encode()
            yield line
    except UnicodeEncodeError:
        raise CorpusError(path, number, "这一行不是 UTF-8；请把文件转成 UTF-8") from None
    except _BROKEN:
        raise CorpusError(path, number + 1, "压缩包从这里起坏了；请重新取得文件") from None


def _read_txt(path: Path) -> Iterator[Dialogue]:
    utterances: list[str] = []
    first = 1
    with _open(path) as file:
        for number, line in enumerate(_lines(path, file), start=1):
            if text := line.strip():
                if not utterances:
                    first = number
                utterances.append(text)
            elif utterances:
                yield Dialogue(tuple(utterances), path, first)
                utterances = []
    if utterances:
        yield Dialogue(tuple(utterances), path, first)


def _read_json(path: Path) -> Iterator[Dialogue]:
    with _open(path) as file:
        text = "".join(_lines(path, file))
    for number, (line, item) in enumerate(items_of_list(text, path), start=1):
        yield Dialogue(utterances_of_list(item, path, line, f"第 {number} 段"), path, line)


def _read_jsonl(path: Path) -> Iterator[Dialogue]:
    with _open(path) as file:
        for number, line in enumerate(_lines(path, file), start=1):
            if line.strip():
                record = parse_line(line, path, number)
                yield Dialogue(utterances_of_record(record, path, number), path, number)


def write_dialogues(path: Path, dialogues: Iterable[Sequence[str]]) -> tuple[int, int]:
    """Write a corpus file, whole or not at all; return its numbers of dialogues and utterances."""
    written = list(dialogues)
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.part")
    part.write_text("\n\n".join(map("\n".join, written)) + "\n", encoding="utf-8", newline="\n")
    os.replace(part, path)
    return len(written), sum(map(len, written))
