"""A request's result does not depend on its neighbours: same seed, same tokens, in any batch."""

import random
from collections.abc import Callable, Iterator

import pytest
from transformers import GPT2LMHeadModel

from chatbot.decoding.engine import Engine
from chatbot.decoding.params import Precision, SamplingParams
from chatbot.decoding.request import Request
from chatbot.decoding.sequence import TokenRules

Ids = tuple[int, ...]
Asked = tuple[Ids, SamplingParams]
RandomPrompts = Callable[..., list[Ids]]
RunMixed = Callable[..., None]
NUM_MIXES, NUM_ASKED = 1000, 100


@pytest.fixture
def asked(random_prompts: RandomPrompts) -> list[Asked]:
    """Prompts with parameters of every kind."""
    chance = random.Random(7)

    def params(seed: int) -> SamplingParams:
        return SamplingParams(
            temperature=chance.choice([0.7, 1.0, 1.5]),
            top_k=chance.choice([0, 0, 8]),
            top_p=chance.choice([0.8, 1.0]),
            min_p=chance.choice([0.0, 0.05]),
            repetition_penalty=chance.choice([1.0, 1.2]),
            no_repeat_ngram=chance.choice([0, 2]),
            candidates=chance.choice([1, 1, 1, 2]),
            max_new_tokens=chance.randint(2, 8),
            seed=seed,
        )

    return [(prompt, params(k)) for k, prompt in enumerate(random_prompts(NUM_ASKED, seed=2))]


def alone(model: GPT2LMHeadModel, precision: Precision, requests: list[Request]) -> Iterator[Ids]:
    """Each reply by itself: one request after another, nothing kept between them."""
    engine = Engine(model, num_slots=1, precision=precision, cache_bytes=0)
    for request in requests:
        (reply,) = engine.complete([request])
        yield tuple(reply)


@pytest.mark.parametrize(
    ("precision", "has_kernels"),
    [("float32", True), ("int8", True), ("int8", False), ("bfloat16", True)],
)
def test_a_reply_is_the_same_alone_and_in_1000_random_mixes(
    model: GPT2LMHeadModel,
    rules: TokenRules,
    asked: list[Asked],
    run_mixed: RunMixed,
    precision: Precision,
    has_kernels: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if not has_kernels:
        monkeypatch.setattr("chatbot.decoding.model.kernels", lambda: None)
    expected = list(
        alone(model, precision, [Request(prompt, params, rules) for prompt, params in asked])
    )
    assert len(set(expected)) > 0.9 * NUM_ASKED
    order = [*range(NUM_ASKED)] * (NUM_MIXES // NUM_ASKED)
    random.Random(0).shuffle(order)
    requests = [Request(asked[place][0], asked[place][1], rules) for place in order]
    engine = Engine(model, num_slots=12, precision=precision, cache_bytes=0)
    run_mixed(engine, requests)
    same = sum(
        tuple(request.output_ids) == expected[place]
        for place, request in zip(order, requests, strict=True)
    )
    assert same >= 0.999 * NUM_MIXES
