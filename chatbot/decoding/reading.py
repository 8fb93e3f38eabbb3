"""Read whole texts: a prompt's keys and values, and how likely replies are behind it."""

from collections.abc import Sequence as Listing

import torch
from torch import Tensor

from chatbot.decoding.attention import attend_behind, attend_causally
from chatbot.decoding.cache import Prefix
from chatbot.decoding.model import Decoder


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
    lengths = torch.tensor([len(reply) for reply in replies])
    past = len(prompt.ids) - 1 if prompt is not None else 0
    told = (prompt.keys, prompt.values) if prompt is not None else ()
    inputs = [token for reply in replies for token in (opening_id, *reply[:-1])]
    targets = [token for reply in replies for token in reply]
    is_real = torch.arange(int(lengths.max())) < lengths[:, None]  # (R, T)
    places = is_real.nonzero()[:, 1].to(decoder.device)
    is_real = is_real.to(decoder.device)

    def attend(layer: int, *parts: Tensor) -> Tensor:
        # Padding stands behind the reply, where causal attention never looks.
        own = [_padded(part, is_real).transpose(1, 2) for part in parts]
        seen = [part[layer, :, :past].float() for part in told]
        return attend_behind(own, seen).transpose(1, 2)[is_real]

    ids = torch.tensor([inputs, targets], device=decoder.device)
    logits = decoder.logits(decoder(ids[0], places + past, attend))
    found = logits.log_softmax(dim=-1).gather(1, ids[1, :, None])[:, 0]
    return [float(part.sum()) for part in torch.split(found.cpu(), lengths.tolist())]


def _padded(tokens: Tensor, is_real: Tensor) -> Tensor:
    """Return (R, T, …) for the real tokens (N, …) of R rows."""
    padded = tokens.new_zeros((*is_real.shape, *tokens.shape[1:]))
    padded[is_real] = tokens
    return padded
