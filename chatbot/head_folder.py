"""A classifier's folder: a backbone with its tokenizer, a head, and what the head's outputs mean.

model.safetensors  ``backbone.*`` and ``head.*``; float32, or int8 with scales
config.json        the backbone's configuration, of any ``AutoModel``
vocab.txt          the WordPiece table; tokenizer_config.json beside it. Another kind of
                   tokenizer stands as it saves itself (tokenizer.json)
head.json          ``HeadConfig``
manifest.json      name, format, figures, and the SHA-256 of every other file
"""

import dataclasses
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import torch
from safetensors.torch import save
from transformers import AutoConfig, AutoModel
from transformers import PreTrainedTokenizerBase as Tokenizer

from chatbot.errors import CheckpointError
from chatbot.folder import read_json, replace_folder, stage_folder, write_json
from chatbot.manifest import MANIFEST, verified_manifest, write_manifest
from chatbot.models.head import POOLINGS, BackboneWithHead
from chatbot.models.int8 import quantise
from chatbot.texts import load_text_tokenizer, save_text_tokenizer
from chatbot.weights import CONFIG, WEIGHTS, read_weights

HEAD = "head.json"
MAX_LABELS = 1000
_OWN_KEYS = {"format", "name", "sha256"}  # of the manifest


@dataclass(frozen=True, kw_only=True)
class HeadConfig:
    """What a head was trained for.

    Attributes:
        labels: what the logits stand for, in their order.
        max_length: tokens of a text that are read, special ones included.
        pooling: of the backbone's hidden states, "last" or "mean".
        temperature: divides the logits before the softmax, so that probabilities are calibrated
            (Guo et al. 2017).
        int8: the weights are stored and computed with as ``models.int8`` has them.
        positive: the label that ``threshold`` is about, where there is one to watch for.
        threshold: from which probability on a text counts as ``positive``.
    """

    labels: tuple[str, ...]
    max_length: int
    pooling: str = "last"
    temperature: float = 1.0
    int8: bool = False
    positive: str | None = None
    threshold: float | None = None

    def __post_init__(self) -> None:
        """Raise ValueError for values that cannot be."""
        texts = all(isinstance(label, str) and label for label in self.labels)
        if not texts or len(set(self.labels)) != len(self.labels):
            raise ValueError("labels 须是各不相同的文字")
        if not 2 <= len(self.labels) <= MAX_LABELS:
            raise ValueError(f"labels 须有 2 到 {MAX_LABELS} 个")
        if self.pooling not in POOLINGS[:2]:
            raise ValueError(f"pooling 须是 {' 或 '.join(POOLINGS[:2])}")
        if not isinstance(self.max_length, int) or self.max_length < 3:
            raise ValueError("max_length 须是至少为 3 的整数")
        if not 0 < self.temperature < float("inf"):
            raise ValueError("temperature 须大于 0")
        if self.positive is not None and self.positive not in self.labels:
            raise ValueError("positive 须是 labels 之一")
        if self.threshold is not None and not 0 <= self.threshold <= 1:
            raise ValueError("threshold 须在 0 和 1 之间")

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read a ``head.json``.

        Raises:
            CheckpointError: it is no JSON, or holds what cannot be.
        """
        values = read_json(path)
        try:
            return cls(**{**values, "labels": tuple(values["labels"])})
        except (KeyError, TypeError, ValueError) as error:
            raise CheckpointError(f"{path}: 里面的值不能用（{error}）；请重新取得") from None


@dataclass(frozen=True)
class TrainedHead:
    """A backbone under its head, and everything that goes with them.

    Attributes:
        model: in eval mode when it was loaded; quantised if ``config.int8``.
        facts: what else is worth knowing: steps, figures.
    """

    name: str
    model: BackboneWithHead
    tokenizer: Tokenizer
    config: HeadConfig
    facts: dict[str, Any]


def save_head(folder: str | Path, head: TrainedHead) -> Path:
    """Write a folder atomically: a reader sees the old one or the new one, whole."""
    folder = Path(folder)
    staging = stage_folder(folder)
    state = head.model.state_dict()
    weights = {key: tensor.detach().cpu().contiguous() for key, tensor in state.items()}
    (staging / WEIGHTS).write_bytes(save(weights, metadata={"format": "pt"}))
    write_json(staging / CONFIG, _config_dict(head.model.backbone))
    write_json(staging / HEAD, dataclasses.asdict(head.config))
    save_text_tokenizer(head.tokenizer, staging)
    files = sorted(path.name for path in staging.iterdir())
    write_manifest(staging, head.name, head.facts, files)
    replace_folder(staging, folder)
    return folder


def load_head(folder: str | Path) -> TrainedHead:
    """Load and verify a folder that ``save_head`` wrote.

    Raises:
        CheckpointError: it is missing, incomplete, corrupt, or does not fit together.
    """
    folder = Path(folder)
    if not (folder / HEAD).is_file():
        what = "这是对话模型，不是分类模型" if (folder / CONFIG).is_file() else "找不到分类模型"
        raise CheckpointError(f"{folder}: {what}；请给 make train-head 写出的文件夹")
    for file in (MANIFEST, WEIGHTS, CONFIG):
        if not (folder / file).is_file():
            raise CheckpointError(f"{folder}: 缺少 {file}；文件夹不完整，请重新取得或重新训练")
    manifest = verified_manifest(folder)
    config = HeadConfig.read(folder / HEAD)
    model = _build(folder, config, read_weights(folder / WEIGHTS))
    facts = {key: value for key, value in manifest.items() if key not in _OWN_KEYS}
    return TrainedHead(
        str(manifest["name"]), model.eval(), load_text_tokenizer(folder), config, facts
    )


def without_pooler(backbone: Any) -> Any:
    """Take off the pooler that BERT's family brings: we pool ourselves, and it would never learn."""
    if getattr(backbone, "pooler", None) is not None:
        backbone.pooler = None
    return backbone


def _build(folder: Path, config: HeadConfig, weights: dict[str, torch.Tensor]) -> BackboneWithHead:
    file = folder / WEIGHTS
    try:
        shape = AutoConfig.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
        if shape.num_hidden_layers > len(weights):  # before time goes into building them
            raise ValueError(f"{shape.num_hidden_layers} layers")
        with torch.device("meta"):  # no memory yet, whatever sizes the config names
            expected = {
                key: value.shape for key, value in _empty(shape, config).state_dict().items()
            }
    except Exception as error:  # the library checks the values and raises errors of its own
        raise CheckpointError(
            f"{folder / CONFIG}: 里面的值不能用（{_one_line(error)}）；请重新取得这个文件"
        ) from None
    if expected != {key: value.shape for key, value in weights.items()}:
        raise CheckpointError(f"{file}: 权重与 {CONFIG}、{HEAD} 不符；请放回相配的一套")
    model = _empty(shape, config)
    model.load_state_dict(weights)
    return model


def _empty(shape: Any, config: HeadConfig) -> BackboneWithHead:
    backbone = without_pooler(AutoModel.from_config(shape, trust_remote_code=False))
    model = BackboneWithHead(backbone, len(config.labels), pooling=config.pooling)
    if config.int8:
        quantise(model.backbone)
    return model


def _config_dict(backbone: Any) -> dict[str, Any]:
    values: dict[str, Any] = json.loads(backbone.config.to_json_string(use_diff=False))
    values.pop("_name_or_path", None)  # where it once lay, on whoever's machine
    values.pop("transformers_version", None)
    return values


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:200]
