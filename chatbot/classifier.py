"""Classify texts with a head on a backbone: text → ids → logits → calibrated probabilities."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from chatbot.head_folder import TrainedHead, load_head
from chatbot.safety.guard import Guard
from chatbot.texts import encode_whole_texts, pad_id

SHIPPED_GUARD = Path(__file__).with_name("checkpoints") / "guard"
_BATCH_TEXTS = 32


@dataclass(frozen=True)
class Prediction:
    """What a text is.

    Attributes:
        label: the likeliest one.
        probability: of that label, 0 to 1.
        probabilities: of every label, in the head's order.
    """

    label: str
    probability: float
    probabilities: dict[str, float]


class Classifier:
    """A loaded head. It may be called from several threads at once.

    Attributes:
        name: the model's name.
        labels: what texts can be.
        positive: the label that is watched for, if any.
        threshold: from which probability on a text counts as ``positive``.
    """

    def __init__(self, head: TrainedHead) -> None:
        config = head.config
        self.name = head.name
        self.labels = config.labels
        self.positive = config.positive
        self.threshold = 0.5 if config.threshold is None else config.threshold
        self._model, self._tokenizer, self._config = head.model, head.tokenizer, config

    def classify(self, texts: Sequence[str]) -> list[Prediction]:
        """Return what each text is, in the order given; a long one is read from its beginning."""
        return [self._prediction(row) for row in self._probabilities(texts)]

    def probability(self, text: str) -> float:
        """Return the probability of ``positive``, 0 to 1."""
        assert self.positive is not None, "this head watches for nothing"
        (row,) = self._probabilities([text])
        return row[self.labels.index(self.positive)]

    def _prediction(self, row: list[float]) -> Prediction:
        probabilities = dict(zip(self.labels, row, strict=True))
        label = max(probabilities, key=probabilities.__getitem__)
        return Prediction(label, probabilities[label], probabilities)

    @torch.inference_mode()
    def _probabilities(self, texts: Sequence[str]) -> list[list[float]]:
        encoded = encode_whole_texts(self._tokenizer, texts, self._config.max_length)
        rows: list[list[float]] = [[] for _ in texts]
        for places in _alike(encoded):
            logits = self._model(*padded([encoded[place] for place in places], self._pad_id))
            probabilities = (logits / self._config.temperature).softmax(dim=-1)
            for place, row in zip(places, probabilities.tolist(), strict=True):
                rows[place] = row
        return rows

    @property
    def _pad_id(self) -> int:
        return pad_id(self._tokenizer)


def load_classifier(folder: str | Path) -> Classifier:
    """Load a folder that ``make train-head`` wrote.

    Raises:
        CheckpointError: it is missing, incomplete, corrupt, or does not fit together.
    """
    return Classifier(load_head(folder))


def judging_guard(judge: str | Path | None) -> Guard:
    """Return a guard over the configured lexicon with the classifier of a folder, if one is given.

    Raises:
        CheckpointError, LexiconError: the folder or the operator's lexicon cannot be read.
    """
    if judge is None:
        return Guard.configured()
    classifier = load_classifier(judge)
    return Guard.configured(classifier, classifier.threshold)


def padded(rows: Sequence[Sequence[int]], padding: int) -> tuple[Tensor, Tensor]:
    """Return ids ``(B, T)``, padded on the right, and the mask of the real ones."""
    longest = max(map(len, rows))
    ids = torch.tensor([[*row, *[padding] * (longest - len(row))] for row in rows])
    lengths = torch.tensor([len(row) for row in rows])
    return ids, torch.arange(longest) < lengths[:, None]


def _alike(encoded: Sequence[Sequence[int]]) -> Iterator[list[int]]:
    """Yield the places of texts of about the same length, a batch at a time."""
    order = sorted(range(len(encoded)), key=lambda place: len(encoded[place]))
    for begin in range(0, len(order), _BATCH_TEXTS):
        yield order[begin : begin + _BATCH_TEXTS]
