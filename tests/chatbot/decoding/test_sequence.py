import numpy as np
import pytest
import torch

from chatbot.decoding.params import SamplingParams
from chatbot.decoding.sequence import Sequence, TokenRules

RULES = TokenRules(stop_ids=frozenset({3}), banned_ids=frozenset({0}))


def make(max_new_tokens: int = 3, seed: int = 0, number: int = 0) -> Sequence:
    params = SamplingParams(max_new_tokens=max_new_tokens, seed=seed)
    return Sequence([2, 9, 3], params, RULES, number)


def drawn(sequence: Sequence) -> list[float]:
    numbers: list[float] = torch.rand(3, generator=sequence.generator).tolist()
    return numbers


def test_a_stop_id_ends_it_and_is_no_part_of_the_reply() -> None:
    sequence = make()
    sequence.append(7)
    assert (sequence.output_ids, sequence.stop_reason) == ([7], None)
    sequence.append(3)
    assert (sequence.output_ids, sequence.stop_reason) == ([7], "stop")
    with pytest.raises(AssertionError):
        sequence.append(8)


def test_the_length_limit_ends_it() -> None:
    sequence = make(max_new_tokens=2)
    sequence.append(7)
    sequence.append(8)
    assert (sequence.output_ids, sequence.stop_reason) == ([7, 8], "length")


def test_the_last_token_allowed_may_be_a_stop_id() -> None:
    sequence = make(max_new_tokens=2)
    sequence.append(7)
    sequence.append(3)
    assert (sequence.output_ids, sequence.stop_reason) == ([7], "stop")


def test_context_holds_prompt_and_reply() -> None:
    sequence = make()
    assert sequence.context_ids.tolist() == [2, 9, 3]
    for token_id in (7, 8, 9):
        sequence.append(token_id)
    assert sequence.context_ids.tolist() == [2, 9, 3, 7, 8, 9]
    assert sequence.context_ids.dtype == np.int64
    assert sequence.num_tokens == 6


def test_the_model_has_read_all_but_the_newest_token() -> None:
    sequence = make()
    assert sequence.num_read == 3  # once the prompt is read, which gives the first token
    sequence.append(7)
    assert sequence.num_read == 3
    sequence.append(8)
    assert sequence.num_read == 4


def test_each_number_draws_its_own_stream_of_the_seed() -> None:
    assert drawn(make(number=1)) == drawn(make(number=1))
    streams = {tuple(drawn(make(seed=seed, number=n))) for seed in (0, 1) for n in range(4)}
    assert len(streams) == 8
    assert drawn(make(seed=2**63 - 1, number=15))  # no overflow


def test_making_one_runs_no_torch() -> None:
    """The event loop makes sequences; tensors come with the engine's first step."""
    held = [type(value) for value in vars(make()).values()]
    assert not {torch.Tensor, torch.Generator, np.ndarray} & set(held)
