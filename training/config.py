"""Frozen configurations of a training run."""

import dataclasses
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from transformers import BertTokenizerFast, GPT2Config

from chatbot.checkpoint import special_ids
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
        dropout: of embeddings, attention and residuals.
        patience: validations without a better loss before the run stops; 0 never stops early.
        validate_every: optimizer steps between validations within an epoch; 0: each epoch's end.
        save_every: optimizer steps between saves of the state to resume from.
        seed: of weights, order and dropout.
        precision: "auto" (bfloat16 where the hardware has it), "bfloat16" or "float32".
        compile: "auto" (when it pays back within the run), "on" or "off".
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
    patience: int = 2
    validate_every: int = 0
    save_every: int = 200
    seed: int = 0
    precision: str = "auto"
    compile: str = "auto"

    def __post_init__(self) -> None:
        positive = ("epochs", "row_length", "batch_rows", "accumulate", "save_every")
        for name in positive:
            self._require(name, getattr(self, name) >= 1, "至少 1")
        self._require("row_length", self.row_length >= 8, "至少 8")
        self._require("learning_rate", 0 < self.learning_rate < 1, "0 到 1 之间")
        self._require("min_learning_rate", 0 <= self.min_learning_rate <= 1, "0 到 1 之间")
        self._require("dropout", 0 <= self.dropout < 1, "0 到 1 之间")
        for name in ("warmup_steps", "weight_decay", "clip_norm", "patience", "validate_every"):
            self._require(name, getattr(self, name) >= 0, "不能为负")
        self._require(
            "precision",
            self.precision in ("auto", "bfloat16", "float32"),
            "auto、bfloat16、float32",
        )
        self._require("compile", self.compile in ("auto", "on", "off"), "auto、on、off")

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
        ConfigError: missing, not JSON, an unknown key, or a ``vocab_size`` that contradicts.
    """
    path = Path(path)
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ConfigError(f"{path}: 找不到模型配置；请检查 CONFIG= 的路径") from None
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: JSON 坏了（{error}）；请修好") from None
    known = set(GPT2Config().to_dict()) | {"model_type", "architectures"}
    unknown = sorted(set(values) - known) if isinstance(values, dict) else ["（不是对象）"]
    if unknown:
        raise ConfigError(f"{path}: GPT2Config 没有 {'、'.join(unknown)}；请删去或改正")
    size = values.setdefault("vocab_size", len(tokenizer))
    if size != len(tokenizer):
        raise ConfigError(
            f"{path}: vocab_size 是 {size}，词表却有 {len(tokenizer)} 个词；改成 {len(tokenizer)}"
        )
    if values.get("n_embd", 768) % values.get("n_head", 12):
        raise ConfigError(f"{path}: n_embd 须能被 n_head 整除")
    return GPT2Config.from_dict({**values, **special_ids(tokenizer)})
