"""How a phrase is spelled by those who mean to pass."""

import pytest

from chatbot.safety.normalise import BREAK, normalise
from chatbot.safety.spelling import respell


@pytest.mark.parametrize(
    ("phrase", "evasion"),
    [
        ("操你妈", "cao你妈"),
        ("操你妈", "操ni妈"),
        ("操你妈", "操你女马"),
        ("操你妈", "caonima"),
        ("操你妈", "cao ni ma"),
        ("操你妈", "操，你，妈"),
        ("傻逼", "shabi"),
        ("傻逼", "傻bi"),
        ("婊子", "女表子"),
        ("自杀", "自sha"),
        ("自杀", "自乂木"),
        ("割腕", "割 wan"),
    ],
)
def test_an_evasion_is_known(phrase: str, evasion: str) -> None:
    assert normalise(evasion).text in respell(phrase)


def test_a_phrase_with_latin_letters_is_split_but_not_put_into_pinyin() -> None:
    assert respell("s逼") == {"s逼", "s辶畐", "s尸穴"}


def test_a_letter_that_two_syllables_share_is_found_however_they_are_written() -> None:
    spelled = respell("贱娘")
    assert {normalise("jianniang").text, normalise("jian niang").text} <= spelled


def test_of_a_long_phrase_one_character_changes_or_all() -> None:
    spelled = respell("你妈逼死傻狗")
    assert "你妈bi死傻狗" in spelled
    assert "ni妈bi死傻狗" not in spelled
    assert "nimabisishagou" in spelled
    assert BREAK.join("你妈逼死傻狗") not in spelled


def test_one_initial_stands_for_a_character_but_not_at_the_end() -> None:
    spelled = respell("操你妈")
    assert {"c你妈", "操n妈"} <= spelled
    assert "操你m" not in spelled
    assert "s逼" not in respell("傻逼")


def test_what_is_spelled_is_in_the_one_spelling() -> None:
    for phrase in ("操你妈", "不要脸", "去死吧"):
        assert all(
            normalise(spelled.replace(BREAK, "，")).text == spelled for spelled in respell(phrase)
        )
