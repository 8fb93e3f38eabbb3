"""What a line of the lexicon stands for."""

import re

import pytest

from chatbot.safety.pattern import MAX_PHRASES, PatternError, expand

LISTS = {"人": ["你", "他"], "骂": ["笨蛋", "傻子"]}


@pytest.mark.parametrize(
    ("pattern", "phrases"),
    [
        ("坏蛋", ["坏蛋"]),
        ("[傻煞]逼", ["傻逼", "煞逼"]),
        ("(你|你个|)猪", ["你猪", "你个猪", "猪"]),
        ("去(死|(跳|撞)楼)", ["去死", "去跳楼", "去撞楼"]),
        ("{人}是{骂}", ["你是笨蛋", "你是傻子", "他是笨蛋", "他是傻子"]),
        ("这个?猪", ["这个猪", "这猪"]),
        (
            "[你他]?(真|太)?笨",
            ["你真笨", "你太笨", "你笨", "他真笨", "他太笨", "他笨", "真笨", "太笨", "笨"],
        ),
        ("甲|乙", ["甲", "乙"]),
        ("fuck you", ["fuck you"]),
    ],
)
def test_a_pattern_stands_for_phrases(pattern: str, phrases: list[str]) -> None:
    assert expand(pattern, LISTS) == phrases


@pytest.mark.parametrize(
    ("pattern", "told"),
    [
        ("(你|他", "“(”没有与它成对"),
        ("你)", "“)”没有与它成对"),
        ("[你他", "“[”没有与它成对"),
        ("你]", "“]”没有与它成对"),
        ("[]", "里面是空的"),
        ("[你(他]", "“[”没有与它成对"),
        ("{没有}", "没有叫“没有”的名单"),
        ("{人", "“{”没有与它成对"),
        ("?你", "“?”前面没有字"),
        ("[一二三四五六七八九十]" * 5, f"超过 {MAX_PHRASES:,} 条"),
    ],
)
def test_a_broken_pattern_is_refused(pattern: str, told: str) -> None:
    with pytest.raises(PatternError, match=re.escape(told)):
        expand(pattern, LISTS)
