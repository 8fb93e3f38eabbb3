"""One step through the model in torch: new tokens of many rows, each behind what its row holds."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from chatbot.decoding.attention import attend_causally, attend_one, length_mask
from chatbot.decoding.cache import RowCache
from chatbot.decoding.model import Decoder

KEYS_MULTIPLE = 32  # so that the sums over keys have few lengths, whoever shares the batch


@dataclass(frozen=True)
class Span:
    """A prompt's tokens ``begin`` to ``end`` of a step, behind ``past`` that a row holds already."""

    row: int
    past: int
    begin: int
    end: int


@dataclass(frozen=True)
class Batch:
    """The tokens of a step: the newest of each of ``rows``, then those of ``spans``.

    Attributes:
        ids, positions: of all tokens.
        rows: rows of the cache whose next token comes, one each.
        spans: prompts, in order; together they are the rest of the tokens.
    """

    ids: list[int]
    positions: list[int]
    rows: range
    spans: list[Span]

    @property
    def last(self) -> list[int]:
        """The tokens whose logits are wanted: those of the rows, and each prompt's last."""
        return [*range(len(self.rows)), *(span.end - 1 for span in self.spans)]


Forward = Callable[[Batch], Tensor]


class TorchForward:
    """Steps in torch operations, on any device and in any precision."""

    def __init__(self, decoder: Decoder, cache: RowCache) -> None:
        self._decoder, self._cache = decoder, cache

    def __call__(self, batch: Batch) -> Tensor:
        """Write the tokens' keys and values; return the logits of the last ones, (L, V) float32."""
        hidden = self._hidden(batch)
        return self._decoder.logits(hidden[batch.last])

    def _hidden(self, batch: Batch) -> Tensor:
        device, rows, num = self._decoder.device, batch.rows, len(batch.rows)
        places = torch.tensor(batch.positions, device=device)
        lengths = places[:num]
        block = slice(rows.start, rows.stop)
        most = self._cache.num_positions
        longest = max([0, *batch.positions[:num]]) + 1
        num_keys = min(-(-longest // KEYS_MULTIPLE) * KEYS_MULTIPLE, most)
        mask = length_mask(lengths + 1, num_keys)
        indices = torch.arange(rows.start, rows.stop, device=device)

        def attend(layer: int, queries: Tensor, keys: Tensor, values: Tensor) -> Tensor:
            mixed = torch.empty_like(queries)
            old_keys, old_values = self._cache.keys[layer], self._cache.values[layer]
            if num:
                old_keys[indices, :, lengths] = keys[:num].to(old_keys.dtype)
                old_values[indices, :, lengths] = values[:num].to(old_values.dtype)
                seen = [part[block, :, :num_keys].float() for part in (old_keys, old_values)]
                mixed[:num] = attend_one(queries[:num], seen, mask)
            for span in batch.spans:
                new = slice(span.begin, span.end)
                stop = span.past + span.end - span.begin
                old_keys[span.row, :, span.past : stop] = keys[new].transpose(0, 1)
                old_values[span.row, :, span.past : stop] = values[new].transpose(0, 1)
                seen = [part[span.row, :, :stop].float() for part in (old_keys, old_values)]
                mixed[new] = attend_causally(queries[new].transpose(0, 1), *seen).transpose(0, 1)
            return mixed

        return self._decoder(torch.tensor(batch.ids, device=device), places, attend)
