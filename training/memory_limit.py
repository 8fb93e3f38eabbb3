"""How much memory a run takes, and what to change when there is not enough."""

import contextlib
import resource
import sys
from collections.abc import Callable, Iterator
from typing import Any

import torch

from training.config import TrainConfig
from training.errors import OutOfMemory
from training.task import Batch

_TOLD_BY_THE_CPU = "not enough memory"  # by torch's allocator, as a RuntimeError


def memory_in_use() -> int:
    """Return the most memory that this process has used, in bytes: the GPU's where there is one."""
    if torch.cuda.is_available():
        return torch.cuda.max_memory_reserved()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else 1024 * peak


@contextlib.contextmanager
def told_when_out_of_memory(
    backward: Callable[[Any], float], batch: Batch, config: TrainConfig
) -> Iterator[None]:
    """Raise ``OutOfMemory`` where a batch does not fit, with the number of rows that does.

    The number is found by trying: the batch is halved until ``backward`` goes through. Where the
    model is sharded, half the rows are named untried.
    """
    try:
        yield
    except (torch.OutOfMemoryError, MemoryError, RuntimeError) as error:
        if not _is_about_memory(error):
            raise
        # Out of the handler first: the traceback holds the tensors of the failed attempt.
        failed = True
    else:
        failed = False
    if failed:
        # Sharded processes compute together, so one cannot try alone what would fit.
        sharded = config.sharding != "none"
        rows = config.batch_rows // 2 if sharded else _rows_that_fit(backward, batch)
        raise OutOfMemory(_remedy(rows, config))


def _is_about_memory(error: Exception) -> bool:
    return not isinstance(error, RuntimeError) or (
        isinstance(error, torch.OutOfMemoryError) or _TOLD_BY_THE_CPU in str(error)
    )


def _rows_that_fit(backward: Callable[[Any], float], batch: Batch) -> int:
    """Return the most rows, by halving, that go through; 0 when not even one does."""
    tensors = vars(batch)
    rows = max(len(tensor) for tensor in tensors.values()) // 2
    while rows:
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
        part = type(batch)(**{name: tensor[:rows] for name, tensor in tensors.items()})
        try:
            backward(part)
        except (torch.OutOfMemoryError, MemoryError, RuntimeError) as error:
            if not _is_about_memory(error):
                raise
        else:
            return rows
        rows //= 2
    return 0


def _remedy(rows: int, config: TrainConfig) -> str:
    if not rows:
        return (
            f"内存不够，连一行 row_length={config.row_length} 也放不下；"
            f"改成 row_length={config.row_length // 2} 和 batch_rows=1，或换小一些的模型"
        )
    accumulate = -(-config.batch_rows * config.accumulate // rows)
    return (
        f"内存不够，放不下 batch_rows={config.batch_rows}；改成 batch_rows={rows}、"
        f"accumulate={accumulate}，每一步学的一样多"
    )
