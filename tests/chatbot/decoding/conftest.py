"""A tiny seeded model, and requests to it."""

from collections.abc import Callable, Iterable

import pytest
import torch
from transformers import GPT2Config, GPT2LMHeadModel

from chatbot.decoding.params import SamplingParams
from chatbot.decoding.request import Request
from chatbot.decoding.sequence import Sequence, TokenRules

VOCAB_SIZE = 97
SEP = 3
STOP = frozenset({SEP, *range(30, 36)})  # several, so that random replies end by themselves
BANNED = frozenset({0, 1, 2, 4})

MakeSequence = Callable[..., Sequence]
MakeRequest = Callable[..., Request]


@pytest.fixture(scope="session")
def model() -> GPT2LMHeadModel:
    """2 layers × 32, 64 positions, weights large enough for logits of both signs that differ."""
    config = GPT2Config(
        vocab_size=VOCAB_SIZE,
        n_positions=64,
        n_embd=32,
        n_layer=2,
        n_head=2,
        initializer_range=0.3,
        bos_token_id=2,
        eos_token_id=SEP,
        pad_token_id=0,
    )
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return GPT2LMHeadModel(config).eval()


@pytest.fixture(scope="session")
def rules() -> TokenRules:
    return TokenRules(stop_ids=STOP, banned_ids=BANNED)


def greedy(**params: float | None) -> SamplingParams:
    """Greedy, without penalties and with seed 0, but for what is given."""
    plain = {"temperature": 0.0, "top_p": 1.0, "repetition_penalty": 1.0, "seed": 0}
    plain["max_new_tokens"] = 24
    return SamplingParams(**{**plain, **params})


@pytest.fixture
def make_sequence(rules: TokenRules) -> MakeSequence:
    """``make_sequence(prompt, **params)``; see ``greedy``."""

    def make(prompt: Iterable[int] = (2, 10, 11, SEP), **params: float | None) -> Sequence:
        return Sequence(prompt, greedy(**params), rules)

    return make


@pytest.fixture
def make_request(rules: TokenRules) -> MakeRequest:
    """``make_request(prompt, **params)``; see ``greedy``."""

    def make(prompt: Iterable[int] = (2, 10, 11, SEP), **params: float | None) -> Request:
        return Request(prompt, greedy(**params), rules)

    return make
