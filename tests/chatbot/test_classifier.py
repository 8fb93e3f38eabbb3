"""The classifier: the same answer however texts are asked, and calibrated probabilities."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from chatbot.classifier import Classifier, load_classifier, padded
from chatbot.head_folder import TrainedHead, load_head

TEXTS = [
    "今天真高兴",
    "我的猫走丢了",
    "晚饭吃什么",
    "好",
    "[SEP]",
    "\u200b",
    "🎉" * 40,
    *[f"{'很长的' * n}一句" for n in range(60)],
]


@pytest.fixture
def head(tiny_head: Path) -> TrainedHead:
    return load_head(tiny_head)


def with_config(head: TrainedHead, **changes: object) -> Classifier:
    return Classifier(replace(head, config=replace(head.config, **changes)))  # type: ignore[arg-type]


def test_a_text_is_the_same_alone_and_among_others(tiny_head: Path) -> None:
    classifier = load_classifier(tiny_head)
    together = classifier.classify(TEXTS)
    for text, found in zip(TEXTS, together, strict=True):
        (alone,) = classifier.classify([text])
        assert alone.label == found.label
        assert alone.probabilities == pytest.approx(found.probabilities, abs=1e-5)
    assert classifier.classify([]) == []


def test_probabilities_are_the_softmax_of_tempered_logits(head: TrainedHead) -> None:
    ids = head.tokenizer("今天真高兴")["input_ids"]
    with torch.inference_mode():
        (logits,) = head.model(*padded([ids], 0))
    (found,) = Classifier(head).classify(["今天真高兴"])
    expected = dict(zip(head.config.labels, (logits / 2).softmax(0).tolist(), strict=True))
    assert found.probabilities == pytest.approx(expected)
    assert found.label == max(expected, key=expected.__getitem__)
    assert found.probability == found.probabilities[found.label]
    (colder,) = with_config(head, temperature=0.5).classify(["今天真高兴"])
    assert colder.label == found.label
    assert colder.probability > found.probability


def test_a_long_text_is_read_from_its_beginning_and_its_end_mark(head: TrainedHead) -> None:
    classifier = Classifier(head)
    long, other = classifier.classify(["好" * 14 + "坏" * 30, "好" * 14 + "天" * 30])
    assert long.probabilities == pytest.approx(other.probabilities)
    whole, shorter = classifier.classify(["好" * 14, "好" * 13])
    assert long.probabilities == pytest.approx(whole.probabilities)
    assert long.probabilities != pytest.approx(shorter.probabilities)


def test_a_typed_separator_stays_text(head: TrainedHead) -> None:
    classifier = Classifier(head)
    typed, words = classifier.classify(["好[SEP]坏", "好[sep]坏"])
    assert typed.probabilities == pytest.approx(words.probabilities)


def test_what_is_watched_for_has_a_probability_and_a_threshold(head: TrainedHead) -> None:
    watching = with_config(head, positive="难过", threshold=0.7)
    assert (watching.positive, watching.threshold) == ("难过", 0.7)
    (found,) = watching.classify(["我的猫走丢了"])
    assert watching.probability("我的猫走丢了") == pytest.approx(found.probabilities["难过"])
    assert Classifier(head).threshold == 0.5


def test_several_threads_may_ask_at_once(head: TrainedHead) -> None:
    classifier = with_config(head, positive="高兴")
    expected = [classifier.probability(text) for text in TEXTS]
    with ThreadPoolExecutor(8) as threads:
        for _ in range(3):
            found = list(threads.map(classifier.probability, TEXTS))
            assert found == pytest.approx(expected, abs=1e-6)
