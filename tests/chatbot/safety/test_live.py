"""A lexicon whose files change while it is in use."""

import logging
import os
from pathlib import Path

import pytest

from chatbot.safety.entries import LexiconError
from chatbot.safety.lexicon import Lexicon
from chatbot.safety.live import LiveLexicon, live_lexicon
from chatbot.safety.normalise import normalise


def write(path: Path, text: str, *, second: int) -> None:
    """Write a file as of a second, so that no clock has a say."""
    path.write_text(text, encoding="utf-8")
    os.utime(path, (second, second))


def blocks(live: LiveLexicon, text: str) -> bool:
    return bool(live.current().search(normalise(text), "output"))


def test_a_change_holds_from_the_next_turn_on(tmp_path: Path) -> None:
    path = tmp_path / "insult.txt"
    write(path, "坏蛋", second=1)
    live = LiveLexicon(tmp_path)
    before = live.current()
    assert blocks(live, "坏蛋")
    assert live.current() is before  # nothing is read again for nothing
    write(path, "笨蛋", second=2)
    assert not blocks(live, "坏蛋")
    assert blocks(live, "笨蛋")
    assert before.search(normalise("坏蛋"), "output")  # who holds the old one keeps it whole


def test_what_was_seen_is_believed_for_a_while(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 100.0
    monkeypatch.setattr("chatbot.safety.live.time.monotonic", lambda: now)
    path = tmp_path / "insult.txt"
    write(path, "坏蛋", second=1)
    live = LiveLexicon(tmp_path, look_every=2.0)
    write(path, "笨蛋", second=2)
    now = 101.9
    assert blocks(live, "坏蛋")
    now = 102.0
    assert not blocks(live, "坏蛋")


def test_a_new_file_and_a_removed_one_count_as_changes(tmp_path: Path) -> None:
    write(tmp_path / "insult.txt", "坏蛋", second=1)
    live = LiveLexicon(tmp_path)
    write(tmp_path / "allow.txt", "坏蛋糕", second=1)
    assert not blocks(live, "坏蛋糕")
    (tmp_path / "allow.txt").unlink()
    assert blocks(live, "坏蛋糕")


def test_a_broken_file_leaves_the_old_lexicon_and_is_told_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "insult.txt"
    write(path, "坏蛋", second=1)
    live = LiveLexicon(tmp_path)
    write(path, "笨蛋\n(坏", second=2)
    with caplog.at_level(logging.WARNING, logger="chatbot.safety.live"):
        for _ in range(3):
            assert blocks(live, "坏蛋")
            assert not blocks(live, "笨蛋")
    (message,) = [record.getMessage() for record in caplog.records]
    assert "仍用原来的" in message
    assert f"{path}:2: " in message
    with pytest.raises(LexiconError, match=r"insult\.txt:2: "):
        live.reload()
    assert blocks(live, "坏蛋")
    write(path, "笨蛋", second=3)
    assert blocks(live, "笨蛋")


def test_a_lexicon_that_is_removed_stays_in_use(tmp_path: Path) -> None:
    path = tmp_path / "mine.txt"
    write(path, "insult\t坏蛋", second=1)
    live = LiveLexicon(path)
    path.unlink()
    assert blocks(live, "坏蛋")


def test_reload_reads_without_being_asked_by_the_clock(tmp_path: Path) -> None:
    path = tmp_path / "insult.txt"
    write(path, "坏蛋", second=1)
    live = LiveLexicon(tmp_path)
    write(path, "笨蛋", second=1)  # the same size, the same time
    assert blocks(live, "坏蛋")
    assert live.reload().search(normalise("笨蛋"), "output")


def test_one_thread_reads_and_the_others_go_on_with_the_old(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "insult.txt"
    write(path, "坏蛋", second=1)
    live = LiveLexicon(tmp_path)
    load, seen = Lexicon.load, []

    def load_slowly(*sources: Path) -> Lexicon:
        seen.append(blocks(live, "坏蛋"))  # as another turn would ask meanwhile
        return load(*sources)

    monkeypatch.setattr(Lexicon, "load", load_slowly)
    write(path, "笨蛋", second=2)
    assert blocks(live, "笨蛋")
    assert seen == [True]


def test_a_source_that_is_broken_from_the_start_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(LexiconError, match="找不到词表"):
        LiveLexicon(tmp_path / "none")


def test_the_same_files_are_followed_once(tmp_path: Path) -> None:
    write(tmp_path / "insult.txt", "坏蛋", second=1)
    assert live_lexicon(tmp_path) is live_lexicon(tmp_path)
