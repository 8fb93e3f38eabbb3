"""Every way to write a phrase becomes one; offsets lead back."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chatbot.safety.normalise import BREAK, Normaliser, fold, normal_form, normalise

TRICKY = st.one_of(
    st.text(max_size=30),
    st.lists(
        st.sampled_from(
            list("傻逼操场妈狗gsbＳＢ㎏½儍滾死 .·-，。！…\n\u200b\u0336\ufe0f😀🐴ѕ⺘丶1②é")
        ),
        max_size=40,
    ).map("".join),
)


@pytest.mark.parametrize(
    ("written", "text"),
    [
        ("傻逼", "傻逼"),
        ("ＳＢ", "sb"),
        ("FuCk", "fuck"),
        ("㊙密", "秘密"),
        ("傻\u200b逼\ufeff", "傻逼"),
        ("傻\u0336逼\u0336", "傻逼"),
        ("sé", "se"),
        ("滾蛋", "滚蛋"),
        ("妳這個廢物", "你这个废物"),
        ("儍屄", "傻逼"),
        ("傻 逼", "傻逼"),
        ("傻.逼", "傻逼"),
        ("傻　逼", "傻逼"),
        ("傻丶逼", "傻逼"),
        ("傻😀️逼", "傻逼"),
        ("（傻）*逼*", "傻逼"),
        ("傻傻傻逼逼", "傻逼"),
        ("fuuuck", "fuck"),
        ("ѕЬ", "sb"),  # Cyrillic
        ("⺘喿", "扌喿"),
        ("草泥🐴", "草泥马"),
        ("肏", "操"),
        ("艸你", "草你"),
        ("傻🅱", "傻b"),
        ("🇸🇧", "sb"),
        ("做💣", "做炸弹"),
        ("ㄕㄚˇ ㄅㄧ", "shabi"),
    ],
)
def test_one_spelling(written: str, text: str) -> None:
    assert normalise(written).text == text


@pytest.mark.parametrize(
    ("written", "text"),
    [
        ("12110", "12110"),
        ("妈妈", "妈妈"),
        ("狗狗", "狗狗"),
        ("nigger niger", "niggerniger"),
        ("is sb", "issb"),
    ],
)
def test_repetition_that_means_something_stays(written: str, text: str) -> None:
    assert normalise(written).text == text


@pytest.mark.parametrize("mark", list("，。！？；：、…,!?\n"))
def test_the_end_of_a_clause_stays_a_border(mark: str) -> None:
    assert normalise(f"真傻{mark}{mark}逼我").text == f"真傻{BREAK}逼我"


def test_the_way_back_holds_what_vanished() -> None:
    found = normalise("你傻\u200b傻.逼！")
    assert found.text == f"你傻逼{BREAK}"
    assert found.span(1, 3) == (1, 6)
    assert not found.runs_on(2)
    assert found.runs_on(1)


def test_a_space_between_latin_words_breaks_nothing() -> None:
    found = normalise("ask sb 傻 b")
    assert [found.runs_on(index) for index in range(1, len(found.text))] == [True] * 4 + [False] * 2


def test_a_latin_letter_knows_whether_it_goes_on() -> None:
    found = normalise("this but is b")
    assert [letter for i, letter in enumerate(found.text) if not found.is_joined(i)] == list("tbib")


@settings(max_examples=300, deadline=None)
@given(TRICKY)
def test_offsets_always_map_back(text: str) -> None:
    found = normalise(text)
    assert len(found.offsets) == len(found.text)
    previous = (0, 0)
    for letter, (start, end) in zip(found.text, found.offsets, strict=True):
        assert 0 <= start < end <= len(text)
        assert letter in fold(text[start])
        assert start >= previous[1] or start == previous[1] - 1 == previous[0]
        previous = (start, end)


@settings(max_examples=300, deadline=None)
@given(TRICKY)
def test_what_is_normalised_never_changes_as_more_comes(text: str) -> None:
    normaliser = Normaliser()
    size = 0
    for char in text:
        before = "".join(normaliser.text)
        size += normaliser.push(char)
        assert "".join(normaliser.text).startswith(before)
        assert size == len(normaliser.text)
    assert "".join(normaliser.text) == normalise(text).text


@settings(max_examples=300, deadline=None)
@given(TRICKY)
def test_the_quick_way_gives_the_same_spelling(text: str) -> None:
    assert normal_form(text) == normalise(text).text
