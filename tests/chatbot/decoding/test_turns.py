"""Conversations: what is kept between turns is reused, and changes nothing that is said."""

import random
from collections.abc import Callable

import pytest
from transformers import GPT2LMHeadModel

from chatbot.decoding.engine import Engine
from chatbot.decoding.params import Precision, SamplingParams
from chatbot.decoding.request import Request
from chatbot.decoding.sequence import TokenRules

Ids = tuple[int, ...]
MakeRequest = Callable[..., Request]
CLS, SEP = 2, 3


def say(engine: Engine, prompt: Ids, params: SamplingParams, rules: TokenRules) -> Ids:
    (reply,) = engine.generate([prompt], params, rules)
    return tuple(reply)


@pytest.mark.parametrize("precision", ["float32", "int8"])
@pytest.mark.parametrize("candidates", [1, 3])
def test_a_growing_conversation_says_what_a_cold_engine_says(
    model: GPT2LMHeadModel, rules: TokenRules, precision: Precision, candidates: int
) -> None:
    """Bfloat16 is left out: the attention's last bits, which differ, can round to another number."""
    chance = random.Random(candidates)
    warm = Engine(model, precision=precision)
    cold = Engine(model, precision=precision, cache_bytes=0)
    talks: list[Ids] = [(CLS,)] * 20
    num_tokens = 0
    for turn in range(4):
        for number, talk in enumerate(talks):
            message = [chance.randrange(5, 30) for _ in range(chance.randint(1, 5))]
            prompt = (*talk, *message, SEP)
            seed = chance.randrange(2**32)
            params = SamplingParams(seed=seed, max_new_tokens=6, candidates=candidates)
            reply = say(warm, prompt, params, rules)
            assert reply == say(cold, prompt, params, rules), (turn, number)
            talks[number] = (*prompt, *reply, SEP)
            num_tokens += len(prompt)
    assert (cold.runner.prefixes.num_hits, cold.runner.prefixes.num_misses) == (0, num_tokens)
    assert warm.runner.prefixes.num_hits > num_tokens / 2


def test_only_the_new_utterance_is_read(model: GPT2LMHeadModel, rules: TokenRules) -> None:
    engine, params = Engine(model), SamplingParams(seed=0, max_new_tokens=6)
    prefixes = engine.runner.prefixes
    first = (CLS, 10, 11, 12, SEP)
    reply = say(engine, first, params, rules)
    assert (prefixes.num_hits, prefixes.num_misses) == (0, len(first))
    message = (13, 14, SEP)
    say(engine, (*first, *reply, SEP, *message), params, rules)
    # The reply's last token is read only when there is one behind it; then SEP and the message.
    assert prefixes.num_hits == len(first) + len(reply) - 1
    assert prefixes.num_misses == len(first) + 1 + 1 + len(message)


def test_of_a_prompt_that_goes_another_way_the_shared_part_is_reused(
    model: GPT2LMHeadModel, rules: TokenRules
) -> None:
    params = SamplingParams(seed=0, max_new_tokens=6)
    engine, cold = (Engine(model, cache_bytes=size) for size in (10**6, 0))
    say(engine, (CLS, 10, 11, 12, 13, SEP), params, rules)
    other = (CLS, 10, 11, 40, 41, SEP)
    assert say(engine, other, params, rules) == say(cold, other, params, rules)
    assert engine.runner.prefixes.num_hits == 3


def test_the_same_prompt_again_reads_its_last_token_only(
    model: GPT2LMHeadModel, rules: TokenRules
) -> None:
    engine, params = Engine(model), SamplingParams(seed=0, max_new_tokens=6)
    prompt = (CLS, 10, 11, 12, SEP)
    assert say(engine, prompt, params, rules) == say(engine, prompt, params, rules)
    assert engine.runner.prefixes.num_hits == len(prompt) - 1


def test_conversations_that_take_turns_do_not_mix(
    model: GPT2LMHeadModel, rules: TokenRules
) -> None:
    """Several at once in one engine, so that one's keys are written where another's were."""
    chance = random.Random(4)
    warm = Engine(model, num_slots=4, precision="float32")
    talks: list[Ids] = [(CLS, 10, 11, SEP)] * 6  # they begin alike
    for turn in range(4):
        prompts = [(*talk, chance.randrange(5, 30), SEP) for talk in talks]
        params = SamplingParams(seed=turn, temperature=1.5, max_new_tokens=5)
        replies = warm.generate(prompts, params, rules)
        cold = Engine(model, num_slots=1, precision="float32", cache_bytes=0)
        assert replies == cold.generate(prompts, params, rules)
        talks = [(*p, *reply, SEP) for p, reply in zip(prompts, replies, strict=True)]
    assert len(set(talks)) == 6


def test_what_was_cancelled_or_failed_is_not_kept(
    model: GPT2LMHeadModel, make_request: MakeRequest
) -> None:
    engine = Engine(model)
    request = make_request(no_repeat_ngram=1)
    engine.add(request)
    engine.step()
    engine.cancel(request)
    engine.add(make_request((CLS, 500, SEP)))
    engine.step()
    assert engine.runner.prefixes.num_bytes == 0
