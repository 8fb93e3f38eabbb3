"""Read whole texts: a prompt's keys and values, its last state, how likely replies are behind it."""

from collections.abc import Sequence as Listing
from dataclasses import dataclass

import torch
from torch import Tensor

from chatbot.decoding.attention import attend_behind, attend_causally
from chatbot.decoding.cache import Prefix
from chatbot.decoding.model import Decoder


@dataclass(frozen=True)
class TokenLogProb:
    """How likely the model found a token where it stands.

    Attributes:
        log_prob: natural log P under the model itself: at temperature 1, among all tokens,
            without penalties, whatever the reply was sampled with.
        top: ids and log P of the likeliest tokens there, the likeliest first.
    """

    token_id: int
    log_prob: float
    top: tuple[tuple[int, float], ...]


@torch.inference_mode()
def read(decoder: Decoder, ids: Listing[int]) -> Prefix:
    """Read a prompt that gets no row; return its keys and values."""
    keys: list[Tensor] = []
    values: list[Tensor] = []

    def attend(_layer: int, *parts: Tensor) -> Tensor:
        queries, new_keys, new_values = (part.transpose(0, 1) for part in parts)
        keys.append(new_keys)
        values.append(new_values)
        return attend_causally(queries, new_keys, new_values).transpose(0, 1)

    places = torch.arange(len(ids), device=decoder.device)
    decoder(torch.tensor(ids, device=places.device), places, attend)
    return Prefix(tuple(ids), torch.stack(keys), torch.stack(values))


@torch.inference_mode()
def log_probs(
    decoder: Decoder, replies: Listing[Listing[int]], opening_id: int, prompt: Prefix | None
) -> list[float]:
    """Return log P of each whole reply, in nats.

    Args:
        opening_id: what stands before a reply: the prompt's last id, or, without a prompt,
            the id that opens one.
        prompt: keys and values of the prompt, that id's included.
    """
    rows = [[opening_id, *reply[:-1]] for reply in replies]
    hidden = torch.cat(_read_behind(decoder, rows, prompt))
    return _gathered(decoder, hidden, replies)


@torch.inference_mode()
def token_log_probs(
    decoder: Decoder, reply: Listing[int], prompt: Prefix, num_top: int
) -> list[TokenLogProb]:
    """Return how likely each token of a reply is behind a prompt, beside the ``num_top`` likeliest."""
    (hidden,) = _read_behind(decoder, [[prompt.ids[-1], *reply[:-1]]], prompt)
    table = decoder.logits(hidden).log_softmax(dim=-1).cpu()  # (T, V)
    own = table.gather(1, torch.tensor(reply)[:, None])[:, 0]
    values, ids = table.topk(num_top, dim=-1)
    rows = zip(reply, own.tolist(), ids.tolist(), values.tolist(), strict=True)
    return [
        TokenLogProb(token_id, log_prob, tuple(zip(top_ids, top, strict=True)))
        for token_id, log_prob, top_ids, top in rows
    ]


@torch.inference_mode()
def last_state(decoder: Decoder, prompt: Prefix) -> Tensor:
    """Return the state (D,) at the last id of a prompt."""
    return _read_behind(decoder, [prompt.ids[-1:]], prompt)[0][0]


def _read_behind(
    decoder: Decoder, rows: Listing[Listing[int]], prompt: Prefix | None
) -> tuple[Tensor, ...]:
    """Return the last layer's output for each row of ids, (T, D).

    Args:
        prompt: what stands before, whose last id is the first of every row.
    """
    lengths = torch.tensor([len(row) for row in rows])
    past = len(prompt.ids) - 1 if prompt is not None else 0
    told = (prompt.keys, prompt.values) if prompt is not None else ()
    is_real = torch.arange(int(lengths.max())) < lengths[:, None]  # (R, T)
    places = is_real.nonzero()[:, 1].to(decoder.device)
    is_real = is_real.to(decoder.device)

    def attend(layer: int, *parts: Tensor) -> Tensor:
        # Padding stands behind the reply, where causal attention never looks.
        own = [_padded(part, is_real).transpose(1, 2) for part in parts]
        seen = [part[layer, :, :past].float() for part in told]
        return attend_behind(own, seen).transpose(1, 2)[is_real]

    ids = torch.tensor([token for row in rows for token in row], device=decoder.device)
    return torch.split(decoder(ids, places + past, attend), lengths.tolist())


def _gathered(decoder: Decoder, hidden: Tensor, replies: Listing[Listing[int]]) -> list[float]:
    """Return log P of each reply, given what its ids are predicted from, one after another."""
    targets = torch.tensor([token for reply in replies for token in reply], device=decoder.device)
    logits = decoder.logits(hidden)
    found = logits.log_softmax(dim=-1).gather(1, targets[:, None])[:, 0]
    return [float(part.sum()) for part in torch.split(found.cpu(), [len(r) for r in replies])]


def _padded(tokens: Tensor, is_real: Tensor) -> Tensor:
    """Return (R, T, …) for the real tokens (N, …) of R rows."""
    padded = tokens.new_zeros((*is_real.shape, *tokens.shape[1:]))
    padded[is_real] = tokens
    return padded
