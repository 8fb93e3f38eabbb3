"""Attention over cached keys and values, written as two products and a softmax.

Plain products rather than a fused kernel: their sums run over the same numbers in the same order
whoever shares the batch, and positions that may not be seen add exact zeros.
"""

from collections.abc import Sequence

import torch
from torch import Tensor


def attend_causally(queries: Tensor, keys: Tensor, values: Tensor) -> Tensor:
    """Return (…, T, d) for queries of the last T of L positions; keys and values are (…, L, d)."""
    scores = queries @ keys.transpose(-1, -2)  # (…, T, L)
    return _mix(scores + causal_mask(scores.shape[-2], scores.shape[-1], scores.device), values)


def attend_one(queries: Tensor, seen: Sequence[Tensor], mask: Tensor) -> Tensor:
    """Return (R, H, d) for one query a row.

    Args:
        queries: ``(R, H, d)``.
        seen: keys and values, each ``(R, H, L, d)``.
        mask: additive, ``(R, L)``.
    """
    keys, values = seen
    scores = queries[:, :, None] @ keys.transpose(-1, -2)  # (R, H, 1, L)
    return _mix(scores + mask[:, None, None], values)[:, :, 0]


def attend_behind(own: Sequence[Tensor], prompt: Sequence[Tensor]) -> Tensor:
    """Return (R, H, T, d) for R continuations of one prompt.

    Args:
        own: queries, keys and values of the continuations, each ``(R, H, T, d)``.
        prompt: keys and values of the prompt, each ``(H, P, d)``; empty: there is none.
    """
    queries, keys, values = own
    length = queries.shape[-2]
    scores = queries @ keys.transpose(-1, -2) + causal_mask(length, length, queries.device)
    if not prompt:
        return _mix(scores, values)
    old_keys, old_values = prompt
    seen = queries @ old_keys.transpose(-1, -2)  # (R, H, T, P)
    weights = torch.cat([seen, scores], dim=-1).softmax(dim=-1)
    num_seen = seen.shape[-1]
    return weights[..., :num_seen] @ old_values + weights[..., num_seen:] @ values


def causal_mask(num_queries: int, num_keys: int, device: torch.device) -> Tensor:
    """Return the additive mask (T, L) under which the last T of L positions see what came."""
    mask = torch.full((num_queries, num_keys), -torch.inf, device=device)
    return mask.triu(num_keys - num_queries + 1)


def length_mask(lengths: Tensor, num_keys: int) -> Tensor:
    """Return the additive mask (R, L) under which row r sees its first ``lengths[r]`` keys."""
    hidden = torch.arange(num_keys, device=lengths.device) >= lengths[:, None]
    return torch.zeros(hidden.shape, device=lengths.device).masked_fill_(hidden, -torch.inf)


def _mix(scores: Tensor, values: Tensor) -> Tensor:
    return scores.softmax(dim=-1) @ values
