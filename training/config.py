"""Frozen configurations of a training run."""

import dataclasses
import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import torch
from transformers import BertTokenizerFast, GPT2Config, GPT2LMHeadModel

from chatbot.checkpoint import special_ids
from training.collate import LOSS_ON
from training.errors import ConfigError


@dataclass(frozen=True, kw_only=True)
class TrainConfig:
    """One run of the loop.

    Attributes:
        epochs: passes over the mixture.
        row_length: ids in a row; dialogues are packed into rows.
        batch_rows: rows in one forward pass.
        accumulate: forward passes in one optimizer step.
        learning_rate: peak of the schedule.
        min_learning_rate: where the cosine ends, as a share of the peak.
        warmup_steps: optimizer steps of linear warm-up.
        weight_decay: AdamW's, on matrices only.
        clip_norm: gradient norm limit; 0 turns it off.
        dropout: of embeddings and residuals; attention weights are never dropped.
        loss_on: "all" tokens, the "bot"'s utterances, or the "last" utterance of a dialogue.
        label_smoothing: share of a target that is spread over the whole vocabulary.
        unlikelihood: weight of the term against repeating earlier tokens (objective.py).
        freeze: what of a dialogue model stays as it is (freezing.py).
        patience: validations without a better loss before the run stops; 0 never stops early.
        validate_every: optimizer steps between validations within an epoch; 0: each epoch's end.
        save_every: optimizer steps between saves of the state to resume from.
        seed: of weights, order and dropout.
        precision: "auto" (bfloat16 where the hardware has it), "bfloat16" or "float32".
        compile: "auto" (when it pays back within the run), "on" or "off".
        sharding: over several processes, "none" (each has the whole model) or "fsdp" (sharding.py).
        peak_tflops: of the GPU in bfloat16, dense; 0: by its name (utilisation.py).
    """

    epochs: int = 3
    row_length: int = 256
    batch_rows: int = 16
    accumulate: int = 1
    learning_rate: float = 3e-4
    min_learning_rate: float = 0.0
    warmup_steps: int = 20
    weight_decay: float = 0.1
    clip_norm: float = 1.0
    dropout: float = 0.1
    loss_on: str = "all"
    label_smoothing: float = 0.0
    unlikelihood: float = 0.0
    freeze: str = "none"
    patience: int = 2
    validate_every: int = 0
    save_every: int = 200
    seed: int = 0
    precision: str = "auto"
    compile: str = "auto"
    sharding: str = "none"
    peak_tflops: float = 0.0

    def __post_init__(self) -> None:
        for name in ("epochs", "batch_rows", "accumulate", "save_every"):
            self._require(name, getattr(self, name) >= 1, "至少是 1")
        self._require("row_length", self.row_length >= 8, "至少是 8")
        self._require("learning_rate", 0 < self.learning_rate < 1, "在 0 和 1 之间")
        self._require("min_learning_rate", 0 <= self.min_learning_rate <= 1, "在 0 和 1 之间")
        for name in ("dropout", "label_smoothing"):
            self._require(name, 0 <= getattr(self, name) < 1, "至少是 0、小于 1")
        self._require("unlikelihood", 0 <= self.unlikelihood <= 10, "在 0 和 10 之间")
        for name in ("warmup_steps", "weight_decay", "clip_norm", "patience", "validate_every"):
            self._require(name, 0 <= getattr(self, name) < math.inf, "不小于 0")
        self._require("seed", 0 <= self.seed < 2**63, "不小于 0、小于 2**63")
        precisions = ("auto", "bfloat16", "float32")
        self._require("precision", self.precision in precisions, "是 auto、bfloat16 或 float32")
        self._require("loss_on", self.loss_on in LOSS_ON, f"是 {'、'.join(LOSS_ON)} 之一")
        self._require("compile", self.compile in ("auto", "on", "off"), "是 auto、on 或 off")
        self._require("sharding", self.sharding in ("none", "fsdp"), "是 none 或 fsdp")
        compilable = self.sharding == "none" or self.compile != "on"
        self._require("compile", compilable, "是 auto 或 off：sharding=fsdp 时不编译")
        self._require("peak_tflops", 0 <= self.peak_tflops < math.inf, "不小于 0")

    def _require(self, name: str, holds: bool, allowed: str) -> None:
        if not holds:
            raise ConfigError(f"{name}={getattr(self, name)!r} 不可用；须{allowed}")

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Self:
        """Build from a mapping; unknown keys and wrong types raise ``ConfigError``."""
        fields = {field.name: field for field in dataclasses.fields(cls)}
        for name, value in values.items():
            if name not in fields:
                raise ConfigError(f"不认得 {name}；可用的有 {'、'.join(fields)}")
            expected = type(fields[name].default)
            accepted = (int, float) if expected is float else (expected,)
            if isinstance(value, bool) or not isinstance(value, accepted):
                raise ConfigError(f"{name}={value!r} 类型不对；须是 {expected.__name__}")
        return cls(**values)


def read_model_config(path: str | Path, tokenizer: BertTokenizerFast) -> GPT2Config:
    """Read a ``GPT2Config`` JSON and fit it to the tokenizer (size and special tokens).

    Raises:
        ConfigError: missing, not JSON, or what ``fit_model_config`` refuses.
    """
    path = Path(path)
    try:
        return fit_model_config(_read_object(path), tokenizer)
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from None


def fit_model_config(values: dict[str, Any], tokenizer: BertTokenizerFast) -> GPT2Config:
    """Return the ``GPT2Config`` of these values for a tokenizer (size and special tokens).

    Raises:
        ConfigError: an unknown key, a ``vocab_size`` that contradicts, or values of no model.
    """
    known = set(GPT2Config().to_dict()) | {"model_type", "architectures"}
    if unknown := sorted(set(values) - known):
        raise ConfigError(f"GPT2Config 没有 {'、'.join(unknown)}；请删去或改正")
    if values.get("model_type", "gpt2") != "gpt2":
        raise ConfigError(f"model_type 是 {values['model_type']!r}；须是 gpt2")
    size = values.get("vocab_size", len(tokenizer))
    if size != len(tokenizer):
        raise ConfigError(
            f"vocab_size 是 {size}，词表却有 {len(tokenizer)} 个词；改成 {len(tokenizer)}"
        )
    try:
        fitted = {**values, "vocab_size": size, **special_ids(tokenizer)}
        config = GPT2Config.from_dict(fitted)
        _require_a_model(config)
    except Exception as error:  # the library checks the values and raises errors of its own
        what = " ".join(str(error).split())[:200]
        raise ConfigError(f"模型配置里的值不能用（{what}）；请改正") from None
    return config


def _read_object(path: Path) -> dict[str, Any]:
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ConfigError("找不到模型配置；请检查 CONFIG= 的路径") from None
    except (ValueError, RecursionError, OSError) as error:
        raise ConfigError(f"JSON 坏了（{error}）；请修好") from None
    if not isinstance(values, dict):
        raise ConfigError("须是一个 JSON 对象；请改正")
    return values


def _require_a_model(config: GPT2Config) -> None:
    """Raise ValueError, or what the library raises, for sizes that make no model."""
    for name in ("n_positions", "n_embd", "n_layer", "n_head"):
        if getattr(config, name) < 1:
            raise ValueError(f"{name} 须至少是 1")
    with torch.device("meta"):  # no memory
        GPT2LMHeadModel(config)
