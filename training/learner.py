"""A model that learns: the copy that computes, its optimizer, and the float32 reference."""

import copy
import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from training.config import TrainConfig
from training.device import compile_if_worthwhile, pick_device, pick_dtype
from training.errors import Diverged
from training.memory_limit import told_when_out_of_memory
from training.optimizer import MasterAdamW, learning_rate_at
from training.parallel import current_world
from training.sharding import laid_out, shard, whole
from training.task import Batch


class Step(NamedTuple):
    """What an optimizer step learnt from: all processes together.

    Attributes:
        loss: mean, in nats a target.
        norm: of the gradient, before clipping.
        num_targets: that it was averaged over.
    """

    loss: float
    norm: float
    num_targets: int


class Learner:
    """One model in training.

    Attributes:
        model: what computes, on the device and in its precision.
        reference: what is saved and sampled from, float32; ``refresh`` brings it up to date.
        optimizer: over float32 master weights.
    """

    def __init__(
        self,
        model: nn.Module,
        loss_sum: Callable[[Any, Any], Tensor],
        config: TrainConfig,
        *,
        num_tokens: int,
    ) -> None:
        """Take a float32 model over, which becomes the reference.

        Args:
            loss_sum: the summed loss of (model, batch) in nats, a float32 scalar.
            num_tokens: what the model is to learn from in all (is compiling worth it?).
        """
        self.config = config
        self.device = pick_device()
        self.world = current_world()
        torch.manual_seed(config.seed + self.world.rank)
        self.reference = model
        self.is_sharded = config.sharding == "fsdp"
        dtype = pick_dtype(config.precision, self.device)
        self.model = copy.deepcopy(model)
        if self.is_sharded:
            shard(self.model, self.device, dtype)
        else:
            self.model.to(self.device, dtype)
        self.optimizer = MasterAdamW(self.model.parameters(), config)
        self._load_exact_masters()
        mode = "off" if self.is_sharded else config.compile
        self.loss_sum = compile_if_worthwhile(loss_sum, mode, num_tokens, self.device)

    def update(self, batches: Sequence[Batch], step: int, num_steps: int) -> Step:
        """Take one optimizer step over micro-batches, this process' share of them.

        Raises:
            Diverged: loss or gradient is not finite; the weights are what they were.
            OutOfMemory: a batch does not fit; the message names the value that does.
        """
        (counted,) = self.world.total(sum(batch.num_targets for batch in batches))
        num_targets = max(int(counted), 1)
        total, norm = 0.0, math.nan
        self.model.train()
        for batch in batches:
            with told_when_out_of_memory(self._backward, batch, self.config):
                total += self._backward(batch, num_targets)
            self.optimizer.collect_gradients()
        (total,) = self.world.total(total)
        if math.isfinite(total):
            if not self.is_sharded:  # there the backward pass has summed them
                self.world.sum_gradients(self.optimizer.masters)
            norm = self.optimizer.step(learning_rate_at(step, num_steps, self.config))
        if not math.isfinite(norm):
            raise Diverged(
                f"第 {step + 1} 步的损失或梯度不是有限的数；"
                "调小 learning_rate 再用 RESUME=1 从上次存盘继续"
            )
        return Step(total, norm, int(counted))

    @torch.no_grad()
    def evaluate(self, batches: Iterable[Batch]) -> float:
        """Return the mean loss of batches in nats a token."""
        self.model.eval()
        total, count = 0.0, 0
        for batch in batches:
            total += float(self.loss_sum(self.model, batch.to(self.device)))
            count += batch.num_targets
        total, targets = self.world.total(total, count)
        return total / max(targets, 1)

    def _backward(self, batch: Batch, num_targets: int = 1) -> float:
        """Add a batch's gradients to the model's; return its loss over ``num_targets``."""
        loss = self.loss_sum(self.model, batch.to(self.device)) / num_targets
        torch.autograd.backward(loss)
        return float(loss.detach())

    @torch.no_grad()
    def refresh(self) -> nn.Module:
        """Bring the reference up to date and return it; every process must call this."""
        target = dict(self.reference.named_parameters())
        for name, master in self._named_masters():
            target[name].copy_(whole(master))
        return self.reference

    @torch.no_grad()
    def _load_exact_masters(self) -> None:
        """Start the masters from the float32 weights, not from their bfloat16 rounding."""
        exact = dict(self.reference.named_parameters())
        for name, master in self._named_masters():
            master.copy_(laid_out(exact[name], master))

    def _named_masters(self) -> list[tuple[str, Tensor]]:
        named = self.model.named_parameters()
        names = (name for name, parameter in named if parameter.requires_grad)
        return list(zip(names, self.optimizer.masters, strict=True))
