import torch
from transformers import GPT2Config

from chatbot.decoding.cache import Prefix
from chatbot.decoding.native.rows import NativeRows

CONFIG = GPT2Config(n_layer=2, n_head=2, n_embd=32, n_positions=64)


def make_prefix(*ids: int) -> Prefix:
    values = torch.tensor(ids, dtype=torch.bfloat16)[:, None].expand(2, 2, -1, 16).contiguous()
    return Prefix(ids, values, -values)


def make_rows(num_rows: int = 3, num_positions: int = 8) -> NativeRows:
    rows = NativeRows(CONFIG)
    rows.reserve(num_rows, num_positions, num_used=0)
    return rows


def held(rows: NativeRows, row: int, length: int) -> list[int]:
    """The ids whose prefix lies in a row; keys and values must agree."""
    prefix = rows.take(row, (0,) * length)
    assert torch.equal(prefix.keys, -prefix.values)
    return [int(number) for number in prefix.keys[0, 0, :, 0]]


def test_a_row_gives_back_a_copy_of_what_was_written() -> None:
    rows = make_rows()
    rows.put(1, make_prefix(5, 6, 7), 2)
    taken = rows.take(1, (5, 6))
    assert torch.equal(taken.keys, make_prefix(5, 6).keys)
    rows.put(1, make_prefix(9, 9), 2)
    assert torch.equal(taken.values, make_prefix(5, 6).values)
    rows.copy(1, 2, 2)
    assert held(rows, 2, 2) == [9, 9]


def test_a_row_takes_the_place_of_another() -> None:
    rows = make_rows()
    rows.put(0, make_prefix(5, 6), 2)
    rows.put(2, make_prefix(7, 8), 2)
    rows.move(2, 0, 2)
    assert held(rows, 0, 2) == [7, 8]
    assert rows.address(0) != rows.address(2)


def test_what_is_given_is_the_rows_own_memory_if_it_is_nearly_full() -> None:
    rows = make_rows(2, 8)
    rows.put(0, make_prefix(5, 6, 7, 8, 9, 10), 6)
    rows.put(1, make_prefix(5, 6), 2)
    address, num_bytes = rows.address(0)[0], rows.num_bytes
    full, empty = rows.give(0, (5, 6, 7, 8, 9, 10)), rows.give(1, (5, 6))
    assert full.keys.data_ptr() == address
    assert empty.keys.shape[2] == 2  # no room is kept for what is not there
    assert (full.num_bytes, rows.num_bytes) == (num_bytes // 2, num_bytes // 2)
    rows.reserve(2, 8, num_used=0)
    rows.put(0, make_prefix(1, 1, 1, 1, 1, 1), 6)
    assert torch.equal(full.keys[:, :, :6], make_prefix(5, 6, 7, 8, 9, 10).keys)


def test_memory_that_comes_back_is_used_again_and_never_more_of_it_than_rows_lack() -> None:
    rows = make_rows(1, 8)
    given = rows.give(0, (5,) * 8)
    rows.recycle(given)
    rows.recycle(make_prefix(5))  # a copy has no row's memory
    rows.recycle(given)
    assert rows.num_bytes == given.num_bytes
    rows.reserve(1, 6, num_used=0)
    assert rows.address(0)[0] == given.keys.data_ptr()
    rows.recycle(Prefix((5,), given.keys, given.values, torch.empty(1)))  # nobody lacks any
    assert rows.num_bytes == given.num_bytes


def test_rows_in_use_stay_where_they_are_and_new_ones_get_the_length_they_need() -> None:
    rows = make_rows(2, 8)
    rows.put(0, make_prefix(5, 6), 2)
    first, second = rows.address(0), rows.address(1)
    rows.reserve(3, 32, num_used=1)
    assert rows.address(0) == first
    assert [rows.address(row)[1] for row in range(3)] == [8, 32, 32]
    rows.reserve(2, 16, num_used=1)
    assert rows.address(1)[1] == 32  # near enough
    rows.reserve(2, 8, num_used=1)
    assert rows.address(1)[1] == 8  # that would be a waste
    assert held(rows, 0, 2) == [5, 6]
    assert second[1] == 8
