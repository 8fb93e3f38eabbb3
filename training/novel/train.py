"""``novel``: text -> characters -> windows -> model -> a folder that goes on writing."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

from chatbot.manifest import verified_manifest
from chatbot.models.char_gpt import CharGPT, CharGPTConfig
from chatbot.novelist import Novelist
from training.config import TrainConfig
from training.errors import ConfigError
from training.loop import Outcome, Trainer, seed_everything
from training.novel.task import NovelTask, bits
from training.novel.text import opening_of, read_novel
from training.state import saved_state
from vocab.chars import CharVocab


@dataclass(frozen=True, kw_only=True)
class Shape:
    """How large a model is; the vocabulary comes with the text, the window with the run."""

    num_layers: int = 4
    num_heads: int = 4
    hidden_size: int = 256


def train_novel(
    path: Path, out: Path, config: TrainConfig, shape: Shape, *, resume: bool = False
) -> Outcome:
    """Train a character GPT on a text from scratch; ``config.row_length`` is its window.

    Raises:
        TrainingError, CheckpointError: one line that names the remedy.
    """
    if resume and saved_state(out / "state") is None:
        raise ConfigError(f"{out}: 没有可以接着训练的存盘；去掉 RESUME=1 从头开始")
    text = read_novel(path)
    digest = hashlib.sha256(text.encode()).hexdigest()
    if resume and verified_manifest(out / "best").get("text_sha256") != digest:
        raise ConfigError(f"{path}: 与上次练的不是同一份文字；用原来的接着练，或去掉 RESUME=1")
    seed_everything(config.seed)
    vocab = CharVocab(text)
    model = make_model(vocab, config, shape)
    novelist = Novelist(model, vocab, name=out.name, opening=opening_of(text))
    facts = {"text": path.name, "text_sha256": digest}
    task = NovelTask(novelist, text, config, facts)
    num_weights = sum(parameter.numel() for parameter in model.parameters())
    print(f"{path}：{len(text):,} 字，不同的 {len(vocab):,} 个；模型 {num_weights:,} 个参数")
    outcome = Trainer(task, config, out).run(resume=resume)
    print_outcome(outcome, out)
    return outcome


def make_model(vocab: CharVocab, config: TrainConfig, shape: Shape) -> CharGPT:
    """Return a model with random weights.

    Raises:
        ConfigError: no model has this shape.
    """
    try:
        return CharGPT(
            CharGPTConfig(
                vocab_size=len(vocab),
                window=config.row_length,
                num_layers=shape.num_layers,
                num_heads=shape.num_heads,
                hidden_size=shape.hidden_size,
                dropout=config.dropout,
            )
        )
    except ValueError:
        raise ConfigError(
            f"layers={shape.num_layers}、heads={shape.num_heads}、hidden-size={shape.hidden_size}"
            " 不成模型；都须至少是 1，hidden-size 须是 heads 的倍数"
        ) from None


def print_outcome(outcome: Outcome, out: Path) -> None:
    """Print where the run began, where its best stands, and how to use it."""
    first, best = bits(outcome.first_loss), bits(outcome.best_loss)
    print(f"用时 {outcome.seconds / 60:.1f} 分钟，{outcome.num_tokens:,} 个字")
    print(f"留出的结尾：每字 {first:.2f} → {best:.2f} 比特（第 {outcome.best_step} 步最好）")
    print(f"最好的在 {out / 'best'}；用 make write-novel CHECKPOINT={out / 'best'} 让它写")
