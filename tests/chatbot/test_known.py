from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatbot.errors import CheckpointError
from chatbot.known import MIN_SIMILARITY, KnownReplies, read_pairs, write_pairs

PAIRS = [
    ("今天好累", "累了就歇会儿。"),
    ("今天好累啊！", "先坐下喘口气。"),
    ("我养了一只猫", "猫猫叫什么？"),
    ("加班到十点", "十点才下班，太晚了。"),
    ("晚安", "晚安，好梦。"),
    ("？", "是我没说清楚吗？"),
    *((f"第{number}件没有关系的小事", f"第{number}个回答。") for number in range(50)),
]
KNOWN = KnownReplies(PAIRS)


def replies(message: str, count: int = 4, seed: int = 0) -> list[str]:
    return [item.reply for item in KNOWN.propose(message, count=count, seed=seed)]


def test_the_same_message_whatever_its_punctuation_is_alike() -> None:
    (first, second) = KNOWN.propose("今天好累…", count=4, seed=0)
    assert {first.reply, second.reply} == {"累了就歇会儿。", "先坐下喘口气。"}
    assert max(first.similarity, second.similarity) == pytest.approx(1.0, abs=1e-5)
    assert min(first.similarity, second.similarity) >= MIN_SIMILARITY


def test_a_message_unlike_all_has_no_known_reply() -> None:
    assert replies("明早帮我订一张去海边的票") == []
    assert replies("") == []


def test_a_message_of_signs_alone_stands_for_itself() -> None:
    assert replies("？") == ["是我没说清楚吗？"]


def test_a_reply_that_takes_up_what_was_not_said_is_left_out() -> None:
    assert replies("加班到十点了") == ["十点才下班，太晚了。"]
    assert replies("加班到九点") == []


def test_the_seed_decides_among_those_about_as_near() -> None:
    assert replies("今天好累", seed=3) == replies("今天好累", seed=3)
    assert {replies("今天好累", count=1, seed=seed)[0] for seed in range(20)} == {
        "累了就歇会儿。",
        "先坐下喘口气。",
    }


def test_equal_replies_are_proposed_once() -> None:
    twice = KnownReplies([("在吗", "在呢。"), ("在吗？", "在呢。")])
    assert len(twice.propose("在吗", count=4, seed=0)) == 1


def test_nothing_is_known_without_pairs() -> None:
    assert KnownReplies([]).propose("你好", count=4, seed=0) == []


@given(st.text(max_size=20))
def test_any_message_is_borne(message: str) -> None:
    for item in KNOWN.propose(message, count=4, seed=0):
        assert MIN_SIMILARITY <= item.similarity <= 1


def test_what_is_written_is_read(tmp_path: Path) -> None:
    write_pairs(tmp_path / "k.tsv", [("你\t好\n呀", "好。"), ("嗯", "我在。")])
    assert read_pairs(tmp_path / "k.tsv") == (("你 好 呀", "好。"), ("嗯", "我在。"))


@pytest.mark.parametrize("line", ["只有一句", "你好\t", "\t你好", "一\t二\t三"])
def test_a_broken_line_is_named(tmp_path: Path, line: str) -> None:
    (tmp_path / "k.tsv").write_text(f"你好\t好。\n{line}\n", encoding="utf-8")
    with pytest.raises(CheckpointError, match=r"k\.tsv:2: .*请改正"):
        read_pairs(tmp_path / "k.tsv")


def test_bytes_that_are_no_text_are_refused(tmp_path: Path) -> None:
    (tmp_path / "k.tsv").write_bytes(b"\xff\xfe")
    with pytest.raises(CheckpointError, match="读不了"):
        read_pairs(tmp_path / "k.tsv")
