"""Whole dialogues into rows of equal length, mixed from stores, in a seeded order."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from training.errors import ConfigError
from training.store import TokenStore

_POOL = 4096


@dataclass(frozen=True)
class Mixture:
    """Stores and how many times an epoch passes over each (fractions allowed)."""

    stores: tuple[TokenStore, ...]
    epochs: tuple[float, ...]

    def __post_init__(self) -> None:
        if len(self.stores) != len(self.epochs) or not self.stores:
            raise ConfigError("混合语料须给每个词元库一个遍数")
        picked = [
            round(len(store) * share) for store, share in zip(self.stores, self.epochs, strict=True)
        ]
        if any(share < 0 for share in self.epochs) or not sum(picked):
            raise ConfigError("遍数不能为负，语料也不能是空的；请改正遍数或换语料")

    @property
    def num_tokens(self) -> int:
        """Ids an epoch passes over, padding not counted."""
        sizes = (store.record["num_tokens"] for store in self.stores)
        return int(sum(size * share for size, share in zip(sizes, self.epochs, strict=True)))

    def order(self, rng: np.random.Generator) -> NDArray[np.int64]:
        """Return an epoch's shuffled dialogues as (num, 2): store, index in the store."""
        picks = []
        for number, (store, share) in enumerate(zip(self.stores, self.epochs, strict=True)):
            whole, rest = divmod(share, 1)
            indices = [np.arange(len(store))] * int(whole)
            indices.append(rng.permutation(len(store))[: round(rest * len(store))])
            picked = np.concatenate(indices)
            picks.append(np.stack([np.full_like(picked, number), picked], axis=1))
        order = np.concatenate(picks)
        rng.shuffle(order)
        return order

    def row(self, members: Sequence[tuple[int, int]]) -> list[NDArray[np.integer]]:
        """Return the ids of a row's dialogues."""
        return [self.stores[store][index] for store, index in members]

    def contexts(self, members: Sequence[tuple[int, int]]) -> list[int]:
        """Return how many ids of each of a row's dialogues are no labels."""
        return [int(self.stores[store].contexts[index]) for store, index in members]

    @property
    def digest(self) -> str:
        """A SHA-256 of the stores and the passes over each."""
        parts = [f"{s.digest} {n}" for s, n in zip(self.stores, self.epochs, strict=True)]
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()


Row = list[tuple[int, int]]


def pack_rows(mixture: Mixture, *, row_length: int, seed: int, epoch: int) -> list[Row]:
    """Return an epoch's rows; a row is whole dialogues whose ids together fit ``row_length``.

    Best fit decreasing within pools of shuffled dialogues (Johnson 1973), then the rows are
    shuffled. The same arguments give the same rows.

    Raises:
        ConfigError: a dialogue is longer than a row.
    """
    rng = np.random.default_rng((seed, epoch))
    order = mixture.order(rng)
    all_lengths = [store.lengths for store in mixture.stores]
    rows: list[Row] = []
    for begin in range(0, len(order), _POOL):
        pool = order[begin : begin + _POOL]
        lengths = np.array([all_lengths[store][index] for store, index in pool])
        if lengths.max() > row_length:
            raise ConfigError(
                f"有对话长 {lengths.max()} 个 token，行长只有 {row_length}；"
                f"把 row_length 设为 {lengths.max()}，或用较短的 max_length 重新 prepare"
            )
        members = [(int(store), int(index)) for store, index in pool]
        rows += [
            [members[place] for place in row] for row in _best_fit(lengths.tolist(), row_length)
        ]
    shuffled = rng.permutation(len(rows))
    return [rows[index] for index in shuffled]


def _best_fit(lengths: Sequence[int], row_length: int) -> list[list[int]]:
    """Return rows of places, best fit decreasing; none is longer than ``row_length``."""
    by_room: list[list[list[int]]] = [[] for _ in range(row_length + 1)]
    rows: list[list[int]] = []
    for place in sorted(range(len(lengths)), key=lambda place: -lengths[place]):
        length = lengths[place]
        room = next((r for r in range(length, row_length + 1) if by_room[r]), None)
        if room is None:
            row: list[int] = []
            rows.append(row)
            room = row_length
        else:
            row = by_room[room].pop()
        row.append(place)
        by_room[room - length].append(row)
    return rows
