"""The first form, ``Linear(hidden, classes)``: a head that names what a text is."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import torch
from transformers import PreTrainedTokenizerBase as Tokenizer

from chatbot.classifier import padded
from chatbot.head_folder import HeadConfig, TrainedHead, save_head
from chatbot.models.head import BackboneWithHead
from chatbot.texts import encode_whole_texts, pad_id
from training.config import TrainConfig
from training.head.batches import Texts
from training.head.calibration import calibrate
from training.head.examples import Example, Split, class_weights
from training.head.metrics import score
from training.head.report import Evaluation, logits_of
from training.head.task import HeadTask
from training.state import Progress

_NUM_SAMPLES = 5


class ClassifierTask(HeadTask):
    """A classifier that learns from one side of a split and is judged by the other."""

    unit = "条"

    def __init__(
        self,
        model: BackboneWithHead,
        tokenizer: Tokenizer,
        split: Split,
        config: TrainConfig,
        *,
        name: str,
        balance: bool,
        features: Path | None = None,
    ) -> None:
        """Encode a split for a model.

        Args:
            name: what the classifier is called.
            balance: weigh labels by the inverse of their frequency.
        """
        self.split, self._tokenizer, self._name = split, tokenizer, name
        self._max_length = config.row_length
        super().__init__(
            model,
            self._texts(split.train),
            self._texts(split.held_out),
            config,
            class_weights=class_weights(split.labels, split.train) if balance else None,
            features=features,
        )

    def save(self, folder: Path, progress: Progress, loss: float) -> None:
        """Write the model as a classifier's folder."""
        config = HeadConfig(
            labels=self.split.labels, max_length=self._max_length, pooling=self.whole.pooling
        )
        facts = {
            "steps": progress.step,
            "examples": progress.num_tokens,
            "held_out_loss": round(loss, 4),
        }
        save_head(folder, TrainedHead(self._name, self.whole, self._tokenizer, config, facts))

    @torch.inference_mode()
    def samples(self) -> list[tuple[str, str]]:
        """Return a few held-out texts with what they are taken for."""
        step = max(len(self.split.held_out) // _NUM_SAMPLES, 1)
        shown = self.split.held_out[::step][:_NUM_SAMPLES]
        inputs = padded(self._encoded(shown), pad_id(self._tokenizer))
        chances, places = self.whole.eval()(*inputs).softmax(dim=1).max(dim=1)
        labels = [self.split.labels[place] for place in places.tolist()]
        return [
            (example.text, f"{label} {chance:.0%}（标的是 {example.label}）")
            for example, label, chance in zip(shown, labels, chances.tolist(), strict=True)
        ]

    def _encoded(self, examples: Sequence[Example]) -> list[list[int]]:
        texts = [example.text for example in examples]
        return encode_whole_texts(self._tokenizer, texts, self._max_length)

    def _texts(self, examples: Sequence[Example]) -> Texts:
        classes = [self.split.labels.index(example.label) for example in examples]
        padding = pad_id(self._tokenizer)
        return Texts(self._encoded(examples), classes, padding=padding)


def evaluate(head: TrainedHead, examples: Sequence[Example]) -> Evaluation:
    """Judge a classifier by examples whose labels it knows."""
    texts = [example.text for example in examples]
    ids = encode_whole_texts(head.tokenizer, texts, head.config.max_length)
    logits = logits_of(head.model, ids, padding=pad_id(head.tokenizer))
    classes = [head.config.labels.index(example.label) for example in examples]
    scores = score(head.config.labels, classes, logits.argmax(dim=1).tolist())
    return Evaluation(scores, calibrate(logits, torch.tensor(classes)))


def calibrated(head: TrainedHead, evaluation: Evaluation) -> TrainedHead:
    """Return a classifier with the temperature and the figures of an evaluation."""
    temperature = evaluation.calibration.temperature
    figures = {
        "accuracy": round(evaluation.scores.accuracy, 4),
        "macro_f1": round(evaluation.scores.macro_f1, 4),
    }
    return dataclasses.replace(
        head,
        config=dataclasses.replace(head.config, temperature=temperature),
        facts={**head.facts, **figures},
    )
