"""Not enough memory: the setting is named, and the value that fits does fit."""

from collections.abc import Callable
from typing import Any

import pytest
import torch

from training.errors import OutOfMemory
from training.loop import Trainer
from training.memory_limit import memory_in_use

MakeTrainer = Callable[..., Trainer]
FULL: list[type[Exception]] = [torch.OutOfMemoryError, MemoryError, RuntimeError]


def limited(run: Trainer, rows: int, kind: type[Exception]) -> list[int]:
    """Let a run's loss fail above so many rows; return the rows of what went through."""
    whole, fitted = run.learner.loss_sum, list[int]()

    def loss_sum(model: Any, batch: Any) -> torch.Tensor:
        if len(batch.input_ids) > rows:
            raise kind("[enforce fail] DefaultCPUAllocator: not enough memory: you tried")
        fitted.append(len(batch.input_ids))
        return whole(model, batch)

    run.learner.loss_sum = loss_sum
    return fitted


@pytest.mark.parametrize("kind", FULL)
@pytest.mark.parametrize(
    ("rows", "told"),
    [
        (3, "放不下 batch_rows=8；改成 batch_rows=2、accumulate=4，每一步学的一样多"),
        (4, "放不下 batch_rows=8；改成 batch_rows=4、accumulate=2，每一步学的一样多"),
        (0, "连一行 row_length=32 也放不下；改成 row_length=16 和 batch_rows=1"),
    ],
)
def test_the_setting_and_the_value_that_fits_are_named(
    trainer: MakeTrainer, rows: int, told: str, kind: type[Exception]
) -> None:
    run = trainer(batch_rows=8)
    run.validate = lambda: 5.0  # type: ignore[method-assign]
    fitted = limited(run, rows, kind)
    with pytest.raises(OutOfMemory, match=told):
        run.run()
    assert fitted[-1:] == ([rows - rows % 2] if rows else [])


def test_other_errors_are_none_of_its_business(trainer: MakeTrainer) -> None:
    run = trainer()
    run.validate = lambda: 5.0  # type: ignore[method-assign]

    def broken(*_: Any) -> torch.Tensor:
        raise RuntimeError("shapes do not match")

    run.learner.loss_sum = broken
    with pytest.raises(RuntimeError, match="shapes"):
        run.run()


def test_memory_in_use_is_that_of_this_process() -> None:
    assert 50 * 2**20 < memory_in_use() < 2**40
