"""A conversation in the terminal: streaming, remembered, written down as it goes."""

import asyncio
import contextlib
import io
import sys
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from chatbot.bot import Bot, Reply
from chatbot.errors import ChatbotError, EngineStopped

_YOU, _BOT = "你：", "小闲："
_GREETING = "说点什么吧。/new 换个话题重新聊，/quit 离开；回复中按 Ctrl-C 停下，空行时按则离开。"
_CHATS = Path("data/chats")


class Transcript:
    """A corpus file (one utterance a line, a blank line between dialogues) that grows by turns.

    What the file held before stays; a turn is on disk as soon as it is over.
    """

    def __init__(self, file: Path | None = None) -> None:
        self.file = file or _CHATS / f"{datetime.now():%Y%m%d-%H%M%S}.txt"
        self.num_turns = 0
        self._begins_dialogue = True
        if file is not None:  # better now than after a long talk
            self._write("")

    def begin_dialogue(self) -> None:
        """The next turn starts a new dialogue."""
        self._begins_dialogue = True

    def add(self, message: str, reply: str) -> None:
        """Write down a turn.

        Raises:
            OSError: the file cannot be written.
        """
        gap = "\n" if self._begins_dialogue and self._holds_text() else ""
        self._write(gap + "".join(" ".join(text.split()) + "\n" for text in (message, reply)))
        self._begins_dialogue = False
        self.num_turns += 1

    def _holds_text(self) -> bool:
        return self.file.exists() and self.file.stat().st_size > 0

    def _write(self, text: str) -> None:
        self.file.parent.mkdir(parents=True, exist_ok=True)
        with self.file.open("a", encoding="utf-8") as file:
            file.write(text)


class TerminalChat:
    """Talks with whoever types, or with the lines of a pipe.

    Replies go to standard output, one a line; with a pipe, nothing else does, and remarks go to
    standard error.
    """

    def __init__(self, bot: Bot, transcript: Transcript) -> None:
        self._bot = bot
        self._transcript = transcript
        self._history: list[str] = []
        self._is_interactive = sys.stdin.isatty() and sys.stdout.isatty()

    def run(self) -> None:
        """Talk until /quit, the end of input, or Ctrl-C at the prompt."""
        if self._is_interactive:
            self._remark(_GREETING)
        if isinstance(sys.stdin, io.TextIOWrapper):  # one bad line must not take others with it
            encoding = None if sys.stdin.isatty() else "utf-8-sig"
            sys.stdin.reconfigure(encoding=encoding, errors="surrogateescape")
        with asyncio.Runner() as runner, contextlib.suppress(KeyboardInterrupt):
            for line in self._lines():
                if line == "/quit":
                    break
                if line == "/new":
                    self._begin_anew()
                else:
                    self._take_turn(runner, line)
        if self._transcript.num_turns:
            self._remark(f"这次聊天存在 {self._transcript.file}")

    def _lines(self) -> Iterator[str]:
        """Yield what is typed or piped, without blank lines and lines that are not text."""
        while True:
            try:
                line = input(_YOU if self._is_interactive else "").strip()
                line.encode()
            except EOFError:
                break
            except UnicodeError:
                self._remark("这一行不是 UTF-8 文字，跳过")
                continue
            if line:
                yield line
        if self._is_interactive:
            print()

    def _begin_anew(self) -> None:
        self._history = []
        self._transcript.begin_dialogue()
        self._remark("好，重新开始。")

    def _take_turn(self, runner: asyncio.Runner, message: str) -> None:
        try:
            reply = runner.run(self._answer(message))
        except KeyboardInterrupt:  # the runner has cancelled the reply
            self._remark("停下了，这一轮不算。")
        except EngineStopped:
            raise
        except ChatbotError as error:
            self._remark(str(error))
        else:
            self._history += [message, reply.text]
            self._transcript.add(message, reply.text)

    async def _answer(self, message: str) -> Reply:
        generation = self._bot.start(self._history, message, self._bot.defaults)
        if self._is_interactive:
            print(_BOT, end="", flush=True)
        try:
            async for piece in generation:
                print(piece, end="", flush=True)
        finally:
            generation.cancel()
            print(flush=True)
        return generation.reply

    def _remark(self, text: str) -> None:
        print(text, file=sys.stdout if self._is_interactive else sys.stderr, flush=True)
