"""From ``pytorch_model.bin`` to a checkpoint, without running what a pickle holds."""

import json
import pickle
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import GPT2Config, GPT2LMHeadModel

from chatbot.checkpoint import load_checkpoint, weights_dtype
from chatbot.convert import convert_checkpoint
from chatbot.errors import CheckpointError
from vocab.wordpiece import SPECIAL_TOKENS

TOKENS = [*SPECIAL_TOKENS, *"你好吗我很今天气不错"]
IDS = torch.tensor([[2, 5, 6, 3]])


@pytest.fixture
def model() -> GPT2LMHeadModel:
    """A random model over ``TOKENS``."""
    torch.manual_seed(0)
    config = GPT2Config(vocab_size=len(TOKENS), n_positions=16, n_embd=8, n_layer=1, n_head=2)
    return GPT2LMHeadModel(config).eval()


@pytest.fixture
def source(model: GPT2LMHeadModel, tmp_path: Path) -> Path:
    """A folder in GPT2-chitchat's form, with the masks that its version of GPT-2 stored."""
    folder = tmp_path / "source"
    folder.mkdir()
    masks = {
        "transformer.h.0.attn.bias": torch.ones(1, 1, 16, 16, dtype=torch.uint8),
        "transformer.h.0.attn.masked_bias": torch.tensor(-1e4),
    }
    torch.save({**model.state_dict(), **masks}, folder / "pytorch_model.bin")
    (folder / "config.json").write_text(json.dumps(model.config.to_dict()), encoding="utf-8")
    (folder / "vocab.txt").write_text("\n".join(TOKENS), encoding="utf-8")
    return folder


def assert_refused(source: Path, out: Path, *told: str) -> None:
    with pytest.raises(CheckpointError) as error:
        convert_checkpoint(source, out)
    text = str(error.value)
    assert "\n" not in text
    assert [part for part in (*told, "；") if part not in text] == []
    assert not out.is_dir() or list(out.iterdir()) == []


def test_the_converted_model_is_the_same(
    source: Path, model: GPT2LMHeadModel, tmp_path: Path
) -> None:
    out = convert_checkpoint(source, tmp_path / "new" / "mine")
    loaded = load_checkpoint(out)
    assert torch.equal(loaded.model(IDS).logits, model(IDS).logits)
    assert loaded.manifest["name"] == "mine"
    assert weights_dtype(out) == "F32"
    assert (loaded.model.config.eos_token_id, loaded.model.config.pad_token_id) == (3, 0)
    assert sorted(path.name for path in source.iterdir()) == [
        "config.json",
        "pytorch_model.bin",
        "vocab.txt",
    ]


def test_weights_without_a_head_are_tied(
    source: Path, model: GPT2LMHeadModel, tmp_path: Path
) -> None:
    weights = {key: value for key, value in model.state_dict().items() if key != "lm_head.weight"}
    torch.save(weights, source / "pytorch_model.bin")
    out = convert_checkpoint(source, tmp_path / "out")
    assert torch.equal(load_checkpoint(out).model(IDS).logits, model(IDS).logits)


class Touch:
    """What a malicious pickle would do: create a file when it is read."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return (Path.touch, (self.path,))


@pytest.mark.parametrize(
    "dump", [torch.save, lambda value, path: path.write_bytes(pickle.dumps(value, 2))]
)
def test_a_malicious_pickle_does_not_run(source: Path, tmp_path: Path, dump: Any) -> None:
    trace = tmp_path / "trace"
    dump({"transformer.wte.weight": Touch(trace)}, source / "pytorch_model.bin")
    assert_refused(source, tmp_path / "out", "pytorch_model.bin", "不能安全地读出")
    assert not trace.exists()
    pickle.loads(pickle.dumps(Touch(trace)))  # it would have run
    assert trace.exists()


def test_the_same_pickle_beside_a_checkpoint_does_not_run_either(
    source: Path, tmp_path: Path
) -> None:
    trace = tmp_path / "trace"
    torch.save(Touch(trace), source / "pytorch_model.bin")
    with pytest.raises(CheckpointError, match="pickle"):
        load_checkpoint(source)
    assert not trace.exists()


@pytest.mark.parametrize("name", ["pytorch_model.bin", "config.json", "vocab.txt"])
def test_a_missing_file(source: Path, tmp_path: Path, name: str) -> None:
    (source / name).unlink()
    assert_refused(source, tmp_path / "out", f"缺少 {name}")


def test_a_folder_that_is_there_already_is_left_alone(source: Path, tmp_path: Path) -> None:
    assert_refused(source, tmp_path / "source" / "vocab.txt", "已经有了")
    before = sorted(path.name for path in source.iterdir())
    with pytest.raises(CheckpointError, match="已经有了；"):
        convert_checkpoint(source, source)
    assert sorted(path.name for path in source.iterdir()) == before


def test_damaged_weights(source: Path, tmp_path: Path) -> None:
    file = source / "pytorch_model.bin"
    whole = file.read_bytes()
    for size in (0, 1, 100, len(whole) // 2, len(whole) - 1):
        file.write_bytes(whole[:size])
        assert_refused(source, tmp_path / "out", "pytorch_model.bin")
    for content in (b"\x80\x02" + b"\x00" * 50, b"junk" * 50, b"\x80\x02}q\x00.", b"\x80\x02K\x01"):
        file.write_bytes(content)
        assert_refused(source, tmp_path / "out", "pytorch_model.bin")


@pytest.mark.parametrize(
    ("weights", "told"),
    [
        ([1, 2], "不是一份权重"),
        ({1: torch.zeros(1)}, "不是一份权重"),
        (torch.zeros(3), "不是一份权重"),
        ({"a": "b"}, "不符"),
        ({}, "不符"),
    ],
)
def test_a_pickle_of_something_else(source: Path, tmp_path: Path, weights: Any, told: str) -> None:
    torch.save(weights, source / "pytorch_model.bin")
    assert_refused(source, tmp_path / "out", "pytorch_model.bin", told)


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("config.json", "{", "JSON"),
        ("config.json", "[]", "对象"),
        ("config.json", '{"model_type": "bert"}', "gpt2"),
        ("config.json", '{"vocab_size": 15, "n_embd": "x"}', "n_embd"),
        ("config.json", '{"vocab_size": 15, "n_embd": 8, "n_head": 2}', "不符"),
        ("vocab.txt", "\n".join(TOKENS[:-1]), "词表有 14 个词"),
        ("vocab.txt", "你\n好", "缺少特殊符号"),
    ],
)
def test_a_config_or_vocabulary_that_does_not_fit(
    source: Path, tmp_path: Path, name: str, content: str, told: str
) -> None:
    (source / name).write_text(content, encoding="utf-8")
    assert_refused(source, tmp_path / "out", told)
