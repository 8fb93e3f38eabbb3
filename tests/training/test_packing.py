"""Packing: every dialogue as often as asked, whole, in rows that hold it, in a seeded order."""

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any, cast

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatbot.dialogue import DialogueEncoder
from training import packing
from training.errors import ConfigError
from training.packing import Mixture, Row, pack_rows
from training.store import TokenStore

LENGTHS = st.lists(st.integers(3, 20), min_size=1, max_size=40)


class Lengths:
    """A store of which only the lengths matter."""

    def __init__(self, lengths: Sequence[int]) -> None:
        self.lengths = np.array(lengths, np.int64)
        self.record: dict[str, Any] = {"num_tokens": int(self.lengths.sum())}

    def __len__(self) -> int:
        return len(self.lengths)


def mix(*parts: tuple[Sequence[int], float]) -> Mixture:
    stores = tuple(cast(TokenStore, Lengths(lengths)) for lengths, _ in parts)
    return Mixture(stores, tuple(share for _, share in parts))


def times_seen(rows: list[Row]) -> Counter[tuple[int, int]]:
    return Counter(member for row in rows for member in row)


def longest(mixture: Mixture, rows: list[Row]) -> int:
    return max(sum(mixture.stores[store].lengths[place] for store, place in row) for row in rows)


@given(
    LENGTHS, LENGTHS, st.integers(0, 3), st.integers(1, 3), st.integers(20, 50), st.integers(0, 9)
)
def test_every_dialogue_comes_as_often_as_asked_and_no_row_is_too_long(
    first: list[int], second: list[int], share: int, other: int, row_length: int, seed: int
) -> None:
    mixture = mix((first, share), (second, other))
    rows = pack_rows(mixture, row_length=row_length, seed=seed, epoch=0)
    expected = Counter({(0, place): share for place in range(len(first))})
    expected.update({(1, place): other for place in range(len(second))})
    assert times_seen(rows) == +expected
    assert all(rows)
    assert longest(mixture, rows) <= row_length


@given(LENGTHS, st.floats(0.1, 3))
def test_a_fraction_picks_some_once_more(lengths: list[int], share: float) -> None:
    if not round(len(lengths) * share):
        with pytest.raises(ConfigError):
            mix((lengths, share))
        return
    seen = times_seen(pack_rows(mix((lengths, share)), row_length=20, seed=0, epoch=0))
    whole = int(share)
    assert sum(seen.values()) == whole * len(lengths) + round((share - whole) * len(lengths))
    assert {seen[0, place] for place in range(len(lengths))} <= {whole, whole + 1}


def test_several_pools_lose_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packing, "_POOL", 7)
    mixture = mix((list(range(3, 20)) * 3, 2))
    rows = pack_rows(mixture, row_length=24, seed=0, epoch=0)
    assert times_seen(rows) == Counter({(0, place): 2 for place in range(51)})
    assert longest(mixture, rows) <= 24


def test_the_order_follows_from_seed_and_epoch_alone() -> None:
    mixture = mix((list(range(3, 20)) * 5, 1.5))

    def rows(seed: int, epoch: int) -> list[Row]:
        return pack_rows(mixture, row_length=32, seed=seed, epoch=epoch)

    assert rows(1, 2) == rows(1, 2)
    assert rows(1, 2) != rows(1, 3)
    assert rows(1, 2) != rows(2, 2)


def test_other_dialogues_share_a_row_in_another_epoch() -> None:
    mixture = mix(([4] * 40, 1))
    pairs = [
        {frozenset(row) for row in pack_rows(mixture, row_length=8, seed=0, epoch=epoch)}
        for epoch in (0, 1)
    ]
    assert pairs[0] != pairs[1]


def test_a_fraction_picks_others_in_another_epoch() -> None:
    mixture = mix(([4] * 40, 0.5))
    picked = [
        set(times_seen(pack_rows(mixture, row_length=8, seed=0, epoch=epoch))) for epoch in (0, 1)
    ]
    assert picked[0] != picked[1]


def test_rows_are_well_filled() -> None:
    lengths = np.random.default_rng(0).integers(5, 120, 2000).tolist()
    rows = pack_rows(mix((lengths, 1)), row_length=256, seed=0, epoch=0)
    assert sum(lengths) / (256 * len(rows)) > 0.98


def test_long_and_short_rows_do_not_come_in_order() -> None:
    lengths = [3] * 48 + [20] * 50  # eight full rows of six, fifty of one
    rows = pack_rows(mix((lengths, 1)), row_length=20, seed=0, epoch=0)
    sizes = [len(row) for row in rows]
    assert sizes not in (sorted(sizes), sorted(sizes, reverse=True))


def test_a_dialogue_longer_than_a_row_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"30 个 token，行长只有 24；.*30"):
        pack_rows(mix(([5, 30], 1)), row_length=24, seed=0, epoch=0)
    assert pack_rows(mix(([24], 1)), row_length=24, seed=0, epoch=0) == [[(0, 0)]]


@pytest.mark.parametrize(
    ("stores", "shares"),
    [([], []), ([[5]], []), ([[5]], [1.0, 1.0]), ([[5]], [-1.0]), ([[5]], [0.0]), ([[]], [1.0])],
)
def test_a_mixture_of_nothing_is_refused(stores: list[list[int]], shares: list[float]) -> None:
    with pytest.raises(ConfigError, match="遍数"):
        Mixture(tuple(cast(TokenStore, Lengths(s)) for s in stores), tuple(shares))


def test_a_mixture_counts_its_tokens_and_gives_its_rows(
    make_store: Callable[..., TokenStore], encoder: DialogueEncoder
) -> None:
    stores = (make_store([("你好", "好")], name="a"), make_store([("晚安", "睡吧")], name="b"))
    mixture = Mixture(stores, (2.0, 1.0))
    assert mixture.num_tokens == 2 * 6 + 7
    row = mixture.row([(1, 0), (0, 0)])
    assert [list(ids) for ids in row] == [
        encoder.encode(["晚安", "睡吧"]),
        encoder.encode(["你好", "好"]),
    ]
