from collections.abc import Callable
from typing import Any

import pytest
import torch
from transformers import GPT2LMHeadModel

from chatbot.decoding.request import Request
from chatbot.decoding.runner import ModelRunner

Ids = tuple[int, ...]
MakeRequest = Callable[..., Request]
RandomPrompts = Callable[..., list[Ids]]
VOCAB_SIZE, SEP = 97, 3
CLOSE: Any = {"rtol": 1e-4, "atol": 1e-4}


@pytest.fixture
def runner(model: GPT2LMHeadModel) -> ModelRunner:
    return ModelRunner(model, precision="float32", cache_bytes=10**6, min_rows=4)


def own_logits(model: GPT2LMHeadModel, runner: ModelRunner) -> torch.Tensor:
    """What the model itself gives behind the context of each row."""
    contexts = [torch.from_numpy(sequence.context_ids)[None] for sequence in runner.rows]
    with torch.no_grad():
        return torch.cat([model(context).logits[:, -1] for context in contexts])


def grow(runner: ModelRunner, first: int = 40) -> None:
    """Append a token of its own to each row."""
    for place, sequence in enumerate(runner.rows):
        sequence.append(first + place)


def test_prompts_and_rows_together_give_the_models_own_logits(
    model: GPT2LMHeadModel,
    runner: ModelRunner,
    make_request: MakeRequest,
    random_prompts: RandomPrompts,
) -> None:
    requests = [make_request(prompt) for prompt in random_prompts(6)]
    for begin in (0, 2, 4):  # two more join at every step
        logits = runner.run(range(len(runner.rows)), requests[begin : begin + 2])
        assert logits.shape == (begin + 2, VOCAB_SIZE)
        assert (logits.dtype, logits.requires_grad) == (torch.float32, False)
        torch.testing.assert_close(logits, own_logits(model, runner), **CLOSE)
        grow(runner)
    for _ in range(3):
        logits = runner.run(range(6), [])
        torch.testing.assert_close(logits, own_logits(model, runner), **CLOSE)
        grow(runner)
    assert [sequence.row for sequence in runner.rows] == list(range(6))


def test_candidates_share_one_prefill_and_go_their_own_ways(
    model: GPT2LMHeadModel, runner: ModelRunner, make_request: MakeRequest
) -> None:
    runner.run(range(0), [make_request(), make_request([2, 12, 13, 14, SEP], candidates=3)])
    assert len(runner.rows) == 4
    for _ in range(3):
        grow(runner)
        logits = runner.run(range(4), [])
        torch.testing.assert_close(logits, own_logits(model, runner), **CLOSE)


@pytest.mark.parametrize("leaving", [0, 1, 2, 3])
def test_the_last_row_takes_the_place_of_one_that_leaves(
    model: GPT2LMHeadModel,
    runner: ModelRunner,
    make_request: MakeRequest,
    random_prompts: RandomPrompts,
    leaving: int,
) -> None:
    runner.run(range(0), [make_request(prompt) for prompt in random_prompts(4)])
    grow(runner)
    runner.run(range(4), [])
    grow(runner)
    gone, last = runner.rows[leaving], runner.rows[-1]
    runner.release(gone)
    assert gone.row is None
    assert gone not in runner.rows
    assert last.row == (leaving if gone is not last else None)
    joining = make_request([2, 70, 71, SEP])
    logits = runner.run(range(3), [joining])  # the row that was left is used again
    torch.testing.assert_close(logits, own_logits(model, runner), **CLOSE)


def test_one_row_alone_gives_what_it_gives_among_others(
    runner: ModelRunner, make_request: MakeRequest, random_prompts: RandomPrompts
) -> None:
    runner.run(range(0), [make_request(prompt) for prompt in random_prompts(5)])
    grow(runner)
    together = runner.run(range(5), [])
    for row, sequence in enumerate(runner.rows):
        alone = runner.run_row(sequence)
        torch.testing.assert_close(alone[0], together[row], **CLOSE)


def test_a_kept_conversation_gives_the_same_logits(
    model: GPT2LMHeadModel, runner: ModelRunner, make_request: MakeRequest
) -> None:
    request = make_request([2, 10, 11, SEP])
    runner.run(range(0), [request])
    grow(runner)
    runner.run(range(1), [])
    grow(runner)
    runner.keep(*runner.rows)
    runner.release(*runner.rows)
    runner.run(range(0), [make_request([2, 70, 71, SEP])])  # in the same row
    again = make_request([2, 10, 11, SEP, 40, 50, SEP])
    logits = runner.run(range(0), [again])
    assert runner.prefixes.num_hits == 5
    torch.testing.assert_close(logits, own_logits(model, runner)[1:], **CLOSE)


def test_a_step_that_raises_leaves_the_rows_as_they_were(
    model: GPT2LMHeadModel, runner: ModelRunner, make_request: MakeRequest
) -> None:
    runner.run(range(0), [make_request([2, 10, SEP])])
    grow(runner)
    before = list(runner.rows)
    good, bad = make_request([2, 11, SEP]), make_request([2, 500, SEP])
    with pytest.raises(IndexError, match="500"):
        runner.run(range(1), [good, bad])
    assert runner.rows == before
    assert good.sequences[0].row is bad.sequences[0].row is None
    logits = runner.run(range(1), [good])
    torch.testing.assert_close(logits, own_logits(model, runner), **CLOSE)


def test_the_rows_are_those_that_half_the_bytes_hold_or_the_least_that_must_be(
    model: GPT2LMHeadModel,
) -> None:
    row_bytes = 2 * 2 * 64 * 32 * 4
    for num_bytes, expected in ((20 * row_bytes, 10), (21 * row_bytes, 10), (0, 4)):
        runner = ModelRunner(model, precision="float32", cache_bytes=num_bytes, min_rows=4)
        assert runner.num_rows == expected
