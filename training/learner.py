"""A model that learns: the copy that computes, its optimizer, and the float32 reference."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy
from transformers import GPT2LMHeadModel

from training.collate import IGNORE, Batch, attention_mask
from training.config import TrainConfig
from training.device import compile_if_worthwhile, pick_device, pick_dtype
from training.errors import Diverged
from training.optimizer import MasterAdamW, learning_rate_at


def loss_sum(model: GPT2LMHeadModel, batch: Batch) -> Tensor:
    """Return the summed cross-entropy of a packed batch in nats, a float32 scalar.

    The labels are shifted already (collate.py), so the logits are compared as they stand.
    """
    mask = attention_mask(batch.segment_ids, model.dtype)
    logits = model(
        input_ids=batch.input_ids,
        position_ids=batch.position_ids,
        attention_mask=mask,
        use_cache=False,
    ).logits  # (B, T, V)
    flat = logits.flatten(0, 1).float()
    return cross_entropy(flat, batch.labels.flatten(), ignore_index=IGNORE, reduction="sum")


class Learner:
    """One model in training.

    Attributes:
        model: what computes, on the device and in its precision.
        reference: what is saved and sampled from, float32; ``refresh`` brings it up to date.
        optimizer: over float32 master weights.
    """

    def __init__(self, model: GPT2LMHeadModel, config: TrainConfig, *, num_tokens: int) -> None:
        """Take a model over; ``num_tokens`` is what it is to learn from (is compiling worth it?).

        The model given becomes the reference.
        """
        self.config = config
        self.device = pick_device()
        torch.manual_seed(config.seed)
        model.config._attn_implementation = "eager"
        _set_dropout(model, config.dropout)
        self.reference = model.float()
        self.model = GPT2LMHeadModel(model.config).to(self.device)
        self.model.load_state_dict(model.state_dict())
        self.model.to(pick_dtype(config.precision, self.device))
        self.optimizer = MasterAdamW(self.model.parameters(), config)
        self._load_exact_masters()
        self.loss_sum = compile_if_worthwhile(loss_sum, config.compile, num_tokens, self.device)

    def update(self, batches: Sequence[Batch], step: int, num_steps: int) -> tuple[float, float]:
        """Take one optimizer step over micro-batches; return the mean loss and gradient norm.

        Raises:
            Diverged: loss or gradient is not finite; the weights are what they were.
        """
        num_targets = max(sum(batch.num_targets for batch in batches), 1)
        total, norm = 0.0, math.nan
        self.model.train()
        for batch in batches:
            loss = self.loss_sum(self.model, batch.to(self.device)) / num_targets
            torch.autograd.backward(loss)
            self.optimizer.collect_gradients()
            total += float(loss.detach())
        if math.isfinite(total):
            norm = self.optimizer.step(learning_rate_at(step, num_steps, self.config))
        if not math.isfinite(norm):
            raise Diverged(
                f"第 {step + 1} 步的损失或梯度不是有限的数；"
                "调小 learning_rate 再用 RESUME=1 从上次存盘继续"
            )
        return total, norm

    @torch.no_grad()
    def evaluate(self, batches: Sequence[Batch]) -> float:
        """Return the mean loss of batches in nats a token."""
        self.model.eval()
        total, count = 0.0, 0
        for batch in batches:
            total += float(self.loss_sum(self.model, batch.to(self.device)))
            count += batch.num_targets
        return total / max(count, 1)

    @torch.no_grad()
    def refresh(self) -> GPT2LMHeadModel:
        """Bring the reference up to date and return it."""
        target = dict(self.reference.named_parameters())
        for name, master in self._named_masters():
            target[name].copy_(master)
        return self.reference

    @torch.no_grad()
    def _load_exact_masters(self) -> None:
        """Start the masters from the float32 weights, not from their bfloat16 rounding."""
        exact = dict(self.reference.named_parameters())
        for name, master in self._named_masters():
            master.copy_(exact[name])

    def _named_masters(self) -> list[tuple[str, Tensor]]:
        names = (name for name, _ in self.model.named_parameters())
        return list(zip(names, self.optimizer.masters, strict=True))


def _set_dropout(model: GPT2LMHeadModel, dropout: float) -> None:
    """Set dropout of embeddings and residuals; none on attention weights.

    There are heads * T of those to a position: drawing that many random numbers nearly doubles
    the time of a step on a CPU.
    """
    model.config.resid_pdrop = model.config.embd_pdrop = dropout
    model.config.attn_pdrop = 0.0
    for name, module in model.named_modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.0 if name.endswith("attn_dropout") else dropout
