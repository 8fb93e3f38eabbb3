from collections.abc import Callable

import torch
from transformers import GPT2LMHeadModel

from chatbot.decoding.request import Request
from chatbot.decoding.runner import ModelRunner

MakeRequest = Callable[..., Request]
VOCAB_SIZE, SEP = 97, 3


def test_prefill_and_decoding_give_the_models_own_logits(
    model: GPT2LMHeadModel, make_request: MakeRequest
) -> None:
    runner = ModelRunner(model)
    request = make_request([2, 10, 11, 12, SEP])
    (row,) = runner.run([request])
    for token_id in (20, 21, 22):
        with torch.no_grad():
            whole = model(request.sequences[0].context_ids[None]).logits[:, -1]
        assert isinstance(row, torch.Tensor)
        assert row.shape == (1, VOCAB_SIZE)
        assert row.dtype == torch.float32
        torch.testing.assert_close(row, whole, rtol=1e-5, atol=1e-5)
        request.sequences[0].append(token_id)
        (row,) = runner.run([request])
    assert request.cache is not None
    assert request.cache.num_tokens == 5 + 3


def test_a_row_does_not_depend_on_its_neighbours(
    model: GPT2LMHeadModel, make_request: MakeRequest
) -> None:
    runner = ModelRunner(model)
    (alone,) = runner.run([make_request([2, 10, SEP])])
    together = runner.run([make_request([2, 50, 51, SEP]), make_request([2, 10, SEP])])
    assert isinstance(alone, torch.Tensor)
    assert isinstance(together[1], torch.Tensor)
    assert torch.equal(alone, together[1])


def test_an_error_is_its_own_sequences(model: GPT2LMHeadModel, make_request: MakeRequest) -> None:
    good, bad = make_request([2, 10, SEP]), make_request([2, VOCAB_SIZE + 5, SEP])
    error, row = ModelRunner(model).run([bad, good])
    assert isinstance(error, IndexError)
    assert isinstance(row, torch.Tensor)


def test_no_graph_is_kept(model: GPT2LMHeadModel, make_request: MakeRequest) -> None:
    (row,) = ModelRunner(model).run([make_request()])
    assert isinstance(row, torch.Tensor)
    assert not row.requires_grad
