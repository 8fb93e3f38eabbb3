"""Turn a folder with ``pytorch_model.bin`` (GPT2-chitchat's form) into a checkpoint of ours."""

from pathlib import Path
from typing import Any

import torch

from chatbot.checkpoint import VOCAB, save_checkpoint
from chatbot.errors import CheckpointError
from chatbot.weights import CONFIG, build_model, read_config
from vocab.wordpiece import VocabError, load_tokenizer

PICKLE = "pytorch_model.bin"


def convert_checkpoint(source: str | Path, out: str | Path) -> Path:
    """Read ``pytorch_model.bin``, ``config.json`` and ``vocab.txt``; write a checkpoint to ``out``.

    The pickle is opened with ``weights_only``, so it cannot run code.

    Raises:
        CheckpointError: a file is missing, unsafe or does not fit the others, or ``out`` is
            taken.
    """
    source, out = Path(source), Path(out)
    for name in (PICKLE, CONFIG, VOCAB):
        if not (source / name).is_file():
            raise CheckpointError(f"{source}: 缺少 {name}；请把三个文件放在同一个文件夹")
    if out.exists():
        raise CheckpointError(f"{out}: 已经有了；请另起一个名字，或先把它移走")
    weights = _read_pickle(source / PICKLE)
    try:
        tokenizer = load_tokenizer(source)
    except VocabError as error:
        raise CheckpointError(str(error)) from None
    config = read_config(source / CONFIG, tokenizer)
    model = build_model(config, weights, source / PICKLE)
    return save_checkpoint(out, model, tokenizer, name=out.name, dtype=torch.float32)


def _read_pickle(path: Path) -> dict[str, Any]:
    try:
        weights = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # bytes that are no pickle of weights can raise anything
        what = " ".join(str(error).split())[:120]
        raise CheckpointError(f"{path}: 不能安全地读出（{what}）；请重新取得文件") from None
    if not isinstance(weights, dict) or not all(isinstance(key, str) for key in weights):
        raise CheckpointError(f"{path}: 里面不是一份权重；请取得模型的 state_dict")
    return weights
