"""The parts, with a bot that says what it is told; the command itself is in test_main.py."""

import io
import os
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from chatbot.decoding.params import SamplingParams
from chatbot.errors import EngineStopped, GenerationFailed
from chatbot.generation import Reply
from chatbot.terminal import TerminalChat, Transcript


def test_a_transcript_is_a_corpus_file(tmp_path: Path) -> None:
    transcript = Transcript(tmp_path / "new" / "chat.txt")
    transcript.add("你好", "你好呀")
    transcript.add("吃了吗", "吃了")
    transcript.begin_dialogue()
    transcript.begin_dialogue()
    transcript.add("再聊聊", "好")
    assert transcript.file.read_text("utf-8") == "你好\n你好呀\n吃了吗\n吃了\n\n再聊聊\n好\n"
    assert transcript.num_turns == 3


def test_what_the_file_held_stays(tmp_path: Path) -> None:
    file = tmp_path / "chat.txt"
    file.write_text("早\n早呀\n", encoding="utf-8")
    Transcript(file).add("晚安", "好梦")
    assert file.read_text("utf-8") == "早\n早呀\n\n晚安\n好梦\n"


def test_an_utterance_stays_on_its_line(tmp_path: Path) -> None:
    transcript = Transcript(tmp_path / "chat.txt")
    transcript.add("一\n二\u2028三", "好\r\n的")
    assert transcript.file.read_text("utf-8") == "一 二 三\n好 的\n"


def test_without_a_turn_nothing_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    transcript = Transcript()
    assert not list(tmp_path.iterdir())
    transcript.add("你好", "你好呀")
    assert transcript.file.parent == Path("data/chats")
    assert transcript.file.suffix == ".txt"
    assert transcript.file.read_text("utf-8") == "你好\n你好呀\n"


def test_a_file_that_cannot_be_written_is_refused_at_once(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match="file"):
        Transcript(tmp_path / "file" / "chat.txt")


class StubGeneration:
    def __init__(self, pieces: Sequence[str | Callable[[], None]]) -> None:
        self._pieces = list(pieces)
        self._text = ""
        self.is_cancelled = False

    def __aiter__(self) -> "StubGeneration":
        return self

    async def __anext__(self) -> str:
        if not self._pieces:
            raise StopAsyncIteration
        piece = self._pieces.pop(0)
        if not isinstance(piece, str):
            piece()
            return await anext(self)
        self._text += piece
        return piece

    @property
    def reply(self) -> Reply:
        return Reply(self._text, "stop", 3, 3, 0, 0, 0)

    def cancel(self) -> None:
        self.is_cancelled = True


class StubBot:
    """Answers with the next of the given replies; remembers what it was asked."""

    defaults = SamplingParams()

    def __init__(self, *replies: Sequence[str | Callable[[], None]]) -> None:
        self._replies = list(replies)
        self.asked: list[tuple[list[str], str]] = []
        self.generations: list[StubGeneration] = []

    def start(self, history: list[str], message: str, _: SamplingParams) -> StubGeneration:
        self.asked.append((list(history), message))
        self.generations.append(StubGeneration(self._replies.pop(0)))
        return self.generations[-1]


class Typed(io.StringIO):
    def isatty(self) -> bool:
        return True


def talk(
    bot: StubBot, lines: str, file: Path, monkeypatch: pytest.MonkeyPatch, *, tty: bool = False
) -> None:
    monkeypatch.setattr(sys, "stdin", Typed(lines) if tty else io.StringIO(lines))
    if tty:
        monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    TerminalChat(bot, Transcript(file)).run()  # type: ignore[arg-type]


def interrupt() -> None:
    os.kill(os.getpid(), signal.SIGINT)


def fail() -> None:
    raise GenerationFailed("模型坏了")


def stop() -> None:
    raise EngineStopped


def test_it_remembers_until_told_to_begin_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bot = StubBot(["好", "呀"], ["嗯"], ["行"])
    talk(bot, "你好\n\n在吗\n/new\n早\n/quit\n晚\n", tmp_path / "a", monkeypatch)
    assert bot.asked == [([], "你好"), (["你好", "好呀"], "在吗"), ([], "早")]


@pytest.fixture
def interruptible() -> Iterator[None]:
    """Ctrl-C does something even where the tests run as a background job, which ignores it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("interruptible")
def test_ctrl_c_stops_a_reply_which_then_does_not_count(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    bot = StubBot(["好", interrupt, "呀", "呀"], ["嗯"])
    talk(bot, "你好\n在吗\n", tmp_path / "a", monkeypatch)
    assert bot.generations[0].is_cancelled
    assert bot.asked[1] == ([], "在吗")
    assert (tmp_path / "a").read_text("utf-8") == "在吗\n嗯\n"
    assert "停下了" in capsys.readouterr().err


def test_a_failed_reply_costs_a_remark_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    talk(StubBot(["好", fail], ["嗯"]), "你好\n在吗\n", tmp_path / "a", monkeypatch)
    printed = capsys.readouterr()
    assert "模型坏了" in printed.err
    assert printed.out.endswith("嗯\n")
    assert (tmp_path / "a").read_text("utf-8") == "在吗\n嗯\n"


def test_a_stopped_engine_ends_the_talk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(EngineStopped):
        talk(StubBot([stop]), "你好\n在吗\n", tmp_path / "a", monkeypatch)


def test_a_terminal_is_greeted_and_prompted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    talk(StubBot(["好", "呀"]), "你好\n", tmp_path / "a", monkeypatch, tty=True)
    printed = capsys.readouterr()
    greeting, *rest = printed.out.splitlines()
    assert "/quit" in greeting
    assert rest == ["你：小闲：好呀", "你：", f"这次聊天存在 {tmp_path / 'a'}"]
    assert printed.err == ""
