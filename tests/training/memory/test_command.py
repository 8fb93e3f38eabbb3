"""``python -m training memory``: the file it writes, and how a mistake ends: one line, code 2."""

import re
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from training.__main__ import main
from training.corpora import read_dialogues

SMALL_THINGS = [f"{colour}{thing}" for colour in "红橙黄绿蓝紫" for thing in "叶花草石瓦"]
TALK = ["--corpus", "talk.txt", "--out", "m.txt"]
Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, run_main: Run) -> Run:
    """Run the command where a corpus and an empty folder lie: exit code, stdout, stderr."""
    talk = "\n\n".join(f"门口落了{thing}\n{thing}落得巧。\n嗯\n嗯嗯。" for thing in SMALL_THINGS)
    (tmp_path / "talk.txt").write_text(f"{talk}\n", "utf-8")
    (tmp_path / "few.txt").write_text("你好\n你好呀！\n", "utf-8")
    (tmp_path / "nothing").mkdir()
    monkeypatch.chdir(tmp_path)

    return partial(run_main, main, "memory")


def test_a_corpus_file_is_written(run: Run) -> None:
    options = ("--count", "40", "--corpus", "talk.txt")
    code, out, err = run(*options, "--out", "new/generated_a.txt")
    assert (code, err) == (0, "")
    assert re.fullmatch(r"写好了：new/generated_a\.txt，40 段，\d+ 句，插话 \d\d 组\n", out)
    first = Path("new/generated_a.txt").read_bytes()
    assert len(list(read_dialogues("new/generated_a.txt"))) == 40
    run(*options, "--out", "generated_b.txt")
    assert Path("generated_b.txt").read_bytes() == first
    run(*options, "--out", "generated_b.txt", "--seed", "1")
    assert Path("generated_b.txt").read_bytes() != first


def test_a_name_that_does_not_mark_the_file_is_told(run: Run) -> None:
    code, out, _ = run("--count", "2", *TALK)
    assert code == 0
    assert out.endswith("\n文件名不以 generated_ 开头：放进语料后会当作手写的来拆分和检查\n")


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--count", "0", *TALK], "count=0 不可用；须至少是 1"),
        (["--count", "-3", *TALK], "count=-3 不可用；须至少是 1"),
        (["--count", "1", "--seed", "-1", *TALK], "seed=-1 不可用；须至少是 0"),
        (["--count", "1", "--out", "m.json"], "--out m.json 不可用；须是 .txt 结尾"),
        (["--count", "1", "--out", "nothing"], "--out nothing 不可用；"),
        (["--count", "1", *TALK, "--corpus", "none"], "none: 找不到语料；"),
        (["--count", "1", *TALK, "--corpus", "nothing"], "nothing: 文件夹里没有语料；"),
        (["--count", "1", *TALK, "--corpus", "few.txt"], "请换一个更大的手写语料"),
        (["--count", "1", *TALK, "--out", "few.txt/m.txt"], "few.txt"),
    ],
)
def test_a_mistake_ends_in_one_line(run: Run, arguments: list[str], told: str) -> None:
    code, _, err = run(*arguments)
    assert code == 2
    (line,) = err.splitlines()
    assert line.startswith("错误：")
    assert told in line
    assert not Path("m.txt").exists()
