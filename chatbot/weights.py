"""From somebody's ``config.json`` and weights to a model in which the two fit."""

from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file
from transformers import BertTokenizerFast, GPT2Config, GPT2LMHeadModel

from chatbot.errors import CheckpointError
from chatbot.folder import read_json

WEIGHTS, CONFIG = "model.safetensors", "config.json"


def special_ids(tokenizer: BertTokenizerFast) -> dict[str, int]:
    """Return what a ``GPT2Config`` must say of special tokens (its defaults are 50256)."""
    return {
        "bos_token_id": tokenizer.cls_token_id,
        "eos_token_id": tokenizer.sep_token_id,
        "pad_token_id": tokenizer.pad_token_id,
    }


def read_config(path: Path, tokenizer: BertTokenizerFast) -> GPT2Config:
    """Read a ``config.json`` and check that the vocabulary has the size it was trained with.

    Raises:
        CheckpointError: it is no JSON, not of a GPT-2, or does not fit the vocabulary.
    """
    values = read_json(path)
    if values.get("model_type", "gpt2") != "gpt2":
        raise CheckpointError(
            f"{path}: model_type 是 {values['model_type']!r}，这里只支持 gpt2；请换一个模型"
        )
    try:
        config = GPT2Config.from_dict({**values, **special_ids(tokenizer)})
    except Exception as error:  # the library checks the values and raises errors of its own
        raise _unusable(path, error) from None
    if len(tokenizer) != config.vocab_size:
        raise CheckpointError(
            f"{path.parent}: 词表有 {len(tokenizer)} 个词，权重却按 {config.vocab_size} 个训练；"
            "请放回训练时用的 vocab.txt"
        )
    return config


def read_weights(path: Path) -> dict[str, torch.Tensor]:
    """Read a safetensors file.

    Raises:
        CheckpointError: it is damaged or something else.
    """
    try:
        weights: dict[str, torch.Tensor] = load_file(path)
    except (SafetensorError, OSError) as error:
        raise CheckpointError(
            f"{path}: 读不出来（{_one_line(error)}），文件坏了或没写完；请重新取得或重新训练"
        ) from None
    return weights


def build_model(config: GPT2Config, weights: dict[str, Any], file: Path) -> GPT2LMHeadModel:
    """Return the model with these weights, in float32 and eval mode.

    Args:
        weights: names as in ``GPT2LMHeadModel`` or, without ``transformer.``, ``GPT2Model``.
        file: where the weights come from, for the messages.

    Raises:
        CheckpointError: the weights are not those of such a model.
    """
    if config.n_layer > len(weights):  # before time goes into building them
        raise _misfit(file, f"n_layer 是 {config.n_layer}")
    try:
        with torch.device("meta"):  # no memory yet, whatever sizes the config names
            model = GPT2LMHeadModel(config)
    except Exception as error:  # what a layer makes of values that it cannot use
        raise _unusable(file.with_name(CONFIG), error) from None
    try:
        named = _named(weights, tied=config.tie_word_embeddings)
        model.load_state_dict(named, strict=True, assign=True)
    except (RuntimeError, TypeError, AttributeError) as error:
        raise _misfit(file, _one_line(error)) from None
    model.tie_weights()
    return model.float().eval()


def weights_dtype(folder: str | Path) -> str:
    """Return the storage type of the folder's weights, such as ``F16``."""
    with safe_open(Path(folder) / WEIGHTS, "pt") as file:
        return str(file.get_slice(next(iter(file.keys()))).get_dtype())


def _named(weights: dict[str, Any], *, tied: bool) -> dict[str, torch.Tensor]:
    """Return float32 copies under the model's names, without the masks of older versions."""
    prefix = "" if any(key.startswith("transformer.") for key in weights) else "transformer."
    named = {
        key if key == "lm_head.weight" else prefix + key: tensor.to(torch.float32, copy=True)
        for key, tensor in weights.items()
        if not key.endswith((".attn.bias", ".attn.masked_bias"))
    }
    if tied:
        named["lm_head.weight"] = named.get("transformer.wte.weight", torch.empty(0))
    return named


def _misfit(file: Path, what: str) -> CheckpointError:
    return CheckpointError(f"{file}: 权重与 {CONFIG} 不符（{what}）；请放回相配的一对")


def _unusable(path: Path, error: Exception) -> CheckpointError:
    return CheckpointError(f"{path}: 里面的值不能用（{_one_line(error)}）；请重新取得这个文件")


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:200]
