"""``head``: data → split → ids → backbone, frozen or not → new head → calibrated folder."""

import shutil
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from chatbot.dialogue import DialogueEncoder
from chatbot.head_folder import load_head, save_head
from chatbot.models.head import POOLINGS, BackboneWithHead
from training.config import TrainConfig
from training.errors import ConfigError
from training.head.backbone import load_pretrained, require_room, resolve
from training.head.classification import ClassifierTask, calibrated, evaluate
from training.head.examples import Split, read_examples, split_examples
from training.head.freezing import freeze, num_learning
from training.head.generation import GeneratorTask, new_language_head
from training.head.report import write_evaluation
from training.head.task import HeadTask
from training.known import corpus_replies
from training.loop import Outcome, Trainer, seed_everything
from training.prepare import prepare_corpus, print_report
from training.state import saved_state

_SHOWN_LABELS = 20
_UNBALANCED = 3.0


@dataclass(frozen=True, kw_only=True)
class HeadOptions:
    """What is put on which backbone.

    Attributes:
        init: the pretrained model: a folder, or a name on the hub.
        freeze: what of it stays as it is (freezing.py).
        pooling: "last" real token or "mean".
        num_layers: keep only the backbone's first so many layers; None keeps all.
        balance: weigh labels by the inverse of their frequency.
        held_out: share of each label's texts to judge by.
    """

    init: str
    freeze: str = "none"
    pooling: str = "last"
    num_layers: int | None = None
    balance: bool = True
    held_out: float = 0.1

    def __post_init__(self) -> None:
        if self.pooling not in POOLINGS[:2]:
            raise ConfigError(f"pooling={self.pooling} 不可用；须是 {' 或 '.join(POOLINGS[:2])}")


def train_classifier(
    data: Path, out: Path, config: TrainConfig, options: HeadOptions, *, resume: bool = False
) -> Outcome:
    """Train a classifier on ``label<TAB>text`` lines; ``out/best`` is it, calibrated.

    Raises:
        TrainingError, CheckpointError: one line that names the remedy.
    """
    _begin(out, config, resume=resume)
    split = split_examples(read_examples(data), share=options.held_out, seed=config.seed)
    print_split(split, balance=options.balance)
    backbone, tokenizer = load_pretrained(options.init, num_layers=options.num_layers)
    require_room(config, backbone)
    model = BackboneWithHead(backbone, len(split.labels), pooling=options.pooling)
    freeze(model, options.freeze)
    task = ClassifierTask(
        model,
        tokenizer,
        split,
        config,
        name=out.name,
        balance=options.balance,
        features=_features(out),
    )
    outcome = _run(task, out, resume=resume)
    best = load_head(out / "best")
    evaluation = evaluate(best, split.held_out)
    save_head(out / "best", calibrated(best, evaluation))
    print(evaluation)
    report = write_evaluation(out / "report", evaluation, title=f"{data.name} 上的分类模型")
    print(f"混淆矩阵和全部数字：{report}")
    print(f'用起来：.venv/bin/python -m chatbot classify --checkpoint {out / "best"} "一句话"')
    return outcome


def train_generator(
    corpus: Path, out: Path, config: TrainConfig, options: HeadOptions, *, resume: bool = False
) -> Outcome:
    """Train a new language head on dialogues; ``out/best`` is a dialogue model.

    Raises:
        TrainingError, CheckpointError: one line that names the remedy.
    """
    _begin(out, config, resume=resume)
    checkpoint, model = new_language_head(resolve(options.init))
    require_room(config, model.backbone)
    freeze(model, options.freeze)
    stores = out / "stores"
    if not resume:
        encoder = DialogueEncoder(checkpoint.tokenizer)
        print_report(prepare_corpus(corpus, stores, encoder, max_length=config.row_length))
    task = GeneratorTask(
        checkpoint,
        model,
        stores,
        config,
        known=corpus_replies(corpus),
        features=_features(out),
    )
    outcome = _run(task, out, resume=resume)
    print(f"用起来：make serve CHECKPOINT={out / 'best'}")
    return outcome


def print_split(split: Split, *, balance: bool) -> None:
    """Print how many texts each label has, and what is done where they differ much."""
    console = Console()
    table = Table(title=f"{len(split.labels)} 类")
    for column in ("类", "训练", "留出"):
        table.add_column(column, justify="left" if column == "类" else "right")
    counts = split.counts()
    for label, train, held_out in counts[:_SHOWN_LABELS]:
        table.add_row(label, f"{train:,}", f"{held_out:,}")
    if len(counts) > _SHOWN_LABELS:
        table.add_row(f"…还有 {len(counts) - _SHOWN_LABELS} 类", "", "")
    console.print(table)
    if split.num_dropped:
        print(f"重复的 {split.num_dropped:,} 条不用；同一句标了两种的，以先出现的为准")
    if split.imbalance >= _UNBALANCED:
        how = "损失已按频率的倒数加权" if balance else "去掉 --no-balance 就按频率的倒数加权"
        print(f"最多的一类是最少的 {split.imbalance:.1f} 倍；{how}")


def _begin(out: Path, config: TrainConfig, *, resume: bool) -> None:
    seed_everything(config.seed)
    if resume and saved_state(out / "state") is None:
        raise ConfigError(f"{out}: 没有可以接着训练的存盘；去掉 RESUME=1 从头开始")


def _features(out: Path) -> Path:
    return out / "features"


def _run(task: HeadTask, out: Path, *, resume: bool) -> Outcome:
    print(f"要练的参数 {num_learning(task.whole):,} 个", flush=True)
    outcome = Trainer(task, task.config, out).run(resume=resume)
    shutil.rmtree(_features(out), ignore_errors=True)  # large, and soon computed again
    print(f"用时 {outcome.seconds / 60:.1f} 分钟，{outcome.num_steps:,} 步；", end="")
    begun, best = task.describe(outcome.first_loss), task.describe(outcome.best_loss)
    print(f"留出集{begun} → {best}（第 {outcome.best_step} 步最好）")
    return outcome
