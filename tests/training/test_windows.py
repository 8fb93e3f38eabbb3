"""Overlapping windows: whole turns, room kept, every utterance fresh once."""

import itertools

from hypothesis import given
from hypothesis import strategies as st

from training.windows import overlapping_windows

SIZES = st.lists(st.integers(1, 12), max_size=24)


def size(lengths: list[int], start: int, stop: int) -> int:
    return 1 + sum(lengths[start:stop]) + stop - start


@given(SIZES, st.integers(8, 60))
def test_every_utterance_that_fits_is_fresh_once(lengths: list[int], limit: int) -> None:
    found = overlapping_windows(lengths, limit)
    fresh = [place for window in found for place in range(window.fresh, window.stop)]
    turns = [range(k, min(k + 2, len(lengths))) for k in range(0, len(lengths), 2)]
    fit = [turn for turn in turns if size(lengths, turn.start, turn.stop) <= limit]
    assert fresh == [place for turn in fit for place in turn]
    for window in found:
        assert window.start % 2 == window.fresh % 2 == 0
        assert window.start <= window.fresh < window.stop
        assert size(lengths, window.start, window.stop) <= limit
        assert size(lengths, window.start, window.fresh) - 1 <= limit // 4


@given(st.integers(20, 60))
def test_windows_of_short_turns_overlap(limit: int) -> None:
    found = overlapping_windows([1] * 60, limit)
    assert len(found) > 2
    assert all(before.stop == after.fresh for before, after in itertools.pairwise(found))
    assert all(window.start < window.fresh for window in found[1:])


def test_a_dialogue_that_fits_is_one_window() -> None:
    assert overlapping_windows([], 10) == []
    assert overlapping_windows([2, 2, 2, 2], 13) == [(0, 0, 4)]
    assert overlapping_windows([2, 2, 2, 2], 12) == [(0, 0, 2), (2, 2, 4)]


def test_nothing_is_repeated_across_a_turn_that_was_left_out() -> None:
    assert overlapping_windows([1, 1, 50, 1, 1, 1], 20) == [(0, 0, 2), (4, 4, 6)]
