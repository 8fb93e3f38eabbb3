"""AdamW over float32 master weights, for a model that computes in bfloat16 or float32."""

import math
from collections.abc import Iterable

import torch
from torch import Tensor, nn

from training.config import TrainConfig
from training.sharding import laid_out, whole


class MasterAdamW:
    """AdamW (Loshchilov and Hutter 2019) whose weights are float32 whatever the model computes in.

    A bfloat16 weight has 8 bits of mantissa, too few for small updates to add up, so the optimizer
    keeps float32 copies and writes them back after each step (Micikevicius et al. 2018). For a
    float32 model the copies are the parameters themselves.
    """

    def __init__(self, parameters: Iterable[nn.Parameter], config: TrainConfig) -> None:
        self.parameters = [parameter for parameter in parameters if parameter.requires_grad]
        self.masters = [
            parameter.detach() if parameter.dtype == torch.float32 else parameter.detach().float()
            for parameter in self.parameters
        ]
        self._clip_norm = config.clip_norm
        decay = [master for master in self.masters if master.ndim >= 2]
        rest = [master for master in self.masters if master.ndim < 2]
        self._adamw = torch.optim.AdamW(
            [
                {"params": decay, "weight_decay": config.weight_decay},
                {"params": rest, "weight_decay": 0.0},
            ],
            lr=config.learning_rate,
            betas=(0.9, 0.95),
            fused=True,
        )

    def collect_gradients(self) -> None:
        """Add the model's gradients to the masters' and clear the model's."""
        for parameter, master in zip(self.parameters, self.masters, strict=True):
            if parameter.grad is None:
                continue
            gradient = parameter.grad.float()
            master.grad = gradient if master.grad is None else master.grad.add_(gradient)
            parameter.grad = None

    @torch.no_grad()
    def step(self, learning_rate: float) -> float:
        """Update with ``learning_rate`` and return the gradient norm before clipping.

        Nothing is updated when the norm is not finite, for no weight would survive it.
        """
        limit = self._clip_norm or math.inf
        norm = float(whole(nn.utils.clip_grad_norm_(self.masters, limit)))
        if not math.isfinite(norm):
            return norm
        for group in self._adamw.param_groups:
            group["lr"] = learning_rate
        self._adamw.step()
        self._adamw.zero_grad(set_to_none=True)
        self.write_back()
        return norm

    @torch.no_grad()
    def write_back(self) -> None:
        """Copy the masters into the model."""
        if self.parameters and self.parameters[0].dtype != torch.float32:
            torch._foreach_copy_(self.parameters, self.masters)  # type: ignore[arg-type]

    def state(self) -> dict[str, Tensor]:
        """Return every tensor that a resumed run needs, sharded or not: masters and both moments."""
        tensors: dict[str, Tensor] = {}
        for index, master in enumerate(self.masters):
            tensors[f"{index}.master"] = master
            for name, value in self._adamw.state.get(master, {}).items():
                tensors[f"{index}.{name}"] = value
        return tensors

    @torch.no_grad()
    def load_state(self, tensors: dict[str, Tensor]) -> None:
        """Restore what ``state`` returned and write the weights into the model."""
        for index, master in enumerate(self.masters):
            master.copy_(laid_out(tensors[f"{index}.master"], master))
            prefix = f"{index}."
            names = [key.removeprefix(prefix) for key in tensors if key.startswith(prefix)]
            moments = {name: tensors[prefix + name] for name in names if name != "master"}
            if moments:
                self._adamw.state[master] = {
                    name: value.clone() if name == "step" else laid_out(value.clone(), master)
                    for name, value in moments.items()
                }
        self.write_back()


def learning_rate_at(step: int, num_steps: int, config: TrainConfig) -> float:
    """Linear warm-up, then a cosine down to ``min_learning_rate`` times the peak."""
    warmup = min(config.warmup_steps, max(num_steps - 1, 0))
    if step < warmup:
        return config.learning_rate * (step + 1) / (warmup + 1)
    progress = min((step - warmup) / max(num_steps - warmup, 1), 1.0)
    share = 0.5 * (1 + math.cos(math.pi * progress))
    floor = config.min_learning_rate
    return config.learning_rate * (floor + (1 - floor) * share)
