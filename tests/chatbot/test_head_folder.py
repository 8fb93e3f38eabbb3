"""A classifier's folder: round trips of every kind, and every way to spoil it."""

import json
import pickle
import shutil
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest
import torch
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

from chatbot.classifier import Classifier, load_classifier
from chatbot.errors import CheckpointError
from chatbot.head_folder import (
    HeadConfig,
    TrainedHead,
    load_head,
    save_head,
    without_pooler,
)
from chatbot.manifest import write_manifest
from chatbot.models.head import BackboneWithHead
from chatbot.models.int8 import quantise
from vocab.wordpiece import SPECIAL_TOKENS

FILES = ("model.safetensors", "config.json", "vocab.txt", "tokenizer_config.json", "head.json")


@pytest.fixture
def folder(tiny_head: Path, tmp_path: Path) -> Path:
    """A folder to spoil."""
    return Path(shutil.copytree(tiny_head, tmp_path / "head"))


def bert() -> tuple[BackboneWithHead, PreTrainedTokenizerFast]:
    """A BERT with its pooler taken off, and a tokenizer that is no WordPiece."""
    table = {token: number for number, token in enumerate([*SPECIAL_TOKENS, "好", "坏"])}
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=Tokenizer(WordLevel(table, unk_token="[UNK]")), pad_token="[PAD]"
    )
    config = BertConfig(
        vocab_size=len(table),
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=32,
    )
    return BackboneWithHead(without_pooler(BertModel(config)), 2), tokenizer


def test_everything_comes_back(tiny_head: Path, tmp_path: Path) -> None:
    first = load_head(tiny_head)
    assert (first.name, first.facts) == ("tiny", {"steps": 7})
    assert first.config.labels == ("高兴", "难过", "平常")
    again = load_head(save_head(tmp_path / "again", first))
    assert (again.name, again.facts, again.config) == (first.name, first.facts, first.config)
    assert again.tokenizer.get_vocab() == first.tokenizer.get_vocab()
    for name, weight in first.model.state_dict().items():
        assert torch.equal(weight, again.model.state_dict()[name])
    assert not again.model.training


def test_no_path_of_a_machine_is_kept(tiny_head: Path, tmp_path: Path) -> None:
    head = load_head(tiny_head)
    head.model.backbone.config._name_or_path = str(tiny_head)
    written = save_head(tmp_path / "again", head) / "config.json"
    assert str(tiny_head) not in written.read_text("utf-8")


def test_another_backbone_with_another_tokenizer(tmp_path: Path) -> None:
    model, tokenizer = bert()
    config = HeadConfig(labels=("a", "b"), max_length=8)
    saved = TrainedHead("b", model.eval(), tokenizer, config, {})
    loaded = load_classifier(save_head(tmp_path / "b", saved))
    expected = Classifier(saved).classify(["好", "坏"])
    for found, other in zip(loaded.classify(["好", "坏"]), expected, strict=True):
        assert found.probabilities == pytest.approx(other.probabilities)
    assert expected[0].probabilities != pytest.approx(expected[1].probabilities)


def test_int8_is_stored_as_such_and_gives_nearly_the_same(tiny_head: Path, tmp_path: Path) -> None:
    head = load_head(tiny_head)
    (expected,) = Classifier(head).classify(["今天真高兴"])
    quantise(head.model.backbone)
    int8 = replace(head, config=replace(head.config, int8=True))
    before = Classifier(int8).classify(["今天真高兴"])
    folder = save_head(tmp_path / "small", int8)
    assert load_classifier(folder).classify(["今天真高兴"]) == before
    assert before[0].probabilities == pytest.approx(expected.probabilities, abs=0.1)
    size = (tiny_head / "model.safetensors").stat().st_size
    assert (folder / "model.safetensors").stat().st_size < 0.35 * size


def assert_refused(folder: Path, *told: str) -> None:
    with pytest.raises(CheckpointError) as error:
        load_head(folder)
    text = str(error.value)
    assert "\n" not in text
    assert [part for part in (*told, "；") if part not in text] == []


@pytest.mark.parametrize("name", FILES)
def test_a_missing_or_altered_file(folder: Path, name: str) -> None:
    whole = (folder / name).read_bytes()
    middle = len(whole) // 2
    for content in (whole[:-1], b"", whole[:middle] + b"?" + whole[middle + 1 :]):
        (folder / name).write_bytes(content)
        assert_refused(folder, name, "校验和不符")
    (folder / name).unlink()
    assert_refused(folder, "请")


def test_what_is_no_classifier(folder: Path, tiny_checkpoint: Path, tmp_path: Path) -> None:
    assert_refused(tmp_path / "none", "none", "找不到分类模型", "make train-head")
    assert_refused(tiny_checkpoint, "这是对话模型", "make train-head")
    (folder / "manifest.json").unlink()
    assert_refused(folder, "缺少 manifest.json")


def respoil(folder: Path, name: str, change: Callable[[dict[str, Any]], None]) -> None:
    """Change a JSON file and sign the folder anew, as somebody would who edits it by hand."""
    values = json.loads((folder / name).read_text("utf-8"))
    change(values)
    (folder / name).write_text(json.dumps(values), "utf-8")
    write_manifest(folder, "n", {}, FILES)


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"labels": ["a"]}, "2 到 1000"),
        ({"labels": ["a", "a", "b"]}, "各不相同"),
        ({"labels": ["a", "", "b"]}, "各不相同"),
        ({"labels": ["a", 1, "b"]}, "各不相同"),
        ({"labels": None}, "不能用"),
        ({"labels": ["a", "b"]}, "权重与 config.json、head.json 不符"),
        ({"pooling": "none"}, "pooling"),
        ({"pooling": "max"}, "pooling"),
        ({"max_length": 2}, "max_length"),
        ({"max_length": "9"}, "max_length"),
        ({"temperature": 0}, "temperature"),
        ({"temperature": "1"}, "不能用"),
        ({"positive": "x"}, "positive"),
        ({"threshold": 1.5}, "threshold"),
        ({"surprise": 1}, "surprise"),
        ({"int8": True}, "权重与 config.json、head.json 不符"),
    ],
)
def test_a_head_that_cannot_be(folder: Path, changes: dict[str, Any], word: str) -> None:
    respoil(folder, "head.json", lambda values: values.update(changes))
    assert_refused(folder, word)


@pytest.mark.parametrize(
    "changes",
    [
        {"model_type": "nonsense"},
        {"n_embd": 24},
        {"n_layer": 2},
        {"n_layer": 10**9},
        {"vocab_size": 10**12},
        {"n_head": 3},
        {"n_embd": "x"},
    ],
)
def test_a_config_that_does_not_fit(folder: Path, changes: dict[str, Any]) -> None:
    respoil(folder, "config.json", lambda values: values.update(changes))
    assert_refused(folder, "；请")


def test_weights_that_are_a_pickle_are_never_opened(folder: Path) -> None:
    class Trap:
        def __reduce__(self) -> tuple[Any, ...]:
            return (Path.touch, (folder / "sprung",))

    (folder / "model.safetensors").write_bytes(pickle.dumps(Trap()))
    write_manifest(folder, "n", {}, FILES)
    assert_refused(folder, "model.safetensors", "读不出来")
    assert not (folder / "sprung").exists()


def test_a_config_is_what_it_says() -> None:
    config = HeadConfig(labels=("a", "b"), max_length=9, positive="b", threshold=0.25)
    assert HeadConfig(**asdict(config)) == config
