"""``python -m chatbot chat``: through a pipe, in a terminal of its own, and its mistakes."""

import errno
import io
import os
import pty
import re
import select
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from chatbot.__main__ import main

ROOT = Path(__file__).parents[2]


def environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}


def run_here(
    monkeypatch: pytest.MonkeyPatch, *arguments: str | Path, stdin: str = ""
) -> int | str | None:
    """Run the command in this process, which has the libraries loaded; return its exit code."""
    monkeypatch.setattr(sys, "argv", ["chatbot", *map(str, arguments)])
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin.encode()), "ascii"))
    with pytest.raises(SystemExit) as caught:
        main()
    return caught.value.code


def test_a_pipe_is_answered_line_by_line_and_saved(tiny_checkpoint: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "chatbot", "chat", "--checkpoint", str(tiny_checkpoint)]
    done = subprocess.run(
        command,
        input="\ufeff你好\n\n今天有点累\n/new\n".encode() + b" \xff\xfe\n" + "换个话题".encode(),
        capture_output=True,
        cwd=tmp_path,
        env={**environment(), "PYTHONIOENCODING": "utf-8:strict"},
        timeout=200,
        check=True,
    )
    replies = done.stdout.decode().splitlines()
    assert len(replies) == 3
    assert all(replies)
    (file,) = (tmp_path / "data" / "chats").iterdir()
    expected = ["你好", replies[0], "今天有点累", replies[1], "", "换个话题", replies[2]]
    assert file.read_text("utf-8").splitlines() == expected
    anew, not_text, saved = done.stderr.decode().splitlines()
    assert "重新" in anew
    assert "UTF-8" in not_text
    assert saved == f"这次聊天存在 {file.relative_to(tmp_path)}"


def test_a_corrupt_checkpoint_is_one_line_and_exit_code_2(
    tiny_checkpoint: Path, tmp_path: Path
) -> None:
    corrupt = tmp_path / "corrupt"
    shutil.copytree(tiny_checkpoint, corrupt)
    weights = corrupt / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-100])
    command = [sys.executable, "-m", "chatbot", "chat", "--checkpoint", str(corrupt)]
    done = subprocess.run(
        command, capture_output=True, env=environment(), cwd=tmp_path, timeout=200, check=False
    )
    assert done.returncode == 2
    assert done.stdout == b""
    assert re.fullmatch(rf"错误：{weights}[^\n]+\n", done.stderr.decode()), done.stderr.decode()


def test_other_mistakes_too(
    tiny_checkpoint: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for arguments, word in (
        (("--checkpoint", tmp_path / "nowhere"), "nowhere"),
        (("--checkpoint", tiny_checkpoint, "--save", tiny_checkpoint), str(tiny_checkpoint)),
    ):
        assert run_here(monkeypatch, "chat", *arguments) == 2
        printed = capsys.readouterr()
        assert word in printed.err
        assert re.fullmatch(r"错误：[^\n]+\n", printed.err)
        assert printed.out == ""


def test_a_message_that_is_too_long_costs_a_remark_only(
    tiny_checkpoint: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    lines = "好" * 300 + "\n你好\n/quit\n不会读到\n"
    assert run_here(monkeypatch, "chat", "--checkpoint", tiny_checkpoint, stdin=lines) == 0
    printed = capsys.readouterr()
    assert len(printed.out.splitlines()) == 1
    assert "300 个 token" in printed.err


class Deserted(io.StringIO):
    """A pipe whose reader has left."""

    def write(self, _: str) -> int:
        raise BrokenPipeError(errno.EPIPE, "Broken pipe")


def test_a_reader_that_leaves_ends_the_chat_in_silence(
    tiny_checkpoint: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "stdout", Deserted())
    lines = "你好\n" * 9
    assert run_here(monkeypatch, "chat", "--checkpoint", tiny_checkpoint, stdin=lines) == 1
    assert capsys.readouterr().err == ""


class Terminal:
    """The command in a pseudo-terminal."""

    def __init__(self, arguments: list[str], cwd: Path) -> None:
        self.screen = ""
        self._main, side = pty.openpty()
        self.process = subprocess.Popen(
            [sys.executable, "-m", "chatbot", "chat", *arguments],
            stdin=side,
            stdout=side,
            stderr=side,
            cwd=cwd,
            env={**environment(), "TERM": "dumb"},
            start_new_session=True,
        )
        os.close(side)

    def type(self, line: str) -> None:
        os.write(self._main, f"{line}\n".encode())

    def wait_for(self, pattern: str) -> None:
        """Read on until what was not yet looked at matches; forget it up to there."""
        deadline = time.monotonic() + 60
        while not (match := re.search(pattern, self.screen)):
            assert time.monotonic() < deadline, self.screen
            self._read()
        self.screen = self.screen[match.end() :]

    def _read(self) -> None:
        if select.select([self._main], [], [], 1)[0]:
            self.screen += os.read(self._main, 65536).decode("utf-8", "ignore")

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        os.close(self._main)


@pytest.fixture
def interruptible() -> Iterator[None]:
    """Ctrl-C does something even where the tests run as a background job, which ignores it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture
def terminal(
    interruptible: None,  # noqa: ARG001
    tiny_checkpoint: Path,
    tmp_path: Path,
) -> Iterator[Terminal]:
    terminal = Terminal(["--checkpoint", str(tiny_checkpoint), "--save", "chat.txt"], tmp_path)
    yield terminal
    terminal.close()


def test_a_talk_in_a_terminal(terminal: Terminal, tmp_path: Path) -> None:
    terminal.wait_for("/quit.*\n你：")
    terminal.type("你好")
    terminal.wait_for("小闲：[^\n]+\n你：")
    terminal.type("/new")
    terminal.wait_for("重新开始。\r\n你：")
    terminal.type("再来")
    terminal.wait_for("小闲：[^\n]+\n你：")
    time.sleep(1)  # until it reads: a signal just before is noticed at the next key only
    terminal.process.send_signal(signal.SIGINT)
    terminal.wait_for("存在 chat.txt")
    assert terminal.process.wait(60) == 0
    assert "Traceback" not in terminal.screen
    lines = (tmp_path / "chat.txt").read_text("utf-8").splitlines()
    assert (lines[0], lines[2], lines[3], len(lines)) == ("你好", "", "再来", 5)
