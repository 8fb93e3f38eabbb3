"""``python -m training``: what each command does, and how a mistake ends: one line, code 2."""

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from chatbot.checkpoint import load_checkpoint
from training import dialogue_commands as module
from training.__main__ import main
from training.errors import Diverged

SHAPE = {"n_positions": 64, "n_embd": 16, "n_layer": 1, "n_head": 2}
FAST = ("--precision", "float32", "--compile", "off", "--row-length", "64", "--batch-rows", "4")
Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, run_main: Run) -> Run:
    """Run the command line in this process, in an empty folder: exit code, stdout, stderr."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("training.journal.draw_curves", lambda *_: None)

    return partial(run_main, main)


@pytest.fixture
def files(tmp_path: Path, corpus: Path, vocab_file: Path, tiny_checkpoint: Path) -> Path:
    """Whatever the commands below name: good, broken and empty."""
    (tmp_path / "gpt2.json").write_text(json.dumps(SHAPE), "utf-8")
    shutil.copy(vocab_file, tmp_path / "vocab.txt")
    texts = {
        "empty.txt": "",
        "one.txt": "你好\n好\n\n在吗\n",
        "broken.jsonl": '{"dialogue": ["a", "b"]}\n{"dialogue": \n',
        "short.txt": "你好\n好\n",
        "unknown.json": json.dumps({**SHAPE, "n_embed": 8}),
        "wrong.json": json.dumps({**SHAPE, "n_head": 3}),
        "broken.json": "{",
        "recipe.toml": "name = 1",
    }
    for name, text in texts.items():
        (tmp_path / name).write_text(text, "utf-8")
    (tmp_path / "nothing").mkdir()
    for name in ("corrupt", "misfit", "pickled"):
        shutil.copytree(tiny_checkpoint, tmp_path / name)
    weights = tmp_path / "corrupt" / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-9])
    shutil.copy(vocab_file, tmp_path / "misfit" / "vocab.txt")
    (tmp_path / "misfit" / "manifest.json").unlink()
    (tmp_path / "pickled" / "model.safetensors").rename(tmp_path / "pickled" / "pytorch_model.bin")
    assert corpus == tmp_path / "corpus"
    return tmp_path


def test_prepare_and_dialogue_train_a_model_to_serve(files: Path, run: Run) -> None:
    start = ("--config", "gpt2.json", "--vocab", "vocab.txt")
    options = (*FAST, "--epochs", "3", "--learning-rate", "0.01", "--patience", "0")
    code, out, err = run("dialogue", "--corpus", "corpus", "--out", "mine", *start, *options)
    assert (code, err) == (0, "")
    assert "留出集困惑度" in out
    assert load_checkpoint(files / "mine" / "best").model.config.n_embd == 16
    more = ("--corpus", "corpus", "--out", "more", "--init", "mine/best", "--epochs", "1", *FAST)
    assert run("dialogue", *more)[0] == 0
    assert run("dialogue", *more, "--resume")[0] == 0
    code, out, err = run("prepare", "--corpus", "corpus", "--out", "s", "--vocab", "mine/best")
    assert (code, err) == (0, "")
    assert (files / "s" / "valid" / "tokens.bin").is_file()
    code, out, err = run("samples", "--checkpoint", "mine/best")
    assert (code, err) == (0, "")
    assert "你好 → " in out


CONFIG = ["--config", "gpt2.json"]
MISTAKES: list[tuple[list[str], str]] = [
    (["dialogue", "--corpus", "none", *CONFIG], "none: 找不到语料；请检查 CORPUS="),
    (["dialogue", "--corpus", "nothing", *CONFIG], "nothing: 文件夹里没有语料；"),
    (["dialogue", "--corpus", "empty.txt", *CONFIG], "empty.txt: 文件里没有对话；"),
    (["dialogue", "--corpus", "one.txt", *CONFIG], "one.txt:4: 这段对话只有一句（在吗）；"),
    (["dialogue", "--corpus", "broken.jsonl", *CONFIG], "broken.jsonl:2: JSON 坏了"),
    (["dialogue", "--corpus", "short.txt", *CONFIG], "short.txt: 对话太少"),
    (["dialogue", "--corpus", "gpt2.json", *CONFIG], "gpt2.json:1: 最外层须是列表；"),
    (["dialogue", "--init", "none"], "none: 找不到模型文件夹；"),
    (["dialogue", "--init", "corrupt"], "校验和不符"),
    (["dialogue", "--init", "misfit"], "放回训练时用的 vocab.txt"),
    (["dialogue", "--init", "pickled"], "python -m chatbot convert"),
    (["dialogue", "--init", "misfit", *CONFIG], "INIT= 和 CONFIG= 只能给一个；"),
    (["dialogue", "--config", "none.json"], "none.json: 找不到模型配置；"),
    (["dialogue", "--config", "broken.json"], "broken.json: JSON 坏了"),
    (["dialogue", "--config", "unknown.json"], "GPT2Config 没有 n_embed；"),
    (["dialogue", "--config", "wrong.json"], "wrong.json: 模型配置里的值不能用"),
    (["dialogue", *CONFIG, "--vocab", "none.txt"], "none.txt: 找不到词表文件；"),
    (["dialogue", *CONFIG, "--vocab", "one.txt"], "one.txt: 第 3 行是空行；"),
    (["dialogue", *CONFIG, "--resume"], "没有可以接着训练的存盘；"),
    (["dialogue", *CONFIG, "--row-length", "65"], "row_length=65 超过"),
    (["dialogue", *CONFIG, "--row-length", "7"], "row_length=7 不可用；"),
    (["dialogue", *CONFIG, "--epochs", "0"], "epochs=0 不可用；"),
    (["dialogue", *CONFIG, "--batch-rows", "-1"], "batch_rows=-1 不可用；"),
    (["dialogue", *CONFIG, "--learning-rate", "nan"], "learning_rate=nan 不可用；"),
    (["dialogue", *CONFIG, "--seed", "-1"], "seed=-1 不可用；"),
    (["prepare", "--vocab", "none"], "none: 找不到模型文件夹；"),
    (["prepare", "--vocab", "corrupt"], "校验和不符"),
    (["samples", "--checkpoint", "none"], "none: 找不到模型文件夹；"),
    (["base", "--corpora", "nothing"], "用 CORPORA= 指明"),
    (["base", "--corpora", "nothing", "--recipe", "none.toml"], "none.toml: 找不到配方；"),
    (["base", "--corpora", "nothing", "--recipe", "recipe.toml"], "recipe.toml: 多了或少了"),
    (["check", "none"], "none"),
    (["split", "none"], "none: 找不到这个文件夹；"),
    (["dialogue", *CONFIG, "--freeze", "9"], "FREEZE=9 不可用；这个模型可用的是 none、embeddings"),
]


@pytest.mark.parametrize(("arguments", "told"), MISTAKES, ids=map(str, range(len(MISTAKES))))
def test_a_mistake_ends_in_one_line_and_exit_code_2(
    files: Path, run: Run, arguments: list[str], told: str
) -> None:
    if arguments[0] == "dialogue":
        corpus = [] if "--corpus" in arguments else ["--corpus", "corpus"]
        length = [] if "--row-length" in arguments else ["--row-length", "64"]
        arguments = [*arguments, *corpus, *length, "--out", str(files / "out")]
    code, _, err = run(*arguments)
    assert code == 2
    (line,) = err.splitlines()
    assert line.startswith("错误：")
    assert told in line
    assert "Traceback" not in line


def test_a_folder_that_cannot_be_written_is_told_in_one_line(files: Path, run: Run) -> None:
    out = files / "empty.txt" / "out"
    code, _, err = run("dialogue", "--corpus", "corpus", *CONFIG, *FAST, "--out", out)
    assert code == 2
    (line,) = err.splitlines()
    assert "empty.txt" in line


@pytest.mark.parametrize(
    ("raised", "code", "told"),
    [
        (KeyboardInterrupt(), 130, "已停下；加 RESUME=1"),
        (Diverged("第 3 步的损失不是有限的数；调小"), 2, "错误：第 3 步"),
    ],
)
def test_a_run_that_breaks_off_says_what_to_do(
    run: Run, monkeypatch: pytest.MonkeyPatch, raised: BaseException, code: int, told: str
) -> None:
    def breaking(*_: Any, **__: Any) -> None:
        raise raised

    monkeypatch.setattr(module, "train_dialogue", breaking)
    found, _, err = run("dialogue")
    assert found == code
    assert told in err.strip()
    assert len(err.strip().splitlines()) == 1


def test_without_a_start_the_shipped_model_is_taken(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[dict[str, Any]] = []
    monkeypatch.setattr(module, "train_dialogue", lambda *_, **options: calls.append(options))
    assert run("dialogue")[0] == 0
    assert run("dialogue", "--config", "gpt2.json", "--vocab", "v.txt", "--resume")[0] == 0
    assert calls == [
        {
            "init": str(module.SHIPPED_CHECKPOINT),
            "model_config": None,
            "vocab": None,
            "resume": False,
        },
        {
            "init": None,
            "model_config": Path("gpt2.json"),
            "vocab": Path("v.txt"),
            "resume": True,
        },
    ]


def test_the_module_runs_as_a_program(files: Path) -> None:
    """In a process of its own, where no library may add a line of its own either."""
    command = [sys.executable, "-m", "training", "dialogue", "--config", str(files / "gpt2.json")]
    corpus = ["--corpus", str(files / "one.txt"), "--out", str(files / "out"), *FAST]
    done = subprocess.run([*command, *corpus], capture_output=True, encoding="utf-8", check=False)
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"错误：{files / 'one.txt'}:4: ")
