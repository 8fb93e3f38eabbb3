import copy
from collections.abc import Iterator

import pytest
import torch
from transformers import GPT2Config, GPT2LMHeadModel

from chatbot.decoding import model as decoder_module
from chatbot.decoding.cache import RowCache
from chatbot.decoding.forward import Batch, Span, TorchForward
from chatbot.decoding.model import Decoder
from chatbot.decoding.native.forward import NativeForward
from chatbot.decoding.native.kernels import Kernels
from chatbot.decoding.native.rows import NativeRows

PROMPTS = [[2, *range(10, 10 + length), 3] for length in (1, 20, 7, 44)]


@pytest.fixture(autouse=True)
def inference() -> Iterator[None]:
    with torch.inference_mode():
        yield


def make(heads: int = 3, head_dim: int = 16, **options: object) -> GPT2LMHeadModel:
    config = GPT2Config(
        vocab_size=97,
        n_positions=64,
        n_embd=heads * head_dim,
        n_layer=2,
        n_head=heads,
        initializer_range=2 * (heads * head_dim) ** -0.5,
        **options,
    )
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return GPT2LMHeadModel(config).eval()


def native(model: GPT2LMHeadModel, kernels: Kernels, num_rows: int = 4) -> NativeForward:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(decoder_module, "kernels", lambda: kernels)
        decoder = Decoder(model, "int8")
    rows = NativeRows(model.config)
    rows.reserve(num_rows, 64, num_used=0)
    return NativeForward(decoder, rows, kernels)


def plain(model: GPT2LMHeadModel) -> TorchForward:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(decoder_module, "kernels", lambda: None)
        decoder = Decoder(model, "int8")
    cache = RowCache(model.config, decoder.device, torch.bfloat16)
    cache.reserve(4, 64, num_used=0)
    return TorchForward(decoder, cache)


def prompts(*numbers: int) -> Batch:
    """Some of ``PROMPTS``, each into the row of its number."""
    ids: list[int] = []
    spans = []
    for row in numbers:
        spans.append(Span(row, 0, len(ids), len(ids) + len(PROMPTS[row])))
        ids += PROMPTS[row]
    positions = [k for row in numbers for k in range(len(PROMPTS[row]))]
    return Batch(ids, positions, range(0), spans)


def newest(rows: range, ids: list[int], step: int = 0) -> Batch:
    return Batch(ids, [len(PROMPTS[row]) + step for row in rows], rows, [])


@pytest.mark.parametrize(("heads", "head_dim"), [(3, 16), (1, 64), (2, 80), (2, 128)])
def test_it_gives_what_torch_gives(kernels: Kernels, heads: int, head_dim: int) -> None:
    """But for the order of sums, and what that makes of numbers that are rounded."""
    model = make(heads, head_dim, n_inner=100)
    ours, theirs = native(model, kernels), plain(model)
    for batch in (prompts(0, 1, 2, 3), newest(range(4), [40, 41, 42, 43])):
        found, expected = ours(batch), theirs(batch)
        assert found.shape == (4, 97)
        assert (found - expected).norm() / expected.norm() < 0.03


def test_a_row_is_the_same_to_the_bit_whoever_is_beside_it_and_however_it_was_read(
    kernels: Kernels, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = make()
    together, alone = native(model, kernels), native(model, kernels)
    monkeypatch.setattr("chatbot.decoding.native.forward.num_threads", lambda: 3)
    first = together(prompts(0, 1, 2, 3))
    second = together(newest(range(4), [40, 41, 42, 43]))
    monkeypatch.setattr("chatbot.decoding.native.forward.num_threads", lambda: 1)
    for row, ids in enumerate(PROMPTS):
        for begin, end in ((0, 1), (1, len(ids))):  # in two parts
            part = Batch(
                ids[begin:end],
                [*range(begin, end)],
                range(0),
                [Span(3 - row, begin, 0, end - begin)],
            )
            found = alone(part)
        assert torch.equal(found[0], first[row])
        lone = Batch([40 + row], [len(ids)], range(3 - row, 4 - row), [])
        assert torch.equal(alone(lone)[0], second[row])


def test_a_row_of_nan_spoils_no_other(kernels: Kernels) -> None:
    model = make()
    spoilt = copy.deepcopy(model)
    spoilt.lm_head.weight = torch.nn.Parameter(model.lm_head.weight.detach().clone())
    spoilt.transformer.wte.weight.data[12] = torch.nan  # in all prompts but the first
    found, clean = native(spoilt, kernels), native(model, kernels)
    logits = found(prompts(0, 1, 2))
    assert torch.equal(logits[0], clean(prompts(0, 1, 2))[0])
    assert not logits[1:].isfinite().any()


def test_more_rows_and_longer_ones_than_fit_are_refused_before_anything_is_read(
    kernels: Kernels,
) -> None:
    forward = native(make(), kernels)
    before = forward(prompts(0))
    wrong = [
        Batch([5], [64], range(1), []),  # behind the last position
        Batch([5], [-1], range(1), []),
        Batch([5, 6], [63, 64], range(0), [Span(0, 63, 0, 2)]),
        Batch([5, 6], [0, 1], range(0), [Span(0, 0, 0, 1)]),  # a token of nobody's
        Batch([5, 6], [0, 1], range(0), [Span(0, 0, 1, 2), Span(1, 0, 0, 1)]),
        Batch([5], [0], range(0), [Span(0, 0, 0, 0), Span(0, 0, 0, 1)]),
        Batch([97], [0], range(1), []),  # no such id
    ]
    for batch in wrong:
        with pytest.raises(IndexError):
            forward(batch)
    with pytest.raises((IndexError, AssertionError)):
        forward(Batch([5], [0], range(9, 10), []))
    assert torch.equal(forward(prompts(0)), before)


@pytest.mark.parametrize(
    ("options", "is_native"),
    [
        ({}, True),
        ({"activation_function": "relu"}, False),
        ({"head_dim": 24}, False),
        ({"activation_function": "gelu_pytorch_tanh", "tie_word_embeddings": False}, True),
    ],
)
def test_a_model_that_the_kernels_do_not_know_is_left_to_torch(
    kernels: Kernels, options: dict[str, object], is_native: bool
) -> None:
    model = make(**options)  # type: ignore[arg-type]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(decoder_module, "kernels", lambda: kernels)
        assert Decoder(model, "int8").kernels is (kernels if is_native else None)
        for precision in ("float32", "bfloat16"):
            assert Decoder(model, precision).kernels is None  # type: ignore[arg-type]
