"""A guard with a classifier: what it is asked, and what leaves."""

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chatbot.safety.guard import Guard
from chatbot.safety.lexicon import SHIPPED_LEXICON
from chatbot.safety.live import live_lexicon
from chatbot.safety.replies import RETORTS, TURNS


class Judge:
    """Holds texts with a certain word for offensive; remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def probability(self, text: str) -> float:
        self.asked.append(text)
        return 0.7 if "南瓜" in text else 0.2


@pytest.mark.parametrize(("threshold", "passes"), [(0.5, False), (0.7, True), (0.9, True)])
def test_a_reply_over_the_threshold_may_not_leave(threshold: float, passes: bool) -> None:
    guard = Guard(live_lexicon(SHIPPED_LEXICON), Judge(), threshold)
    assert guard.check_output("你是南瓜") is passes
    assert guard.check_output("你是西瓜")


def test_the_classifier_is_not_asked_in_vain() -> None:
    judge = Judge()
    guard = Guard(live_lexicon(SHIPPED_LEXICON), judge)
    assert not guard.check_output("你这个傻逼")
    assert guard.check_input("你是南瓜") is None
    assert guard.retorts("你这个傻逼") == RETORTS
    assert judge.asked == []
    for _ in range(3):  # once as a candidate, once as it leaves
        assert guard.check_output("你好")
    assert judge.asked == ["你好"]


def test_what_only_the_classifier_minds_gets_a_turn_of_the_talk() -> None:
    guard = Guard(live_lexicon(SHIPPED_LEXICON), Judge())
    assert guard.retorts("你是南瓜") == TURNS
    assert guard.retorts("你是西瓜") == guard.without_classifier().retorts("你是南瓜") == ()


@pytest.mark.parametrize(
    ("text", "left", "asked"),
    [
        ("你好，西瓜。", "你好，西瓜。", ["你好，西瓜。"]),
        ("你好，南瓜。", "", ["你好，南瓜。"]),
        ("你好，傻逼。", "", []),
        ("你好，傻", "你好，傻", ["你好，傻"]),
        ("", "", [""]),
    ],
)
def test_with_a_classifier_a_reply_leaves_whole_or_not_at_all(
    text: str, left: str, asked: list[str]
) -> None:
    judge = Judge()
    stream = Guard(live_lexicon(SHIPPED_LEXICON), judge).stream()
    assert [stream.feed(char) for char in text] == [""] * len(text)
    assert stream.finish() == left
    assert stream.tripped is (left != text)
    assert judge.asked == asked


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.sampled_from(["南", "瓜", "西瓜", "傻", "逼", "你好", "，", "sb"]), max_size=10),
    st.lists(st.integers(0, 30), max_size=6),
)
def test_no_split_changes_the_verdict(words: list[str], cuts: list[int]) -> None:
    text = "".join(words)
    guard = Guard(live_lexicon(SHIPPED_LEXICON), Judge())
    stream = guard.stream()
    edges = [0, *sorted(cut % (len(text) + 1) for cut in cuts), len(text)]
    left = "".join(stream.feed(text[a:b]) for a, b in pairwise(edges)) + stream.finish()
    assert stream.tripped is not guard.check_output(text)
    assert left == ("" if stream.tripped else text)
