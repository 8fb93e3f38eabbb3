import copy

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chatbot.decoding.native.kernels import Kernels
from chatbot.decoding.native.vocabulary import NativeVocabulary
from chatbot.decoding.params import SamplingParams
from chatbot.decoding.sampling import sample
from chatbot.decoding.sequence import Sequence, TokenRules
from chatbot.decoding.vocabulary import TorchVocabulary

FIXTURE_IS_CONSTANT = [HealthCheck.function_scoped_fixture]


@settings(max_examples=60, deadline=None, suppress_health_check=FIXTURE_IS_CONSTANT)
@given(st.integers(1, 700), st.integers(1, 5), st.floats(0, 1), st.integers(1, 4), st.integers())
def test_the_largest_are_those_of_a_stable_sort(
    kernels: Kernels, size: int, num_rows: int, share: float, levels: int, seed: int
) -> None:
    """Few different numbers, so that many are equal; some impossible."""
    generator = torch.Generator().manual_seed(seed % 2**32)
    logits = torch.randint(-levels, levels, (num_rows, size), generator=generator).float()
    logits[torch.rand(logits.shape, generator=generator) < 0.2] = -torch.inf
    count = 1 + int(share * (size - 1))
    values, ids = NativeVocabulary(kernels).largest(logits, count)
    expected = logits.sort(dim=1, descending=True, stable=True)
    assert torch.equal(values, expected.values[:, :count])
    assert torch.equal(ids, expected.indices[:, :count])


@pytest.mark.parametrize("size", [1, 15, 16, 97, 7019])
def test_weights_are_torchs(kernels: Kernels, size: int) -> None:
    logits = torch.randn((3, size), generator=torch.Generator().manual_seed(0)) * 5
    logits[:, ::7] = -torch.inf
    logits[:, 0] = torch.tensor([0.0, 50.0, -50.0])
    peaks = logits.amax(dim=1, keepdim=True)
    temperatures = torch.tensor([[0.0001], [0.7], [2.0]])
    found = NativeVocabulary(kernels).weight(logits, peaks, temperatures)
    expected = TorchVocabulary().weight(logits, peaks, temperatures)
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=0)


def test_rows_may_lie_apart(kernels: Kernels) -> None:
    logits = torch.randn((4, 40), generator=torch.Generator().manual_seed(0))[::2]
    values, ids = NativeVocabulary(kernels).largest(logits, 3)
    assert torch.equal(values, logits.topk(3).values)
    assert torch.equal(logits.gather(1, ids), values)


@pytest.mark.parametrize("count", [0, 41])
def test_no_more_are_given_than_there_are(kernels: Kernels, count: int) -> None:
    with pytest.raises(AssertionError):
        NativeVocabulary(kernels).largest(torch.zeros(1, 40), count)


def test_what_is_drawn_is_what_torch_would_draw(kernels: Kernels) -> None:
    rules = TokenRules(stop_ids=frozenset({3}))
    params = [
        {"top_p": 1.0},
        {"top_p": 0.9},
        {"top_k": 8, "top_p": 0.9},
        {"top_k": 300, "min_p": 0.01},
        {"top_p": 0.999, "temperature": 2.0},  # beyond the first look
        {"temperature": 0.0},
    ]
    sequences = [
        Sequence([2, 10, 3], SamplingParams(seed=seed, **chosen), rules)  # type: ignore[arg-type]
        for seed in range(40)
        for chosen in params
    ]
    logits = torch.randn((len(sequences), 1500), generator=torch.Generator().manual_seed(0)) * 2
    expected = sample(logits.clone(), copy.deepcopy(sequences))
    assert sample(logits.clone(), sequences, NativeVocabulary(kernels)) == expected
