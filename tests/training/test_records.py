"""JSON corpora: every record form, and each way one can be wrong."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from training.errors import CorpusError
from training.records import items_of_list, parse_line, utterances_of_list, utterances_of_record

PATH = Path("corpus.json")
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


@given(st.lists(JSON), st.sampled_from([None, 0, 2]), st.booleans())
def test_items_are_those_that_python_reads(
    items: list[Any], indent: int | None, ascii_only: bool
) -> None:
    text = json.dumps(items, indent=indent, ensure_ascii=ascii_only)
    assert [item for _, item in items_of_list(f"\n {text}\t", PATH)] == items


def test_items_know_their_lines() -> None:
    text = "[\n1,\n\n[2,\n3], 4\n,\n5]"
    assert list(items_of_list(text, PATH)) == [(2, 1), (4, [2, 3]), (5, 4), (7, 5)]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("", 1),
        ('{"a": 1}', 1),
        ("[", 1),
        ("[1,\n2", 2),
        ("[1,\n2\n3]", 3),
        ("[1,\n]", 2),
        ("[1,\n{2}]", 2),
        ("[1]\n\n[2]", 3),
        ("[\n" + "[" * 100_000, 2),
        ("[\n" + "9" * 5000 + "]", 2),
    ],
)
def test_a_broken_list_names_its_line(text: str, line: int) -> None:
    with pytest.raises(CorpusError, match=rf"^corpus\.json:{line}: .*；") as error:
        list(items_of_list(text, PATH))
    assert error.value.line == line
    assert "\n" not in str(error.value)


def test_an_empty_list_has_no_items() -> None:
    assert list(items_of_list(" [ ] ", PATH)) == []


@pytest.mark.parametrize("text", ["{", "", "你好", "[" * 100_000, "9" * 5000])
def test_a_broken_line_is_named(text: str) -> None:
    with pytest.raises(CorpusError, match=r"^corpus\.json:7: JSON 坏了.*；"):
        parse_line(text, PATH, 7)


def messages(*pairs: tuple[object, object]) -> dict[str, Any]:
    return {"messages": [{"role": role, "content": content} for role, content in pairs]}


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        ({"dialogue": [" 你好 ", "你好呀"], "other": 1}, ("你好", "你好呀")),
        (messages(("user", "你好"), ("assistant", " 你好呀")), ("你好", "你好呀")),
        (messages(("system", "你是小闲"), ("user", "你好"), ("assistant", "嗯")), ("你好", "嗯")),
        (messages(("user", "a"), ("assistant", "b"), ("user", "c")), ("a", "b", "c")),
    ],
)
def test_the_utterances_of_a_record(record: object, expected: tuple[str, ...]) -> None:
    assert utterances_of_record(record, PATH, 1) == expected


@pytest.mark.parametrize(
    ("record", "told"),
    [
        ([["a", "b"]], "内容不认得"),
        ({"text": "a"}, "内容不认得"),
        ({"messages": "a"}, "内容不认得"),
        ({"dialogue": "ab"}, "dialogue 不是一列文字"),
        ({"dialogue": ["a", 1]}, "dialogue 不是一列文字"),
        ({"dialogue": ["a", " "]}, "空的一句"),
        ({"dialogue": ["a", "\ud83d"]}, "半个表情"),
        ({"messages": ["a"]}, "messages 有一项不对"),
        (messages(("user", None)), "messages 有一项不对"),
        (messages(("assistant", "a")), 'role 须是 "user"'),
        (messages(("user", "a"), ("user", "b")), 'role 须是 "assistant"'),
        (messages(("user", "a"), ("system", "b")), 'role 须是 "assistant"'),
        (messages(("user", "a"), ("assistant", " ")), "空的一句"),
    ],
)
def test_a_record_of_another_form_is_refused(record: object, told: str) -> None:
    with pytest.raises(CorpusError, match=r"^corpus\.json:3: .*；") as error:
        utterances_of_record(record, PATH, 3)
    assert told in str(error.value)


def test_a_list_is_named_as_the_caller_says() -> None:
    assert utterances_of_list(["a ", "b"], PATH, 1, "第 2 段") == ("a", "b")
    with pytest.raises(CorpusError, match="第 2 段"):
        utterances_of_list(None, PATH, 1, "第 2 段")
