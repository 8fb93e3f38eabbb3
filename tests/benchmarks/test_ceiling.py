"""The bytes of a step, counted by hand on a small model."""

from collections.abc import Callable

import pytest

from benchmarks.ceiling import bandwidth, bytes_per_step, ceiling
from benchmarks.subjects import Pair
from benchmarks.workload import Workload

WORK = Workload(title="", num_streams=3, utterance_length=10, num_new_tokens=8)


def test_weights_once_and_keys_of_everybody(make_pair: Callable[..., Pair]) -> None:
    model, _ = make_pair()
    layer = 12 * 32 * 32 + (3 + 1 + 4 + 1) * 32 + 4 * 32
    weights = 40 * 32 + 2 * layer + 2 * 32
    keys_and_values = 2 * 2 * 2 * 32 * (10 + 4)
    assert bytes_per_step(model, WORK, 1) == weights + 3 * keys_and_values
    assert bytes_per_step(model, WORK, 2) == 2 * weights + 3 * keys_and_values
    step = weights + 3 * keys_and_values
    assert ceiling(model, WORK, 1, 7.0 * step) == pytest.approx(21)


def test_a_first_token_has_no_such_ceiling(make_pair: Callable[..., Pair]) -> None:
    assert ceiling(make_pair()[0], Workload(title="", num_new_tokens=1), 1, 1e9) is None


def test_bandwidth_is_bytes_a_second(monkeypatch: pytest.MonkeyPatch) -> None:
    seconds = iter([4.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0])
    monkeypatch.setattr("benchmarks.ceiling._read_seconds", lambda _vector: next(seconds))
    assert bandwidth("cpu", 4000) == 2000
    monkeypatch.undo()
    assert bandwidth("cpu", 4000) > 0
