"""Which of the things that were told is said back."""

import math
from collections.abc import Sequence

import pytest
import torch
from transformers import GPT2LMHeadModel

from chatbot.decoding.engine import Engine
from chatbot.decoding.params import SamplingParams
from chatbot.decoding.ranking import RankingWeights
from chatbot.decoding.request import Quote, Request
from chatbot.decoding.sequence import TokenRules

Ids = tuple[int, ...]
CLS, SEP, NUM_POSITIONS = 2, 3, 64
TOLD: tuple[Ids, ...] = ((10, 11, SEP, 12, SEP), (20, 21, 22, SEP, 23, SEP), (60, SEP, 61, SEP))
ASKED: Ids = (40, 41, 42, SEP)
PROMPT: Ids = (CLS, *TOLD[0], *TOLD[1], *TOLD[2], *ASKED)
REPLIES: tuple[Ids, ...] = ((50, 51), (52,), (53, 54, 55))
PARAMS = SamplingParams(temperature=1.0, seed=1, candidates=2, max_new_tokens=8)
ANY = RankingWeights(quote_floor=-1000.0)


def quotes(*priors: float) -> list[Quote]:
    return [Quote(ids, told, p) for ids, told, p in zip(REPLIES, TOLD, priors, strict=True)]


def reference(model: GPT2LMHeadModel, before: Sequence[int], ids: Sequence[int]) -> float:
    """log P(ids | before), from one plain forward pass."""
    with torch.no_grad():
        table = model(torch.tensor([[*before, *ids]])).logits[0].log_softmax(dim=-1)
    places = range(len(before) - 1, len(before) + len(ids) - 1)
    return sum(float(table[place, token]) for place, token in zip(places, ids, strict=True))


def expected_worths(model: GPT2LMHeadModel, weights: RankingWeights) -> list[float]:
    worths = []
    for told, reply in zip(TOLD, REPLIES, strict=True):
        whole = (*reply, SEP)
        gain = reference(model, (CLS, *told), ASKED) - reference(model, (CLS,), ASKED)
        apt = reference(model, PROMPT, whole) - weights.mmi * reference(model, (CLS,), whole)
        worths.append(gain / math.sqrt(len(ASKED)) + weights.quoted * apt / len(whole))
    return worths


def reply_of(
    model: GPT2LMHeadModel, request: Request, weights: RankingWeights = ANY
) -> tuple[int, ...]:
    engine = Engine(model, precision="float32", weights=weights)
    engine.add(request)
    while not engine.is_idle:
        engine.step()
    assert engine.runner.rows == []
    assert request.error is None, request.error
    return tuple(request.output_ids)


def test_the_one_that_the_question_is_likeliest_behind_is_said(
    model: GPT2LMHeadModel, rules: TokenRules
) -> None:
    worths = expected_worths(model, ANY)
    best = worths.index(max(worths))
    request = Request(PROMPT, PARAMS, rules, quotes=quotes(0, 0, 0))
    assert reply_of(model, request) == REPLIES[best]
    assert request.finish_reason == "stop"


@pytest.mark.parametrize("place", range(3))
def test_what_speaks_for_one_beside_the_model_counts(
    model: GPT2LMHeadModel, rules: TokenRules, place: int
) -> None:
    worths = expected_worths(model, ANY)
    priors = [0.0, 0.0, 0.0]
    for margin, wins in ((0.05, True), (-0.05, False)):
        others = [worth for other, worth in enumerate(worths) if other != place]
        priors[place] = max(others) - worths[place] + margin
        said = reply_of(model, Request(PROMPT, PARAMS, rules, quotes=quotes(*priors)))
        assert (said == REPLIES[place]) is wins


def test_one_below_the_floor_is_not_said(model: GPT2LMHeadModel, rules: TokenRules) -> None:
    best = max(expected_worths(model, ANY))
    for floor, is_said in ((best - 0.05, True), (best + 0.05, False)):
        weights = RankingWeights(quote_floor=floor)
        request = Request(PROMPT, PARAMS, rules, quotes=quotes(0, 0, 0))
        assert (reply_of(model, request, weights) in REPLIES) is is_said


def test_one_that_may_not_leave_is_not_said(model: GPT2LMHeadModel, rules: TokenRules) -> None:
    worths = expected_worths(model, ANY)
    order = sorted(range(3), key=lambda place: -worths[place])

    def accept(ids: list[int]) -> bool:
        return tuple(ids) != REPLIES[order[0]]

    request = Request(PROMPT, PARAMS, rules, quotes=quotes(0, 0, 0), accept=accept)
    assert reply_of(model, request) == REPLIES[order[1]]
    request = Request(PROMPT, PARAMS, rules, quotes=quotes(0, 0, 0), accept=lambda _ids: False)
    assert reply_of(model, request) not in REPLIES


def test_one_that_has_no_room_is_left_out(model: GPT2LMHeadModel, rules: TokenRules) -> None:
    too_much_told = Quote(REPLIES[0], (10,) * (NUM_POSITIONS - len(ASKED)), 1000.0)
    too_long = Quote((10,) * (NUM_POSITIONS - len(PROMPT)), TOLD[0], 1000.0)
    fits = Quote(REPLIES[1], TOLD[1], 0.0)
    request = Request(PROMPT, PARAMS, rules, quotes=[too_much_told, too_long, fits])
    assert reply_of(model, request) == REPLIES[1]
    request = Request(PROMPT, PARAMS, rules, quotes=[too_much_told, too_long])
    assert reply_of(model, request) not in REPLIES


def test_a_single_candidate_gives_way_to_a_quote_too(
    model: GPT2LMHeadModel, rules: TokenRules
) -> None:
    params = SamplingParams(temperature=1.0, seed=1, candidates=1, max_new_tokens=8)
    assert reply_of(model, Request(PROMPT, params, rules, quotes=quotes(0, 0, 0))) in REPLIES


def test_without_quotes_a_prompt_needs_no_utterance(
    model: GPT2LMHeadModel, rules: TokenRules
) -> None:
    assert reply_of(model, Request((CLS, 10, 11), PARAMS, rules)) not in REPLIES
