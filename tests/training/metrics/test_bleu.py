"""BLEU by hand, and the tokens that it counts."""

import math

import pytest

from training.metrics.bleu import corpus_bleu, ngrams, tokenize


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("我用iPhone 15！", ["我", "用", "iphone", "15", "！"]),
        ("OK好的", ["ok", "好", "的"]),
        ("café é", ["café", "é"]),
        (" \t", []),
    ],
)
def test_tokens_are_characters_and_runs_of_latin(text: str, tokens: list[str]) -> None:
    assert list(tokenize(text)) == tokens


def test_ngrams_of_a_short_text_are_none() -> None:
    assert ngrams(("a", "b", "c"), 2) == [("a", "b"), ("b", "c")]
    assert ngrams(("a",), 2) == []


def test_bleu_by_hand() -> None:
    """我爱吃鱼 for 我爱吃苹果: precisions 3/4 and (2 + 1) / (3 + 1), 4 tokens for 5."""
    expected = math.sqrt(3 / 4 * 3 / 4) * math.exp(1 - 5 / 4)
    assert corpus_bleu(["我爱吃鱼"], ["我爱吃苹果"], 2) == pytest.approx(expected)
    # then (1 + 1) / (2 + 1) and (0 + 1) / (1 + 1)
    expected = (3 / 4 * 3 / 4 * 2 / 3 * 1 / 2) ** (1 / 4) * math.exp(1 - 5 / 4)
    assert corpus_bleu(["我爱吃鱼"], ["我爱吃苹果"], 4) == pytest.approx(expected)


def test_counts_are_clipped_and_summed_over_the_corpus() -> None:
    """The the the …: 好好好 holds 好 once too often; a longer reply has no bonus."""
    assert corpus_bleu(["好好好"], ["好好"], 1) == pytest.approx(2 / 3)
    replies, references = ["好好好", "一二"], ["好好", "一二三四"]
    assert corpus_bleu(replies, references, 1) == pytest.approx(4 / 5 * math.exp(1 - 6 / 5))


def test_the_ends_of_the_scale() -> None:
    assert corpus_bleu(["今天天气真好"], ["今天天气真好"], 4) == pytest.approx(1)
    assert corpus_bleu(["甲"], ["乙"], 2) == 0
    assert corpus_bleu([""], ["乙"], 2) == 0
    assert corpus_bleu([], [], 2) == 0
    with pytest.raises(ValueError, match="shorter"):
        corpus_bleu(["甲", "乙"], ["甲"], 2)
