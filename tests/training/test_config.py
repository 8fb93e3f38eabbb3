"""Configurations: frozen, keyword-only, and strict about keys, types and ranges."""

import dataclasses
import json
import math
from pathlib import Path
from typing import Any

import pytest

from chatbot.dialogue import DialogueEncoder
from training.config import TrainConfig, fit_model_config, read_model_config
from training.errors import ConfigError

SHAPE = {"n_positions": 32, "n_embd": 8, "n_layer": 1, "n_head": 2}


def test_a_config_is_frozen_and_keyword_only() -> None:
    config = TrainConfig(epochs=5)
    assert (config.epochs, config.batch_rows) == (5, 16)
    with pytest.raises(dataclasses.FrozenInstanceError):
        config.epochs = 3  # type: ignore[misc]
    with pytest.raises(TypeError):
        TrainConfig(5)  # type: ignore[misc]


@pytest.mark.parametrize(
    ("name", "wrong", "right"),
    [
        ("epochs", [0, -1], [1]),
        ("row_length", [0, 7], [8]),
        ("batch_rows", [0], [1]),
        ("accumulate", [0], [1]),
        ("save_every", [0], [1]),
        ("learning_rate", [0.0, 1.0, -0.1, math.nan, math.inf], [1e-6, 0.99]),
        ("min_learning_rate", [-0.1, 1.1, math.nan], [0.0, 1.0]),
        ("warmup_steps", [-1], [0]),
        ("weight_decay", [-0.1, math.nan, math.inf], [0.0]),
        ("clip_norm", [-1.0, math.nan, math.inf], [0.0]),
        ("dropout", [-0.1, 1.0, math.nan], [0.0, 0.9]),
        ("patience", [-1], [0]),
        ("validate_every", [-1], [0]),
        ("seed", [-1, 2**63], [0, 2**63 - 1]),
        ("precision", ["float16", ""], ["auto", "bfloat16", "float32"]),
        ("label_smoothing", [-0.1, 1.0, math.nan], [0.0, 0.1]),
        ("unlikelihood", [-0.1, 11.0, math.nan], [0.0, 1.0]),
        ("compile", ["yes", ""], ["auto", "on", "off"]),
        ("sharding", ["ddp", ""], ["none", "fsdp"]),
        ("peak_tflops", [-1.0, math.nan, math.inf], [0.0, 312.0]),
    ],
)
def test_values_out_of_range_are_refused(name: str, wrong: list[Any], right: list[Any]) -> None:
    for value in wrong:
        with pytest.raises(ConfigError, match=f"^{name}=.* 不可用；须") as error:
            TrainConfig(**{name: value})
        assert "\n" not in str(error.value)
    for value in right:
        assert getattr(TrainConfig(**{name: value}), name) == value


def test_a_sharded_model_is_not_compiled() -> None:
    assert TrainConfig(sharding="fsdp").compile == "auto"
    with pytest.raises(ConfigError, match="compile='on' 不可用；须是 auto 或 off"):
        TrainConfig(sharding="fsdp", compile="on")


def test_a_mapping_makes_a_config() -> None:
    values = {"epochs": 2, "learning_rate": 1e-3, "clip_norm": 1, "precision": "float32"}
    assert TrainConfig.from_dict(values) == TrainConfig(
        epochs=2, learning_rate=1e-3, clip_norm=1, precision="float32"
    )
    assert TrainConfig.from_dict({}) == TrainConfig()


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"epoch": 1}, "不认得 epoch；"),
        ({"epochs": "2"}, "epochs='2' 类型不对；须是 int"),
        ({"epochs": 2.0}, "epochs=2.0 类型不对；须是 int"),
        ({"epochs": True}, "epochs=True 类型不对"),
        ({"learning_rate": None}, "learning_rate=None 类型不对；须是 float"),
        ({"precision": 32}, "precision=32 类型不对；须是 str"),
        ({"epochs": 0}, "epochs=0 不可用"),
    ],
)
def test_unknown_keys_and_wrong_types_are_refused(values: dict[str, Any], told: str) -> None:
    with pytest.raises(ConfigError) as error:
        TrainConfig.from_dict(values)
    assert told in str(error.value)


def test_a_model_config_is_fitted_to_the_vocabulary(
    tmp_path: Path, encoder: DialogueEncoder
) -> None:
    path = tmp_path / "gpt2.json"
    path.write_text(json.dumps({"model_type": "gpt2", **SHAPE}), "utf-8")
    config = read_model_config(path, encoder.tokenizer)
    assert config.vocab_size == len(encoder.tokenizer)
    assert (config.bos_token_id, config.eos_token_id, config.pad_token_id) == (2, 3, 0)
    assert (config.n_positions, config.n_embd, config.n_layer, config.n_head) == (32, 8, 1, 2)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'"a"', b"\xff\xfe", b"[" * 100_000])
def test_a_file_that_is_no_object_is_told_in_one_line(
    tmp_path: Path, encoder: DialogueEncoder, content: bytes
) -> None:
    path = tmp_path / "gpt2.json"
    path.write_bytes(content)
    with pytest.raises(ConfigError, match=r"gpt2\.json: .*JSON.*；") as error:
        read_model_config(path, encoder.tokenizer)
    assert "\n" not in str(error.value)


def test_a_missing_file_and_a_folder(tmp_path: Path, encoder: DialogueEncoder) -> None:
    with pytest.raises(ConfigError, match=r"none\.json: 找不到模型配置；请检查 CONFIG="):
        read_model_config(tmp_path / "none.json", encoder.tokenizer)
    with pytest.raises(ConfigError, match="；"):
        read_model_config(tmp_path, encoder.tokenizer)


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"n_embed": 8}, "没有 n_embed"),
        ({"layers": 1, "heads": 1}, "没有 heads、layers"),
        ({"model_type": "llama"}, "'llama'；须是 gpt2"),
        ({"vocab_size": 5}, "vocab_size 是 5，词表却有"),
        ({"n_head": 3}, "num_heads"),
        ({"n_head": 0}, "n_head 须至少是 1"),
        ({"n_layer": 0}, "n_layer 须至少是 1"),
        ({"n_embd": -8}, "n_embd 须至少是 1"),
        ({"n_positions": 0}, "n_positions 须至少是 1"),
        ({"n_embd": "8"}, "n_embd"),
        ({"n_embd": None}, "n_embd"),
        ({"n_inner": -1}, "negative"),
        ({"activation_function": "none such"}, "none such"),
    ],
)
def test_a_config_of_no_model_is_refused(
    encoder: DialogueEncoder, values: dict[str, Any], told: str
) -> None:
    with pytest.raises(ConfigError, match="；") as error:
        fit_model_config({**SHAPE, **values}, encoder.tokenizer)
    assert told in str(error.value)
    assert "\n" not in str(error.value)


def test_fitting_changes_nothing_in_what_it_is_given(encoder: DialogueEncoder) -> None:
    values = dict(SHAPE)
    fit_model_config(values, encoder.tokenizer)
    assert values == SHAPE
