"""How a lexicon folder is read, and what counts as found."""

from pathlib import Path

import pytest

from chatbot.safety.lexicon import CATEGORIES, Category, Lexicon, Match, Side
from chatbot.safety.normalise import normalise


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


def test_comments_blank_lines_and_sides(tmp_path: Path) -> None:
    words = lexicon(tmp_path, insult="# 注释\n\n坏蛋  # 也是注释\n", self_harm="< 想死\n> 死了算\n")
    assert words.blocked["input"] == {"坏蛋": "insult", "想死": "self_harm"}
    assert words.blocked["output"] == {"坏蛋": "insult", "死了算": "self_harm"}


def test_phrases_are_normalised_like_texts(tmp_path: Path) -> None:
    words = lexicon(tmp_path, insult="壞 蛋\nＳＢ\n")
    assert set(words.blocked["output"]) == {"坏蛋", "sb"}


@pytest.mark.parametrize(
    ("name", "line", "message"),
    [("insult", "···", "no phrase"), ("allow", "坏，蛋", "no phrase"), ("hate", "> ", "no phrase")],
)
def test_a_line_that_is_no_phrase_is_named(
    tmp_path: Path, name: str, line: str, message: str
) -> None:
    with pytest.raises(ValueError, match=rf"{name}\.txt:2: .*{message}"):
        lexicon(tmp_path, **{name: f"# 一\n{line}\n"})


def test_a_phrase_in_two_categories_is_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"hate\.txt:1: '坏蛋' is in insult\.txt already"):
        lexicon(tmp_path, insult="坏蛋", hate="壞蛋")


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
        ("我操 场上见", True),
    ],
)
def test_contexts(tmp_path: Path, text: str, counts: bool) -> None:
    words = lexicon(tmp_path, obscenity="我操\n操妈\n操他", allow="我操场\n体操")
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
    words = Lexicon.default()
    assert Lexicon.default() is words
    everything = {**words.blocked["input"], **words.blocked["output"]}
    assert set(everything.values()) == set(CATEGORIES)
    assert len(everything) > 2000
    assert all(len(contexts) >= 150 for contexts in words.allowed.values())
    assert {"操场", "干活", "鸡蛋", "杀青", "傻笑", "自杀式"} <= words.allowed["input"]


@pytest.mark.parametrize(
    ("side", "before"),
    [("input", before) for before in ("", "我", "我真的", "就想", "我想", "我要")]
    + [("output", before) for before in ("", "我", "你", "真的")],
)
def test_no_shipped_context_swallows_a_shipped_phrase(side: Side, before: str) -> None:
    words = Lexicon.default()
    swallowed = {
        phrase for phrase in words.blocked[side] if not found(words, before + phrase, side)
    }
    assert swallowed == set()


def test_no_short_latin_phrase_came_of_a_folded_repetition() -> None:
    words = Lexicon.default()
    latin = {phrase for side in words.blocked.values() for phrase in side if phrase.isascii()}
    assert {phrase for phrase in latin if len(phrase) < 3} <= {"sb"}
    assert not latin & {"niger", "as", "but", "bos", "her", "his"}
