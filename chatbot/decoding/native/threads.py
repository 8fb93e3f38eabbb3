"""Whose threads compute: the kernels have their own beside torch's."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import torch

_local = threading.local()


def num_threads() -> int:
    """Return the threads that a call of the kernels may use: as many as torch had."""
    return getattr(_local, "num_threads", None) or torch.get_num_threads()


@contextmanager
def kernels_first() -> Iterator[None]:
    """Leave torch one thread, and the others to the kernels.

    Torch's idle threads spin for milliseconds on the cores that the kernels' own would need.
    """
    _local.num_threads = count = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(count)
        _local.num_threads = None
