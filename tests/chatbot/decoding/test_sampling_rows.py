"""Rows sampled together, the edges of the numbers, and rows that give no token."""

import copy
import math
import random
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from chatbot.decoding import sampling
from chatbot.decoding.params import SamplingParams
from chatbot.decoding.sampling import NO_TOKEN
from chatbot.decoding.sequence import Sequence, TokenRules

SEP, BANNED = 3, frozenset({0, 1, 2, 4})
RULES = TokenRules(stop_ids=frozenset({SEP}), banned_ids=BANNED)


def random_logits(*shape: int, seed: int = 0, scale: float = 3.0) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed)) * scale


def make(prompt: list[int], rules: TokenRules = RULES, **params: Any) -> Sequence:
    plain = {"temperature": 1.0, "top_p": 1.0, "repetition_penalty": 1.0, "seed": 0}
    return Sequence(prompt, SamplingParams(**{**plain, **params}), rules)


def sample_one(logits: torch.Tensor, sequence: Sequence) -> int:
    (token_id,) = sampling.sample(logits[None].clone(), [sequence])
    return token_id


def random_sequence(chance: random.Random, size: int) -> Sequence:
    """Any parameters, any rules, at the beginning of a reply or within one."""
    rules = [RULES, TokenRules(stop_ids=frozenset({5, 6})), TokenRules(stop_ids=frozenset())]
    sequence = make(
        [chance.randrange(size) for _ in range(chance.randint(1, 12))],
        chance.choice(rules),
        temperature=chance.choice([0.0, 0.5, 1.0, 2.0]),
        top_k=chance.choice([0, 1, 5, 300, 1000]),
        top_p=chance.choice([0.3, 0.9, 1.0]),
        min_p=chance.choice([0.0, 0.2, 1.0]),
        repetition_penalty=chance.choice([0.7, 1.0, 1.3]),
        no_repeat_ngram=chance.choice([0, 1, 2, 3]),
        seed=chance.randrange(2**40),
    )
    for _ in range(chance.choice([0, 0, 4])):
        sequence.append(chance.randrange(10, size))
    return sequence


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**31), st.integers(1, 12), st.sampled_from([20, 400, 1200]))
def test_rows_together_are_rows_alone(seed: int, count: int, size: int) -> None:
    chance = random.Random(seed)
    sequences = [random_sequence(chance, size) for _ in range(count)]
    logits = random_logits(count, size, seed=seed)
    for row in range(count):
        if chance.random() < 0.1:
            logits[row, chance.randrange(size)] = chance.choice([torch.nan, torch.inf])
    alone = [
        sample_one(row, twin) for row, twin in zip(logits, copy.deepcopy(sequences), strict=True)
    ]
    assert sampling.sample(logits.clone(), sequences) == alone


def test_a_row_that_looks_further_is_not_taken_for_another() -> None:
    """The middle row's nucleus is wider than the first look; the others see all at once."""
    logits = torch.zeros(3, 500)
    logits[0, 77] = logits[2, 88] = 100.0
    sequences = [make([2, 10, SEP], top_k=k, seed=5) for k in (1000, 0, 1000)]
    token_id = sample_one(logits[1], copy.deepcopy(sequences[1]))
    assert sampling.sample(logits, sequences) == [77, token_id, 88]


def test_banned_ids_are_never_sampled_and_the_first_token_does_not_stop() -> None:
    logits = torch.zeros(8)
    logits[[*BANNED, SEP]] = 50.0
    for temperature in (0.0, 1.0, 2.0):
        sequence = make([2, 5, SEP], temperature=temperature)
        assert {sample_one(logits, sequence) for _ in range(50)} <= {5, 6, 7}
        sequence.append(5)
        assert sample_one(logits, sequence) == SEP


def test_each_row_has_its_own_rules() -> None:
    other = TokenRules(stop_ids=frozenset({5}), banned_ids=frozenset({6, 7}))
    sequences = [make([2, 8], temperature=0.0), make([2, 8], other, temperature=0.0)]
    logits = torch.arange(8.0).repeat(2, 1)
    assert sampling.sample(logits, sequences) == [7, 4]
    for sequence in sequences:
        sequence.append(4)
    assert sampling.sample(torch.arange(8.0).repeat(2, 1), sequences) == [7, 5]


def test_greedy_takes_the_largest_and_draws_nothing() -> None:
    sequence = make([2, 10, SEP], temperature=0)
    state = sequence.generator.get_state()
    assert sample_one(torch.arange(20.0), sequence) == 19
    assert torch.equal(sequence.generator.get_state(), state)


def test_a_draw_takes_one_number_whatever_the_parameters_and_the_vocabulary() -> None:
    for size, params in ((20, {}), (3000, {"top_k": 5}), (3000, {"top_p": 0.99, "min_p": 0.1})):
        sequence, twin = make([2, 10, SEP], **params), make([2, 10, SEP])
        sample_one(random_logits(size), sequence)
        torch.rand(1, dtype=torch.float64, generator=twin.generator)
        assert torch.equal(sequence.generator.get_state(), twin.generator.get_state())


@pytest.mark.parametrize("temperature", [5e-324, 1e-12, 1e-4, 0.01])
def test_a_tiny_temperature_is_greedy_and_does_not_overflow(temperature: float) -> None:
    logits = random_logits(200, scale=1e4)
    sequence = make([2, 10, SEP], temperature=temperature, top_p=0.9, top_k=50)
    sequence.append(10)
    logits[list(BANNED)] = -1.0
    assert sample_one(logits, sequence) == int(logits.argmax())


@pytest.mark.parametrize("scale", [1e30, 1e38])
def test_enormous_logits_do_not_overflow(scale: float) -> None:
    logits = random_logits(50, scale=scale / 3).clamp(-3e38, 3e38)
    logits[list(BANNED)] = -1.0
    sequence = make([2, 10, SEP], temperature=0.5)
    sequence.append(10)
    assert sample_one(logits, sequence) == int(logits.argmax())


@pytest.mark.parametrize("value", [math.nan, math.inf])
@pytest.mark.parametrize("temperature", [0.0, 1.0])
def test_logits_that_are_not_finite_give_no_token_and_spoil_no_other_row(
    value: float, temperature: float
) -> None:
    sequences = [make([2, 10, SEP], temperature=temperature, seed=row) for row in range(5)]
    twins = copy.deepcopy(sequences)
    logits = random_logits(5, 40)
    expected = sampling.sample(logits.clone(), twins)
    logits[1, 7] = logits[4, 39] = value
    found = sampling.sample(logits, sequences)
    assert found == [expected[0], NO_TOKEN, expected[2], expected[3], NO_TOKEN]


def test_a_row_of_nan_gives_no_token() -> None:
    logits = random_logits(3, 40)
    logits[0], logits[2] = torch.nan, -torch.inf
    sequences = [make([2, 10, SEP]) for _ in range(3)]
    found = sampling.sample(logits, sequences)
    assert [found[0], found[2]] == [NO_TOKEN, NO_TOKEN]
    assert found[1] != NO_TOKEN


def test_banned_ids_that_are_not_finite_do_no_harm() -> None:
    logits = random_logits(40)
    logits[0] = math.inf
    assert sample_one(logits, make([2, 10, SEP])) not in {0, NO_TOKEN}


def test_no_token_is_left_when_all_are_banned() -> None:
    sequences = [make([2, 5, SEP], no_repeat_ngram=n, temperature=0.0) for n in (1, 0)]
    # 0 to 4 are banned or stop, 5 was said.
    assert sampling.sample(torch.zeros(2, 6), sequences) == [NO_TOKEN, 5]


@pytest.mark.parametrize("uniform", [0.0, 1 - 2**-53])
def test_the_extremes_of_the_random_number_choose_possible_tokens(
    uniform: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    def rand(*_: object, **__: object) -> torch.Tensor:
        return torch.tensor([uniform], dtype=torch.float64)

    monkeypatch.setattr(torch, "rand", rand)
    for size in range(3, 200):  # the sums round up for some and down for others
        logits = random_logits(2, size, seed=size).sort(dim=1, descending=True).values
        logits[:, -1] = -torch.inf
        scaled = logits - logits[:, :1]
        sequences = [make([2]), make([2], top_k=2)]
        expected = [0, 0] if uniform == 0 else [size - 2, 1]
        assert sampling.draw(scaled, sequences) == expected
