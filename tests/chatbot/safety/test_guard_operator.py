"""The operator's own lexicon, and lexicons that change under a guard."""

import os
from pathlib import Path

import pytest

from chatbot.safety.entries import LexiconError
from chatbot.safety.guard import LEXICON_VARIABLE, Guard
from chatbot.safety.live import LiveLexicon
from chatbot.safety.replies import REPLIES

GUARD = Guard.default()


def test_the_operators_lexicon_is_added_to_ours(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine = tmp_path / "mine.txt"
    monkeypatch.setattr("chatbot.safety.live._LOOK_EVERY", 0.0)
    mine.write_text("insult\t南瓜\nallow\t王八蛋酥\npersonal_data\t< 你住哪\n", encoding="utf-8")
    monkeypatch.setenv(LEXICON_VARIABLE, str(mine))
    guard = Guard.configured()
    assert not guard.check_output("你是南瓜")
    assert guard.check_output("王八蛋酥真好吃")
    assert not guard.check_output("王八蛋")
    assert guard.check_input("你住哪") in REPLIES["personal_data"]
    assert GUARD.check_output("你是南瓜")
    mine.write_text("insult\t西瓜\n", encoding="utf-8")
    os.utime(mine, (1, 1))
    assert guard.check_output("你是南瓜")
    assert not guard.check_output("你是西瓜")


def test_an_operators_lexicon_that_is_broken_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine = tmp_path / "mine.txt"
    mine.write_text("insult\t南瓜\n南瓜\n", encoding="utf-8")
    monkeypatch.setenv(LEXICON_VARIABLE, str(mine))
    with pytest.raises(LexiconError, match=r"mine\.txt:2: 须是“类别、制表符、词”"):
        Guard.configured()
    monkeypatch.setenv(LEXICON_VARIABLE, str(tmp_path / "none"))
    with pytest.raises(LexiconError, match="none: 找不到词表"):
        Guard.configured()


def test_without_an_operators_lexicon_ours_is_shared(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(LEXICON_VARIABLE, "")
    assert Guard.configured()._lexicon is GUARD._lexicon


def test_a_guard_takes_up_a_changed_lexicon(tmp_path: Path) -> None:
    path = tmp_path / "insult.txt"
    path.write_text("南瓜", encoding="utf-8")
    guard = Guard(LiveLexicon(tmp_path))
    stream = guard.stream()
    path.write_text("西瓜", encoding="utf-8")
    os.utime(path, (1, 1))
    assert stream.feed("南瓜") + stream.finish() == ""  # a reply under way keeps its lexicon
    assert not guard.check_output("西瓜")
    assert guard.check_output("南瓜")
