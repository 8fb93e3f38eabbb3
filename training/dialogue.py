"""``dialogue``: corpus -> tokenizer -> token store -> packed batch -> shift -> model -> checkpoint."""

from pathlib import Path
from typing import Any

from transformers import BertTokenizerFast, GPT2LMHeadModel

from chatbot.checkpoint import load_checkpoint
from chatbot.dialogue import DialogueEncoder
from training.config import TrainConfig, read_model_config
from training.dialogue_task import DialogueTask, perplexity
from training.errors import ConfigError
from training.known import corpus_replies
from training.loop import Outcome, Trainer, seed_everything
from training.packing import Mixture
from training.prepare import prepare_corpus, print_report
from training.samples import GENERATION
from training.state import saved_state
from training.store import TokenStore
from vocab.wordpiece import SHIPPED_VOCAB, load_tokenizer


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
    ``init`` brings its own.

    Raises:
        TrainingError, CheckpointError, VocabError: one line that names the remedy.
    """
    seed_everything(config.seed)
    if resume and saved_state(out / "state") is None:
        raise ConfigError(f"{out}: 没有可以接着训练的存盘；去掉 RESUME=1 从头开始")
    model, tokenizer, name, generation = _starting_point(init, model_config, vocab, out)
    if config.row_length > model.config.n_positions:
        raise ConfigError(
            f"row_length={config.row_length} 超过模型的 n_positions={model.config.n_positions}；"
            f"设为 {model.config.n_positions} 以内"
        )
    encoder = DialogueEncoder(tokenizer)
    stores = out / "stores"
    if not resume:
        print_report(prepare_corpus(corpus, stores, encoder, max_length=config.row_length))
    train = Mixture((TokenStore(stores / "train", encoder),), (1.0,))
    valid = Mixture((TokenStore(stores / "valid", encoder),), (1.0,))
    task = DialogueTask(
        model,
        encoder,
        train,
        valid,
        config,
        name=name,
        generation=generation,
        known=corpus_replies(corpus),
    )
    outcome = Trainer(task, config, out).run(resume=resume)
    print_outcome(outcome, out)
    return outcome


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
) -> tuple[GPT2LMHeadModel, BertTokenizerFast, str, dict[str, Any]]:
    if init and model_config:
        raise ConfigError("INIT= 和 CONFIG= 只能给一个；要么接着已有的练，要么按配置从头练")
    if init and vocab:
        raise ConfigError("INIT= 的模型自带词表；请去掉 --vocab，或用 CONFIG= 从头练")
    if init:
        checkpoint = load_checkpoint(_resolve(init))
        name = checkpoint.manifest["name"]
        generation = checkpoint.generation or GENERATION
        return checkpoint.model, checkpoint.tokenizer, name, generation
    if model_config is None:
        raise ConfigError(
            "没有起点；须给 INIT=（已有模型的文件夹）或 CONFIG=（GPT2Config 的 JSON）"
        )
    tokenizer = load_tokenizer(vocab or SHIPPED_VOCAB)
    model = GPT2LMHeadModel(read_model_config(model_config, tokenizer))
    return model, tokenizer, out.name, GENERATION


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
