"""The classifier in the repository: whole, small, and able to tell rude words from others."""

import pytest

from chatbot.classifier import SHIPPED_GUARD, Classifier, load_classifier
from chatbot.head_folder import load_head


@pytest.fixture(scope="module")
def classifier() -> Classifier:
    return load_classifier(SHIPPED_GUARD)


def test_it_is_verified_and_at_most_8_megabytes() -> None:
    head = load_head(SHIPPED_GUARD)
    assert head.config.int8
    assert sum(path.stat().st_size for path in SHIPPED_GUARD.iterdir()) <= 8_000_000


def test_the_model_card_names_its_sources_and_how_to_repeat_it() -> None:
    card = (SHIPPED_GUARD / "README.md").read_text(encoding="utf-8")
    for name in ("COLDataset", "Apache-2.0", "training/safety/examples.tsv", "training/corpus"):
        assert name in card
    assert "python -m training guard" in card
    assert "xiaoxian" in card


def test_the_card_gives_the_threshold_that_is_used(classifier: Classifier) -> None:
    card = (SHIPPED_GUARD / "README.md").read_text(encoding="utf-8")
    assert f"{classifier.threshold:.4f}" in card
    assert classifier.positive == "冒犯"
    assert classifier.labels == ("正常", "冒犯")


@pytest.mark.parametrize("text", ["你是不是傻逼啊", "滚远点，看见你就烦", "你他妈有病吧"])
def test_rude_words_are_likelier_offensive_than_not(classifier: Classifier, text: str) -> None:
    assert classifier.probability(text) > 0.5


@pytest.mark.parametrize(
    "text", ["你好呀，我是小闲。", "操场上跑了三圈", "鸡蛋没了", "笑死我了", "早点睡吧，晚安。"]
)
def test_everyday_words_pass(classifier: Classifier, text: str) -> None:
    assert classifier.probability(text) < classifier.threshold / 2
