"""How a lexicon folder is read, and what counts as found."""

from pathlib import Path

import pytest

from chatbot.safety.entries import CATEGORIES, Category, Side
from chatbot.safety.lexicon import SHIPPED_LEXICON, Lexicon, Match
from chatbot.safety.live import live_lexicon
from chatbot.safety.normalise import normalise

SHIPPED = live_lexicon(SHIPPED_LEXICON).current()


def lexicon(folder: Path, **files: str) -> Lexicon:
    for name, text in files.items():
        (folder / f"{name}.txt").write_text(text, encoding="utf-8")
    return Lexicon.load(folder)


def found(words: Lexicon, text: str, side: Side = "output") -> list[tuple[str, Category]]:
    normalised = normalise(text)
    return [
        (normalised.text[match.start : match.end], match.category)
        for match in words.search(normalised, side)
    ]


def test_a_context_of_one_side_excuses_nothing_on_the_other(tmp_path: Path) -> None:
    words = lexicon(tmp_path, self_harm="去跳楼", allow="> 要去跳楼")
    assert found(words, "要去跳楼", "output") == []
    assert found(words, "要去跳楼", "input") == [("去跳楼", "self_harm")]


def test_a_phrase_in_two_categories_belongs_to_the_graver(tmp_path: Path) -> None:
    words = lexicon(tmp_path, insult="去死吧", self_harm="> [去快]死吧", hate="去死吧")
    assert words.blocked["input"] == {"去死吧": "hate"}
    assert words.blocked["output"] == {"去死吧": "self_harm", "快死吧": "self_harm"}


def test_an_evasion_never_outdoes_what_was_written(tmp_path: Path) -> None:
    words = lexicon(tmp_path, insult="自sha", self_harm="~ 自杀")
    assert words.blocked["input"]["自sha"] == "insult"
    assert words.blocked["input"]["zisha"] == "self_harm"


def test_a_later_source_adds_to_an_earlier_and_outdoes_it(tmp_path: Path) -> None:
    (tmp_path / "ours").mkdir()
    (tmp_path / "ours" / "lists.txt").write_text("人 = 你|他", encoding="utf-8")
    (tmp_path / "ours" / "illegal.txt").write_text("坏蛋\n笨蛋\n傻蛋", encoding="utf-8")
    mine = tmp_path / "mine.txt"
    mine.write_text("insult\t坏蛋\nallow\t笨蛋\nhate\t{人}是谁", encoding="utf-8")
    words = Lexicon.load(tmp_path / "ours", mine)
    assert found(words, "坏蛋") == [("坏蛋", "insult")]
    assert found(words, "笨蛋") == []
    assert found(words, "傻蛋") == [("傻蛋", "illegal")]
    assert found(words, "他是谁") == [("他是谁", "hate")]


def test_an_empty_lexicon_finds_nothing(tmp_path: Path) -> None:
    words = lexicon(tmp_path)
    assert found(words, "坏蛋") == []
    assert not words.begins_blocked("坏", "output")
    assert found(lexicon(tmp_path, insult="坏蛋"), "坏蛋") == [("坏蛋", "insult")]


@pytest.mark.parametrize(
    ("text", "counts"),
    [
        ("我操", True),
        ("我操场上跑", False),  # inside
        ("操妈", True),
        ("体操妈妈也会", False),  # begins inside 体操
        ("操他的心", True),  # 操心 is not there
        ("体 操妈", True),  # not written together, so 体操 is no word here
        ("路口 交警", False),  # the gap lies inside what was found
        ("路 口交", True),
        ("我操 场上见", True),
    ],
)
def test_contexts(tmp_path: Path, text: str, counts: bool) -> None:
    words = lexicon(tmp_path, obscenity="我操\n操妈\n操他\n口交", allow="我操场\n体操\n路口交")
    assert bool(found(words, text)) is counts


def test_a_context_that_begins_behind_does_not_excuse(tmp_path: Path) -> None:
    words = lexicon(tmp_path, insult="傻逼", allow="逼真")
    assert found(words, "这傻逼真烦") == [("傻逼", "insult")]


@pytest.mark.parametrize(
    ("text", "counts"),
    [
        *(("sb", True), ("你sb啊", True), ("s b", True), ("is sb", True), ("SB!", True)),
        *(("this but", False), ("sbs", False), ("usb线", False), ("sb2", False)),
    ],
)
def test_latin_phrases_count_as_whole_words(tmp_path: Path, text: str, counts: bool) -> None:
    assert bool(found(lexicon(tmp_path, insult="sb"), text)) is counts


def test_matches_tell_where(tmp_path: Path) -> None:
    words = lexicon(tmp_path, insult="坏蛋")
    assert words.search(normalise("你个坏.蛋"), "input") == [Match(2, 4, "insult")]


def test_the_shipped_lexicon_has_what_it_needs() -> None:
    words = SHIPPED
    everything = {**words.blocked["input"], **words.blocked["output"]}
    assert set(everything.values()) == set(CATEGORIES)
    assert len(everything) > 20_000
    assert all(len(contexts) >= 150 for contexts in words.allowed.values())
    assert {"操场", "干活", "鸡蛋", "杀青", "傻笑", "自杀式"} <= words.allowed["input"]


@pytest.mark.parametrize(
    ("side", "before"),
    [("input", before) for before in ("", "我", "我真的", "就想", "我想", "我要", "他要")]
    + [("output", before) for before in ("", "我", "你", "真的", "那")],
)
def test_no_shipped_context_swallows_a_shipped_phrase(side: Side, before: str) -> None:
    words = SHIPPED
    swallowed = {
        phrase
        for phrase in words.blocked[side]
        if not phrase.isascii() and not found(words, before + phrase, side)
    }
    assert swallowed == set()


def test_no_short_latin_phrase_came_of_a_folded_repetition() -> None:
    words = SHIPPED
    latin = {phrase for side in words.blocked.values() for phrase in side if phrase.isascii()}
    assert {phrase for phrase in latin if len(phrase) < 3} <= {"sb", "fk"}
    assert not latin & {"niger", "as", "but", "bos", "her", "his"}
