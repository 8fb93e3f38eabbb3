"""Several replies to one request: sampled together, proposed, ranked, one chosen."""

from collections.abc import Callable

import pytest
import torch
from transformers import GPT2LMHeadModel

from chatbot.decoding.engine import Engine
from chatbot.decoding.params import SamplingParams
from chatbot.decoding.ranking import RankingWeights
from chatbot.decoding.request import Proposal, Request
from chatbot.decoding.runner import ModelRunner
from chatbot.decoding.sequence import TokenRules

MakeRequest = Callable[..., Request]
SEP = 3
PROMPT = (2, 10, 11, 12, SEP)
LIKELIEST = RankingWeights(mmi=0, repeat=0, echo=0, recall=0, prior=0)


def run(engine: Engine, request: Request) -> Request:
    engine.complete([request])
    return request


@pytest.fixture
def one_stop() -> TokenRules:
    """Few stop ids and one of them real, so that scores can be checked by hand."""
    return TokenRules(stop_ids=frozenset({SEP}), banned_ids=frozenset({0, 1, 2, 4}))


def reference_log_prob(model: GPT2LMHeadModel, prefix: list[int], reply: list[int]) -> float:
    """Log P of a reply behind a prefix, from one plain forward pass."""
    with torch.no_grad():
        log_probs = model(torch.tensor([[*prefix, *reply]])).logits[0].log_softmax(dim=-1)
    places = range(len(prefix) - 1, len(prefix) + len(reply) - 1)
    return sum(float(log_probs[place, ids]) for place, ids in zip(places, reply, strict=True))


def test_log_probs_are_those_of_a_plain_forward_pass(
    model: GPT2LMHeadModel, make_request: MakeRequest
) -> None:
    runner = ModelRunner(model)
    request = make_request(PROMPT, candidates=2, temperature=1.0)
    runner.run([request])
    replies = [[20, 21, 22, SEP], [40], [50, 51]]
    likely = runner.log_probs(replies, PROMPT[-1], request.prompt_cache)
    alone = runner.log_probs(replies, PROMPT[0], None)
    expected = [reference_log_prob(model, list(PROMPT), reply) for reply in replies]
    assert likely == pytest.approx(expected, abs=1e-4)
    expected = [reference_log_prob(model, [2], reply) for reply in replies]
    assert alone == pytest.approx(expected, abs=1e-4)
    assert request.prompt_cache is not None
    assert request.prompt_cache.num_tokens == len(PROMPT)  # it was not touched


def test_the_first_candidate_is_the_reply_without_candidates(
    model: GPT2LMHeadModel, rules: TokenRules
) -> None:
    params = {"temperature": 1.0, "seed": 5, "max_new_tokens": 16}
    (alone,) = Engine(model).generate([PROMPT], SamplingParams(**params), rules)
    request = run(Engine(model), Request(PROMPT, SamplingParams(**params, candidates=6), rules))
    replies = [sequence.output_ids for sequence in request.sequences]
    assert replies[0] == alone
    assert len({tuple(reply) for reply in replies}) > 3
    for number, reply in enumerate(replies):  # rows that ended early took their caches along
        check_sampled_alone(model, request, number, reply)


def check_sampled_alone(
    model: GPT2LMHeadModel, request: Request, number: int, reply: list[int]
) -> None:
    """Sample a candidate again behind whole forward passes, without any cache."""
    from chatbot.decoding.sampling import sample
    from chatbot.decoding.sequence import Sequence

    twin = Sequence(request.prompt_ids, request.params, request.rules, number)
    while twin.stop_reason is None:
        with torch.no_grad():
            twin.append(sample(model(twin.context_ids[None]).logits[0, -1], twin))
    assert twin.output_ids == reply


def test_the_likeliest_is_chosen_when_nothing_else_counts(
    model: GPT2LMHeadModel, one_stop: TokenRules
) -> None:
    params = SamplingParams(temperature=1.5, seed=1, candidates=8, max_new_tokens=12)
    request = run(Engine(model, weights=LIKELIEST), Request(PROMPT, params, one_stop))

    def worth(index: int) -> float:
        sequence = request.sequences[index]
        stop = [SEP] if sequence.stop_reason == "stop" else []
        whole = [*sequence.output_ids, *stop]
        return reference_log_prob(model, list(PROMPT), whole) / len(whole)

    best = max(range(8), key=worth)
    assert request.output_ids == request.sequences[best].output_ids
    assert request.finish_reason == request.sequences[best].stop_reason
    assert request.cache is request.prompt_cache is None


def test_a_proposal_is_ranked_beside_them_and_may_win(
    model: GPT2LMHeadModel, rules: TokenRules
) -> None:
    params = SamplingParams(temperature=1.0, seed=1, candidates=2, max_new_tokens=16)
    proposals = (Proposal((20, 21, 22), 1.0),)
    sure = RankingWeights(mmi=0, repeat=0, echo=0, recall=0, prior=1000)
    request = run(Engine(model, weights=sure), Request(PROMPT, params, rules, proposals=proposals))
    assert (request.output_ids, request.finish_reason) == ([20, 21, 22], "stop")
    never = RankingWeights(mmi=0, repeat=0, echo=0, recall=0, prior=-1000)
    request = run(Engine(model, weights=never), Request(PROMPT, params, rules, proposals=proposals))
    assert request.output_ids in [sequence.output_ids for sequence in request.sequences]


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


def test_same_seed_same_choice_beside_others(model: GPT2LMHeadModel, rules: TokenRules) -> None:
    params = SamplingParams(temperature=1.2, seed=9, candidates=4, max_new_tokens=16)
    prompts = [(2, *range(10, 10 + n), SEP) for n in range(1, 7)]
    alone = [Engine(model).generate([prompt], params, rules)[0] for prompt in prompts]
    assert Engine(model, num_slots=4).generate(prompts, params, rules) == alone


def test_a_proposal_must_fit_the_positions(model: GPT2LMHeadModel, rules: TokenRules) -> None:
    params = SamplingParams(max_new_tokens=4)
    long = Proposal(tuple([20] * 70), 1.0)
    with pytest.raises(ValueError, match="positions"):
        Engine(model).add(Request(PROMPT, params, rules, proposals=(long,)))
