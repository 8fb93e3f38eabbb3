"""Rows into tensors: the padding, the mask, and the labels, shifted once."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from training.collate import IGNORE, Batch, attention_mask, collate

ROWS = [[np.array([2, 5, 6, 3], np.uint16), np.array([2, 7, 3], np.uint16)], [np.array([2, 8, 3])]]


def batch_of_rows(num_rows: int | None = None) -> Batch:
    return collate(ROWS, pad_id=0, row_length=8, num_rows=num_rows)


def test_a_batch_by_hand() -> None:
    batch = batch_of_rows()
    assert batch.input_ids.tolist() == [[2, 5, 6, 3, 2, 7, 3, 0], [2, 8, 3, 0, 0, 0, 0, 0]]
    assert batch.labels.tolist() == [
        [5, 6, 3, IGNORE, 7, 3, IGNORE, IGNORE],
        [8, 3, IGNORE, IGNORE, IGNORE, IGNORE, IGNORE, IGNORE],
    ]
    assert batch.position_ids.tolist() == [[0, 1, 2, 3, 0, 1, 2, 0], [0, 1, 2, 0, 0, 0, 0, 0]]
    assert batch.segment_ids.tolist() == [[1, 1, 1, 1, 2, 2, 2, 0], [1, 1, 1, 0, 0, 0, 0, 0]]
    assert batch.num_targets == 7
    assert {tensor.dtype for tensor in vars(batch).values()} == {torch.int64}


@pytest.mark.parametrize(
    ("loss_on", "expected"),
    [
        ("all", [5, 3, 6, 7, 3, 8, 3, 9, 3]),
        ("bot", [IGNORE, IGNORE, 6, 7, 3, IGNORE, IGNORE, 9, 3]),
        ("last", [IGNORE, IGNORE, IGNORE, IGNORE, IGNORE, IGNORE, IGNORE, 9, 3]),
    ],
)
def test_the_loss_may_be_on_some_utterances_only(loss_on: str, expected: list[int]) -> None:
    dialogue = np.array([2, 5, 3, 6, 7, 3, 8, 3, 9, 3], np.uint16)
    batch = collate([[dialogue]], pad_id=0, row_length=11, loss_on=loss_on, sep_id=3)
    assert batch.labels.tolist() == [[*expected, IGNORE, IGNORE]]


def test_a_batch_is_filled_up_with_empty_rows() -> None:
    batch = batch_of_rows(num_rows=4)
    assert {tensor.shape for tensor in vars(batch).values()} == {(4, 8)}
    assert batch.num_targets == 7
    assert batch.labels[2:].eq(IGNORE).all()
    assert batch.input_ids[2:].eq(0).all()
    assert batch.segment_ids[2:].eq(0).all()


def test_a_batch_moves_as_a_whole() -> None:
    moved = batch_of_rows().to(torch.device("meta"))
    assert isinstance(moved, Batch)
    assert {tensor.device.type for tensor in vars(moved).values()} == {"meta"}


DIALOGUE = st.lists(st.integers(5, 99), min_size=2, max_size=6)


@given(st.lists(st.lists(DIALOGUE, max_size=4), min_size=1, max_size=4))
def test_each_label_is_the_next_id_of_its_own_dialogue(rows: list[list[list[int]]]) -> None:
    """Shifted once: twice would give the id after the next."""
    arrays = [[np.array(ids) for ids in row] for row in rows]
    batch = collate(arrays, pad_id=0, row_length=24)
    for r, row in enumerate(rows):
        start = 0
        for ids in row:
            stop = start + len(ids)
            assert batch.input_ids[r, start:stop].tolist() == ids
            assert batch.labels[r, start:stop].tolist() == [*ids[1:], IGNORE]
            start = stop
        assert batch.labels[r, start:].eq(IGNORE).all()
    assert batch.num_targets == sum(len(ids) - 1 for row in rows for ids in row)


def test_a_position_sees_its_own_dialogue_up_to_itself() -> None:
    batch = batch_of_rows()
    mask = attention_mask(batch.segment_ids, torch.float32)
    assert mask.shape == (2, 1, 8, 8)
    for r, segments in enumerate(batch.segment_ids.tolist()):
        for query in range(8):
            for key in range(8):
                seen = key <= query and segments[key] == segments[query]
                expected = 0.0 if seen else torch.finfo(torch.float32).min
                assert mask[r, 0, query, key] == expected, (r, query, key)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
def test_the_mask_has_the_model_s_type_and_no_row_is_closed(dtype: torch.dtype) -> None:
    mask = attention_mask(batch_of_rows(num_rows=3).segment_ids, dtype)
    assert mask.dtype == dtype
    assert mask.isfinite().all()
    assert (mask == 0).any(dim=-1).all()
