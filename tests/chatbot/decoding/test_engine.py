from collections.abc import Callable

import pytest
import torch
from transformers import GPT2LMHeadModel

from chatbot.decoding.engine import Engine
from chatbot.decoding.params import SamplingParams
from chatbot.decoding.request import Request
from chatbot.decoding.sequence import TokenRules

Ids = tuple[int, ...]
MakeRequest = Callable[..., Request]
RandomPrompts = Callable[..., list[Ids]]
RunMixed = Callable[..., None]
SEP, NUM_POSITIONS = 3, 64
BANNED, STOP = [0, 1, 2, 4], [SEP, *range(30, 36)]


def generate_with_transformers(model: GPT2LMHeadModel, request: Request) -> list[int]:
    """The reply of ``model.generate``, greedy, without the closing stop id."""
    params, ids = request.params, torch.tensor([request.prompt_ids])
    output = model.generate(
        ids,
        attention_mask=torch.ones_like(ids),
        do_sample=False,
        max_new_tokens=params.max_new_tokens,
        min_new_tokens=1,
        suppress_tokens=BANNED,
        repetition_penalty=params.repetition_penalty,
        no_repeat_ngram_size=params.no_repeat_ngram,
        eos_token_id=STOP,
        pad_token_id=0,
    )
    reply: list[int] = output[0, len(request.prompt_ids) :].tolist()
    return reply[:-1] if reply[-1] in STOP else reply


def test_greedy_equals_generate_token_for_token_however_it_is_batched(
    model: GPT2LMHeadModel,
    make_request: MakeRequest,
    random_prompts: RandomPrompts,
    run_mixed: RunMixed,
) -> None:
    """200 prompts that arrive at random among others, some of which are cancelled."""
    settings = [(1.0, 0), (1.2, 0), (0.8, 0), (1.0, 2), (1.3, 3)]
    requests = [
        make_request(prompt, repetition_penalty=penalty, no_repeat_ngram=size)
        for prompt, (penalty, size) in zip(random_prompts(200), settings * 40, strict=True)
    ]
    run_mixed(Engine(model, num_slots=9, precision="float32"), requests)
    for request in requests:
        assert request.output_ids == generate_with_transformers(model, request)
    lengths = {len(request.output_ids) for request in requests}
    assert 24 in lengths
    assert len(lengths) > 5  # some stop by themselves
    assert {request.finish_reason for request in requests} == {"stop", "length"}


def test_a_seed_gives_the_same_reply_and_another_one_does_not(
    model: GPT2LMHeadModel, rules: TokenRules, random_prompts: RandomPrompts
) -> None:
    prompts = random_prompts(12, seed=3)

    def replies(seed: int) -> list[list[int]]:
        params = SamplingParams(temperature=1.2, seed=seed, max_new_tokens=20)
        return Engine(model).generate(prompts, params, rules)

    assert replies(11) == replies(11) != replies(12)
    assert len({tuple(reply) for reply in replies(11)}) > 6


def test_replies_hold_no_banned_and_no_stop_id_and_are_not_empty(
    model: GPT2LMHeadModel, rules: TokenRules, random_prompts: RandomPrompts
) -> None:
    params = SamplingParams(temperature=2, top_p=1.0, repetition_penalty=1.0, max_new_tokens=32)
    replies = Engine(model).generate(random_prompts(60), params, rules)
    assert all(replies)
    assert not {token_id for reply in replies for token_id in reply} & {*BANNED, *STOP}


def test_without_stop_ids_a_reply_ends_by_its_length(
    model: GPT2LMHeadModel, random_prompts: RandomPrompts
) -> None:
    params = SamplingParams(max_new_tokens=9, seed=0)
    replies = Engine(model).generate(random_prompts(5), params, TokenRules(stop_ids=frozenset()))
    assert [len(reply) for reply in replies] == [9] * 5


def test_a_reply_may_fill_the_positions_and_no_more(
    model: GPT2LMHeadModel, make_request: MakeRequest
) -> None:
    engine = Engine(model)
    fits = make_request([5] * (NUM_POSITIONS - 8), max_new_tokens=8)
    engine.complete([fits])
    assert fits.finish_reason in ("stop", "length")
    with pytest.raises(ValueError, match="need 65 positions; the model has 64"):
        engine.add(make_request([5] * (NUM_POSITIONS - 7), max_new_tokens=8))
    assert engine.is_idle


def test_generate_refuses_before_it_begins(model: GPT2LMHeadModel, rules: TokenRules) -> None:
    engine = Engine(model)
    with pytest.raises(ValueError, match="positions"):
        engine.generate([[2, 5, SEP], [5] * 60], SamplingParams(max_new_tokens=8), rules)
    assert engine.is_idle


def test_a_step_brings_every_running_request_one_token_further(
    model: GPT2LMHeadModel, make_request: MakeRequest
) -> None:
    engine = Engine(model, num_slots=2, precision="float32")
    requests = [make_request([2, first, SEP], no_repeat_ngram=1) for first in (10, 11, 12)]
    for request in requests:
        engine.add(request)
    for number in range(1, 4):
        assert engine.step() == requests[:2]
        assert [len(request.output_ids) for request in requests] == [number, number, 0]


def test_an_idle_engine_does_not_run_the_model(
    model: GPT2LMHeadModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine, calls = Engine(model), []
    monkeypatch.setattr(engine.runner, "run", lambda *given: calls.append(given))
    assert engine.step() == calls == []


def test_prompts_longer_than_the_budget_are_read_all_the_same(
    model: GPT2LMHeadModel, rules: TokenRules, random_prompts: RandomPrompts
) -> None:
    params, prompts = SamplingParams(max_new_tokens=6, seed=1), random_prompts(12)
    engines = (Engine(model, prompt_tokens=count) for count in (1, 20, 1000))
    replies = [engine.generate(prompts, params, rules) for engine in engines]
    assert replies[0] == replies[1] == replies[2]


def test_cancel_frees_the_slot_and_the_row_for_the_next_step(
    model: GPT2LMHeadModel, make_request: MakeRequest
) -> None:
    engine = Engine(model, num_slots=1, max_waiting=1)
    first, second = make_request(no_repeat_ngram=1), make_request(no_repeat_ngram=1)
    engine.add(first)
    engine.step()
    engine.add(second)
    engine.cancel(first)
    engine.cancel(first)
    assert engine.runner.rows == []
    assert engine.step() == [second]
    assert (first.finish_reason, first.sequences[0].row) == ("cancelled", None)
    assert len(first.output_ids) == 1
    engine.cancel(second)
    assert engine.is_idle


def test_cancelling_one_of_several_moves_nobodys_tokens(
    model: GPT2LMHeadModel, make_request: MakeRequest, random_prompts: RandomPrompts
) -> None:
    prompts = random_prompts(5, seed=8)
    alone = Engine(model, precision="float32").complete(map(make_request, prompts))
    for place in range(5):
        engine = Engine(model, precision="float32")
        requests = [make_request(prompt) for prompt in prompts]
        for request in requests:
            engine.add(request)
        engine.step()
        engine.step()
        engine.cancel(requests[place])
        while not engine.is_idle:
            engine.step()
        for row, request in enumerate(requests):
            assert request.output_ids == (alone[row] if row != place else alone[row][:2])
