"""``python -m benchmarks``: what it writes, and how a mistake ends."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import pytest

from benchmarks.__main__ import main
from chatbot.checkpoint import load_checkpoint

Run = Callable[..., tuple[int, str, str]]

pytestmark = pytest.mark.usefixtures("tiny")


@pytest.fixture
def run(
    tmp_path: Path,
    tiny_checkpoint: Path,
    monkeypatch: pytest.MonkeyPatch,
    run_main: Run,
) -> Run:
    """Run the command line in this process: exit code, stdout, stderr."""
    checkpoint = load_checkpoint(tiny_checkpoint)
    pair = (checkpoint.model, checkpoint.tokenizer)
    dialogues = [SimpleNamespace(utterances=("你好", "你好呀"))]
    monkeypatch.setattr("benchmarks.__main__.shipped", lambda: pair)
    monkeypatch.setattr("benchmarks.__main__.held_out_dialogues", lambda _corpus: dialogues)
    monkeypatch.setattr("torch.set_num_threads", lambda _count: None)
    monkeypatch.chdir(tmp_path)

    return partial(run_main, main, "--out", "new/r.md", "--models", "tiny")


def test_pieces_add_up_to_one_file(run: Run) -> None:
    code, out, err = run("--pairs", "1", "--rows", "1", "--only", "generate-fp32, generate-bf16")
    assert (code, err) == (0, "")
    assert "1 路：我们 " in out
    first = Path("new/r.md").read_text("utf-8")
    assert "## 小模型" in first
    assert "≥ 0.0001，达到" in first
    assert "≥ 10000，未到" in first
    assert "困惑度" not in first
    assert run("--rows", "perplexity")[0] == 0
    second = Path("new/r.md").read_text("utf-8")
    assert "| 困惑度，7 个词元 |" in second
    assert [row for row in first.splitlines() if "generate" in row and "路" in row] == [
        row for row in second.splitlines() if "generate" in row and "路" in row
    ]
    assert second.count("- `python -m benchmarks --out new/r.md --models tiny") == 2


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--rows", "2"], "没有叫 2 的；可用的有 1、8、32"),
        (["--models", "gpt"], "没有叫 gpt 的；可用的有 tiny、tiny-cuda"),
        (["--only", "vllm"], "没有叫 vllm 的；可用的有 ctranslate2、"),
        (["--out", "broken.md"], "broken.json: 不是以前测得的结果；请删掉它"),
        (["--out", "r.json"], "--out r.json 不可用；须是 .md 结尾的文件名"),
        (["--out", "folder.md"], "--out folder.md 不可用"),
        (["--out", "broken.json/r.md"], "broken.json"),
    ],
)
def test_a_mistake_is_told_in_one_line(run: Run, arguments: list[str], told: str) -> None:
    Path("broken.json").write_text("{", "utf-8")
    Path("folder.md").mkdir()
    code, _, err = run(*arguments)
    assert code == 2
    assert err.count("\n") == 1
    assert err.startswith("错误：")
    assert told in err
