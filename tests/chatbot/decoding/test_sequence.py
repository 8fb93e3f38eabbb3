import pytest
import torch
from transformers import GPT2Config

from chatbot.decoding.cache import SequenceCache
from chatbot.decoding.params import SamplingParams
from chatbot.decoding.sequence import Sequence, Status, TokenRules

RULES = TokenRules(stop_ids=frozenset({3}), banned_ids=frozenset({0}))


def make(max_new_tokens: int = 3, seed: int | None = 0) -> Sequence:
    return Sequence([2, 9, 3], SamplingParams(max_new_tokens=max_new_tokens, seed=seed), RULES)


def test_a_stop_id_ends_it_and_is_no_part_of_the_reply() -> None:
    sequence = make()
    sequence.append(7)
    assert not sequence.is_finished
    sequence.append(3)
    assert (sequence.output_ids, sequence.finish_reason) == ([7], "stop")
    assert sequence.status is Status.FINISHED


def test_the_length_limit_ends_it() -> None:
    sequence = make(max_new_tokens=2)
    sequence.append(7)
    sequence.append(8)
    assert (sequence.output_ids, sequence.finish_reason) == ([7, 8], "length")


def test_context_holds_prompt_and_reply() -> None:
    sequence = make()
    assert sequence.context_ids.tolist() == [2, 9, 3]
    sequence.append(7)
    assert sequence.context_ids.tolist() == [2, 9, 3, 7]
    assert sequence.context_ids.dtype == torch.long
    assert sequence.max_length == 6


def test_only_the_first_token_must_not_stop() -> None:
    sequence = make()
    assert sorted(sequence.forbidden_ids) == [0, 3]
    sequence.append(7)
    assert sequence.forbidden_ids == [0]


def test_its_end_lets_go_of_the_cache_and_comes_once() -> None:
    sequence, error = make(), ValueError("x")
    sequence.cache = SequenceCache(GPT2Config(n_layer=1))
    assert sequence.cache.num_tokens == 0
    sequence.finish("failed", error)
    assert (sequence.cache, sequence.error, sequence.finish_reason) == (None, error, "failed")
    with pytest.raises(AssertionError):
        sequence.finish("stop")


def test_a_seed_is_drawn_and_told_when_none_is_given() -> None:
    first, second = make(seed=None), make(seed=None)
    assert first.seed != second.seed
    again = make(seed=first.seed)
    assert torch.rand(3, generator=first.generator).equal(torch.rand(3, generator=again.generator))


def test_making_one_runs_no_torch() -> None:
    """The event loop makes sequences; tensors come with the engine's first step."""
    held = [type(value) for value in vars(make()).values()]
    assert not {torch.Tensor, torch.Generator} & set(held)
