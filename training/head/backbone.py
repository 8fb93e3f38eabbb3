"""A pretrained backbone with its own tokenizer: our checkpoint, or any folder of ``AutoModel``."""

from pathlib import Path
from typing import Any

from torch import nn
from transformers import AutoModel
from transformers import PreTrainedTokenizerBase as Tokenizer
from transformers.utils import logging

from chatbot.errors import CheckpointError
from chatbot.head_folder import HEAD, without_pooler
from chatbot.manifest import verified_manifest
from chatbot.texts import load_text_tokenizer
from chatbot.weights import CONFIG
from training.config import TrainConfig
from training.dialogue import _resolve as resolve
from training.errors import ConfigError
from training.head.freezing import layers_of

__all__ = ["load_pretrained", "require_room", "resolve"]

_PICKLES = ("*.bin", "*.pt", "*.pth", "*.pkl")


def load_pretrained(init: str, *, num_layers: int | None = None) -> tuple[Any, Tokenizer]:
    """Load a pretrained model without its head, in float32, and its tokenizer.

    Args:
        init: a folder of this machine, or a model's name on the hub.
        num_layers: keep only the first so many layers.

    Raises:
        CheckpointError: the folder holds no model, or one that cannot be read whole.
        ConfigError: ``init`` is nowhere, or the model has fewer layers.
    """
    folder = resolve(init)
    _require_weights(folder)
    verified_manifest(folder)
    tokenizer = load_text_tokenizer(folder)
    backbone = without_pooler(_load_backbone(folder))
    if len(tokenizer) > backbone.config.vocab_size:
        raise CheckpointError(
            f"{folder}: 词表有 {len(tokenizer)} 个词，权重却按 {backbone.config.vocab_size} 个训练；"
            "请放回训练时用的词表"
        )
    if num_layers is not None:
        _keep_first_layers(backbone, num_layers)
    return backbone, tokenizer


def require_room(config: TrainConfig, backbone: Any) -> None:
    """Raise ``ConfigError`` where texts may be longer than a backbone reads."""
    limit = getattr(backbone.config, "max_position_embeddings", config.row_length)
    if config.row_length > limit:
        raise ConfigError(f"max-length={config.row_length} 超过模型的 {limit} 个位置；设为它以内")


def _require_weights(folder: Path) -> None:
    if not folder.is_dir():
        raise CheckpointError(f"{folder}: 找不到模型文件夹；请检查 INIT= 的路径")
    if (folder / HEAD).is_file():
        raise CheckpointError(f"{folder}: 这是分类模型；INIT= 须是它的起点那样的预训练模型")
    if not any(folder.glob("*.safetensors")):
        if pickle := next((path for kind in _PICKLES for path in folder.glob(kind)), None):
            raise CheckpointError(
                f"{pickle}: 这是 pickle，不直接加载；GPT-2 可用 python -m chatbot convert 转换，"
                "别的请换带 model.safetensors 的版本"
            )
        raise CheckpointError(f"{folder}: 缺少 model.safetensors；请重新取得这个模型")
    if not (folder / CONFIG).is_file():
        raise CheckpointError(f"{folder}: 缺少 {CONFIG}；请重新取得这个模型")


def _load_backbone(folder: Path) -> Any:
    logging.disable_progress_bar()
    try:
        backbone, found = AutoModel.from_pretrained(
            folder,
            use_safetensors=True,
            local_files_only=True,
            trust_remote_code=False,
            dtype="float32",
            output_loading_info=True,
        )
    except Exception as error:  # the library's own, of many kinds
        what = " ".join(str(error).split())[:200]
        raise CheckpointError(f"{folder}: 加载不了（{what}）；请换一个模型或重新取得") from None
    missing = sorted(key for key in found["missing_keys"] if not key.startswith("pooler."))
    if missing or found["mismatched_keys"]:
        raise CheckpointError(
            f"{folder}: 权重与 {CONFIG} 不符（缺少 {'、'.join(missing[:3])}）；请放回相配的一对"
        )
    return backbone


def _keep_first_layers(backbone: Any, count: int) -> None:
    layers: nn.ModuleList = layers_of(backbone)
    if not 1 <= count <= len(layers):
        raise ConfigError(f"--layers {count} 不可用；这个模型有 {len(layers)} 层，须是 1 到它")
    del layers[count:]
    backbone.config.num_hidden_layers = count
