"""Log-probabilities of a reply's tokens, against a plain forward pass of transformers."""

import asyncio
from collections.abc import Callable, Sequence

import pytest
import torch
from transformers import GPT2LMHeadModel

from chatbot.decoding import engine as engine_module
from chatbot.decoding.engine import Engine
from chatbot.decoding.params import Precision, SamplingParams
from chatbot.decoding.ranking import RankingWeights
from chatbot.decoding.reading import TokenLogProb
from chatbot.decoding.request import Fallback, Proposal, Request
from chatbot.decoding.sequence import TokenRules
from chatbot.decoding.worker import Worker

Ids = tuple[int, ...]
RandomPrompts = Callable[..., list[Ids]]
RunMixed = Callable[..., None]
PROMPT = (2, 10, 11, 12, 3)
SAMPLED = SamplingParams(temperature=1.5, top_k=8, seed=5, max_new_tokens=16)
RANKED = SamplingParams(temperature=1.5, seed=5, max_new_tokens=16, candidates=4)


def reference(
    model: GPT2LMHeadModel, prompt: Ids, reply: Sequence[int], num_top: int
) -> list[TokenLogProb]:
    with torch.no_grad():
        logits = model(torch.tensor([[*prompt, *reply]])).logits[0, len(prompt) - 1 : -1]
    table = logits.log_softmax(dim=-1)
    found = []
    for row, token_id in zip(table, reply, strict=True):
        top = sorted(enumerate(row.tolist()), key=lambda pair: -pair[1])[:num_top]
        found.append(TokenLogProb(token_id, float(row[token_id]), tuple(top)))
    return found


def assert_near(
    found: list[TokenLogProb] | None, expected: list[TokenLogProb], abs_error: float = 1e-4
) -> None:
    assert found is not None
    assert [item.token_id for item in found] == [item.token_id for item in expected]
    for one, other in zip(found, expected, strict=True):
        assert one.log_prob == pytest.approx(other.log_prob, abs=abs_error)
        assert [p for _, p in one.top] == pytest.approx([p for _, p in other.top], abs=abs_error)
        if abs_error < 1e-3:
            assert [i for i, _ in one.top] == [i for i, _ in other.top]


@pytest.mark.parametrize("params", [SAMPLED, RANKED], ids=["single", "ranked"])
@pytest.mark.parametrize("num_top", [0, 1, 20])
def test_they_are_the_models_own_whatever_it_was_sampled_with(
    model: GPT2LMHeadModel, rules: TokenRules, params: SamplingParams, num_top: int
) -> None:
    engine = Engine(model, precision="float32")
    request = Request(PROMPT, params, rules, top_log_probs=num_top)
    (reply,) = engine.complete([request])
    assert len(reply) > 1
    assert_near(request.log_probs, reference(model, PROMPT, reply, num_top))
    assert request.prompt is None
    assert engine.runner.rows == []


@pytest.mark.parametrize("precision", ["int8", "bfloat16"])
def test_the_narrow_precisions_are_near(
    model: GPT2LMHeadModel, rules: TokenRules, precision: Precision
) -> None:
    request = Request(PROMPT, SAMPLED, rules, top_log_probs=3)
    (reply,) = Engine(model, precision=precision).complete([request])
    assert_near(request.log_probs, reference(model, PROMPT, reply, 3), abs_error=0.3)


def test_what_nobody_sampled_is_read_as_well(model: GPT2LMHeadModel, rules: TokenRules) -> None:
    sure = RankingWeights(sampled=-1000)
    proposed = Request(
        PROMPT, RANKED, rules, proposals=[Proposal((20, 21, 22), 1.0)], top_log_probs=2
    )
    instead = Request(PROMPT, RANKED, rules, fallback=Fallback((40, 41), 1e6), top_log_probs=2)
    Engine(model, precision="float32", weights=sure).complete([proposed, instead])
    assert_near(proposed.log_probs, reference(model, PROMPT, (20, 21, 22), 2))
    assert_near(instead.log_probs, reference(model, PROMPT, (40, 41), 2))


@pytest.mark.parametrize("precision", ["float32", "int8"])
def test_who_asks_changes_nothing_for_others_and_gets_the_same_among_them(
    model: GPT2LMHeadModel,
    rules: TokenRules,
    random_prompts: RandomPrompts,
    run_mixed: RunMixed,
    precision: Precision,
) -> None:
    prompts = random_prompts(8)

    def requests(*, some_ask: bool) -> list[Request]:
        return [
            Request(
                prompt,
                (SAMPLED, RANKED)[place // 2 % 2],
                rules,
                top_log_probs=4 if some_ask and place % 2 else None,
            )
            for place, prompt in enumerate(prompts)
        ]

    among, unasked, alone = requests(some_ask=True), requests(some_ask=False), []
    run_mixed(Engine(model, num_slots=4, precision=precision), among)
    run_mixed(Engine(model, num_slots=4, precision=precision), unasked)
    for request in requests(some_ask=True):
        Engine(model, precision=precision).complete([request])
        alone.append(request)
    assert [r.output_ids for r in among] == [r.output_ids for r in unasked]
    assert [r.log_probs is None for r in among] == [True, False] * 4
    for one, other in zip(among, alone, strict=True):
        if other.log_probs is not None:
            assert_near(one.log_probs, other.log_probs, abs_error=1e-2)


def test_nothing_is_kept_or_read_for_who_does_not_ask(
    model: GPT2LMHeadModel, rules: TokenRules, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine_module, "token_log_probs", None)
    engine = Engine(model)
    request = Request(PROMPT, SAMPLED, rules)
    engine.add(request)
    engine.step()
    assert request.prompt is None
    engine.complete([])
    assert request.error is None
    assert request.log_probs is None


def test_a_reading_that_fails_ends_its_own_request_only(
    model: GPT2LMHeadModel, rules: TokenRules
) -> None:
    engine = Engine(model)
    asks = Request(PROMPT, SAMPLED, rules, top_log_probs=10_000)  # more than there are tokens
    other = Request(PROMPT, SAMPLED, rules)
    for request in (asks, other):
        engine.add(request)
    while not engine.is_idle:
        engine.step()
    assert asks.finish_reason == "failed"
    assert other.finish_reason in {"stop", "length"}
    assert engine.runner.rows == []


def test_a_stream_has_them_before_its_first_id(model: GPT2LMHeadModel, rules: TokenRules) -> None:
    async def talk() -> None:
        worker = Worker(Engine(model))
        try:
            request = Request(PROMPT, SAMPLED, rules, top_log_probs=1)
            stream = worker.submit(request)
            first = await anext(stream)
            assert stream.log_probs is not None
            assert stream.finish_reason in {"stop", "length"}
            told = [item.token_id for item in stream.log_probs]
            assert [first, *[token_id async for token_id in stream]] == told
        finally:
            worker.close()

    asyncio.run(talk())
