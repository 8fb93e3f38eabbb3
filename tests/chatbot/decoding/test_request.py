import pytest
import torch

from chatbot.decoding.cache import Prefix
from chatbot.decoding.params import SamplingParams
from chatbot.decoding.request import Proposal, Request, Status
from chatbot.decoding.sequence import TokenRules

RULES = TokenRules(stop_ids=frozenset({3}), banned_ids=frozenset({0}))


def make(
    candidates: int = 1, seed: int | None = 0, proposals: tuple[Proposal, ...] = ()
) -> Request:
    params = SamplingParams(max_new_tokens=3, candidates=candidates, seed=seed)
    return Request([2, 9, 3], params, RULES, proposals=proposals)


def test_one_reply_is_seen_as_it_grows() -> None:
    request = make()
    assert not request.is_ranked
    request.sequences[0].append(7)
    assert request.output_ids == [7]
    assert request.max_length == 6


def test_of_several_nothing_is_seen_until_one_is_chosen() -> None:
    request = make(candidates=3)
    assert request.is_ranked
    request.sequences[0].append(7)
    assert request.output_ids == []
    request.choose([8, 9], "stop")
    assert (request.output_ids, request.finish_reason) == ([8, 9], "stop")
    assert request.status is Status.FINISHED
    assert request.is_finished


def test_a_proposal_makes_it_a_choice() -> None:
    assert make(proposals=(Proposal((7,), 1.0),)).is_ranked


def test_open_sequences_are_those_that_have_not_ended() -> None:
    request = make(candidates=3)
    request.sequences[1].append(7)
    request.sequences[1].append(3)
    assert [sequence.number for sequence in request.open_sequences] == [0, 2]


def test_its_end_lets_go_of_the_prompt_and_comes_once() -> None:
    request, error = make(), ValueError("x")
    request.prompt = Prefix((2,), torch.zeros(1), torch.zeros(1))
    request.finish("failed", error)
    assert request.prompt is None
    assert (request.error, request.finish_reason) == (error, "failed")
    with pytest.raises(AssertionError):
        request.finish("stop")


def test_a_seed_is_drawn_and_told_when_none_is_given() -> None:
    first, second = make(seed=None), make(seed=None)
    assert first.seed != second.seed
    assert first.sequences[0].params.seed == first.seed


def test_making_one_runs_no_torch() -> None:
    """The event loop makes requests; tensors come with the engine's first step."""
    held = [type(value) for value in vars(make(candidates=3)).values()]
    assert not {torch.Tensor, torch.Generator} & set(held)
