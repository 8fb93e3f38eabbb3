"""The lines of a lexicon: which phrases, of what kind, for which door.

A folder holds ``<kind>.txt`` files (UTF-8), one pattern a line (see ``pattern``); a single file
holds the same lines with the kind before each: ``kind<TAB>pattern``. Kinds are the categories, here
the gravest first (self_harm, illegal, hate, obscenity, personal_data, insult), and two more:

``allow``  contexts in which a blocked phrase means something else
``lists``  ``name = pattern``: a named list for ``{name}`` in the lines of all files

``#`` begins a comment. A line ``< pattern`` holds for what the person writes only, ``> pattern``
for what the bot says only, a bare one for both. ``~`` before a pattern adds its evasions (see
``spelling``).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from chatbot.errors import ChatbotError
from chatbot.safety.normalise import BREAK, normal_form
from chatbot.safety.pattern import PatternError, expand
from chatbot.safety.spelling import respell

Category = Literal["self_harm", "illegal", "hate", "obscenity", "personal_data", "insult"]
Side = Literal["input", "output"]
Kind = Category | Literal["allow"]
CATEGORIES: tuple[Category, ...] = get_args(Category)  # the gravest first
KINDS: tuple[Kind, ...] = (*CATEGORIES, "allow")
_LISTS = "lists"
_MARKS: dict[str, tuple[Side, ...]] = {"<": ("input",), ">": ("output",)}
_BOTH: tuple[Side, ...] = get_args(Side)


class LexiconError(ChatbotError, ValueError):
    """A lexicon cannot be read; names file and line, and the remedy."""


@dataclass(frozen=True, slots=True)
class Entry:
    """What one line stands for.

    Attributes:
        where: file and line.
        kind: a category, or ``allow``.
        sides: the doors it holds for.
        phrases: normalised, as written.
        respelled: normalised, their evasions.
    """

    where: str
    kind: Kind
    sides: tuple[Side, ...]
    phrases: frozenset[str]
    respelled: frozenset[str]


@dataclass(frozen=True, slots=True)
class _Line:
    where: str
    kind: str
    text: str


def files_of(source: Path) -> list[Path]:
    """Return the files that a lexicon folder, or a single file, may be made of."""
    if source.is_dir():
        return [source / f"{kind}.txt" for kind in (_LISTS, *KINDS)]
    return [source]


def read_entries(source: Path, lists: dict[str, list[str]]) -> Iterator[Entry]:
    """Read a folder or file; kinds without a file have no entries.

    Args:
        lists: named lists that are known already; those of the source are added.

    Raises:
        LexiconError: the source is missing or not UTF-8, or a line cannot be understood.
    """
    lines = list(_lines(source))
    for line in lines:
        if line.kind == _LISTS:
            name, _, pattern = line.text.partition("=")
            if not name.strip() or not pattern.strip():
                raise LexiconError(f"{line.where}: 名单要写成“名字 = 甲|乙|丙”；请改正这一行")
            lists.setdefault(name.strip(), []).extend(_expand(line, pattern.strip(), lists))
    for line in lines:
        if line.kind != _LISTS:
            yield _entry(line, lists)


def _lines(source: Path) -> Iterator[_Line]:
    if not source.exists():
        raise LexiconError(f"{source}: 找不到词表；请检查路径")
    is_folder = source.is_dir()
    for path in files_of(source):
        if not path.is_file():
            continue
        try:
            texts = path.read_text(encoding="utf-8-sig").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise LexiconError(f"{path}: 读不了（{error}）；请存成 UTF-8 文本") from None
        for number, text in enumerate(texts, start=1):
            entry = text.partition("#")[0].strip()
            if entry:
                where = f"{path}:{number}"
                yield _Line(where, path.stem, entry) if is_folder else _with_kind(where, entry)


def _with_kind(where: str, entry: str) -> _Line:
    kind, tab, text = entry.partition("\t")
    if not tab or kind.strip() not in (_LISTS, *KINDS) or not text.strip():
        known = "、".join((*KINDS, _LISTS))
        raise LexiconError(f"{where}: 须是“类别、制表符、词”，类别是 {known} 之一；请改正这一行")
    return _Line(where, kind.strip(), text.strip())


def _entry(line: _Line, lists: dict[str, list[str]]) -> Entry:
    sides = _MARKS.get(line.text[0], _BOTH)
    pattern = line.text.removeprefix("<").removeprefix(">").strip()
    is_respelled = pattern.startswith("~")
    written = _expand(line, pattern.removeprefix("~").strip(), lists)
    phrases = frozenset(normal_form(phrase) for phrase in written)
    if any(not phrase or BREAK in phrase for phrase in phrases):
        what = f"“{line.text}”里有一条没有字，或跨了两个分句；请改成同一分句里的文字"
        raise LexiconError(f"{line.where}: {what}")
    respelled = frozenset[str]().union(*map(respell, phrases)) if is_respelled else frozenset()
    (kind,) = (kind for kind in KINDS if kind == line.kind)
    return Entry(line.where, kind, sides, phrases, respelled - phrases)


def _expand(line: _Line, pattern: str, lists: dict[str, list[str]]) -> list[str]:
    try:
        return expand(pattern, lists)
    except PatternError as error:
        raise LexiconError(f"{line.where}: {error}；请改正这一行") from None
