"""Somebody's config and weights: a model where they fit, one line where they do not."""

import json
import time
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import BertTokenizerFast, GPT2Config, GPT2LMHeadModel

from chatbot.errors import CheckpointError
from chatbot.weights import build_model, read_config, special_ids
from vocab.wordpiece import SPECIAL_TOKENS

IDS = torch.tensor([[2, 5, 6, 3]])
FILE = Path("somewhere") / "model.safetensors"
SHAPE = {"n_positions": 16, "n_embd": 8, "n_layer": 2, "n_head": 2}


@pytest.fixture
def tokenizer() -> BertTokenizerFast:
    """Seven tokens."""
    tokens = (*SPECIAL_TOKENS, "你", "好")
    return BertTokenizerFast(vocab={token: index for index, token in enumerate(tokens)})


@pytest.fixture
def model(tokenizer: BertTokenizerFast) -> GPT2LMHeadModel:
    """A random model of that vocabulary."""
    torch.manual_seed(0)
    return GPT2LMHeadModel(GPT2Config(vocab_size=7, **SHAPE, **special_ids(tokenizer))).eval()


def write(path: Path, **values: object) -> Path:
    path.write_text(json.dumps({"vocab_size": 7, **SHAPE, **values}), encoding="utf-8")
    return path


def test_the_config_learns_of_the_special_tokens(
    tokenizer: BertTokenizerFast, tmp_path: Path
) -> None:
    config = read_config(write(tmp_path / "config.json", model_type="gpt2"), tokenizer)
    assert (config.bos_token_id, config.eos_token_id, config.pad_token_id) == (2, 3, 0)
    assert (config.n_embd, config.n_layer) == (8, 2)


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"model_type": "bert"}, "gpt2"),
        ({"vocab_size": 8}, "词表有 7 个词，权重却按 8 个训练"),
        ({"vocab_size": None}, "vocab_size"),
        ({"n_embd": "8"}, "n_embd"),
        ({"layer_norm_epsilon": "small"}, "layer_norm_epsilon"),
    ],
)
def test_a_config_that_cannot_be_used_is_told_in_one_line(
    tokenizer: BertTokenizerFast, tmp_path: Path, values: dict[str, object], told: str
) -> None:
    with pytest.raises(CheckpointError, match=rf"{told}.*；") as error:
        read_config(write(tmp_path / "config.json", **values), tokenizer)
    assert "\n" not in str(error.value)


def test_a_model_gets_its_weights(model: GPT2LMHeadModel) -> None:
    half = {key: tensor.half() for key, tensor in model.state_dict().items()}
    built = build_model(model.config, half, FILE)
    torch.testing.assert_close(built(IDS).logits, model(IDS).logits, atol=2e-3, rtol=2e-3)
    assert {p.dtype for p in built.parameters()} == {torch.float32}
    assert not any(p.is_meta for p in (*built.parameters(), *built.buffers()))


def test_the_forms_of_other_versions_fit(model: GPT2LMHeadModel) -> None:
    """Without the prefix and the head, and with the masks that older versions stored."""
    bare = {
        key.removeprefix("transformer."): tensor
        for key, tensor in model.state_dict().items()
        if key != "lm_head.weight"
    }
    masks = {"h.0.attn.bias": torch.ones(1, 1, 16, 16), "h.1.attn.masked_bias": torch.tensor(-1e4)}
    built = build_model(model.config, {**bare, **masks}, FILE)
    assert torch.equal(built(IDS).logits, model(IDS).logits)


def test_the_model_owns_its_weights(model: GPT2LMHeadModel) -> None:
    built = build_model(model.config, model.state_dict(), FILE)
    with torch.no_grad():
        built.transformer.wte.weight.zero_()
    assert model.transformer.wte.weight.abs().sum() > 0


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"n_embd": 16}, "权重与 config.json 不符"),
        ({"n_positions": 10**9}, "权重与 config.json 不符"),
        ({"n_inner": 10**9}, "权重与 config.json 不符"),
        ({"n_layer": 10**8}, "权重与 config.json 不符"),
        ({"n_layer": 1}, "权重与 config.json 不符"),
        ({"n_layer": -1}, "权重与 config.json 不符"),
        ({"tie_word_embeddings": False, "n_head": 4}, None),
        ({"n_head": 3}, "值不能用"),
        ({"n_head": 0}, "值不能用"),
        ({"activation_function": "none such"}, "值不能用"),
        ({"n_inner": -3}, "值不能用"),
    ],
)
def test_sizes_that_do_not_fit_are_told_at_once(
    model: GPT2LMHeadModel, values: dict[str, Any], told: str | None
) -> None:
    config = GPT2Config(**(model.config.to_dict() | values))
    if told is None:
        build_model(config, model.state_dict(), FILE)
        return
    began = time.monotonic()
    with pytest.raises(CheckpointError, match=rf"somewhere.*{told}.*；") as error:
        build_model(config, model.state_dict(), FILE)
    assert "\n" not in str(error.value)
    assert time.monotonic() - began < 10


@pytest.mark.parametrize("change", ["missing", "extra", "no tensor", "empty"])
def test_weights_that_are_not_those_of_the_model(model: GPT2LMHeadModel, change: str) -> None:
    weights: dict[str, Any] = dict(model.state_dict())
    if change == "missing":
        del weights["transformer.wte.weight"]
    elif change == "extra":
        weights["transformer.h.0.more"] = torch.zeros(1)
    elif change == "no tensor":
        weights["transformer.wte.weight"] = "text"
    else:
        weights = {}
    with pytest.raises(CheckpointError, match=r"权重与 config\.json 不符"):
        build_model(model.config, weights, FILE)


def test_an_untied_model_needs_its_head(model: GPT2LMHeadModel) -> None:
    config = GPT2Config(**(model.config.to_dict() | {"tie_word_embeddings": False}))
    weights = dict(model.state_dict())
    del weights["lm_head.weight"]
    with pytest.raises(CheckpointError, match="lm_head"):
        build_model(config, weights, FILE)
