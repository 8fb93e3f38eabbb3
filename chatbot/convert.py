"""Turn a folder with ``pytorch_model.bin`` (GPT2-chitchat's form) into a checkpoint of ours."""

import json
import pickle
from pathlib import Path

import torch
from transformers import GPT2Config, GPT2LMHeadModel

from chatbot.checkpoint import save_checkpoint, special_ids
from chatbot.errors import CheckpointError
from vocab.wordpiece import VocabError, load_tokenizer


def convert_checkpoint(source: str | Path, out: str | Path) -> Path:
    """Read ``pytorch_model.bin``, ``config.json`` and ``vocab.txt``; write a checkpoint to ``out``.

    The pickle is opened with ``weights_only``, so it cannot run code.

    Raises:
        CheckpointError: a file is missing, unsafe or does not fit the others.
    """
    source = Path(source)
    weights_file = source / "pytorch_model.bin"
    for name in ("pytorch_model.bin", "config.json", "vocab.txt"):
        if not (source / name).is_file():
            raise CheckpointError(f"{source}: 缺少 {name}；请把三个文件放在同一个文件夹")
    try:
        weights = torch.load(weights_file, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError) as error:
        what = " ".join(str(error).split())[:120]
        raise CheckpointError(f"{weights_file}: 不能安全地读出（{what}）；请重新取得文件") from None
    try:
        tokenizer = load_tokenizer(source)
        values = json.loads((source / "config.json").read_text(encoding="utf-8"))
    except (VocabError, json.JSONDecodeError, UnicodeDecodeError) as error:
        raise CheckpointError(f"{source}: {error}") from None
    config = GPT2Config.from_dict({**values, **special_ids(tokenizer)})
    if config.vocab_size != len(tokenizer):
        raise CheckpointError(
            f"{source}: 词表有 {len(tokenizer)} 个词，config.json 的 vocab_size 是 "
            f"{config.vocab_size}；请放回训练时用的 vocab.txt"
        )
    model = GPT2LMHeadModel(config)
    weights = {
        key: tensor
        for key, tensor in weights.items()
        if not key.endswith((".attn.bias", ".attn.masked_bias"))
    }
    weights.setdefault("lm_head.weight", weights.get("transformer.wte.weight"))
    try:
        model.load_state_dict(weights, strict=True)
    except RuntimeError as error:
        what = " ".join(str(error).split())[:200]
        raise CheckpointError(f"{weights_file}: 权重与 config.json 不符（{what}）") from None
    return save_checkpoint(out, model, tokenizer, name=Path(out).name, dtype=torch.float32)
