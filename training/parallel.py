"""Several processes that train one model: each takes its share of the batches of a step.

``torchrun`` and ``accelerate launch`` start them and say in the environment who is who. Gradients
are summed over the processes once an optimizer step, in float32 (data parallelism as DDP does it,
Li et al. 2020, but after accumulation), so every process takes the same step and a run equals one
of a single process with as many times the accumulation. The first process writes and prints.
"""

import contextlib
import gc
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

import torch
import torch.distributed as dist
from torch import Tensor

from training.errors import ConfigError

_PATIENCE = timedelta(hours=6)  # while the first process prepares a corpus, the others wait


@dataclass(frozen=True)
class World:
    """Who this process is among ``size``."""

    rank: int = 0
    size: int = 1

    @property
    def is_main(self) -> bool:
        """Whether this is the process that writes and prints."""
        return self.rank == 0

    def total(self, *values: float) -> list[float]:
        """Return the sums of values over all processes."""
        if self.size == 1:
            return list(values)
        device = "cuda" if dist.get_backend() == "nccl" else "cpu"
        summed = torch.tensor(values, dtype=torch.float64, device=device)
        dist.all_reduce(summed)
        return [float(value) for value in summed]

    @torch.no_grad()
    def sum_gradients(self, weights: Sequence[Tensor]) -> None:
        """Sum the gradients of weights over all processes, in place; who has none adds zeros."""
        if self.size == 1:
            return
        for weight in weights:
            if weight.grad is None:
                weight.grad = torch.zeros_like(weight)
        flat = torch.cat([weight.grad.flatten() for weight in weights])  # type: ignore[union-attr]
        dist.all_reduce(flat)
        sizes = [weight.numel() for weight in weights]
        for weight, part in zip(weights, torch.split(flat, sizes), strict=True):
            weight.grad = part.view_as(weight)

    def gather(self, tensor: Tensor) -> list[Tensor]:
        """Return a CPU tensor of every process, by rank."""
        if self.size == 1:
            return [tensor]
        found: list[Tensor | None] = [None] * self.size
        dist.all_gather_object(found, tensor)
        return [item for item in found if item is not None]

    def wait(self) -> None:
        """Wait until every process is here."""
        if self.size > 1:
            dist.barrier()


def current_world() -> World:
    """Return who this process is; alone unless ``join_world`` found others."""
    if not (dist.is_available() and dist.is_initialized()):
        return World()
    return World(dist.get_rank(), dist.get_world_size())


def join_world() -> World:
    """Meet the other processes that a launcher started; all but the first fall silent.

    Raises:
        ConfigError: the environment is not as launchers make it, or the others do not come.
    """
    if int(os.environ.get("WORLD_SIZE", "1")) <= 1 or dist.is_initialized():
        return current_world()
    cuda = torch.cuda.is_available()
    try:
        if cuda:
            torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
        dist.init_process_group("nccl" if cuda else "gloo", timeout=_PATIENCE)
    except (KeyError, ValueError, RuntimeError) as error:
        what = " ".join(str(error).split())[:160]
        raise ConfigError(
            f"多个进程连不起来（{what}）；请用 torchrun 或 accelerate launch 启动，"
            "多台机器时检查主机地址和端口"
        ) from None
    world = current_world()
    if not world.is_main:
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115
    return world


def leave_world() -> None:
    """Part from the others, where there are any.

    A sharded model that waits to be collected holds a group, and one that lives until the
    interpreter ends aborts the process.
    """
    if dist.is_available() and dist.is_initialized():
        gc.collect()
        with contextlib.suppress(RuntimeError):
            dist.destroy_process_group()
