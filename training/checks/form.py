"""Form: how a corpus file and a dialogue are written down."""

import re
import unicodedata
from collections.abc import Iterator
from pathlib import Path

from training.checks.finding import Finding
from training.corpora import Dialogue

MIN_LINES = 4
MAX_LINES = 10
MAX_CHARACTERS = 59

_SPACE = re.compile(r"^\s|\s$|\s\s|[^\S ]")
_EMOJI = "\U0001f000-\U0001faff\u2600-\u27bf\u2b50"
_KAOMOJI = r"[)）][\^_/oo~～]?|\^[_\-.o]?\^|T[_.]?T|[>＞][_.]?[<＜]|=_?=|QAQ|QwQ|[:;][)DPp]"
_REPLY_END = re.compile(rf"(?:[。！？…～~][”」』》]?|[{_EMOJI}][\ufe0f\u200d]*|{_KAOMOJI})$")
_HALF_WIDTH = re.compile(r"[\u4e00-\u9fff][,?!;:]|[,?!;:][\u4e00-\u9fff]")
_REPLY_SPACE = re.compile(r"[\u4e00-\u9fff，。？！…～] +[\u4e00-\u9fff，。？！…～]")
_DOUBLED = re.compile(r"[。，、；]{2}|[，、；：][。！？]|[。！？][。，、；]")


def check_raw(path: Path) -> Iterator[Finding]:
    """Check what the parser forgives: blank lines, spaces and characters that do not show."""
    with path.open(encoding="utf-8", newline="") as file:
        text = file.read()
    lines = text.split("\n")
    if not text.endswith("\n"):
        yield Finding(path, len(lines), "换行", "最后一行没有换行")
    elif text.endswith("\n\n"):
        yield Finding(path, len(lines) - 1, "换行", "文件末尾多了空行")
    body = text.rstrip("\n").split("\n")
    for number, line in enumerate(body, start=1):
        if not line.strip() and (number == 1 or not body[number - 2].strip()):
            yield Finding(path, number, "空行", "段与段之间只空一行，文件开头不空")
        if _SPACE.search(line):
            yield Finding(path, number, "空格", f"多余的空格：“{line}”")
        for character in _invisible(line):
            yield Finding(path, number, "不可见字符", f"U+{ord(character):04X}：“{line}”")


def check_dialogue(dialogue: Dialogue) -> Iterator[Finding]:
    """Check the number and length of a dialogue's lines and the writing of the replies."""
    path, utterances = dialogue.path, dialogue.utterances
    if not MIN_LINES <= len(utterances) <= MAX_LINES or len(utterances) % 2:
        allowed = f"{MIN_LINES}–{MAX_LINES} 句，须是偶数"
        yield Finding(path, dialogue.line, "句数", f"这段有 {len(utterances)} 句；一段 {allowed}")
    for offset, text in enumerate(utterances):
        line = dialogue.line + offset
        if len(text) > MAX_CHARACTERS:
            yield Finding(path, line, "过长", f"{len(text)} 字，最多 {MAX_CHARACTERS} 字：“{text}”")
        if offset % 2:
            for rule, what in _check_reply(text):
                yield Finding(path, line, rule, f"{what}：“{text}”")


def _check_reply(text: str) -> Iterator[tuple[str, str]]:
    if not _REPLY_END.search(text):
        yield "句尾", "回答没有用标点或表情收尾"
    if _HALF_WIDTH.search(text):
        yield "半角标点", "回答的中文里有半角标点"
    if _REPLY_SPACE.search(text):
        yield "空格", "回答的中文之间有空格"
    if _DOUBLED.search(text):
        yield "标点", "回答里标点叠在一起"


def _invisible(line: str) -> Iterator[str]:
    for index, character in enumerate(line):
        category = unicodedata.category(character)
        joins_emoji = character == "\u200d" and 0 < index < len(line) - 1
        if category in ("Cc", "Cf", "Co") and character != "\t" and not joins_emoji:
            yield character
