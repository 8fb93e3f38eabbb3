"""Keys and values: those of the rows that run, and those of conversations between their turns."""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from itertools import takewhile

import torch
from torch import Tensor
from transformers import GPT2Config

Ids = tuple[int, ...]


@dataclass(frozen=True)
class Prefix:
    """What attention needs of the first tokens of a row.

    Attributes:
        ids: the tokens.
        keys, values: ``(layers, heads, positions, head_dim)``, those of the tokens first.
        memory: a whole row's, that was given away with them; ``None``: they are a copy.
    """

    ids: Ids
    keys: Tensor
    values: Tensor
    memory: Tensor | None = None

    @property
    def num_bytes(self) -> int:
        """Bytes of keys and values."""
        return 2 * self.keys.nbytes


class RowCache:
    """Keys and values of the rows that run, ``(layers, rows, heads, positions, head_dim)``.

    The rows in use are always the first ones, so that a step reads them as one block: when one
    ends, the last takes its place. There are as many rows and positions as are needed just now,
    for a step reads short rows that lie close together in half the time.
    """

    def __init__(self, config: GPT2Config, device: torch.device, dtype: torch.dtype) -> None:
        head_dim = config.n_embd // config.n_head
        shape = (config.n_layer, 0, config.n_head, 0, head_dim)
        self.keys, self.values = (torch.zeros(shape, device=device, dtype=dtype) for _ in range(2))

    @property
    def num_rows(self) -> int:
        """Rows there are."""
        return self.keys.shape[1]

    @property
    def num_positions(self) -> int:
        """Positions that a row has."""
        return self.keys.shape[3]

    def reserve(self, num_rows: int, num_positions: int, *, num_used: int) -> None:
        """Have that many rows and positions; the first ``num_used`` rows keep what they hold."""
        fits = num_rows <= self.num_rows and num_positions <= self.num_positions
        is_wasteful = self.num_positions > 2 * num_positions
        if fits and (num_used or not is_wasteful):
            return
        if num_used:
            num_rows = max(num_rows, self.num_rows)
            num_positions = max(num_positions, self.num_positions)
        self.keys = self._moved(self.keys, num_rows, num_positions, num_used)
        self.values = self._moved(self.values, num_rows, num_positions, num_used)

    @staticmethod
    def _moved(old: Tensor, num_rows: int, num_positions: int, num_used: int) -> Tensor:
        layers, _, heads, length, head_dim = old.shape
        new = old.new_zeros((layers, num_rows, heads, num_positions, head_dim))
        if num_used:
            new[:, :num_used, :, :length] = old[:, :num_used]
        return new

    @staticmethod
    def row_bytes(config: GPT2Config, dtype: torch.dtype) -> int:
        """Return the bytes of a row's keys and values."""
        return int(2 * config.n_layer * config.n_positions * config.n_embd * dtype.itemsize)

    def take(self, row: int, ids: Ids) -> Prefix:
        """Return a copy of a row's first tokens, which are ``ids``."""
        place = (slice(None), row, slice(None), slice(len(ids)))
        return Prefix(ids, self.keys[place].clone(), self.values[place].clone())

    def give(self, row: int, ids: Ids) -> Prefix:
        """Return a row's first tokens, which are ``ids``; the row is of no use any more."""
        return self.take(row, ids)

    def put(self, row: int, prefix: Prefix, length: int) -> None:
        """Write the first ``length`` tokens of a prefix into a row."""
        self.keys[:, row, :, :length] = prefix.keys[:, :, :length]
        self.values[:, row, :, :length] = prefix.values[:, :, :length]

    def copy(self, source: int, target: int, length: int) -> None:
        """Write the first ``length`` tokens of a row into another."""
        for tensor in (self.keys, self.values):
            tensor[:, target, :, :length] = tensor[:, source, :, :length]

    def move(self, source: int, target: int, length: int | None) -> None:
        """Let a row take the place of one that is of no use any more.

        Args:
            length: tokens that it holds; ``None``: overwrite what the other held behind them, too.
        """
        self.copy(source, target, self.num_positions if length is None else length)

    def recycle(self, prefix: Prefix) -> None:
        """Do nothing: what was given is a copy."""

    def clear(self, row: int) -> None:
        """Write zeros: what is not finite would spoil the next user of the row."""
        self.keys[:, row] = 0
        self.values[:, row] = 0


class PrefixCache:
    """Keys and values of conversations between their turns, the least recently used out first.

    Attributes:
        max_bytes: what all of them may take together.
        num_hits, num_misses: tokens of prompts that were found here, and that were not.
    """

    def __init__(
        self, max_bytes: int, recycle: Callable[[Prefix], None] = lambda _prefix: None
    ) -> None:
        """Keep nothing yet; ``recycle`` takes what is kept no longer."""
        self.max_bytes, self._recycle = max_bytes, recycle
        self.num_bytes = self.num_hits = self.num_misses = 0
        self._kept: OrderedDict[Ids, Prefix] = OrderedDict()

    def find(self, ids: Ids) -> tuple[Prefix, int] | None:
        """Return the prefix that shares most tokens with a prompt, and how many of them.

        The last token is never among them: it must be read for the logits behind it.
        """
        best = max(self._kept, key=lambda kept: _shared(kept, ids), default=())
        length = min(_shared(best, ids), len(ids) - 1)
        if length <= 1:  # all prompts open with the same id
            length = 0
        self.num_hits += length
        self.num_misses += len(ids) - length
        if length == 0:
            return None
        self._kept.move_to_end(best)
        return self._kept[best], length

    def keep(self, prefix: Prefix) -> None:
        """Keep a prefix in the place of those that it goes on from."""
        begun = [ids for ids in self._kept if _shared(ids, prefix.ids) == len(ids)]
        for ids in begun:
            self._drop(ids)
        if prefix.num_bytes > self.max_bytes:
            return
        self._kept[prefix.ids] = prefix
        self.num_bytes += prefix.num_bytes
        while self.num_bytes > self.max_bytes:
            self._drop(next(iter(self._kept)))

    def _drop(self, ids: Ids) -> None:
        prefix = self._kept.pop(ids)
        self.num_bytes -= prefix.num_bytes
        self._recycle(prefix)


def _shared(one: Ids, other: Ids) -> int:
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False)))
