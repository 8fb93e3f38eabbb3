"""Whether what is sampled follows the distribution that transformers' processors give."""

import math
from collections import Counter
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import (
    LogitsProcessorList,
    MinNewTokensLengthLogitsProcessor,
    MinPLogitsWarper,
    NoRepeatNGramLogitsProcessor,
    RepetitionPenaltyLogitsProcessor,
    SuppressTokensLogitsProcessor,
    TemperatureLogitsWarper,
    TopKLogitsWarper,
    TopPLogitsWarper,
)

from chatbot.decoding import sampling
from chatbot.decoding.params import SamplingParams
from chatbot.decoding.sequence import Sequence, TokenRules

SEP, BANNED = 3, frozenset({0, 1, 2, 4})
RULES = TokenRules(stop_ids=frozenset({SEP}), banned_ids=BANNED)
NUM_DRAWS = 6000


def random_logits(*shape: int, seed: int = 0, scale: float = 3.0) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed)) * scale


def make(prompt: list[int], **params: Any) -> Sequence:
    plain = {"temperature": 1.0, "top_p": 1.0, "repetition_penalty": 1.0, "seed": 0}
    return Sequence(prompt, SamplingParams(**{**plain, **params}), RULES)


def draws(logits: torch.Tensor, sequence: Sequence, count: int = NUM_DRAWS) -> Counter[int]:
    """What is sampled from the same logits again and again, 500 times a call."""
    found: Counter[int] = Counter()
    for _ in range(count // 500):
        found.update(sampling.sample(logits.repeat(500, 1), [sequence] * 500))
    return found


def reference(logits: torch.Tensor, sequence: Sequence) -> torch.Tensor:
    """The distribution that transformers' processors give."""
    params = sequence.params
    processors = LogitsProcessorList(
        [
            RepetitionPenaltyLogitsProcessor(params.repetition_penalty),
            *([NoRepeatNGramLogitsProcessor(n)] if (n := params.no_repeat_ngram) else []),
            MinNewTokensLengthLogitsProcessor(len(sequence.prompt_ids), 1, [SEP]),
            SuppressTokensLogitsProcessor(sorted(BANNED)),
            TemperatureLogitsWarper(params.temperature),
            *([TopKLogitsWarper(params.top_k)] if params.top_k else []),
            *([TopPLogitsWarper(params.top_p)] if params.top_p < 1 else []),
            *([MinPLogitsWarper(params.min_p)] if params.min_p else []),
        ]
    )
    context = torch.from_numpy(sequence.context_ids)[None]
    row: torch.Tensor = processors(context, logits[None].clone())[0]
    return row.double().softmax(dim=0)


def chi_squared_p_value(counts: Counter[int], probs: torch.Tensor) -> float:
    """Pearson's test; the tail by Wilson and Hilferty's approximation."""
    total = sum(counts.values())
    bins: list[tuple[float, float]] = []  # (seen, expected), the rare ones together
    rare_seen = rare_expected = 0.0
    for token_id, prob in enumerate(probs.tolist()):
        if prob * total >= 5:
            bins.append((counts[token_id], prob * total))
        else:
            rare_seen += counts[token_id]
            rare_expected += prob * total
    if rare_expected >= 5:
        bins.append((rare_seen, rare_expected))
    statistic = sum((seen - expected) ** 2 / expected for seen, expected in bins)
    k = len(bins) - 1
    z = ((statistic / k) ** (1 / 3) - (1 - 2 / (9 * k))) / math.sqrt(2 / (9 * k))
    return 0.5 * math.erfc(z / math.sqrt(2))


@pytest.mark.parametrize(
    "params",
    [
        {},
        {"temperature": 0.7},
        {"temperature": 2.0, "top_k": 8},
        {"top_p": 0.8},
        {"min_p": 0.1},
        {"temperature": 1.5, "top_k": 30, "top_p": 0.9, "min_p": 0.05},
        {"temperature": 0.6, "top_k": 20, "top_p": 0.9, "repetition_penalty": 1.3},
        {"top_p": 0.95, "repetition_penalty": 0.7, "no_repeat_ngram": 2},
    ],
    ids=lambda params: "-".join(params) or "plain",
)
@pytest.mark.parametrize("size", [60, 1500])
def test_draws_follow_the_distribution_of_transformers(params: dict[str, float], size: int) -> None:
    sequence = make([2, 10, 11, SEP, 10, 12, SEP, 10], **params)
    sequence.append(10)
    logits = random_logits(size, seed=1, scale=1.5)
    probs = reference(logits, sequence)
    counts = draws(logits, sequence)
    assert all(probs[token_id] > 0 for token_id in counts)
    assert chi_squared_p_value(counts, probs) > 1e-4


@pytest.mark.parametrize("other", [{"temperature": 1.0}, {"top_p": 0.9}, {"min_p": 0.05}])
def test_the_chi_squared_test_sees_a_wrong_distribution(other: dict[str, float]) -> None:
    logits = random_logits(60, seed=1, scale=1.5)
    counts = draws(logits, make([2, 10, SEP], temperature=0.9))
    probs = reference(logits, make([2, 10, SEP], **{"temperature": 0.9, **other}))
    impossible = any(probs[token_id] == 0 for token_id in counts)
    assert impossible or chi_squared_p_value(counts, probs) < 1e-6


def test_repetition_penalty_never_rewards_a_repeated_token() -> None:
    logits = torch.tensor([[2.0, -2.0, 0.5, -0.5]])
    sampling.penalise_repetition(logits, [make([0, 1, 1, 0], repetition_penalty=2.0)])
    assert logits.tolist() == [[1.0, -4.0, 0.5, -0.5]]


@settings(max_examples=50, deadline=None)
@given(
    st.lists(
        st.tuples(st.lists(st.integers(0, 29), min_size=1, max_size=40), st.floats(0.5, 2)),
        min_size=1,
        max_size=4,
    ),
    st.integers(0, 2**31),
)
def test_repetition_penalty_equals_that_of_transformers(
    rows: list[tuple[list[int], float]], seed: int
) -> None:
    logits = random_logits(len(rows), 30, seed=seed)
    theirs = [
        RepetitionPenaltyLogitsProcessor(penalty)(torch.tensor([prompt]), logits[row, None])[0]
        for row, (prompt, penalty) in enumerate(rows)
    ]
    sequences = [make(prompt, repetition_penalty=penalty) for prompt, penalty in rows]
    sampling.penalise_repetition(logits, sequences)
    torch.testing.assert_close(logits, torch.stack(theirs), rtol=1e-6, atol=0)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.integers(0, 4), min_size=1, max_size=30), st.integers(1, 5))
def test_no_repeat_ngram_equals_that_of_transformers(context: list[int], size: int) -> None:
    logits = random_logits(5)
    ids = torch.tensor([context])
    theirs = NoRepeatNGramLogitsProcessor(size)(ids, logits[None].clone())[0]
    sampling.ban_repeated_ngrams(logits, make(context, no_repeat_ngram=size))
    assert torch.equal(logits, theirs)


def kept(logits: torch.Tensor, **params: float) -> set[int]:
    """The ids that can be drawn, each found at its own place of the cumulative distribution."""
    scaled = (logits - logits.max())[None].expand(4000, -1)
    sequences = [make([2, 10, SEP], **params)] * 4000
    return set(sampling.draw(scaled, sequences))


@settings(max_examples=20, deadline=None)
@given(st.floats(0.01, 1.0), st.floats(0.1, 8), st.integers(0, 2**31))
def test_top_p_keeps_what_transformers_keeps(p: float, scale: float, seed: int) -> None:
    logits = random_logits(700, seed=seed, scale=scale)
    theirs = TopPLogitsWarper(p)(torch.empty(1, 0), logits[None])[0] > -torch.inf
    probs = logits.softmax(dim=0)
    allowed = set(theirs.nonzero()[:, 0].tolist())
    likely = {token_id for token_id in allowed if probs[token_id] > 0.005}  # 4000 draws find them
    edge = float(probs[sorted(allowed)].min()) if allowed else 0.0
    found = kept(logits, top_p=p)
    # Sums in another order may round one token in or out at the edge.
    assert all(probs[token_id] <= edge + 1e-6 for token_id in found - allowed)
    assert len(found - allowed) <= 1
    assert all(probs[token_id] <= edge + 1e-6 for token_id in likely - found)


def test_top_k_keeps_k_and_all_when_off() -> None:
    logits = torch.tensor([1.0, 3.0, 2.0, 2.5, -1.0])
    best = [1, 3, 2, 0, 4]
    for k in range(1, 5):
        assert kept(logits, top_k=k) == set(best[:k])
    for k in (0, 5, 6, 1000):
        assert kept(logits, top_k=k) == set(best)


def test_min_p_keeps_what_has_its_share_of_the_likeliest() -> None:
    logits = torch.tensor([0.5, 1.0, 0.25, 0.1]).log()
    assert kept(logits, min_p=0.5) == {0, 1}
    assert kept(logits, min_p=0.26) == {0, 1}
    assert kept(logits, min_p=0.24) == {0, 1, 2}
    assert kept(logits, min_p=1.0) == {1}
    assert kept(logits, min_p=0.0) == {0, 1, 2, 3}


def test_top_p_keeps_the_likeliest_at_least_and_all_at_one() -> None:
    logits = torch.tensor([0.5, 0.3, 0.2]).log()
    assert kept(logits, top_p=1e-9) == {0}
    assert kept(logits, top_p=0.49) == {0}
    assert kept(logits, top_p=0.51) == {0, 1}
    assert kept(logits, top_p=1.0) == {0, 1, 2}


def test_top_p_counts_within_what_top_k_has_left() -> None:
    logits = torch.tensor([0.4, 0.3, 0.2, 0.1]).log()
    assert kept(logits, top_k=2, top_p=0.56) == {0}  # 0.4 / 0.7 = 0.57
    assert kept(logits, top_k=2, top_p=0.6) == {0, 1}


@pytest.mark.parametrize("top_p", [0.9, 0.999, 1.0])
def test_a_nucleus_wider_than_the_first_look_is_found_whole(top_p: float) -> None:
    logits = torch.linspace(0.5, 0, 1000)[torch.randperm(1000, generator=torch.Generator())]
    sequence = make([2, 10, SEP], top_p=top_p)
    counts, probs = draws(logits, sequence, 20_000), reference(logits, sequence)
    assert len(counts) == int((probs > 0).sum()) > 800
    assert all(probs[token_id] > 0 for token_id in counts)
    assert chi_squared_p_value(counts, probs) > 1e-4
