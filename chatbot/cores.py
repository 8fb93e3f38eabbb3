"""How many cores the model may compute on."""

import os
from contextlib import suppress


def spare_cores() -> int:
    """Return all cores but one, which the event loop needs; or what OMP_NUM_THREADS says.

    That is how whoever runs several processes on one machine shares its cores out; Ray does.

    The threads of a product wait for each other: one that does not get its core makes the rest
    spin, and a step takes ten times as long as on a core less.
    """
    if told := os.environ.get("OMP_NUM_THREADS", "").partition(",")[0].strip():
        with suppress(ValueError):
            return max(1, int(told))
    has_affinity = hasattr(os, "sched_getaffinity")
    num_cores = len(os.sched_getaffinity(0)) if has_affinity else os.cpu_count() or 1
    return max(1, num_cores - 1)
