"""Several replies to one request: sampled together, proposed, ranked, one chosen."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from transformers import GPT2LMHeadModel

from chatbot.decoding.engine import Engine
from chatbot.decoding.params import Precision, SamplingParams
from chatbot.decoding.ranking import RankingWeights, Scored, rank, split_utterances
from chatbot.decoding.request import Fallback, Proposal, Request
from chatbot.decoding.sampling import sample
from chatbot.decoding.sequence import Sequence, TokenRules

Ids = tuple[int, ...]
MakeRequest = Callable[..., Request]
RandomPrompts = Callable[..., list[Ids]]
SEP = 3
PROMPT = (2, 10, 11, 12, SEP)
LIKELIEST = RankingWeights(sampled=0, likely=1, mmi=0, repeat=0, loop=0, echo=0, recall=0)


def run(engine: Engine, request: Request) -> Request:
    engine.complete([request])
    return request


@pytest.fixture
def one_stop() -> TokenRules:
    """One stop id, so that scores can be checked by hand."""
    return TokenRules(stop_ids=frozenset({SEP}), banned_ids=frozenset({0, 1, 2, 4}))


def reference_log_prob(model: GPT2LMHeadModel, prefix: Ids, reply: Ids) -> float:
    """Log P of a reply behind a prefix, from one plain forward pass."""
    with torch.no_grad():
        log_probs = model(torch.tensor([[*prefix, *reply]])).logits[0].log_softmax(dim=-1)
    places = range(len(prefix) - 1, len(prefix) + len(reply) - 1)
    return sum(float(log_probs[place, ids]) for place, ids in zip(places, reply, strict=True))


def scored(model: GPT2LMHeadModel, ids: Ids, has_stop: bool) -> Scored:
    whole = (*ids, SEP) if has_stop else ids
    likely, alone = (reference_log_prob(model, prefix, whole) for prefix in (PROMPT, PROMPT[:1]))
    return Scored(ids, has_stop, log_prob=likely, log_prob_alone=alone)


def test_the_first_candidate_is_the_reply_without_candidates(
    model: GPT2LMHeadModel, rules: TokenRules
) -> None:
    params: Any = {"temperature": 1.0, "seed": 5, "max_new_tokens": 16}
    engine = Engine(model, precision="float32")
    (alone,) = engine.generate([PROMPT], SamplingParams(**params), rules)
    request = run(engine, Request(PROMPT, SamplingParams(**params, candidates=6), rules))
    replies = [sequence.output_ids for sequence in request.sequences]
    assert replies[0] == alone
    assert len({tuple(reply) for reply in replies}) > 3
    for number, reply in enumerate(replies):  # rows that ended early took others' places
        assert reply == sampled_alone(model, request, number)


def sampled_alone(model: GPT2LMHeadModel, request: Request, number: int) -> list[int]:
    """Sample a candidate again behind whole forward passes, without any cache."""
    twin = Sequence(request.prompt_ids, request.params, request.rules, number)
    while twin.stop_reason is None:
        with torch.no_grad():
            logits = model(torch.from_numpy(twin.context_ids)[None]).logits[:, -1]
        twin.append(*sample(logits, [twin]))
    return twin.output_ids


@pytest.mark.parametrize("weights", [LIKELIEST, RankingWeights()], ids=["likeliest", "default"])
def test_the_best_by_plain_forward_passes_is_chosen(
    model: GPT2LMHeadModel, one_stop: TokenRules, weights: RankingWeights
) -> None:
    for seed in range(12):
        params = SamplingParams(temperature=1.5, seed=seed, candidates=8, max_new_tokens=12)
        proposals = (Proposal((20, 21, 22), 0.3), Proposal((23,), 0.01))
        engine = Engine(model, precision="float32", weights=weights)
        request = run(engine, Request(PROMPT, params, one_stop, proposals=proposals))
        replies = [
            scored(model, tuple(sequence.output_ids), sequence.stop_reason == "stop")
            for sequence in request.sequences
        ]
        replies += [Scored(item.ids, prior=item.prior) for item in proposals]
        utterances = split_utterances(PROMPT, one_stop.stop_ids)
        best = replies[rank(replies, utterances, weights)[0]]
        assert request.output_ids == list(best.ids)
        assert request.finish_reason == ("stop" if best.has_stop else "length")
        assert request.prompt is None
        assert engine.runner.rows == []


def test_a_proposal_is_ranked_beside_them_and_may_win(
    model: GPT2LMHeadModel, rules: TokenRules
) -> None:
    params = SamplingParams(temperature=1.0, seed=1, candidates=2, max_new_tokens=16)
    proposals = (Proposal((20, 21, 22), 1.0),)
    sure = RankingWeights(sampled=-1000, repeat=0, echo=0, recall=0)
    request = run(Engine(model, weights=sure), Request(PROMPT, params, rules, proposals=proposals))
    assert (request.output_ids, request.finish_reason) == ([20, 21, 22], "stop")
    never = RankingWeights(sampled=1000, repeat=0, echo=0, recall=0)
    request = run(Engine(model, weights=never), Request(PROMPT, params, rules, proposals=proposals))
    assert request.output_ids in [sequence.output_ids for sequence in request.sequences]


def test_a_proposal_that_was_sampled_too_counts_once_with_its_prior(
    model: GPT2LMHeadModel, make_request: MakeRequest, rules: TokenRules
) -> None:
    (greedy,) = Engine(model).complete([make_request(PROMPT)])
    (cut,) = Engine(model).complete([make_request(PROMPT, max_new_tokens=3)])
    params = SamplingParams(temperature=0, repetition_penalty=1, top_p=1, max_new_tokens=3)
    sure = RankingWeights(sampled=-1000, repeat=0, echo=0, recall=0)
    proposals = (Proposal(tuple(cut), 1.0), Proposal((20,), 0.5))
    request = run(Engine(model, weights=sure), Request(PROMPT, params, rules, proposals=proposals))
    assert greedy[:3] == cut
    assert (request.output_ids, request.finish_reason) == (cut, "stop")  # as it was proposed


@pytest.mark.parametrize(
    ("floor", "prior", "only_proposed", "gives_way"),
    [
        (-2000, None, False, False),
        (0.4, None, False, True),
        (0.4, 0.5, False, False),
        (0.6, 0.5, False, True),
        (-2000, None, True, True),
        (0.4, 0.0, False, True),
        (-2000, 0.0, True, False),  # it may fit badly, and is proposed all the same
        (0.4, 0.5, True, False),
        (0.6, 0.5, True, True),
    ],
)
def test_a_poor_reply_gives_way_to_the_fallback(
    model: GPT2LMHeadModel,
    rules: TokenRules,
    floor: float,
    prior: float | None,
    only_proposed: bool,
    gives_way: bool,
) -> None:
    params = SamplingParams(seed=1, candidates=2, max_new_tokens=16)
    weights = RankingWeights(sampled=-1000, repeat=0, loop=0, echo=0, recall=0)
    proposals = (Proposal((20, 21, 22), prior),) if prior is not None else ()
    plain = run(Engine(model, weights=weights), Request(PROMPT, params, rules, proposals=proposals))
    fallback = Fallback((30, 31), floor, only_proposed)
    request = Request(PROMPT, params, rules, proposals=proposals, fallback=fallback)
    run(Engine(model, weights=weights), request)
    assert request.output_ids == ([30, 31] if gives_way else plain.output_ids)
    assert request.finish_reason == ("stop" if gives_way else plain.finish_reason)


@pytest.mark.parametrize("looks_back", [True, False])
def test_what_was_told_counts_only_for_one_who_looks_back(
    model: GPT2LMHeadModel, one_stop: TokenRules, looks_back: bool
) -> None:
    (stop,) = one_stop.stop_ids
    prompt = [PROMPT[0], 20, 21, 22, stop, 5, 6, 7, stop, 30, 31, 32, stop]
    params = SamplingParams(seed=1, candidates=2, max_new_tokens=16)
    weights = RankingWeights(sampled=100, repeat=0, loop=0, echo=0, recall=1000)
    told = Proposal((20, 21, 22), 0.01)
    request = Request(prompt, params, one_stop, proposals=(told,), looks_back=looks_back)
    run(Engine(model, weights=weights), request)
    assert (request.output_ids == [20, 21, 22]) is looks_back


def test_only_an_accepted_reply_is_chosen_if_there_is_one(
    model: GPT2LMHeadModel, rules: TokenRules
) -> None:
    params = SamplingParams(temperature=1.5, seed=1, candidates=4, max_new_tokens=16)
    free = run(Engine(model), Request(PROMPT, params, rules))
    best = free.output_ids
    picky = run(Engine(model), Request(PROMPT, params, rules, accept=lambda ids: ids != best))
    assert picky.output_ids != best
    assert picky.output_ids in [sequence.output_ids for sequence in free.sequences]
    strict = run(Engine(model), Request(PROMPT, params, rules, accept=lambda _: False))
    assert strict.output_ids == best


@pytest.mark.parametrize("precision", ["float32", "int8", "bfloat16"])
def test_same_seed_same_choice_beside_others(
    model: GPT2LMHeadModel,
    rules: TokenRules,
    random_prompts: RandomPrompts,
    precision: Precision,
) -> None:
    params = SamplingParams(temperature=1.2, seed=9, candidates=4, max_new_tokens=16)
    prompts = random_prompts(6)
    alone = [
        Engine(model, precision=precision).generate([prompt], params, rules)[0]
        for prompt in prompts
    ]
    engine = Engine(model, num_slots=4, precision=precision)
    assert engine.generate(prompts, params, rules) == alone


def test_a_proposal_must_fit_the_positions(model: GPT2LMHeadModel, rules: TokenRules) -> None:
    params = SamplingParams(max_new_tokens=4)
    long = Proposal(tuple([20] * 70), 1.0)
    with pytest.raises(ValueError, match="positions"):
        Engine(model).add(Request(PROMPT, params, rules, proposals=(long,)))


def test_a_proposal_may_fill_the_positions(model: GPT2LMHeadModel, rules: TokenRules) -> None:
    params = SamplingParams(max_new_tokens=4, candidates=2, seed=0)
    whole = Proposal(tuple([20] * (64 - len(PROMPT))), 1000.0)
    request = run(Engine(model), Request(PROMPT, params, rules, proposals=(whole,)))
    assert request.output_ids == list(whole.ids)


def test_more_rows_than_the_cache_has_are_taken_in_turns(
    model: GPT2LMHeadModel, rules: TokenRules, random_prompts: RandomPrompts
) -> None:
    params = SamplingParams(temperature=1.2, seed=9, candidates=7, max_new_tokens=8)
    prompts = random_prompts(5)
    engine = Engine(model, num_slots=5, precision="float32", cache_bytes=0)
    assert engine.runner.num_rows == 16
    requests = [Request(prompt, params, rules) for prompt in prompts]
    for request in requests:
        engine.add(request)
    engine.step()
    assert len(engine.runner.rows) == 14
    while not engine.is_idle:
        engine.step()
        assert len(engine.runner.rows) <= 16
    plenty = Engine(model, num_slots=5, precision="float32")
    assert [request.output_ids for request in requests] == plenty.generate(prompts, params, rules)
