"""The guard's classifier: is a text offensive? Small, and fast enough for every turn.

texts → the first layers of our backbone under a new head → int8 → temperature and threshold → folder
"""

import dataclasses
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from chatbot.checkpoint import SHIPPED_CHECKPOINT
from chatbot.classifier import Classifier
from chatbot.head_folder import TrainedHead, load_head, save_head
from chatbot.models.head import BackboneWithHead
from chatbot.models.int8 import quantise
from training.config import TrainConfig
from training.head.backbone import load_pretrained
from training.head.classification import ClassifierTask, calibrated, evaluate
from training.head.examples import Example
from training.head.figure import draw_precision_recall
from training.head.freezing import freeze
from training.head.guard_texts import EXAMPLES, OFFENSIVE, GuardTexts, gather
from training.head.threshold import (
    Detection,
    area_under_curve,
    choose_threshold,
    detect,
    precision_recall_curve,
)
from training.head.train import print_split
from training.loop import Trainer, seed_everything
from training.recipe import PROVIDED_CORPUS
from training.state import saved_state

_NAME = "guard-5m"
_POOLING, _NUM_LAYERS = "mean", 4
_WRONG_SHARE = 0.005  # of innocent texts that may be blocked
_CONFIG = TrainConfig(
    epochs=2,
    row_length=128,
    batch_rows=32,
    learning_rate=3e-4,
    warmup_steps=100,
    dropout=0.1,
    patience=3,
    validate_every=800,
)


@dataclass(frozen=True)
class Figures:
    """How a classifier does on texts of which some are offensive.

    Attributes:
        area: under the ROC curve.
        chosen: at the classifier's own threshold; ``at_half`` at 0.5.
        curve: recalls and precisions as the threshold falls.
    """

    area: float
    chosen: Detection
    at_half: Detection
    curve: tuple[list[float], list[float]]

    def __str__(self) -> str:
        """Say it in one line."""
        return (
            f"{self.chosen.num_texts:,} 条，其中冒犯的 {self.chosen.num_positive:,} 条："
            f"AUC {self.area:.3f}；阈值 {self.chosen}；阈值 {self.at_half}"
        )


def train_guard(cold: Path, out: Path, *, resume: bool = False) -> Path:
    """Train the guard's classifier; return its folder, ``out/guard``.

    Args:
        cold: COLD's training file, ``0|1<TAB>text``.

    Raises:
        TrainingError, CheckpointError: one line that names the remedy.
    """
    seed_everything(_CONFIG.seed)
    texts = gather(cold, EXAMPLES, PROVIDED_CORPUS, seed=_CONFIG.seed)
    print_split(texts.split, balance=False)
    backbone, tokenizer = load_pretrained(str(SHIPPED_CHECKPOINT), num_layers=_NUM_LAYERS)
    model = BackboneWithHead(backbone, len(texts.split.labels), pooling=_POOLING)
    freeze(model, "embeddings")
    task = ClassifierTask(model, tokenizer, texts.split, _CONFIG, name=_NAME, balance=False)
    Trainer(task, _CONFIG, out).run(resume=resume and saved_state(out / "state") is not None)
    return finish_guard(load_head(out / "best"), texts, out / "guard")


def finish_guard(head: TrainedHead, texts: GuardTexts, folder: Path) -> Path:
    """Write a trained classifier in int8 with temperature and threshold; return its folder."""
    quantise(head.model.backbone)
    evaluation = evaluate(head, texts.split.held_out)
    head = calibrated(head, evaluation)
    head = _with(head, int8=True, positive=OFFENSIVE)
    classifier = Classifier(head)
    threshold = max(
        choose_threshold(probabilities(classifier, group), _WRONG_SHARE)
        for group in texts.innocent.values()
    )
    head = _with(head, threshold=math.ceil(1e4 * threshold) / 1e4)
    save_head(folder, head)
    print(evaluation)
    tell(Classifier(head), texts, folder.with_name("report"))
    return folder


def tell(classifier: Classifier, texts: GuardTexts, folder: Path) -> None:
    """Print what a classifier does with the held-out texts; draw its curves into a folder."""
    print(f"阈值 {classifier.threshold:.4f}")
    for name, group in texts.innocent.items():
        wrong = sum(value >= classifier.threshold for value in probabilities(classifier, group))
        print(f"{name} {len(group):,} 条正常的话，误拦 {wrong} 条（{wrong / len(group):.2%}）")
    curves, points = {}, {}
    for name, examples in texts.sets.items():
        figures = judge(classifier, examples)
        print(f"{name} {figures}")
        curves[name] = figures.curve
        points[name] = (figures.chosen.recall, figures.chosen.precision)
    folder.mkdir(parents=True, exist_ok=True)
    draw_precision_recall(folder / "precision_recall.png", curves, points)


def judge(classifier: Classifier, examples: Sequence[Example]) -> Figures:
    """Return how a classifier does on examples labelled by ``guard_texts.read_labelled``."""
    values = probabilities(classifier, [example.text for example in examples])
    positive = [example.label == OFFENSIVE for example in examples]
    return Figures(
        area=area_under_curve(values, positive),
        chosen=detect(values, positive, classifier.threshold),
        at_half=detect(values, positive, 0.5),
        curve=precision_recall_curve(values, positive),
    )


def probabilities(classifier: Classifier, texts: Sequence[str]) -> list[float]:
    """Return how probably each text is offensive."""
    assert classifier.positive is not None
    return [item.probabilities[classifier.positive] for item in classifier.classify(texts)]


def _with(head: TrainedHead, **changes: Any) -> TrainedHead:
    return dataclasses.replace(head, config=dataclasses.replace(head.config, **changes))
