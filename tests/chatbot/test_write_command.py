"""``python -m chatbot write``: what it prints, when, and how it ends."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from chatbot.__main__ import main
from chatbot.novelist import Novelist
from chatbot.writing import WritingParams

ROOT = Path(__file__).parents[2]
Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(run_main: Run) -> Run:
    """Run the command in this process: exit code, stdout, stderr."""

    return partial(run_main, main, "write")


def test_the_prompt_and_its_continuation_are_printed(tiny_novelist: Path, run: Run) -> None:
    options = ("--checkpoint", tiny_novelist, "--length", "30", "--temperature", "0.9")
    code, out, err = run("江上", *options, "--top-k", "9", "--top-p", "0.9", "--seed", "3")
    params = WritingParams(max_new_chars=30, temperature=0.9, top_k=9, top_p=0.9, seed=3)
    written = "".join(Novelist.from_folder(tiny_novelist).write("江上", params))
    assert (code, out, err) == (0, f"江上{written}\n", "")


def test_without_a_prompt_a_chapter_begins(tiny_novelist: Path, run: Run) -> None:
    code, out, _ = run("--checkpoint", tiny_novelist)
    assert code == 0
    assert out.startswith("第")
    assert len(out) == WritingParams().max_new_chars + 1


def test_a_prompt_may_begin_with_a_dash(tiny_novelist: Path, run: Run) -> None:
    code, _, err = run("--checkpoint", tiny_novelist, "--", "--江")
    assert code == 2
    assert err.startswith("错误：不认得这些字：-；")


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["龘江A"], "不认得这些字：龘 A；请"),
        (["--length", "0"], "max_new_chars=0 不可用；"),
        (["--temperature", "3"], "temperature=3.0 不可用；"),
        (["--checkpoint", "nowhere"], "nowhere: 找不到文件夹；用 make train-novel"),
    ],
)
def test_a_mistake_ends_in_one_line_and_exit_code_2(
    tiny_novelist: Path, run: Run, arguments: list[str], told: str
) -> None:
    folder = [] if "--checkpoint" in arguments else ["--checkpoint", str(tiny_novelist)]
    code, out, err = run(*folder, *arguments)
    assert (code, out) == (2, "")
    (line,) = err.splitlines()
    assert line.startswith("错误：")
    assert told in line


def test_it_prints_as_it_writes_and_ctrl_c_ends_it_quietly(tiny_novelist: Path) -> None:
    code = (
        "import signal, time; signal.signal(signal.SIGINT, signal.default_int_handler);"
        "from chatbot import novelist; draw = novelist.draw;"
        "novelist.draw = lambda *given: (time.sleep(0.1), draw(*given))[1];"
        "from chatbot.__main__ import main; main()"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code, "write", "江上", "--checkpoint", str(tiny_novelist)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        bufsize=0,  # what is read ahead would be lost to ``communicate``
        env={**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
    )
    assert process.stdout is not None
    begun = b""
    while len(begun) < len("江上雾".encode()):
        begun += process.stdout.read(1)
    assert begun.startswith("江上".encode())
    assert process.poll() is None, "nothing was printed before the end"
    process.send_signal(signal.SIGINT)
    rest, errors = process.communicate(timeout=60)
    assert process.returncode == 0
    assert errors == b""
    assert rest.endswith(b"\n")
    assert len((begun + rest).decode()) < 100
