import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import GPT2Config

from chatbot.decoding.cache import Ids, Prefix, PrefixCache, RowCache

CONFIG = GPT2Config(n_layer=2, n_head=2, n_embd=8, n_positions=64)
TOKEN_BYTES = 2 * 2 * 8 * 4  # keys and values, 2 layers × 8, float32


def make_prefix(*ids: int) -> Prefix:
    values = torch.tensor(ids, dtype=torch.float32)[:, None].expand(2, 2, -1, 4).contiguous()
    return Prefix(ids, values, -values)


def make_rows(num_rows: int = 3, num_positions: int = 8) -> RowCache:
    cache = RowCache(CONFIG, torch.device("cpu"), torch.float32)
    cache.reserve(num_rows, num_positions, num_used=0)
    return cache


def held(cache: RowCache, row: int, length: int) -> list[int]:
    """The ids whose prefix lies in a row; keys and values must agree."""
    keys, values = cache.keys[:, row, :, :length], cache.values[:, row, :, :length]
    assert torch.equal(keys, -values)
    assert (keys == keys[:1, :1, :, :1]).all()
    return [int(number) for number in keys[0, 0, :, 0]]


def test_a_row_gives_back_a_copy_of_what_was_written() -> None:
    cache = make_rows()
    cache.put(1, make_prefix(5, 6, 7), 2)
    assert held(cache, 1, 3) == [5, 6, 0]
    taken = cache.take(1, (5, 6))
    assert torch.equal(taken.keys, make_prefix(5, 6).keys)
    cache.put(1, make_prefix(9, 9), 2)
    assert torch.equal(taken.values, make_prefix(5, 6).values)
    cache.copy(1, 2, 2)
    assert [held(cache, row, 3) for row in range(3)] == [[0, 0, 0], [9, 9, 0], [9, 9, 0]]
    cache.clear(1)
    assert [held(cache, row, 3) for row in (1, 2)] == [[0, 0, 0], [9, 9, 0]]


def test_a_row_of_another_type_keeps_it() -> None:
    cache = RowCache(CONFIG, torch.device("cpu"), torch.bfloat16)
    cache.reserve(1, 8, num_used=0)
    cache.put(0, make_prefix(5, 6), 2)
    assert cache.take(0, (5, 6)).keys.dtype == torch.bfloat16


def test_it_grows_around_the_rows_in_use() -> None:
    cache = make_rows(2, 8)
    for row in range(2):
        cache.put(row, make_prefix(row + 5, 7), 2)
    cache.reserve(4, 6, num_used=2)
    assert (cache.num_rows, cache.num_positions) == (4, 8)  # no shorter than the rows in use are
    cache.reserve(3, 32, num_used=2)
    assert (cache.num_rows, cache.num_positions) == (4, 32)
    assert [held(cache, row, 3) for row in range(2)] == [[5, 7, 0], [6, 7, 0]]


def test_it_shrinks_when_none_is_in_use_and_short_ones_come() -> None:
    cache = make_rows(2, 64)
    cache.reserve(1, 16, num_used=1)
    assert cache.num_positions == 64
    cache.reserve(1, 16, num_used=0)
    assert cache.num_positions == 16


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(st.integers(1, 9), st.integers(1, 64), st.booleans()), max_size=12))
def test_there_is_always_room_and_never_more_than_was_ever_asked_for(
    orders: list[tuple[int, int, bool]],
) -> None:
    cache = make_rows(1, 1)
    for num_rows, num_positions, is_used in orders:
        cache.reserve(num_rows, num_positions, num_used=min(num_rows, cache.num_rows) * is_used)
        assert cache.num_rows >= num_rows
        assert cache.num_positions >= num_positions
        assert cache.num_rows <= max(rows for rows, _, _ in orders)
        assert cache.num_positions <= max(positions for _, positions, _ in orders)


def test_the_bytes_of_a_row_are_those_that_it_takes() -> None:
    cache = make_rows(1, 64)
    measured = cache.keys.nbytes + cache.values.nbytes
    assert RowCache.row_bytes(CONFIG, torch.float32) == measured == 64 * TOKEN_BYTES
    assert make_prefix(5, 6, 7).num_bytes == 3 * TOKEN_BYTES


def make_cache(num_tokens: int = 100) -> PrefixCache:
    return PrefixCache(num_tokens * TOKEN_BYTES)


def found(cache: PrefixCache, *ids: int) -> tuple[Ids, int] | None:
    result = cache.find(ids)
    return (result[0].ids, result[1]) if result is not None else None


def test_the_prefix_that_shares_most_is_found() -> None:
    cache = make_cache()
    for ids in ((2, 5, 3), (2, 5, 6, 7, 3), (2, 8, 3)):
        cache.keep(make_prefix(*ids))
    assert found(cache, 2, 5, 6, 7, 3, 9) == ((2, 5, 6, 7, 3), 5)
    assert found(cache, 2, 5, 6, 9, 9) == ((2, 5, 6, 7, 3), 3)
    assert found(cache, 2, 8, 9) == ((2, 8, 3), 2)


def test_the_last_token_is_left_to_be_read() -> None:
    cache = make_cache()
    cache.keep(make_prefix(2, 5, 6, 3))
    assert found(cache, 2, 5, 6, 3) == ((2, 5, 6, 3), 3)
    assert found(cache, 2, 5, 6) == ((2, 5, 6, 3), 2)


def test_the_opening_id_alone_is_nothing_shared() -> None:
    cache = make_cache()
    cache.keep(make_prefix(2, 5, 6, 3))
    for ids in ((2,), (2, 5), (2, 9, 5, 6), (9, 5, 6, 3)):
        assert found(cache, *ids) is None
    assert found(make_cache(), 2, 5, 6) is None


def test_hits_and_misses_are_counted_in_tokens() -> None:
    cache = make_cache()
    cache.keep(make_prefix(2, 5, 6, 3))
    cache.find((2, 5, 6, 7, 8))
    cache.find((2, 9, 9))
    assert (cache.num_hits, cache.num_misses) == (3, 2 + 3)


def test_a_longer_one_takes_the_place_of_those_it_goes_on_from() -> None:
    cache = make_cache(9)
    for ids in ((2, 5), (2, 5, 6, 3), (2, 9), (2, 5, 6, 3, 7)):
        cache.keep(make_prefix(*ids))
    assert cache.num_bytes == 7 * TOKEN_BYTES
    cache.keep(make_prefix(2, 5, 6, 3, 7))  # once more: nothing changes
    assert cache.num_bytes == 7 * TOKEN_BYTES
    assert found(cache, 2, 5, 6, 3, 7, 8) == ((2, 5, 6, 3, 7), 5)


def test_the_least_recently_used_goes_first() -> None:
    cache = make_cache(9)
    for first in (5, 6, 7):
        cache.keep(make_prefix(2, first, 3))
    cache.find((2, 5, 3, 9))  # now 6 is the one that was used longest ago
    cache.keep(make_prefix(2, 8, 3))
    assert found(cache, 2, 6, 3, 9) is None
    for first in (7, 5, 8):
        assert found(cache, 2, first, 3, 9) == ((2, first, 3), 3)


def test_what_is_larger_than_the_limit_is_not_kept_and_pushes_nothing_out() -> None:
    cache = make_cache(4)
    cache.keep(make_prefix(2, 5, 3))
    cache.keep(make_prefix(2, 6, 7, 8, 3))
    assert found(cache, 2, 5, 3, 9) == ((2, 5, 3), 3)
    assert found(cache, 2, 6, 7, 8) is None
    nothing = make_cache(0)
    nothing.keep(make_prefix(2, 5, 3))
    assert nothing.num_bytes == 0


@settings(max_examples=100, deadline=None)
@given(
    st.lists(
        st.tuples(st.booleans(), st.lists(st.integers(5, 6), min_size=1, max_size=6)), max_size=30
    ),
    st.integers(0, 20),
)
def test_what_is_kept_is_what_is_counted_and_what_is_found_is_right(
    orders: list[tuple[bool, list[int]]], num_tokens: int
) -> None:
    cache, kept = make_cache(num_tokens), set[Ids]()
    for is_kept, body in orders:
        ids = (2, *body)
        if is_kept:
            cache.keep(make_prefix(*ids))
            kept.add(ids)
        elif (result := cache.find(ids)) is not None:
            prefix, length = result
            assert prefix.ids in kept
            assert 1 < length < len(ids)
            assert prefix.ids[:length] == ids[:length]
        assert cache.num_bytes <= cache.max_bytes
    lengths = [len(ids) for ids in cache._kept]
    assert cache.num_bytes == sum(lengths) * TOKEN_BYTES
