"""Every accepted corpus format, as a stream of dialogues.

``.txt``    one utterance a line, a blank line between dialogues (GPT2-chitchat's form)
``.json``   a list of lists of utterances (LCCC's form)
``.jsonl``  ``{"dialogue": [...]}`` or OpenAI's ``{"messages": [{"role", "content"}]}`` a line
Any of them compressed as ``.gz`` or ``.xz``.
"""

import gzip
import json
import lzma
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from training.errors import CorpusError

FORMATS = (".txt", ".json", ".jsonl")
_COMPRESSED: dict[str, Callable[..., IO[str]]] = {".gz": gzip.open, ".xz": lzma.open}
_BROKEN = (UnicodeDecodeError, EOFError, lzma.LZMAError, gzip.BadGzipFile)


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
    files = sorted(child for child in path.iterdir() if _format(child) in FORMATS)
    if not files:
        raise CorpusError(
            path, None, f"文件夹里没有语料；需要 {'、'.join(FORMATS)}，可再压成 .gz、.xz"
        )
    return files


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
            raise CorpusError(
                path, dialogue.line, "这段对话只有一句；一段至少两句，段与段之间空一行"
            )
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


def _format(path: Path) -> str:
    return Path(path.stem).suffix if path.suffix in _COMPRESSED else path.suffix


def _open(path: Path) -> IO[str]:
    try:
        opener: Callable[..., IO[str]] = _COMPRESSED.get(path.suffix, open)
        return opener(path, "rt", encoding="utf-8-sig")
    except FileNotFoundError:
        raise CorpusError(path, None, "找不到文件；请检查路径") from None


def _lines(path: Path, file: IO[str]) -> Iterator[str]:
    number = 0
    try:
        for number, line in enumerate(file, start=1):  # noqa: B007
            yield line
    except _BROKEN as error:
        what = "不是 UTF-8" if isinstance(error, UnicodeDecodeError) else "压缩包坏了"
        raise CorpusError(path, number + 1, f"{what}；请转成 UTF-8 或重新取得文件") from None


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
    try:
        data = json.loads(text)
    except json.JSONDecodeError as error:
        raise CorpusError(path, error.lineno, f"JSON 坏了（{error.msg}）；请修好这一行") from None
    if not isinstance(data, list):
        raise CorpusError(path, 1, "最外层须是列表：[[句, 句, …], …]")
    for number, item in enumerate(data, start=1):
        yield Dialogue(_strings(item, path, 1, f"第 {number} 段"), path, 1)


def _read_jsonl(path: Path) -> Iterator[Dialogue]:
    with _open(path) as file:
        for number, line in enumerate(_lines(path, file), start=1):
            if not line.strip():
                continue
            try:
                record = json.loads(line)
            except json.JSONDecodeError as error:
                raise CorpusError(
                    path, number, f"JSON 坏了（{error.msg}）；每行须是一个完整的对象"
                ) from None
            yield Dialogue(_from_record(record, path, number), path, number)


def _from_record(record: object, path: Path, number: int) -> tuple[str, ...]:
    if isinstance(record, dict) and "dialogue" in record:
        return _strings(record["dialogue"], path, number, "dialogue")
    if isinstance(record, dict) and isinstance(record.get("messages"), list):
        return _from_messages(record["messages"], path, number)
    raise CorpusError(
        path, number, '须有 "dialogue": [句, …] 或 "messages": [{"role", "content"}, …]'
    )


def _from_messages(messages: list[object], path: Path, number: int) -> tuple[str, ...]:
    utterances: list[str] = []
    expected = "user"
    for message in messages:
        if not isinstance(message, dict) or not isinstance(message.get("content"), str):
            raise CorpusError(path, number, 'messages 的每一项须有 "role" 和文字 "content"')
        if message.get("role") == "system" and not utterances:
            continue
        if message.get("role") != expected:
            raise CorpusError(
                path, number, f'这里的 role 须是 "{expected}"；user 先说，与 assistant 轮流'
            )
        utterances.append(message["content"].strip())
        expected = "assistant" if expected == "user" else "user"
    return _strings(utterances, path, number, "messages")


def _strings(value: object, path: Path, line: int, where: str) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(text, str) for text in value):
        raise CorpusError(path, line, f"{where} 须是一列文字")
    utterances = tuple(text.strip() for text in value)
    if not all(utterances):
        raise CorpusError(path, line, f"{where} 里有空的一句；请删去或补上")
    return utterances
