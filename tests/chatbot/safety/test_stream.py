"""A reply that streams: how it is cut into pieces makes no difference."""

from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chatbot.safety.guard import Guard
from chatbot.safety.lexicon import SHIPPED_LEXICON, Lexicon
from chatbot.safety.live import live_lexicon
from chatbot.safety.normalise import normalise
from chatbot.safety.stream import OutputFilter

LEXICON = live_lexicon(SHIPPED_LEXICON).current()
PIECES = [
    *("傻逼", "傻.逼", "傻", "逼", "逼真", "你", "是", "个", "废物", "去死", "去死吧"),
    *("我操", "操", "操场", "操你的心", "操你", "体操", "妈", "妈妈", "他妈的", "他妈的手艺", "手"),
    *("sb", "s", "b", "is", "ＳＢ", "usb", "2", "fuck", "fu", "c", "k", "12356", "㎏", "㏄", "ass"),
    *(" ", ".", "，", "。", "\n", "\u200b", "\u0336", "😀", "丶", "哈哈", "今天", "谁说你", "死了"),
    *("cao", "ni", "ma", "操，你，妈", "🐴", "草泥", "女马", "扌喿", "shabi", "路口交警", "交"),
    *("滚", "滚开", "水滚开", "了", "買大麻", "買大麻花", "大麻", "想自杀吧", "自杀", "吧", "不是"),
]
TEXTS = st.one_of(
    st.lists(st.sampled_from(PIECES), max_size=12).map("".join),
    st.lists(st.one_of(st.sampled_from(PIECES), st.text(max_size=4)), max_size=8).map("".join),
)


def stream(text: str, cuts: list[int], lexicon: Lexicon | None = None) -> tuple[str, bool]:
    """Return what leaves of ``text`` when it comes in pieces cut at ``cuts``; and the verdict."""
    reply = OutputFilter(lexicon or LEXICON)
    edges = [0, *sorted(cut % (len(text) + 1) for cut in cuts), len(text)]
    left = "".join(reply.feed(text[a:b]) for a, b in pairwise(edges))
    return left + reply.finish(), reply.tripped


@settings(max_examples=500, deadline=None)
@given(TEXTS, st.lists(st.integers(0, 200), max_size=12))
def test_no_split_changes_what_leaves_or_the_verdict(text: str, cuts: list[int]) -> None:
    assert stream(text, cuts) == stream(text, []) == stream(text, list(range(len(text))))


@settings(max_examples=500, deadline=None)
@given(TEXTS, st.lists(st.integers(0, 200), max_size=12))
def test_the_verdict_is_that_of_the_whole_text(text: str, cuts: list[int]) -> None:
    _, tripped = stream(text, cuts)
    assert tripped is not Guard.default().check_output(text)


@settings(max_examples=500, deadline=None)
@given(TEXTS, st.lists(st.integers(0, 200), max_size=12))
def test_what_leaves_is_the_text_up_to_the_first_blocked_phrase(text: str, cuts: list[int]) -> None:
    left, tripped = stream(text, cuts)
    assert text.startswith(left)
    if not tripped:
        assert left == text
        return
    normalised = normalise(text)
    found = LEXICON.search(normalised, "output")
    assert len(left) <= min(normalised.span(match.start, match.end)[0] for match in found)


def test_harmless_text_is_not_held_back() -> None:
    reply = OutputFilter(LEXICON)
    pieces = ["猫咪", "爬树", "热得很", "，喝点水。"]
    assert [reply.feed(piece) for piece in pieces] == pieces
    assert reply.finish() == ""


def test_only_the_end_that_could_become_a_phrase_is_held(tmp_path: Path) -> None:
    (tmp_path / "insult.txt").write_text("坏蛋壳子", encoding="utf-8")
    reply = OutputFilter(Lexicon.load(tmp_path))
    assert reply.feed("你这坏") == "你这"
    assert reply.feed(" 蛋") == ""
    assert reply.feed("壳") == ""
    assert reply.feed("里") == "坏 蛋壳里"
    assert reply.finish() == ""
    assert not reply.tripped


def test_a_found_phrase_waits_for_the_context_that_could_excuse_it(tmp_path: Path) -> None:
    (tmp_path / "insult.txt").write_text("坏蛋", encoding="utf-8")
    (tmp_path / "allow.txt").write_text("坏蛋糕", encoding="utf-8")
    words = Lexicon.load(tmp_path)
    reply = OutputFilter(words)
    assert reply.feed("这坏蛋") == "这"
    assert not reply.tripped
    assert reply.feed("糕别吃") == "坏蛋糕别吃"
    assert stream("这坏蛋儿", [3], words) == ("这", True)
    assert stream("这坏蛋", [3], words) == ("这", True)
    assert stream("这坏蛋 糕", [3], words) == ("这", True)


def test_a_latin_phrase_waits_for_the_end_of_its_word() -> None:
    reply = OutputFilter(LEXICON)
    assert reply.feed("插上 sb") == "插上 "
    assert reply.feed("us线") == "sbus线"
    assert stream("你sb", [2]) == ("你", True)
    assert stream("你sb啊", [2]) == ("你", True)


@pytest.mark.parametrize("phrase", ["傻逼", "傻.逼", "傻\u200b逼", "ＳＢ", "傻傻逼逼", "去 死 吧"])
def test_a_phrase_cut_over_pieces_never_leaves(phrase: str) -> None:
    for cut in range(len(phrase) + 1):
        reply = OutputFilter(LEXICON)
        left = reply.feed("你好呀，" + phrase[:cut]) + reply.feed(phrase[cut:]) + reply.finish()
        assert (left, reply.tripped) == ("你好呀，", True)


def test_after_tripping_nothing_leaves() -> None:
    reply = OutputFilter(LEXICON)
    assert reply.feed("你好，傻逼。今天") == "你好，"
    assert reply.tripped
    assert reply.feed("天气真好") == ""
    assert reply.finish() == ""
    assert reply.tripped
