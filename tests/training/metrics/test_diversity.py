"""Variety of replies, by hand."""

import pytest

from training.metrics.diversity import (
    distinct,
    identical_replies,
    repetition_across,
    repetition_inside,
)
from training.metrics.intervals import Share


def test_distinct_counts_over_all_replies() -> None:
    replies = ["好的好的", "好的"]
    assert distinct(replies, 1) == 2 / 6
    assert distinct(replies, 2) == 2 / 4  # 好的 的好 好的, 好的
    assert distinct([], 1) == distinct(["好"], 2) == 0


def test_repetition_inside_is_a_mean_over_replies() -> None:
    """哈哈哈 says one of its two bigrams again; 好的好的 one of three; 好 has none."""
    assert repetition_inside(["哈哈哈"]) == 1 / 2
    assert repetition_inside(["哈哈哈", "好的好的", "好", "我在"]) == pytest.approx(
        (1 / 2 + 1 / 3) / 4
    )
    assert repetition_inside([]) == 0


def test_repetition_across_looks_at_earlier_replies_of_the_bot_alone() -> None:
    said = ["早上好", "吃饭了吗", "晚上好", "喝水了吗"]
    assert repetition_across([said]) == Share(0, 1)  # 了吗 of 喝水, 水了, 了吗
    said[3] = "吃饭了没"
    assert repetition_across([said]) == Share(1, 1)  # 吃饭, 饭了 of three
    assert repetition_across([["a", "一二三", "b", "一二四"]]) == Share(1, 1)  # half is enough
    assert repetition_across([["在吗", "在呀", "哈", "在吗"]]) == Share(0, 1)  # the person's words
    assert repetition_across([["a", "嗯", "b", "嗯", "c", "哦"], ["a", "嗯"]]) == Share(1, 2)
    assert repetition_across([]) == Share(0, 0)


def test_repetition_across_compares_with_one_reply_at_a_time() -> None:
    """一二三四五 takes half of its bigrams from two replies together, from neither alone."""
    said = ["a", "一二", "b", "四五", "c", "一二三四五"]
    assert repetition_across([said]) == Share(0, 2)


def test_identical_replies_count_openers() -> None:
    openers = ["你好", "在吗", "吃了吗", "晚安", "你好！"]
    replies = ["嗯嗯", "嗯嗯！", "吃了", "晚安", "别的"]
    assert identical_replies(openers, replies) == Share(2, 4)  # 你好！ is 你好 again
    assert identical_replies([], []) == Share(0, 0)
