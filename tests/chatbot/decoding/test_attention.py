from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn.functional import scaled_dot_product_attention

from chatbot.decoding.attention import (
    attend_behind,
    attend_causally,
    attend_one,
    causal_mask,
    length_mask,
)

CLOSE: Any = {"rtol": 1e-5, "atol": 1e-5}


def normal(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def qkv(rows: int, queries: int, keys: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Queries, keys and values of 3 heads × 16, the queries scaled as the model does."""
    shapes = [(rows, 3, count, 16) for count in (queries, keys, keys)]
    query, key, value = (normal(*shape, seed=k) for k, shape in enumerate(shapes))
    return query / 4, key, value


def test_the_last_queries_of_a_prompt_see_what_came_before() -> None:
    assert causal_mask(2, 4, torch.device("cpu")).tolist() == [
        [0, 0, 0, -torch.inf],
        [0, 0, 0, 0],
    ]


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 20), st.integers(0, 20))
def test_causal_attention_is_the_fused_kernels(num_queries: int, past: int) -> None:
    query, key, value = qkv(2, num_queries, num_queries + past)
    seen = torch.ones(num_queries, num_queries + past, dtype=torch.bool).tril(past)
    expected = scaled_dot_product_attention(query, key, value, attn_mask=seen, scale=1.0)
    torch.testing.assert_close(attend_causally(query, key, value), expected, **CLOSE)


def test_one_query_a_row_sees_its_own_length() -> None:
    query, key, value = qkv(4, 1, 12)
    lengths = torch.tensor([1, 5, 12, 7])
    mixed = attend_one(query[:, :, 0], (key, value), length_mask(lengths, 12))
    for row, length in enumerate(lengths.tolist()):
        own = slice(row, row + 1)
        seen = key[own, :, :length], value[own, :, :length]
        expected = scaled_dot_product_attention(query[own], seen[0], seen[1], scale=1.0)
        torch.testing.assert_close(mixed[row], expected[0, :, 0], **CLOSE)


def test_a_row_is_the_same_to_the_bit_whoever_is_longer_or_beside_it() -> None:
    query, key, value = qkv(6, 1, 128)
    lengths = torch.tensor([9, 100, 30, 31, 3, 64])
    whole = attend_one(query[:, :, 0], (key, value), length_mask(lengths, 128))
    for row, num_keys in ((0, 32), (2, 32), (3, 32), (4, 32), (5, 64)):
        part = slice(row, row + 1)
        seen = (key[part, :, :num_keys], value[part, :, :num_keys])
        alone = attend_one(query[part, :, 0], seen, length_mask(lengths[part], num_keys))
        assert torch.equal(alone[0], whole[row])


def test_continuations_see_the_prompt_and_themselves() -> None:
    query, key, value = qkv(1, 9, 9)
    whole = attend_causally(query, key, value)
    prompt = (key[0, :, :4], value[0, :, :4])
    own = [part[:, :, 4:] for part in (query, key, value)]
    torch.testing.assert_close(attend_behind(own, prompt), whole[:, :, 4:], **CLOSE)
    alone = attend_behind([query, key, value], ())
    torch.testing.assert_close(alone, whole, **CLOSE)


@pytest.mark.parametrize("num_seen", [1, 3])
def test_continuations_do_not_see_each_other(num_seen: int) -> None:
    query, key, value = qkv(3, 5, 5)
    prompt = (normal(3, num_seen, 16, seed=7), normal(3, num_seen, 16, seed=8))
    together = attend_behind([query, key, value], prompt)
    for row in range(3):
        own = [part[row : row + 1] for part in (query, key, value)]
        torch.testing.assert_close(attend_behind(own, prompt)[0], together[row], **CLOSE)
