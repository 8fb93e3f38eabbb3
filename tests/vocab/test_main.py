"""``python -m vocab``: what it writes, and how a caller's mistake ends."""

import subprocess
import sys
from pathlib import Path

import pytest

from vocab.__main__ import main
from vocab.wordpiece import SHIPPED_VOCAB, load_tokenizer


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str | Path) -> int:
    """Run the command line in this process; return its exit code."""
    monkeypatch.setattr(sys, "argv", ["vocab", *map(str, arguments)])
    with pytest.raises(SystemExit) as ended:
        main()
    code = ended.value.code
    return code if isinstance(code, int) else 0


def test_build_writes_a_table_that_inspect_measures(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    corpus, out = tmp_path / "a.txt", tmp_path / "new" / "vocab.txt"
    corpus.write_text("你好呀\n你好吗\n", encoding="utf-8")
    assert run(monkeypatch, "build", corpus, corpus, "--out", out, "--min-count", "4") == 0
    size = len(load_tokenizer(out))
    assert f"{out}：{size} 个词" in capsys.readouterr().out
    assert run(monkeypatch, "inspect", corpus, "--vocab", out) == 0
    told = capsys.readouterr().out
    assert f"词表 {size} 个词" in told
    assert "共 6 个 token" in told
    assert "[UNK] 2 个，占 33.3333%" in told
    assert "呀×1  吗×1" in told


def test_inspect_takes_the_shipped_table_and_tells_of_no_misses(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    text = tmp_path / "a.txt"
    text.write_text("你好，今天天气不错\n", encoding="utf-8")
    assert run(monkeypatch, "inspect", text) == 0
    told = capsys.readouterr().out
    assert f"词表 {len(load_tokenizer(SHIPPED_VOCAB))} 个词" in told
    assert "占 0.0000%" in told
    assert "最常缺的" not in told


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["build", "none.txt"], "none.txt: 找不到文件"),
        (["build", "empty.txt"], "没有读到任何文字"),
        (["build", "text.txt", "--size", "10"], "--size 10 太小"),
        (["build", "text.txt", "--out", "text.txt/vocab.txt"], "text.txt"),
        (["inspect", "none.txt"], "none.txt: 找不到文件"),
        (["inspect", "text.txt", "--vocab", "none.txt"], "none.txt: 找不到词表"),
        (["inspect", "text.txt", "--vocab", "text.txt"], "缺少特殊符号"),
        (["inspect", "text.txt", "--vocab", "."], "vocab.txt: 找不到词表"),
    ],
)
def test_a_mistake_ends_in_one_line_and_exit_code_2(
    arguments: list[str],
    told: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("empty.txt").touch()
    Path("text.txt").write_text("你好\n", encoding="utf-8")
    assert run(monkeypatch, *arguments) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    (line,) = captured.err.splitlines()
    assert line.startswith("错误：")
    assert told in line


def test_the_module_runs_as_a_program(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "vocab", "inspect", str(tmp_path / "none.txt")]
    done = subprocess.run(command, capture_output=True, encoding="utf-8", check=False)
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert line.startswith("错误：")
