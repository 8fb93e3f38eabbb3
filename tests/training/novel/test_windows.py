"""Windows: the label of every character is the one after it, each epoch from another offset."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from training.collate import IGNORE
from training.errors import ConfigError
from training.novel.windows import Windows


def windows(num_ids: int = 100, *, length: int = 8, num_rows: int = 3) -> Windows:
    """Windows over the ids 0, 1, 2, …, so that an id is its own place."""
    return Windows(range(num_ids), length=length, num_rows=num_rows)


def test_labels_are_the_inputs_one_on() -> None:
    batch = windows().batch(np.array([0, 5, 91]))
    assert batch.input_ids.shape == batch.labels.shape == (3, 8)
    assert batch.input_ids.dtype == batch.labels.dtype == torch.int64
    assert batch.input_ids[1].tolist() == [5, 6, 7, 8, 9, 10, 11, 12]
    assert torch.equal(batch.labels, batch.input_ids + 1)
    assert batch.num_targets == 24


@given(st.integers(2, 90), st.integers(1, 12), st.integers(1, 5))
def test_in_order_every_target_counts_once_and_the_shape_never_changes(
    num_ids: int, length: int, num_rows: int
) -> None:
    targets: list[int] = []
    for batch in windows(num_ids, length=length, num_rows=num_rows).in_order():
        assert batch.input_ids.shape == batch.labels.shape == (num_rows, length)
        counts = batch.labels != IGNORE
        assert torch.equal(batch.labels[counts], batch.input_ids[counts] + 1)
        assert batch.num_targets == int(counts.sum())
        targets += batch.labels[counts].tolist()
    assert targets == list(range(1, num_ids))


@given(st.integers(20, 200), st.integers(1, 9), st.integers(1, 5), st.integers(0, 9))
def test_an_epoch_passes_over_the_text_once(
    num_ids: int, length: int, num_rows: int, epoch: int
) -> None:
    data = windows(num_ids, length=length, num_rows=num_rows)
    starts = data.shuffled(epoch, seed=0)
    assert starts.shape[1] == num_rows
    assert starts.min() >= 0
    assert starts.max() + length < num_ids, "a window reaches beyond the text"
    seen = sorted(set(starts.flatten().tolist()))
    assert np.diff(seen).tolist() == [length] * (len(seen) - 1), "side by side"
    assert num_ids - 1 - len(seen) * length < 2 * length, "nearly all of the text"
    assert 0 <= starts.size - len(seen) < num_rows, "no more repeated than fill a batch"


def test_the_same_arguments_give_the_same_windows_and_others_do_not() -> None:
    data = windows(1000)
    assert np.array_equal(data.shuffled(3, seed=1), data.shuffled(3, seed=1))
    assert not np.array_equal(data.shuffled(3, seed=1), data.shuffled(3, seed=2))
    assert not np.array_equal(data.shuffled(3, seed=1), data.shuffled(4, seed=1))


def test_offsets_and_order_change_from_epoch_to_epoch() -> None:
    data = windows(1000)
    epochs = [data.shuffled(epoch, seed=0) for epoch in range(40)]
    assert {int(starts.min()) % 8 for starts in epochs} == set(range(8))
    assert all(np.any(np.diff(starts.flatten()) < 0) for starts in epochs)


def test_a_few_windows_fill_a_batch() -> None:
    starts = windows(30, length=8, num_rows=7).shuffled(0, seed=0)
    assert starts.shape == (1, 7)
    assert len(set(starts[0].tolist())) == 2


def test_a_text_shorter_than_two_windows_is_refused() -> None:
    assert windows(17, length=8).shuffled(0, seed=0).shape == (1, 3)
    with pytest.raises(ConfigError, match="窗口长 8，文字只有 16 个字；请用小一些的 --window"):
        windows(16, length=8).shuffled(0, seed=0)


def test_a_batch_moves_to_a_device() -> None:
    batch = windows().batch(np.array([1, 2, 3]))
    moved = batch.to(torch.device("meta"))
    assert moved.input_ids.device.type == moved.labels.device.type == "meta"
