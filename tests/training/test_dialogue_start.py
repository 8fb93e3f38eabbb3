"""Where ``train_dialogue`` can start from, and what it says when it cannot."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from chatbot.errors import CheckpointError
from training.config import TrainConfig
from training.dialogue import train_dialogue
from training.errors import ConfigError
from vocab.wordpiece import VocabError

Quick = Callable[..., TrainConfig]


@pytest.fixture(autouse=True)
def _no_curves(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("training.journal.draw_curves", lambda *_: None)


@pytest.mark.parametrize(
    ("start", "told"),
    [
        ({}, "没有起点；须给 INIT="),
        ({"init": "m", "model_config": Path("c")}, "只能给一个；"),
        ({"model_config": Path("none.json")}, "none.json: 找不到模型配置；"),
    ],
)
def test_a_start_that_cannot_be_is_refused(
    corpus: Path, tmp_path: Path, quick: Quick, start: dict[str, Any], told: str
) -> None:
    with pytest.raises(ConfigError) as error:
        train_dialogue(corpus, tmp_path / "out", quick(), **start)
    assert told in str(error.value)
    assert not (tmp_path / "out").exists()


def test_a_start_that_is_broken_is_refused(
    corpus: Path, tmp_path: Path, gpt2: Path, quick: Quick
) -> None:
    out = tmp_path / "out"
    with pytest.raises(CheckpointError, match="找不到模型文件夹；"):
        train_dialogue(corpus, out, quick(), init=str(tmp_path / "none"))
    with pytest.raises(VocabError, match="找不到词表"):
        train_dialogue(corpus, out, quick(), model_config=gpt2, vocab=tmp_path / "none.txt")
    with pytest.raises(ConfigError, match="row_length=65 超过模型的 n_positions=64；设为 64"):
        train_dialogue(corpus, out, quick(row_length=65), model_config=gpt2)
    assert not out.exists()


@pytest.mark.parametrize("name", ["someone/model", "not an id/model name"])
def test_a_hub_name_that_cannot_be_fetched_is_told_in_one_line(
    corpus: Path, tmp_path: Path, quick: Quick, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "cache"))
    with pytest.raises(ConfigError, match="；请先下载到本机再用路径") as error:
        train_dialogue(corpus, tmp_path / "out", quick(), init=name)
    assert str(error.value).startswith(f"{name}: 既不是本机的文件夹")
    assert "\n" not in str(error.value)


def test_a_hub_name_is_fetched_without_pickles(
    corpus: Path,
    tmp_path: Path,
    tiny_checkpoint: Path,
    quick: Quick,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[tuple[str, list[str]]] = []

    def fetch(name: str, *, allow_patterns: list[str]) -> str:
        asked.append((name, allow_patterns))
        return str(tiny_checkpoint)

    monkeypatch.setattr("huggingface_hub.snapshot_download", fetch)
    train_dialogue(corpus, tmp_path / "out", quick(epochs=1), init="someone/model")
    assert asked == [("someone/model", ["*.safetensors", "*.json", "vocab.txt"])]
