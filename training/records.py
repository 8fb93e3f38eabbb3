"""What stands in a JSON corpus, checked: lists of utterances, and records that hold one."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

from training.errors import CorpusError

_BLANK = re.compile(r"[ \t\r\n]*")


def items_of_list(text: str, path: Path) -> Iterator[tuple[int, object]]:
    """Yield the items of a JSON list and the line each begins on.

    Raises:
        CorpusError: the text is no JSON list; names the line.
    """
    place = _after_blank(text, 0)
    if text[place : place + 1] != "[":
        raise CorpusError(path, 1, "最外层须是列表；请改成 [[句, 句, …], …]")
    place = _after_blank(text, place + 1)
    if text[place : place + 1] == "]":
        return
    line, counted, separator = 1, 0, ","
    while separator == ",":
        line, counted = line + text.count("\n", counted, place), place
        item, place = _decode(text, place, path)
        yield line, item
        end = _after_blank(text, place)
        separator = text[end : end + 1]
        place = _after_blank(text, end + 1)
    if separator != "]" or place < len(text):
        line = text.count("\n", 0, place if separator == "]" else end) + 1
        raise CorpusError(path, line, "JSON 坏了（列表没有在这里好好结束）；请修好这一行")


def parse_line(line: str, path: Path, number: int) -> object:
    """Return the JSON value of one line.

    Raises:
        CorpusError: it is no JSON.
    """
    try:
        return json.loads(line)
    except (ValueError, RecursionError) as error:
        what = f"JSON 坏了（{getattr(error, 'msg', error)}）；每行须是一个完整的对象"
        raise CorpusError(path, number, what) from None


def utterances_of_record(record: object, path: Path, number: int) -> tuple[str, ...]:
    """Return the utterances of ``{"dialogue": [...]}`` or ``{"messages": [...]}``.

    Raises:
        CorpusError: the record is neither, or its voices do not take turns.
    """
    if isinstance(record, dict) and "dialogue" in record:
        return utterances_of_list(record["dialogue"], path, number, "dialogue")
    if isinstance(record, dict) and isinstance(record.get("messages"), list):
        return _from_messages(record["messages"], path, number)
    raise CorpusError(
        path, number, '内容不认得；须有 "dialogue": [句, …] 或 "messages": [{"role", "content"}, …]'
    )


def utterances_of_list(value: object, path: Path, line: int, where: str) -> tuple[str, ...]:
    """Return a list of utterances, stripped; ``where`` names it in the messages.

    Raises:
        CorpusError: it is no list of strings, or one of them is blank or half a character.
    """
    if not isinstance(value, list) or not all(isinstance(text, str) for text in value):
        raise CorpusError(path, line, f"{where} 不是一列文字；请改成 [句, 句, …]")
    utterances = tuple(text.strip() for text in value)
    if not all(utterances):
        raise CorpusError(path, line, f"{where} 里有空的一句；请删去或补上")
    if any("\ud800" <= character <= "\udfff" for text in utterances for character in text):
        raise CorpusError(path, line, f"{where} 里有残缺的字符（半个表情符号）；请删去或补上")
    return utterances


def _from_messages(messages: list[object], path: Path, number: int) -> tuple[str, ...]:
    utterances: list[str] = []
    expected = "user"
    for message in messages:
        if not isinstance(message, dict) or not isinstance(message.get("content"), str):
            raise CorpusError(path, number, 'messages 有一项不对；须有 "role" 和文字 "content"')
        if message.get("role") == "system" and not utterances:
            continue
        if message.get("role") != expected:
            raise CorpusError(
                path, number, f'这里的 role 须是 "{expected}"；user 先说，与 assistant 轮流'
            )
        utterances.append(message["content"])
        expected = "assistant" if expected == "user" else "user"
    return utterances_of_list(utterances, path, number, "messages")


def _decode(text: str, place: int, path: Path) -> tuple[object, int]:
    try:
        return json.JSONDecoder().raw_decode(text, place)
    except (ValueError, RecursionError) as error:
        line = getattr(error, "lineno", text.count("\n", 0, place) + 1)
        what = f"JSON 坏了（{getattr(error, 'msg', error)}）；请修好这一行"
        raise CorpusError(path, line, what) from None


def _after_blank(text: str, place: int) -> int:
    match = _BLANK.match(text, place)
    assert match is not None, "the pattern matches nothing at all too"
    return match.end()
