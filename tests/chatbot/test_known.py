import lzma
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chatbot.errors import CheckpointError
from chatbot.known import (
    MIN_SIMILARITY,
    KnownReplies,
    KnownReply,
    known_replies,
    read_known,
    write_known,
)

DIALOGUES = [
    ("今天好累", "累了就歇会儿。", "不能歇 还有活", "那就先喝口水。"),
    ("今天好累啊！", "先坐下喘口气。"),
    ("我养了一只猫叫豆包", "猫猫多大了？", "两岁 它叫啥来着", "豆包呀。"),
    ("加班到十点", "十点才下班，太晚了。"),
    ("？", "是我没说清楚吗？"),
    *((f"第{number}件没有关系的小事", f"回答{number}。") for number in range(50)),
]
KNOWN = KnownReplies([item for dialogue in DIALOGUES for item in known_replies(dialogue)])
SEEDS = range(12)


def replies(message: str, history: tuple[str, ...] = (), count: int = 24) -> set[str]:
    """What is proposed with one seed or another; each seed leaves some out."""
    return {
        item.reply
        for seed in SEEDS
        for item in KNOWN.propose(history, message, count=count, seed=seed)
    }


def test_every_exchange_of_a_dialogue_is_known_with_what_it_takes_up() -> None:
    found = known_replies(["我养了猫叫豆包", "多大了？", "两岁 它叫啥", "豆包呀。", "没人接的话"])
    assert [(item.message, item.reply) for item in found] == [
        ("我养了猫叫豆包", "多大了？"),
        ("两岁 它叫啥", "豆包呀。"),
    ]
    assert [item.needs for item in found] == [frozenset(), frozenset({"豆包"})]
    assert [item.opens for item in found] == [True, False]


def test_the_same_message_whatever_its_punctuation_is_alike() -> None:
    first, *_ = (
        item for seed in SEEDS for item in KNOWN.propose([], "今天好累…", count=1, seed=seed)
    )
    assert first.reply == "累了就歇会儿。"
    assert first.fit == pytest.approx(1.0, abs=1e-5)
    assert {"累了就歇会儿。", "先坐下喘口气。"} <= replies("今天好累…")


def test_the_likest_come_first_and_no_more_than_asked_for() -> None:
    for seed in SEEDS:
        found = KNOWN.propose([], "今天好累啊", count=2, seed=seed)
        near = [item.fit for item in found]
        assert near == sorted(near, reverse=True)
        assert len(found) <= 2
        assert min(near, default=1) >= MIN_SIMILARITY


def test_a_message_unlike_all_has_no_known_reply() -> None:
    assert replies("明早帮我订票去海边") == set()
    assert replies("") == set()


def test_a_message_of_signs_alone_stands_for_itself() -> None:
    assert replies("？") == {"是我没说清楚吗？"}


def test_a_reply_that_takes_up_what_was_not_said_is_left_out() -> None:
    assert "十点才下班，太晚了。" in replies("加班到十点了")
    assert "十点才下班，太晚了。" not in replies("加班到九点")
    assert "豆包呀。" not in replies("两岁 它叫啥来着")
    assert "豆包呀。" in replies("两岁 它叫啥来着", history=("我家猫叫豆包", "好名字。"))


def test_a_seed_repeats_its_choice_and_another_may_bring_something_else() -> None:
    found = [tuple(KNOWN.propose([], "今天好累", count=1, seed=seed)) for seed in SEEDS]
    assert found == [tuple(KNOWN.propose([], "今天好累", count=1, seed=seed)) for seed in SEEDS]
    assert len(set(found)) > 1


def test_what_came_later_in_its_dialogue_is_trusted_less() -> None:
    talk = ("开头的一句", "甲。", "后来说得长的一句", "丙。", "好吧", "开头好。")
    known = KnownReplies(known_replies(talk))

    def fit(message: str) -> float:
        found = (
            item for seed in SEEDS for item in known.propose(talk, message, count=1, seed=seed)
        )
        return next(found).fit

    assert [fit(message) for message in talk[::2]] == pytest.approx([1, 0.85, 0.85])


def test_what_only_answers_the_talk_before_it_is_not_found_by_its_words() -> None:
    talk = ("哈哈", "笑什么？", "哈哈", "还笑。", "好吧", "那就好。")
    exchanges = known_replies(talk)
    assert [item.reply for item in exchanges] == ["笑什么？", "还笑。", "那就好。"]
    assert [item.trust for item in exchanges] == [1.0, 0.0, 0.0]
    known = KnownReplies(exchanges)
    found = {
        item.reply
        for message in talk[::2]
        for seed in SEEDS
        for item in known.propose(talk, message, count=9, seed=seed)
    }
    assert found == {"笑什么？"}


def test_the_answer_to_a_like_question_is_not_the_answer_to_this_one() -> None:
    asked = ("法国的首都是哪里", "巴黎。"), ("德国的首都是哪里", "柏林。"), ("你在哪里", "在这里。")
    known = KnownReplies([item for dialogue in asked for item in known_replies(dialogue)])

    def answers(message: str, min_coverage: float) -> set[str]:
        return {
            item.reply
            for seed in SEEDS
            for item in known.propose([], message, count=9, seed=seed, min_coverage=min_coverage)
        }

    assert {"巴黎。", "柏林。"} <= answers("法国首都是哪里", 0.0)
    assert answers("法国首都是哪里", 0.85) == {"巴黎。"}
    assert answers("泰国首都是哪里", 0.85) == set()


def test_equal_replies_are_proposed_once() -> None:
    twice = KnownReplies([KnownReply(text, "在呢。", frozenset()) for text in ("在吗", "在吗？")])
    assert all(len(twice.propose([], "在吗", count=4, seed=seed)) <= 1 for seed in SEEDS)


def test_nothing_is_known_without_a_corpus() -> None:
    assert KnownReplies([]).propose([], "你好", count=4, seed=0) == []


@settings(deadline=None)  # the first call may load a library
@given(st.text(max_size=20), st.lists(st.text(max_size=9), max_size=4))
def test_any_message_is_borne(message: str, history: list[str]) -> None:
    for item in KNOWN.propose(history, message, count=4, seed=0):
        assert MIN_SIMILARITY <= item.fit <= 1


def test_what_is_written_is_read(tmp_path: Path) -> None:
    known = [
        KnownReply("你\t好\n呀", "好。", frozenset()),
        KnownReply("嗯", "豆包呀。", frozenset({"豆包", "包呀"}), opens=False),
    ]
    write_known(tmp_path / "k.tsv.xz", known)
    assert read_known(tmp_path / "k.tsv.xz") == (
        KnownReply("你 好 呀", "好。", frozenset()),
        known[1],
    )


@pytest.mark.parametrize(
    "line", ["只有一句", "你好\t好。", "\t你好\t", "你好\t\t", "一\t二\t三\t四"]
)
def test_a_broken_line_is_named(tmp_path: Path, line: str) -> None:
    text = f"你好\t好。\t\n{line}\n"
    (tmp_path / "k.tsv.xz").write_bytes(lzma.compress(text.encode()))
    with pytest.raises(CheckpointError, match=r"k\.tsv\.xz:2: .*请改正"):
        read_known(tmp_path / "k.tsv.xz")


def test_bytes_that_are_no_packed_text_are_refused(tmp_path: Path) -> None:
    whole = lzma.compress("你好\t好。\t\n".encode())
    plain = "你好\t好。\t\n".encode()
    for content in (lzma.compress(b"\xff\xfe"), plain, b"", whole[:-1], whole[:9]):
        (tmp_path / "k.tsv.xz").write_bytes(content)
        with pytest.raises(CheckpointError, match=r"k\.tsv\.xz: 读不了（.*）；请"):
            read_known(tmp_path / "k.tsv.xz")
