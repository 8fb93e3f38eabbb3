import math
from collections import Counter

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import (
    LogitsProcessorList,
    MinNewTokensLengthLogitsProcessor,
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


def random_logits(size: int, seed: int = 0, scale: float = 3.0) -> torch.Tensor:
    return torch.randn(size, generator=torch.Generator().manual_seed(seed)) * scale


def make(prompt: list[int], **params: float) -> Sequence:
    plain = {"temperature": 1.0, "top_p": 1.0, "repetition_penalty": 1.0, "seed": 0}
    return Sequence(prompt, SamplingParams(**{**plain, **params}), RULES)  # type: ignore[arg-type]


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
        ]
    )
    row = processors(sequence.context_ids[None], logits[None].clone())[0]
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
        {"temperature": 0.6, "top_k": 20, "top_p": 0.9, "repetition_penalty": 1.3},
        {"top_p": 0.95, "repetition_penalty": 0.7, "no_repeat_ngram": 2},
    ],
)
def test_draws_follow_the_distribution_of_transformers(params: dict[str, float]) -> None:
    sequence = make([2, 10, 11, SEP, 10, 12, SEP, 10], **params)
    sequence.append(10)
    logits = random_logits(60, seed=1, scale=1.5)
    probs = reference(logits, sequence)
    counts = Counter(sampling.sample(logits, sequence) for _ in range(6000))
    assert all(probs[token_id] > 0 for token_id in counts)
    assert chi_squared_p_value(counts, probs) > 1e-4


def test_the_chi_squared_test_sees_a_wrong_distribution() -> None:
    sequence = make([2, 10, SEP], temperature=0.9)
    logits = random_logits(60, seed=1, scale=1.5)
    counts = Counter(sampling.sample(logits, sequence) for _ in range(6000))
    other = make([2, 10, SEP], temperature=1.0)
    assert chi_squared_p_value(counts, reference(logits, other)) < 1e-6


def test_repetition_penalty_never_rewards_a_repeated_token() -> None:
    logits = torch.tensor([2.0, -2.0, 0.5, -0.5])
    context = torch.tensor([0, 1, 1, 0])
    penalised = sampling.penalise_repetition(logits, context, 2.0)
    assert penalised.tolist() == [1.0, -4.0, 0.5, -0.5]
    assert logits.tolist() == [2.0, -2.0, 0.5, -0.5]


@settings(max_examples=50, deadline=None)
@given(
    st.lists(st.integers(0, 29), min_size=1, max_size=40),
    st.floats(0.5, 2),
    st.integers(0, 2**31),
)
def test_repetition_penalty_equals_that_of_transformers(
    context: list[int], penalty: float, seed: int
) -> None:
    logits, ids = random_logits(30, seed), torch.tensor(context)
    theirs = RepetitionPenaltyLogitsProcessor(penalty)(ids[None], logits[None])[0]
    assert torch.equal(sampling.penalise_repetition(logits, ids, penalty), theirs)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.integers(0, 4), min_size=1, max_size=30), st.integers(1, 5))
def test_no_repeat_ngram_equals_that_of_transformers(context: list[int], size: int) -> None:
    logits, ids = random_logits(5), torch.tensor(context)
    theirs = NoRepeatNGramLogitsProcessor(size)(ids[None], logits[None].clone())[0]
    assert torch.equal(sampling.ban_repeated_ngrams(logits, ids, size), theirs)


@settings(max_examples=60, deadline=None)
@given(st.floats(0.01, 1.0), st.floats(0.1, 8), st.integers(0, 2**31))
def test_top_p_keeps_what_transformers_keeps(p: float, scale: float, seed: int) -> None:
    logits = random_logits(1500, seed, scale)
    kept = sampling.keep_top_p(logits, p) > -torch.inf
    theirs = TopPLogitsWarper(p)(torch.empty(1, 0), logits[None])[0] > -torch.inf
    # Sums in another order may round a token in or out at the edge, or some of hardly any weight.
    differ = kept ^ theirs
    assert int(differ.sum()) <= 1 or float(logits.softmax(dim=0)[differ].sum()) < 1e-5
    assert bool(kept[logits.argmax()])


def test_top_k_keeps_what_transformers_keeps_ties_included() -> None:
    logits = torch.tensor([1.0, 3.0, 2.0, 2.0, -1.0])
    for k in range(1, 8):
        theirs = TopKLogitsWarper(k)(torch.empty(1, 0), logits[None])[0]
        assert torch.equal(sampling.keep_top_k(logits, k), theirs)
    assert torch.equal(sampling.keep_top_k(logits, 0), logits)


def test_banned_ids_are_never_sampled_and_the_first_token_does_not_stop() -> None:
    logits = torch.zeros(8)
    logits[[*BANNED, SEP]] = 50.0
    for temperature in (0.0, 1.0, 2.0):
        sequence = make([2, 5, SEP], temperature=temperature)
        assert {sampling.sample(logits, sequence) for _ in range(50)} <= {5, 6, 7}
        sequence.append(5)
        assert sampling.sample(logits, sequence) == SEP


def test_greedy_takes_the_largest_and_draws_nothing() -> None:
    sequence = make([2, 10, SEP], temperature=0)
    state = sequence.generator.get_state()
    assert sampling.sample(torch.arange(20.0), sequence) == 19
    assert torch.equal(sequence.generator.get_state(), state)


@pytest.mark.parametrize("temperature", [5e-324, 1e-12, 1e-4, 0.01])
def test_a_tiny_temperature_is_greedy_and_does_not_overflow(temperature: float) -> None:
    logits = random_logits(200, scale=1e4)
    sequence = make([2, 10, SEP], temperature=temperature, top_p=0.9, top_k=50)
    sequence.append(10)
    logits[list(BANNED)] = -1.0
    assert sampling.sample(logits, sequence) == int(logits.argmax())


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_logits_that_are_not_finite_are_refused(value: float) -> None:
    logits = torch.zeros(20)
    logits[7] = value
    for temperature in (0.0, 1.0):
        with pytest.raises(ValueError, match="not finite"):
            sampling.sample(logits, make([2, 10, SEP], temperature=temperature))


def test_no_token_left_is_refused() -> None:
    sequence = make([2, 5, SEP], no_repeat_ngram=1)
    with pytest.raises(ValueError, match="all is banned"):
        sampling.sample(torch.zeros(6), sequence)  # 0-4 banned or stop, 5 was said


@pytest.mark.parametrize("uniform", [0.0, 1 - 2**-53])
def test_the_extremes_of_the_random_number_choose_possible_tokens(
    uniform: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    def rand(*_: object, **__: object) -> torch.Tensor:
        return torch.tensor([uniform], dtype=torch.float64)

    monkeypatch.setattr(torch, "rand", rand)
    for size in range(3, 200):  # the sums round up for some and down for others
        logits = random_logits(size)
        logits[[0, -1]] = -torch.inf
        chosen = sampling.draw(logits, torch.Generator())
        assert chosen == (1 if uniform == 0 else size - 2)


def test_sampling_leaves_the_row_as_it_was() -> None:
    logits = random_logits(60)
    before = logits.clone()
    options = {"top_k": 5, "top_p": 0.9, "repetition_penalty": 1.2, "no_repeat_ngram": 2}
    sampling.sample(logits, make([2, 10, 10, SEP], **options))
    assert torch.equal(logits, before)
