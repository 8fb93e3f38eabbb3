"""Manner: shares are counted as named, and only a share above its bound is a finding."""

from pathlib import Path

import pytest

from training.checks.manner import BOUNDS, check_manner, echoes, measure
from training.corpora import Dialogue

PATH = Path("a.txt")


def dialogues(replies: list[str], message: str = "在吗") -> list[Dialogue]:
    return [Dialogue((message, reply), PATH, 1) for reply in replies]


def varied(count: int) -> list[str]:
    return [f"第{number}句。" for number in range(count)]


def rules(replies: list[str], message: str = "在吗") -> list[str]:
    return [finding.text for finding in check_manner(PATH, measure(dialogues(replies, message)))]


def test_varied_replies_are_left_alone() -> None:
    assert rules(varied(100)) == []


@pytest.mark.parametrize(
    ("name", "replies"),
    [
        ("问句收尾", [f"{number}个吗？" for number in range(66)] + varied(34)),
        ("哈哈起头", [f"哈哈，{number}个。" for number in range(11)] + varied(89)),
        ("那起头", [f"那{number}个。" for number in range(21)] + varied(79)),
        ("接话起头", [f"在吗，{number}。" for number in range(31)] + varied(69)),
        ("最常见", ["好呀。"] * 3 + varied(97)),
    ],
)
def test_habit_above_its_bound_is_found(name: str, replies: list[str]) -> None:
    (text,) = rules(replies)
    assert text.startswith(name)
    allowed = [*replies[1:], "另一句。"]
    assert rules(allowed) == []


def test_few_replies_are_not_judged() -> None:
    assert rules(["好呀。"] * 50) == []


def test_shares_are_exact() -> None:
    manner = measure(dialogues(["那好。", "哈哈！", "是吗？", "是吗？"]))
    assert manner.shares == {
        "问句收尾": 0.5, "接话起头": 0.0, "哈哈起头": 0.25, "那起头": 0.25, "最常见": 0.5,
    }  # fmt: skip
    assert manner.commonest == "是吗？"
    assert measure([]).shares == dict.fromkeys(BOUNDS, 0.0)


@pytest.mark.parametrize(
    ("message", "reply", "expected"),
    [
        ("今天吃了饺子", "饺子呀，什么馅的？", True),
        ("今天吃了饺子", "吃了饺子啦！", True),
        ("今天吃了饺子", "什么馅的饺子？", False),
        ("今天吃了饺子", "吃，好吃。", False),
        ("OK 好的", "ok好，走吧。", True),
    ],
)
def test_echo(message: str, reply: str, expected: bool) -> None:
    assert echoes(message, reply) is expected
