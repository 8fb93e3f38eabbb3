"""The commands: what reaches the training, and mistakes that end in one line."""

import re
import sys
from pathlib import Path
from typing import Any

import pytest

from training.__main__ import main
from training.head import train as module


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str | Path) -> int | str | None:
    monkeypatch.setattr(sys, "argv", ["training", *map(str, arguments)])
    with pytest.raises(SystemExit) as caught:
        main()
    return caught.value.code


@pytest.fixture
def called(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What the training was called with, instead of training."""
    calls: list[Any] = []
    for name in ("train_classifier", "train_generator"):

        def note(*arguments: Any, _name: str = name, **options: Any) -> None:
            calls.append((_name, *arguments, options))

        monkeypatch.setattr(module, name, note)
    return calls


def test_defaults_depend_on_what_learns(
    monkeypatch: pytest.MonkeyPatch, called: list[Any], tmp_path: Path
) -> None:
    for freeze, epochs, rate in (
        ("none", 4, 3e-4),
        ("3", 4, 3e-4),
        ("no_grad", 20, 1e-2),
        ("all", 20, 1e-2),
    ):
        assert run(monkeypatch, "head", "--data", tmp_path / "d", "--freeze", freeze) == 0
        name, data, out, config, options, rest = called.pop()
        assert (name, data, out) == ("train_classifier", tmp_path / "d", Path("runs/head"))
        assert (config.epochs, config.learning_rate, options.freeze) == (epochs, rate, freeze)
        assert rest == {"resume": False}


def test_every_option_arrives(
    monkeypatch: pytest.MonkeyPatch, called: list[Any], tmp_path: Path
) -> None:
    arguments = "--init i --form generation --out o --resume --pooling mean --no-balance"
    arguments += " --held-out 0.3 --max-length 64 --layers 2 --epochs 7 --learning-rate 0.5"
    arguments += " --batch-rows 9 --patience 1 --seed 5 --precision float32"
    assert run(monkeypatch, "head", "--data", tmp_path, *arguments.split()) == 0
    ((name, data, out, config, options, rest),) = called
    assert (name, data, out, rest) == ("train_generator", tmp_path, Path("o"), {"resume": True})
    assert (options.init, options.pooling, options.num_layers) == ("i", "mean", 2)
    assert (options.balance, options.held_out) == (False, 0.3)
    assert (config.row_length, config.epochs, config.learning_rate) == (64, 7, 0.5)
    assert (config.batch_rows, config.patience, config.seed) == (9, 1, 5)
    assert config.precision == "float32"


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (["--data", "nowhere.tsv"], "nowhere.tsv: 找不到文件"),
        (["--data", "DATA", "--form", "poem"], "FORM=poem"),
        (["--data", "DATA", "--freeze", "half"], "FREEZE=half"),
        (["--data", "DATA", "--pooling", "max"], "pooling=max"),
        (["--data", "DATA", "--init", "nowhere"], "nowhere"),
        (["--data", "DATA", "--epochs", "0"], "epochs=0"),
        (["--data", "DATA", "--held-out", "2"], "2.0"),
        (["--data", "DATA", "--resume"], "去掉 RESUME=1"),
        (["--data", "DATA", "--layers", "9"], "--layers 9"),
        (["--data", "DATA", "--form", "generation"], "d.tsv"),
    ],
)
def test_a_mistake_is_one_line_and_exit_code_2(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    data: Path,
    gpt2_folder: str,
    tmp_path: Path,
    arguments: list[str],
    word: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    if "--init" not in arguments:
        arguments = [*arguments, "--init", gpt2_folder]
    given = [str(data.rename(tmp_path / "d.tsv")) if text == "DATA" else text for text in arguments]
    assert run(monkeypatch, "head", *given, "--max-length", "16") == 2
    told = capsys.readouterr().err
    assert re.search(rf"^错误：[^\n]*{re.escape(word)}[^\n]*\n\Z", told, re.MULTILINE), told


def test_the_ways_to_freeze_are_compared(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    data: Path,
    gpt2_folder: str,
) -> None:
    options = ["--init", gpt2_folder, "--epochs", "1", "--layers", "1", "--max-length", "16"]
    assert run(monkeypatch, "head-compare", "--data", data, *options) == 0
    assert "| 全部微调 |" in capsys.readouterr().out


def test_a_guard_is_examined(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    guard_folder: Path,
    tmp_path: Path,
) -> None:
    (tmp_path / "test.tsv").write_text("0\t今天真好\n1\t真讨厌\n0\t好", "utf-8")
    test = tmp_path / "test.tsv"
    assert run(monkeypatch, "guard-test", test, "--checkpoint", guard_folder) == 0
    assert "3 条，其中冒犯的 1 条：AUC" in capsys.readouterr().out
