"""A model whose weights, gradients and optimizer state lie in shards over the processes.

Fully sharded data parallelism (Zhao et al. 2023, "PyTorch FSDP"; ZeRO-3, Rajbhandari et al. 2020):
each process keeps its part of every float32 weight, and a layer is whole only while it computes.
"""

import dataclasses
from typing import Any

import torch
from torch import Tensor, nn
from torch.distributed.tensor import DTensor, distribute_tensor

from training.collate import IGNORE
from training.errors import ConfigError
from training.parallel import current_world


def shard(model: nn.Module, device: torch.device, dtype: torch.dtype) -> nn.Module:
    """Shard a float32 model on the CPU, in place, onto the devices of all processes.

    Its layers are moved one at a time, so no device ever holds the whole model. What stays are
    float32 shards; it computes in ``dtype``, and gradients are summed in float32.

    Raises:
        ConfigError: this process is alone.
    """
    from torch.distributed.device_mesh import init_device_mesh
    from torch.distributed.fsdp import FSDPModule, MixedPrecisionPolicy, fully_shard

    world = current_world()
    if world.size == 1:
        raise ConfigError(
            "sharding=fsdp 要几个进程一起练；用 torchrun 或 accelerate launch 启动，"
            "或用 --sharding none"
        )
    mesh = init_device_mesh(device.type, (world.size,))
    precision = MixedPrecisionPolicy(param_dtype=dtype, reduce_dtype=torch.float32)
    lists = [module for module in model.modules() if isinstance(module, nn.ModuleList)]
    for part in [*(layer for layers in lists for layer in layers), model]:
        fully_shard(part, mesh=mesh, mp_policy=precision)
        assert isinstance(part, FSDPModule)
        part.set_gradient_divide_factor(1.0)  # losses are divided by all targets already
        part.set_force_sum_reduction_for_comms(True)  # gloo knows no other
    return model


def whole(tensor: Tensor) -> Tensor:
    """Return a tensor with all its shards; every process must ask."""
    return tensor.full_tensor() if isinstance(tensor, DTensor) else tensor


def laid_out(tensor: Tensor, like: Tensor) -> Tensor:
    """Return a whole tensor, the same in every process, on the device and in the shards of like."""
    tensor = tensor.to(like.device)
    if not isinstance(like, DTensor):
        return tensor
    return distribute_tensor(tensor, like.device_mesh, like.placements, src_data_rank=None)


def blank(batch: Any) -> Any:
    """Return a batch without targets: for a process that has nothing to learn but must compute."""
    return dataclasses.replace(batch, labels=torch.full_like(batch.labels, IGNORE))
