import random
from collections.abc import Callable, Iterator

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from transformers import GPT2LMHeadModel

from chatbot.decoding.engine import Engine
from chatbot.decoding.params import SamplingParams
from chatbot.decoding.request import Request
from chatbot.decoding.sequence import TokenRules
from chatbot.errors import QueueFull

MakeRequest = Callable[..., Request]
VOCAB_SIZE, SEP, NUM_POSITIONS = 97, 3, 64
BANNED, STOP = [0, 1, 2, 4], [SEP, *range(30, 36)]


def random_prompts(count: int, seed: int = 0) -> Iterator[list[int]]:
    chance = random.Random(seed)
    for _ in range(count):
        length = chance.randint(1, 30)
        yield [2, *(chance.randint(5, VOCAB_SIZE - 1) for _ in range(length)), SEP]


def generate_with_transformers(
    model: GPT2LMHeadModel, prompt: list[int], params: SamplingParams
) -> list[int]:
    """The reply of ``model.generate``, greedy, without the closing stop id."""
    ids = torch.tensor([prompt])
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
    reply: list[int] = output[0, len(prompt) :].tolist()
    return reply[:-1] if reply[-1] in STOP else reply


@pytest.mark.parametrize(
    ("penalty", "no_repeat_ngram"), [(1.0, 0), (1.2, 0), (0.8, 0), (1.0, 2), (1.3, 3)]
)
def test_greedy_equals_generate_token_for_token(
    model: GPT2LMHeadModel, rules: TokenRules, penalty: float, no_repeat_ngram: int
) -> None:
    params = SamplingParams(
        temperature=0,
        repetition_penalty=penalty,
        no_repeat_ngram=no_repeat_ngram,
        max_new_tokens=24,
    )
    prompts = list(random_prompts(40))
    replies = Engine(model, num_slots=5, max_waiting=3).generate(prompts, params, rules)
    assert replies == [generate_with_transformers(model, prompt, params) for prompt in prompts]
    lengths = {len(reply) for reply in replies}
    assert 24 in lengths
    assert len(lengths) > 3  # some stop by themselves


def test_a_seed_gives_the_same_reply_alone_and_beside_others(
    model: GPT2LMHeadModel, rules: TokenRules
) -> None:
    params = SamplingParams(temperature=1.2, seed=11, max_new_tokens=20)
    prompts = list(random_prompts(12, seed=3))
    alone = [Engine(model).generate([prompt], params, rules)[0] for prompt in prompts]
    assert Engine(model, num_slots=5).generate(prompts, params, rules) == alone
    assert len({tuple(reply) for reply in alone}) > 6
    other = SamplingParams(temperature=1.2, seed=12, max_new_tokens=20)
    assert Engine(model).generate(prompts, other, rules) != alone


def test_replies_hold_no_banned_and_no_stop_id_and_are_not_empty(
    model: GPT2LMHeadModel, rules: TokenRules
) -> None:
    params = SamplingParams(temperature=2, top_p=1.0, repetition_penalty=1.0, max_new_tokens=32)
    replies = Engine(model).generate(random_prompts(60), params, rules)
    assert all(replies)
    assert not {token_id for reply in replies for token_id in reply} & {*BANNED, *STOP}


def test_a_reply_may_fill_the_positions_and_no_more(
    model: GPT2LMHeadModel, make_request: MakeRequest
) -> None:
    engine = Engine(model)
    fits = make_request([5] * (NUM_POSITIONS - 8), max_new_tokens=8)
    engine.add(fits)
    while not engine.is_idle:
        engine.step()
    assert fits.finish_reason in ("stop", "length")
    with pytest.raises(ValueError, match="need 65 positions; the model has 64"):
        engine.add(make_request([5] * (NUM_POSITIONS - 7), max_new_tokens=8))
    assert engine.is_idle


def test_generate_refuses_before_it_begins(model: GPT2LMHeadModel, rules: TokenRules) -> None:
    engine = Engine(model)
    with pytest.raises(ValueError, match="positions"):
        engine.generate([[2, 5, SEP], [5] * 60], SamplingParams(max_new_tokens=8), rules)
    assert engine.is_idle


def test_cancel_frees_the_slot_for_the_next_step(
    model: GPT2LMHeadModel, make_request: MakeRequest
) -> None:
    engine = Engine(model, num_slots=1, max_waiting=1)
    first, second = make_request(no_repeat_ngram=1), make_request(no_repeat_ngram=1)
    engine.add(first)
    engine.step()
    engine.add(second)
    engine.cancel(first)
    engine.cancel(first)
    assert engine.step() == [second]
    assert (first.finish_reason, first.cache) == ("cancelled", None)
    assert len(first.output_ids) == 1
    engine.cancel(second)
    assert engine.is_idle


def test_a_failing_request_fails_alone(model: GPT2LMHeadModel, make_request: MakeRequest) -> None:
    engine = Engine(model, num_slots=3)
    good, bad, later = make_request(), make_request([2, 500, SEP]), make_request()
    for request in (good, bad):
        engine.add(request)
    assert engine.step() == [good, bad]
    assert (bad.finish_reason, type(bad.error), bad.cache) == ("failed", IndexError, None)
    engine.add(later)
    while not engine.is_idle:
        engine.step()
    assert good.output_ids == later.output_ids != []
    assert good.error is None


def test_generate_raises_what_the_model_raised(model: GPT2LMHeadModel, rules: TokenRules) -> None:
    engine = Engine(model)
    with pytest.raises(IndexError):
        engine.generate([[2, 5, SEP], [2, 500, SEP]], SamplingParams(max_new_tokens=8), rules)
    assert engine.is_idle


def test_fail_all_ends_running_and_waiting(
    model: GPT2LMHeadModel, make_request: MakeRequest
) -> None:
    engine, error = Engine(model, num_slots=1), RuntimeError("out of memory")
    running, waiting = make_request(), make_request()
    engine.add(running)
    engine.add(waiting)
    engine.scheduler.schedule()
    assert engine.fail_all(error) == [running, waiting]
    assert engine.is_idle
    assert running.error is waiting.error is error


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_every_request_ends_once_and_no_slot_leaks(
    model: GPT2LMHeadModel, rules: TokenRules, data: st.DataObject
) -> None:
    """Arrivals, cancellations, failures and lengths at random, beside what each gives alone."""
    engine = Engine(model, num_slots=2, max_waiting=2)
    requests: list[Request] = []
    prompts = [*random_prompts(4, seed=5), [2, 500, SEP]]
    for _ in range(data.draw(st.integers(1, 25))):
        match data.draw(st.sampled_from(["add", "add", "cancel", "step", "step", "step"])):
            case "add":
                length = data.draw(st.integers(1, 6))
                params = SamplingParams(max_new_tokens=length, seed=len(requests))
                request = Request(data.draw(st.sampled_from(prompts)), params, rules)
                num_open = sum(not other.is_finished for other in requests)
                if num_open < 4:
                    engine.add(request)
                    requests.append(request)
                else:
                    with pytest.raises(QueueFull):
                        engine.add(request)
            case "cancel" if requests:
                engine.cancel(data.draw(st.sampled_from(requests)))
            case "step":
                assert len(engine.step()) <= 2
    while not engine.is_idle:
        engine.step()
    for request in requests:
        assert request.is_finished
        assert request.cache is None
        assert (request.finish_reason == "failed") == (request.error is not None)
        if 500 not in request.prompt_ids:
            alone = Engine(model).generate([request.prompt_ids], request.params, rules)[0]
            assert alone[: len(request.output_ids)] == request.output_ids
            assert request.finish_reason == "cancelled" or alone == request.output_ids
