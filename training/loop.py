"""The training loop: train, validate, keep best and last, stop early, save, resume."""

import math
import random
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy
from transformers import GPT2LMHeadModel

from chatbot.checkpoint import save_checkpoint
from chatbot.dialogue import DialogueEncoder
from training.collate import IGNORE, Batch, attention_mask, collate
from training.config import TrainConfig
from training.device import compile_if_worthwhile, pick_device, pick_dtype
from training.errors import Diverged
from training.journal import Journal
from training.optimizer import MasterAdamW, learning_rate_at
from training.packing import Mixture, Row, pack_rows
from training.samples import sample_replies
from training.state import Progress, load_state, save_state


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


@dataclass(frozen=True)
class Outcome:
    """How a run went. Losses are nats a token on the held-out data."""

    first_loss: float
    best_loss: float
    best_step: int
    num_steps: int
    num_tokens: int
    seconds: float


class Trainer:
    """One run: ``Trainer(...).run()``. Everything it writes lies in ``out``."""

    def __init__(
        self,
        model: GPT2LMHeadModel,
        encoder: DialogueEncoder,
        train: Mixture,
        valid: Mixture,
        config: TrainConfig,
        out: Path,
        *,
        name: str,
        generation: dict[str, Any],
    ) -> None:
        self.config, self.out, self.name, self.generation = config, out, name, generation
        self.encoder, self.train_data, self.valid_data = encoder, train, valid
        self.device = pick_device()
        self.dtype = pick_dtype(config.precision, self.device)
        torch.manual_seed(config.seed)
        model.config._attn_implementation = "eager"
        for key in ("resid_pdrop", "embd_pdrop", "attn_pdrop"):
            setattr(model.config, key, config.dropout)
        for module in model.modules():
            if isinstance(module, torch.nn.Dropout):
                module.p = config.dropout
        self.reference = model.float()  # what is saved and sampled from, float32
        self.model = GPT2LMHeadModel(model.config).to(self.device)
        self.model.load_state_dict(model.state_dict())
        self.model.to(self.dtype)
        self.optimizer = MasterAdamW(self.model.parameters(), config)
        self._load_exact_masters(model)
        self.rows_per_epoch = len(self._rows(0))
        self.steps_per_epoch = math.ceil(
            self.rows_per_epoch / (config.batch_rows * config.accumulate)
        )
        self.num_steps = self.steps_per_epoch * config.epochs
        planned = train.num_tokens * config.epochs
        self.loss_fn = compile_if_worthwhile(loss_sum, config.compile, planned, self.device)
        self.progress = Progress()
        self.journal = Journal(out)

    def run(self, *, resume: bool = False) -> Outcome:
        """Train to the end or until patience runs out; keep ``best`` and ``last`` in ``out``.

        Raises:
            Diverged: the loss is not finite; the last saved state stays.
        """
        if resume:
            self.progress = load_state(self.out / "state", self.optimizer)
            self.journal.truncate(self.progress.step)
        else:
            self.progress.first_loss = self.progress.best_loss = self.validate()
            self.journal.validation(0, self.progress.first_loss, [])
            self._save_weights("best", self.progress.first_loss)
        begin = time.monotonic()
        for step, batches in self._remaining_steps():
            loss, norm = self._train_step(step, batches)
            self.journal.step(step + 1, self.num_steps, loss, norm, self.progress.num_tokens)
            self.progress.step = step + 1
            if self._validation_due() and self._validate_and_keep():
                break
            if self.progress.step % self.config.save_every == 0:
                save_state(self.out / "state", self.optimizer, self.progress)
        self.journal.close()
        done = self.progress
        seconds = time.monotonic() - begin
        return Outcome(
            done.first_loss, done.best_loss, done.best_step, done.step, done.num_tokens, seconds
        )

    @torch.no_grad()
    def validate(self) -> float:
        """Return the held-out loss in nats a token."""
        self.model.eval()
        config = self.config
        rows = pack_rows(self.valid_data, row_length=config.row_length, seed=0, epoch=0)
        total = count = 0.0
        for begin in range(0, len(rows), config.batch_rows):
            batch = self._batch(self.valid_data, rows[begin : begin + config.batch_rows])
            total += float(self.loss_fn(self.model, batch))
            count += batch.num_targets
        self.model.train()
        return total / max(count, 1)

    def _train_step(self, step: int, batches: list[Batch]) -> tuple[float, float]:
        """One optimizer step over micro-batches; return the mean loss and the gradient norm."""
        num_targets = max(sum(batch.num_targets for batch in batches), 1)
        total = 0.0
        self.model.train()
        for batch in batches:
            loss = self.loss_fn(self.model, batch) / num_targets
            torch.autograd.backward(loss)
            self.optimizer.collect_gradients()
            total += float(loss.detach())
        if not math.isfinite(total):
            raise Diverged(
                f"第 {step + 1} 步的损失不是有限的数；调小 learning_rate 再用 RESUME=1 从上次存盘继续"
            )
        norm = self.optimizer.step(learning_rate_at(step, self.num_steps, self.config))
        self.progress.num_tokens += num_targets
        return total, norm

    def _remaining_steps(self) -> Iterator[tuple[int, list[Batch]]]:
        """Yield (step, micro-batches) from where the run stands to its end."""
        per_step = self.config.batch_rows * self.config.accumulate
        while self.progress.step < self.num_steps:
            epoch, position = divmod(self.progress.step, self.steps_per_epoch)
            rows = self._rows(epoch)
            for place in range(position, self.steps_per_epoch):
                chunk = rows[place * per_step : (place + 1) * per_step]
                size = self.config.batch_rows
                groups = [chunk[i : i + size] for i in range(0, len(chunk), size)]
                step = epoch * self.steps_per_epoch + place
                yield step, [self._batch(self.train_data, group) for group in groups]

    def _rows(self, epoch: int) -> list[Row]:
        config = self.config
        return pack_rows(
            self.train_data, row_length=config.row_length, seed=config.seed, epoch=epoch
        )

    def _batch(self, data: Mixture, rows: list[Row]) -> Batch:
        """Collate to a fixed shape, so that the compiled step is compiled once."""
        return collate(
            [data.row(row) for row in rows],
            pad_id=self.encoder.pad_id,
            row_length=self.config.row_length,
            num_rows=self.config.batch_rows,
        ).to(self.device)

    def _validation_due(self) -> bool:
        every = self.config.validate_every or self.steps_per_epoch
        return self.progress.step % every == 0 or self.progress.step == self.num_steps

    def _validate_and_keep(self) -> bool:
        """Validate, keep what is worth keeping; True when patience has run out."""
        loss = self.validate()
        done = self.progress
        improved = loss < done.best_loss
        if improved:
            done.best_loss, done.best_step, done.num_bad = loss, done.step, 0
        else:
            done.num_bad += 1
        self._save_weights("last", loss)
        if improved:
            self._save_weights("best", loss)
        save_state(self.out / "state", self.optimizer, done)
        samples = sample_replies(self.reference, self.encoder, self.generation)
        self.journal.validation(done.step, loss, samples)
        return bool(self.config.patience) and done.num_bad >= self.config.patience

    def _save_weights(self, folder: str, loss: float) -> None:
        self._refresh_reference()
        facts = {
            "steps": self.progress.step,
            "tokens": self.progress.num_tokens,
            "held_out_perplexity": round(math.exp(min(loss, 50)), 3),
        }
        save_checkpoint(
            self.out / folder,
            self.reference,
            self.encoder.tokenizer,
            name=self.name,
            generation=self.generation,
            facts=facts,
        )

    @torch.no_grad()
    def _refresh_reference(self) -> None:
        names = dict(self.model.named_parameters())
        target = dict(self.reference.named_parameters())
        for name, master in zip(names, self.optimizer.masters, strict=True):
            target[name].copy_(master)

    @torch.no_grad()
    def _load_exact_masters(self, model: GPT2LMHeadModel) -> None:
        """Start the masters from the float32 weights, not from their bfloat16 rounding."""
        exact = dict(model.named_parameters())
        for name, master in zip(
            dict(self.model.named_parameters()), self.optimizer.masters, strict=True
        ):
            master.copy_(exact[name])


def seed_everything(seed: int) -> None:
    """Seed Python's and torch's generators."""
    random.seed(seed)
    torch.manual_seed(seed)
