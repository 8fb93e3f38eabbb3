"""Generic replies: what the rule takes for one, and what it does not."""

import pytest

from training.metrics.generic import LIST, is_generic


@pytest.mark.parametrize(
    "reply",
    [
        "嗯",
        "嗯嗯嗯。",
        "好的呀！",
        "哈哈哈哈",
        "是啊，我也是。",
        "真的吗？",
        "好吧",
        "……",
        "辛苦了 加油",
        "我也不知道～",
        "谢谢你啊",
        "是吗😄",
    ],
)
def test_clauses_of_the_list_are_generic(reply: str) -> None:
    assert is_generic(reply)


@pytest.mark.parametrize(
    "reply", ["好的，我带伞。", "我也是程序员", "喝点热水吧", "不知道他在哪", "好书", "OK"]
)
def test_one_clause_with_something_of_its_own_is_enough(reply: str) -> None:
    assert not is_generic(reply)


def test_every_entry_of_the_list_is_generic_by_the_rule() -> None:
    entries = LIST.read_text("utf-8").split()
    assert len(entries) == len(set(entries)) > 80
    assert [entry for entry in entries if not is_generic(entry)] == []
