"""``dialogue``: corpus -> tokenizer -> token store -> packed batch -> shift -> model -> checkpoint."""

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from transformers import BertTokenizerFast, GPT2LMHeadModel

from chatbot.checkpoint import load_checkpoint
from chatbot.dialogue import DialogueEncoder
from training.config import TrainConfig, read_model_config
from training.dialogue_task import DialogueTask, perplexity
from training.errors import ConfigError
from training.known import add_known, corpus_replies
from training.loop import Outcome, Trainer, seed_everything
from training.packing import Mixture
from training.parallel import join_world
from training.prepare import corpus_digest, prepare_corpus, print_report
from training.rehearsal import Rehearsal, rehearse
from training.samples import GENERATION
from training.state import saved_state
from training.store import TokenStore
from training.vocabulary import extend_vocabulary
from vocab.wordpiece import SHIPPED_VOCAB, load_tokenizer


@dataclass(frozen=True)
class Start:
    """What a run begins with."""

    model: GPT2LMHeadModel
    tokenizer: BertTokenizerFast
    name: str
    generation: dict[str, Any]


def train_dialogue(
    corpus: Path,
    out: Path,
    config: TrainConfig,
    *,
    init: str | None = None,
    model_config: Path | None = None,
    vocab: Path | None = None,
    resume: bool = False,
) -> Outcome:
    """Prepare a corpus and train on it, from ``init`` or from a ``GPT2Config`` JSON.

    ``vocab`` is the table of a model made from ``model_config``, the shipped one unless given;
    beside ``init``, which brings its own, it is that table with new entries at its end. Started
    by a launcher, all its processes train together and the first one prepares and writes.

    Raises:
        TrainingError, CheckpointError, VocabError: one line that names the remedy.
    """
    world = join_world()
    seed_everything(config.seed)
    if resume and saved_state(out / "state") is None:
        raise ConfigError(f"{out}: 没有可以接着训练的存盘；去掉 RESUME=1 从头开始")
    start = _starting_point(init, model_config, vocab, out)
    _require_room(start, config)
    if world.is_main and not resume:
        _prepare(corpus, out / "stores", start, config)
    world.wait()
    trainer = _trainer(corpus, out / "stores", start, config, out)
    outcome = trainer.run(resume=resume)
    if world.is_main:
        add_known(out / "best", corpus)
        print_outcome(outcome, out)
    world.wait()
    return outcome


def rehearse_dialogue(
    corpus: Path,
    config: TrainConfig,
    *,
    init: str | None = None,
    model_config: Path | None = None,
    vocab: Path | None = None,
) -> Rehearsal:
    """Return what ``train_dialogue`` would take; nothing is left behind."""
    join_world()
    seed_everything(config.seed)
    with tempfile.TemporaryDirectory() as name:
        out = Path(name)
        start = _starting_point(init, model_config, vocab, out)
        _require_room(start, config)
        _prepare(corpus, out / "stores", start, config)
        return rehearse(_trainer(corpus, out / "stores", start, config, out))


def _prepare(corpus: Path, stores: Path, start: Start, config: TrainConfig) -> None:
    encoder = DialogueEncoder(start.tokenizer)
    print_report(prepare_corpus(corpus, stores, encoder, max_length=config.row_length))


def _trainer(corpus: Path, stores: Path, start: Start, config: TrainConfig, out: Path) -> Trainer:
    encoder = DialogueEncoder(start.tokenizer)
    train, valid = (TokenStore(stores / side, encoder) for side in ("train", "valid"))
    if train.record.get("corpus_sha256") != corpus_digest(corpus):
        raise ConfigError(
            f"{corpus}: 与上次准备的不是同一份语料；放回原来的语料，或去掉 RESUME=1 从头开始"
        )
    mixture = Mixture((train,), (1.0,))
    task = DialogueTask(
        start.model,
        encoder,
        mixture,
        Mixture((valid,), (1.0,)),
        config,
        name=start.name,
        generation=start.generation,
        known=corpus_replies(corpus),
    )
    print(f"一行 {config.row_length} 个 token，填充占 {task.padding:.1%}", flush=True)
    return Trainer(task, config, out, data=mixture.digest, flops=task.flops)


def print_outcome(outcome: Outcome, out: Path) -> None:
    """Print where the run began, where its best stands, and how to use it."""
    first, best = perplexity(outcome.first_loss), perplexity(outcome.best_loss)
    print(f"用时 {outcome.seconds / 60:.1f} 分钟，{outcome.num_tokens:,} 个 token")
    print(f"留出集困惑度 {first:.2f} → {best:.2f}（第 {outcome.best_step} 步最好）")
    if outcome.best_step == 0:
        print("没有比开始时更好；试试更小的学习率或更多语料")
    print(f"最好的在 {out / 'best'}；用 make serve CHECKPOINT={out / 'best'} 和它聊")


def _starting_point(
    init: str | None, model_config: Path | None, vocab: Path | None, out: Path
) -> Start:
    if init and model_config:
        raise ConfigError("INIT= 和 CONFIG= 只能给一个；要么接着已有的练，要么按配置从头练")
    if init:
        checkpoint = load_checkpoint(_resolve(init))
        tokenizer = checkpoint.tokenizer if not vocab else extend_vocabulary(checkpoint, vocab)
        generation = checkpoint.generation or GENERATION
        return Start(checkpoint.model, tokenizer, checkpoint.manifest["name"], generation)
    if model_config is None:
        raise ConfigError(
            "没有起点；须给 INIT=（已有模型的文件夹）或 CONFIG=（GPT2Config 的 JSON）"
        )
    tokenizer = load_tokenizer(vocab or SHIPPED_VOCAB)
    model = GPT2LMHeadModel(read_model_config(model_config, tokenizer))
    return Start(model, tokenizer, out.name, GENERATION)


def _require_room(start: Start, config: TrainConfig) -> None:
    limit = start.model.config.n_positions
    if config.row_length > limit:
        raise ConfigError(
            f"row_length={config.row_length} 超过模型的 n_positions={limit}；设为 {limit} 以内"
        )


def _resolve(init: str) -> Path:
    """Return the folder of ``init``: as it stands, or fetched if it reads like a hub id."""
    folder = Path(init)
    if folder.exists() or init.count("/") != 1 or init.startswith((".", "/", "~")):
        return folder
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import (
        HfHubHTTPError,
        HFValidationError,
        LocalEntryNotFoundError,
    )

    try:
        files = ["*.safetensors", "*.json", "vocab.txt"]
        return Path(snapshot_download(init, allow_patterns=files))
    except (HfHubHTTPError, HFValidationError, LocalEntryNotFoundError, OSError) as error:
        what = " ".join(str(error).split())[:160]
        raise ConfigError(
            f"{init}: 既不是本机的文件夹，也取不到这个模型（{what}）；请先下载到本机再用路径"
        ) from None
