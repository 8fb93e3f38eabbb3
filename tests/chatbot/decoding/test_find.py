"""Replies that a request finds by the model's state at the end of its prompt."""

from collections.abc import Callable, Iterable

import pytest
import torch
from torch import Tensor
from transformers import GPT2LMHeadModel

from chatbot.decoding.engine import Engine
from chatbot.decoding.params import Precision, SamplingParams
from chatbot.decoding.ranking import RankingWeights
from chatbot.decoding.request import Fallback, Proposal, Request
from chatbot.decoding.sequence import TokenRules

Ids = tuple[int, ...]
MakeRequest = Callable[..., Request]
RandomPrompts = Callable[..., list[Ids]]
RunMixed = Callable[..., None]
SEP, NUM_POSITIONS = 3, 64
PROMPT = (2, 10, 11, 12, SEP)
SURE = RankingWeights(sampled=-1000, repeat=0, echo=0, recall=0)
PARAMS = SamplingParams(temperature=1.0, seed=1, candidates=2, max_new_tokens=8)


class Finder:
    """Notes the states it is asked with, and finds always the same."""

    def __init__(self, *found: Proposal) -> None:
        self.states: list[Tensor] = []
        self.found = found

    def __call__(self, state: Tensor) -> Iterable[Proposal]:
        self.states.append(state)
        return iter(self.found)


def reference_state(model: GPT2LMHeadModel, ids: Iterable[int]) -> Tensor:
    """The last layer's output at the last id, from one plain forward pass."""
    with torch.no_grad():
        hidden: Tensor = model.transformer(torch.tensor([list(ids)])).last_hidden_state
    return hidden[0, -1]


def finish(engine: Engine, requests: Iterable[Request]) -> None:
    for request in requests:
        engine.add(request)
    while not engine.is_idle:
        engine.step()
    assert engine.runner.rows == []


@pytest.mark.parametrize("num_candidates", [1, 4])
def test_it_is_asked_once_with_the_last_state_of_the_prompt(
    model: GPT2LMHeadModel, rules: TokenRules, num_candidates: int
) -> None:
    find = Finder()
    params = SamplingParams(seed=1, candidates=num_candidates, max_new_tokens=8)
    request = Request(PROMPT, params, rules, find=find)
    engine = Engine(model, precision="float32")
    engine.add(request)
    while request.open_sequences:
        assert find.states == []  # not before all that is sampled has ended
        engine.step()
    assert request.is_finished
    (state,) = find.states
    torch.testing.assert_close(state, reference_state(model, PROMPT), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("precision", ["float32", "int8", "bfloat16"])
def test_its_state_is_near_beside_others_in_every_precision(
    model: GPT2LMHeadModel,
    rules: TokenRules,
    random_prompts: RandomPrompts,
    run_mixed: RunMixed,
    precision: Precision,
) -> None:
    prompts = random_prompts(6)
    finders = [Finder() for _ in prompts]
    run_mixed(
        Engine(model, num_slots=4, precision=precision),
        [
            Request(ids, PARAMS, rules, find=find)
            for ids, find in zip(prompts, finders, strict=True)
        ],
    )
    for ids, find in zip(prompts, finders, strict=True):
        (state,) = find.states
        expected = reference_state(model, ids)
        likeness = torch.nn.functional.cosine_similarity(state, expected, dim=0)
        assert likeness > (0.9999 if precision == "float32" else 0.98)


def test_the_next_turn_s_state_is_that_of_its_whole_prompt(
    model: GPT2LMHeadModel, rules: TokenRules
) -> None:
    """Also where most of the prompt was kept from the turn before."""
    engine, find = Engine(model, precision="float32"), Finder()
    finish(engine, [Request(PROMPT, PARAMS, rules)])
    longer = (*PROMPT, 40, 41, SEP, 50, 51, SEP)
    finish(engine, [Request(longer, PARAMS, rules, find=find)])
    torch.testing.assert_close(find.states[0], reference_state(model, longer), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("num_candidates", [1, 3])
def test_what_it_finds_may_win(
    model: GPT2LMHeadModel, rules: TokenRules, num_candidates: int
) -> None:
    params = SamplingParams(seed=1, candidates=num_candidates, max_new_tokens=2)
    find = Finder(Proposal((20, 21, 22), 0.9), Proposal((23,), 0.2))
    request = Request(PROMPT, params, rules, find=find, proposals=[Proposal((24,), 0.5)])
    assert Engine(model, weights=SURE).complete([request]) == [[20, 21, 22]]
    assert request.finish_reason == "stop"


def test_it_is_ranked_beside_all_others_and_judged_as_they_are(
    model: GPT2LMHeadModel, rules: TokenRules
) -> None:
    find = Finder(Proposal((20, 21, 22), 0.5))
    handed = Request(PROMPT, PARAMS, rules, find=find, proposals=[Proposal((24,), 0.6)])
    assert Engine(model, weights=SURE).complete([handed]) == [[24]]
    never = RankingWeights(sampled=1000)
    unfit = Request(PROMPT, PARAMS, rules, find=find)
    (reply,) = Engine(model, weights=never).complete([unfit])
    assert reply in [sequence.output_ids for sequence in unfit.sequences]
    picky = Request(PROMPT, PARAMS, rules, find=find, accept=lambda ids: ids != [20, 21, 22])
    assert Engine(model, weights=SURE).complete([picky]) != [[20, 21, 22]]
    ear = Fallback((30, 31), -1000, only_proposed=True)
    known = Request(PROMPT, PARAMS, rules, find=find, fallback=ear)
    assert Engine(model, weights=SURE).complete([known]) == [[20, 21, 22]]
    unknown = Request(PROMPT, PARAMS, rules, find=Finder(), fallback=ear)
    assert Engine(model, weights=SURE).complete([unknown]) == [[30, 31]]


def test_finding_nothing_leaves_what_was_sampled(model: GPT2LMHeadModel, rules: TokenRules) -> None:
    plain = Request(PROMPT, PARAMS, rules)
    empty = Request(PROMPT, PARAMS, rules, find=Finder())
    assert Engine(model).complete([empty]) == Engine(model).complete([plain])
    alone = SamplingParams(seed=1, max_new_tokens=8)
    streamed, held = Request(PROMPT, alone, rules), Request(PROMPT, alone, rules, find=Finder())
    assert held.is_ranked
    assert not streamed.is_ranked
    assert Engine(model).complete([held]) == Engine(model).complete([streamed])


def test_one_too_long_for_the_positions_is_left_out(
    model: GPT2LMHeadModel, rules: TokenRules
) -> None:
    room = NUM_POSITIONS - len(PROMPT)
    too_long, whole = (Proposal((20,) * length, 1.0) for length in (room + 1, room))
    short = Proposal((21, 22), 0.5)
    found = Request(PROMPT, PARAMS, rules, find=Finder(too_long, short))
    assert Engine(model, weights=SURE).complete([found]) == [[21, 22]]
    fits = Request(PROMPT, PARAMS, rules, find=Finder(too_long, whole, short))
    loops = RankingWeights(sampled=-1000, loop=0)
    assert Engine(model, weights=loops).complete([fits]) == [[20] * room]


def test_an_exception_in_it_fails_that_request_alone(
    model: GPT2LMHeadModel, rules: TokenRules, make_request: MakeRequest
) -> None:
    def lost(_state: Tensor) -> Iterable[Proposal]:
        raise RuntimeError("nowhere")

    def half(_state: Tensor) -> Iterable[Proposal]:
        yield Proposal((20,), 1.0)
        raise KeyError("half-way")

    engine = Engine(model, num_slots=6)
    before, after = make_request(), make_request()
    bad = [Request(PROMPT, PARAMS, rules, find=find) for find in (lost, half)]
    ranked = Request(PROMPT, PARAMS, rules, find=Finder(Proposal((20,), 1.0)))
    finish(engine, [before, *bad, ranked, after])
    assert [type(request.error) for request in bad] == [RuntimeError, KeyError]
    assert [request.finish_reason for request in bad] == ["failed"] * 2
    assert (before.error, ranked.error, after.error) == (None, None, None)
    finish(engine, [later := make_request()])
    assert before.output_ids == after.output_ids == later.output_ids != []


def test_one_that_is_cancelled_or_out_of_time_is_not_asked(
    model: GPT2LMHeadModel, rules: TokenRules
) -> None:
    engine, find = Engine(model), Finder()
    cancelled = Request(PROMPT, PARAMS, rules, find=find)
    late = Request(PROMPT, PARAMS, rules, find=find, deadline=0.0)
    engine.add(cancelled)
    engine.cancel(cancelled)
    finish(engine, [late])
    assert (cancelled.finish_reason, late.finish_reason) == ("cancelled", "deadline")
    assert find.states == []
