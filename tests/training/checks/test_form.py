"""Form: each rule finds a broken file or dialogue and leaves a good one alone."""

from pathlib import Path

import pytest

from training.checks.form import check_dialogue, check_raw
from training.corpora import Dialogue

GOOD = "在吗\n在呀。\n好困\n那就睡吧。\n\n嗨 你好\n嗨！\n😀 hh\n笑什么呢？\n"


def raw_rules(tmp_path: Path, text: str) -> list[tuple[int, str]]:
    path = tmp_path / "a.txt"
    path.write_bytes(text.encode())
    return [(finding.line, finding.rule) for finding in check_raw(path)]


def dialogue_rules(*utterances: str) -> list[tuple[int, str]]:
    dialogue = Dialogue(utterances, Path("a.txt"), 1)
    return [(finding.line, finding.rule) for finding in check_dialogue(dialogue)]


def test_good_file_has_no_findings(tmp_path: Path) -> None:
    assert raw_rules(tmp_path, GOOD) == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (GOOD.rstrip("\n"), (9, "换行")),
        (GOOD + "\n", (10, "换行")),
        ("\n" + GOOD, (1, "空行")),
        (GOOD.replace("\n\n", "\n\n\n"), (6, "空行")),
        (GOOD.replace("\n\n", "\n \n"), (5, "空格")),
        (GOOD.replace("在吗", " 在吗"), (1, "空格")),
        (GOOD.replace("在呀。", "在呀。 "), (2, "空格")),
        (GOOD.replace("嗨 你好", "嗨  你好"), (6, "空格")),
        (GOOD.replace("嗨 你好", "嗨\u3000你好"), (6, "空格")),
        (GOOD.replace("嗨 你好", "嗨\t你好"), (6, "空格")),
        (GOOD.replace("好困", "好\u200b困"), (3, "不可见字符")),
        (GOOD.replace("好困", "好\x07困"), (3, "不可见字符")),
        ("\ufeff" + GOOD, (1, "不可见字符")),
        (GOOD.replace("\n", "\r\n"), (1, "不可见字符")),
    ],
)
def test_broken_file_is_found(tmp_path: Path, text: str, expected: tuple[int, str]) -> None:
    assert expected in raw_rules(tmp_path, text)


def test_joined_emoji_is_no_invisible_character(tmp_path: Path) -> None:
    assert raw_rules(tmp_path, GOOD.replace("😀", "👨\u200d👩\u200d👧")) == []


@pytest.mark.parametrize("count", [2, 3, 5, 12])
def test_wrong_number_of_lines_is_found(count: int) -> None:
    assert (1, "句数") in dialogue_rules(*["好。"] * count)


@pytest.mark.parametrize("count", [4, 6, 8, 10])
def test_right_number_of_lines_is_left_alone(count: int) -> None:
    assert dialogue_rules(*["好。"] * count) == []


def test_sixty_characters_are_too_many() -> None:
    assert dialogue_rules("字" * 60, "好。", "嗯", "好。") == [(1, "过长")]
    assert dialogue_rules("字" * 59, "好。", "嗯", "好。") == []


@pytest.mark.parametrize(
    ("reply", "rule"),
    [
        ("好呀", "句尾"),
        ("他说“好”", "句尾"),
        ("好，", "句尾"),
        ("好,走吧。", "半角标点"),
        ("好 走吧。", "空格"),
        ("好。。", "标点"),
        ("好，。", "标点"),
    ],
)
def test_careless_reply_is_found(reply: str, rule: str) -> None:
    assert (2, rule) in dialogue_rules("在", reply, "嗯", "好。")


@pytest.mark.parametrize(
    "reply",
    ["好呀。", "好！", "真的？", "嗯……", "来嘛～", "他说“好。”", "好呀😀", "抱抱❤️", "好(^_^)", "好 T_T",
     "I'm here. 好吗？", "真的？！"],
)  # fmt: skip
def test_careful_reply_is_left_alone(reply: str) -> None:
    assert dialogue_rules("在", reply, "嗯", "好。") == []


def test_person_may_write_carelessly() -> None:
    assert dialogue_rules("在 吗,,", "在呀。", "困,死了。。", "睡吧。") == []
