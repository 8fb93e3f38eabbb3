import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatbot.stop_sequences import StopSequences


def run(pieces: list[str], stops: list[str]) -> tuple[str, bool]:
    found = StopSequences(stops)
    text = "".join(found.feed(piece) for piece in pieces)
    return text + ("" if found.met else found.finish()), found.met


@pytest.mark.parametrize(
    ("pieces", "stops", "text", "met"),
    [
        (["你好", "再见"], [], "你好再见", False),
        (["你好", "再见"], ["好再"], "你", True),
        (["ab", "ab", "ac"], ["abac"], "ab", True),
        (["一", "二", "三"], ["三四"], "一二三", False),
        (["一二三"], ["三", "二"], "一", True),
        (["停", "后面"], ["停"], "", True),
    ],
)
def test_the_text_ends_before_the_first_of_them(
    pieces: list[str], stops: list[str], text: str, met: bool
) -> None:
    assert run(pieces, stops) == (text, met)


def test_what_cannot_begin_one_leaves_at_once() -> None:
    found = StopSequences(["###"])
    assert found.feed("好#") == "好"
    assert found.feed("的") == "#的"


@given(
    st.lists(st.text("ab", max_size=4), max_size=8),
    st.lists(st.text("ab", min_size=1, max_size=3), max_size=3),
)
def test_pieces_make_no_difference(pieces: list[str], stops: list[str]) -> None:
    whole = "".join(pieces)
    places = [whole.find(stop) for stop in stops if stop in whole]
    assert run(pieces, stops) == (whole[: min(places, default=len(whole))], bool(places))
