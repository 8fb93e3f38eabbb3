"""Ours beside a GPT-2 of the same size: what both are given, and how both are judged."""

import importlib.util
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from training.__main__ import main
from training.config import TrainConfig
from training.errors import ConfigError
from training.novel import compare
from training.novel.compare import compare_novel, held_out_bits
from training.novel.train import Shape

TEXT = "第一回　渡口\n江上起了雾，渡口只剩一盏灯。\n“谁？”他道。\n\n" * 80
SHAPE = Shape(num_layers=1, num_heads=2, hidden_size=16)
CONFIG = TrainConfig(
    epochs=3,
    row_length=16,
    batch_rows=8,
    learning_rate=0.02,
    warmup_steps=2,
    dropout=0.0,
    patience=0,
    precision="float32",
    compile="off",
)


@pytest.fixture
def novel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A novel on disk."""
    monkeypatch.setattr("training.journal.draw_curves", lambda *_: None)
    path = tmp_path / "novel.txt"
    path.write_text(TEXT, "utf-8")
    return path


needs_accelerate = pytest.mark.skipif(
    importlib.util.find_spec("accelerate") is None, reason="the extra `bench` is not installed"
)


@needs_accelerate
def test_both_are_given_the_same_and_learn_about_as_well(
    novel: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: dict[str, list[torch.Tensor]] = {"ours": [], "gpt2": []}
    forwards = {"ours": compare.NovelTask.loss_sum, "gpt2": compare._mean_loss}

    def ours(model: Any, batch: Any) -> torch.Tensor:
        if model.training:
            seen["ours"].append(batch.labels)
        return forwards["ours"](model, batch)

    def gpt2(outputs: Any, labels: torch.Tensor, **rest: Any) -> torch.Tensor:
        seen["gpt2"].append(labels)
        return forwards["gpt2"](outputs, labels, **rest)

    monkeypatch.setattr(compare.NovelTask, "loss_sum", staticmethod(ours))
    monkeypatch.setattr(compare, "_mean_loss", gpt2)
    first, second = compare_novel(novel, tmp_path / "out", CONFIG, SHAPE)
    assert (first.name, second.name) == ("CharGPT", "GPT-2")
    assert first.num_weights == second.num_weights
    assert first.num_chars == second.num_chars > 2 * len(TEXT)
    assert len(seen["ours"]) == len(seen["gpt2"])
    for one, other in zip(seen["ours"], seen["gpt2"], strict=True):
        assert torch.equal(one, other)
    assert first.bits_per_char < 1.5
    assert second.bits_per_char < 1.5


@needs_accelerate
def test_the_command_prints_a_table(
    novel: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    size = ["--window", "16", "--layers", "1", "--heads", "2", "--hidden-size", "16"]
    options = ["--epochs", "1", "--precision", "float32", "--compile", "off"]
    files = ["--novel", str(novel), "--out", str(tmp_path / "out")]
    monkeypatch.setattr(sys, "argv", ["training", "novel-compare", *files, *size, *options])
    with pytest.raises(SystemExit) as ended:
        main()
    assert not ended.value.code
    lines = capsys.readouterr().out.splitlines()
    head, _, first, second = lines[-4:]
    assert head.startswith("| 模型 | 参数 |")
    assert first.startswith("| CharGPT | ")
    assert second.startswith("| GPT-2 | ")


def test_uniform_guesses_cost_the_logarithm_of_the_vocabulary(novel: Path) -> None:
    text = compare.read_novel(novel)
    vocab = compare.CharVocab(text)
    model = compare.make_model(vocab, CONFIG, SHAPE)
    novelist = compare.Novelist(model, vocab, name="小", opening="第")
    task = compare.NovelTask(novelist, text, CONFIG, {})
    uniform = held_out_bits(task, lambda ids: torch.zeros(*ids.shape, 32))
    assert uniform == pytest.approx(5)


def test_without_accelerate_the_remedy_is_named(
    novel: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    with pytest.raises(ConfigError, match=r"需要 accelerate；.*pip install .*\[bench\]"):
        compare_novel(novel, tmp_path / "out", CONFIG, SHAPE)
