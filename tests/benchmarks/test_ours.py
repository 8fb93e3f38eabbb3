"""Our engine has room for every stream at once, however large the model."""

from collections.abc import Callable

import pytest

from benchmarks.ours import Ours
from benchmarks.subjects import Pair


def test_no_stream_waits_for_memory(
    make_pair: Callable[..., Pair], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("benchmarks.ours.CACHE_BYTES", 0)
    ours = Ours(make_pair()[0], num_slots=40)
    assert ours._engine.runner.num_rows >= 40
    assert ours._engine.scheduler.num_slots == 40
