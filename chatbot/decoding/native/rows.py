"""Keys and values of the rows that run, each row in memory of its own.

A row that ends is handed over as it lies, and one that takes another's place moves by name: copying
megabytes for each reply, into memory that the system must clear first, would cost as much as
several steps.
"""

import torch
from torch import Tensor
from transformers import GPT2Config

from chatbot.decoding.cache import Ids, Prefix


class NativeRows:
    """What ``RowCache`` is, for kernels that read every row by its address, in bfloat16."""

    def __init__(self, config: GPT2Config) -> None:
        self._shape = config.n_layer, config.n_head, config.n_embd // config.n_head
        self._rows: list[Tensor | None] = []  # (2, layers, heads, positions, head_dim) each
        self._spare: list[Tensor] = []

    @property
    def num_bytes(self) -> int:
        """Bytes of all rows, used or not."""
        rows = [row for row in self._rows if row is not None]
        return sum(row.nbytes for row in (*rows, *self._spare))

    def address(self, row: int) -> tuple[int, int]:
        """Return where a row's keys and then its values lie, and for how many positions."""
        memory = self._memory(row)
        return memory.data_ptr(), memory.shape[3]

    def reserve(self, num_rows: int, num_positions: int, *, num_used: int) -> None:
        """Have that many rows, and that many positions in those behind the first ``num_used``."""
        self._rows += [None] * (num_rows - len(self._rows))
        for row in range(num_used, num_rows):
            memory = self._rows[row]
            if memory is None or not num_positions <= memory.shape[3] <= 2 * num_positions:
                self._rows[row] = None
                self._rows[row] = self._found(num_positions)

    def recycle(self, prefix: Prefix) -> None:
        """Take back what was handed over, if a row is without memory."""
        num_without = sum(row is None for row in self._rows)
        if prefix.memory is not None and len(self._spare) < num_without:
            self._spare.append(prefix.memory)

    def take(self, row: int, ids: Ids) -> Prefix:
        """Return a copy of a row's first tokens, which are ``ids``."""
        keys, values = self._memory(row)[:, :, :, : len(ids)].clone()
        return Prefix(ids, keys, values)

    def give(self, row: int, ids: Ids) -> Prefix:
        """Return a row's first tokens, which are ``ids``; the row must be reserved anew."""
        memory = self._memory(row)
        if 4 * len(ids) < 3 * memory.shape[3]:  # much of it is empty
            return self.take(row, ids)
        self._rows[row] = None
        return Prefix(ids, memory[0], memory[1], memory)

    def put(self, row: int, prefix: Prefix, length: int) -> None:
        """Write the first ``length`` tokens of a prefix into a row."""
        keys, values = self._memory(row)
        keys[:, :, :length] = prefix.keys[:, :, :length]
        values[:, :, :length] = prefix.values[:, :, :length]

    def copy(self, source: int, target: int, length: int) -> None:
        """Write the first ``length`` tokens of a row into another."""
        self._memory(target)[:, :, :, :length] = self._memory(source)[:, :, :, :length]

    def move(self, source: int, target: int, _length: int | None) -> None:
        """Let a row take the place of another, which is of no use any more."""
        self._rows[source], self._rows[target] = self._rows[target], self._rows[source]

    def clear(self, row: int) -> None:
        """Do nothing: no row is read further than it was written."""

    def _memory(self, row: int) -> Tensor:
        memory = self._rows[row]
        assert memory is not None, "it was reserved"
        return memory

    def _found(self, num_positions: int) -> Tensor:
        fitting = [m for m in self._spare if num_positions <= m.shape[3] <= 2 * num_positions]
        if fitting:
            self._spare = [memory for memory in self._spare if memory is not fitting[0]]
            return fitting[0]
        self._spare.clear()
        layers, heads, head_dim = self._shape
        shape = (2, layers, heads, num_positions, head_dim)
        return torch.empty(shape, dtype=torch.bfloat16)
