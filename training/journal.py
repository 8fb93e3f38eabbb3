"""What a run tells: progress lines, history.jsonl, TensorBoard, a loss curve, sample replies."""

import contextlib
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import matplotlib
from torch.utils.tensorboard import SummaryWriter

from training.figure import draw_curves
from training.memory_limit import memory_in_use

_SECONDS_BETWEEN_LINES = 15.0


class Journal:
    """The written record of a run in the folder ``out``."""

    def __init__(
        self,
        out: Path,
        *,
        describe: Callable[[float], str],
        unit: str,
        is_on: bool = True,
        peak_flops: float = 0.0,
    ) -> None:
        """Open the record.

        Args:
            describe: says what a loss amounts to.
            unit: names a target.
            is_on: a journal that is not (of a process that is not the first) records nothing.
            peak_flops: the most operations a second of this process' device; 0: not known.
        """
        out.mkdir(parents=True, exist_ok=True)
        matplotlib.use("Agg")
        self.out, self.describe, self.unit, self.is_on = out, describe, unit, is_on
        self.history = out / "history.jsonl"
        self._board = SummaryWriter(str(out / "tensorboard")) if is_on else None
        self._last_line = time.monotonic()
        self._last_tokens: int | None = None
        self._recent: list[float] = []
        self._peak_flops, self._flops = peak_flops, 0.0

    def step(
        self,
        step: int,
        num_steps: int,
        loss: float,
        norm: float,
        num_tokens: int,
        *,
        flops: float = 0.0,
    ) -> None:
        """Record one optimizer step; a line is printed every few seconds.

        Args:
            num_tokens: learnt from since the run began.
            flops: the model's operations in this step, this process' own; 0: not counted.
        """
        if self._board is None:
            return
        self._recent.append(loss)
        self._flops += flops
        self._board.add_scalar("train/loss", loss, step)
        self._board.add_scalar("train/gradient_norm", norm, step)
        now = time.monotonic()
        if self._last_tokens is None:
            self._last_tokens = 0 if step == 1 else num_tokens
        elapsed = now - self._last_line
        if elapsed < _SECONDS_BETWEEN_LINES and step < num_steps:
            return
        mean = sum(self._recent) / len(self._recent)
        speed = (num_tokens - self._last_tokens) / max(elapsed, 1e-9)
        remaining = (num_steps - step) * elapsed / len(self._recent)
        self._write(step=step, loss=round(mean, 4), tokens_per_second=round(speed))
        print(
            f"第 {step}/{num_steps} 步  损失 {mean:.3f}  {self.describe(mean)}"
            f"  {speed:,.0f} {self.unit}/秒  内存 {memory_in_use() / 2**30:.1f} GB"
            f"{self._utilisation(step, elapsed)}  还要 {remaining / 60:.1f} 分钟",
            flush=True,
        )
        self._last_line, self._last_tokens, self._recent, self._flops = now, num_tokens, [], 0.0

    def _utilisation(self, step: int, elapsed: float) -> str:
        """Return the model FLOP utilisation since the last line in words, where it is known."""
        if self._board is None or not self._peak_flops * self._flops:
            return ""
        share = self._flops / max(elapsed, 1e-9) / self._peak_flops
        self._board.add_scalar("train/model_flop_utilisation", share, step)
        return f"  算力利用率 {share:.1%}"

    def validation(self, step: int, loss: float, samples: list[tuple[str, str]]) -> None:
        """Record a validation and its sample replies; redraw the curve."""
        if self._board is None:
            return
        self._board.add_scalar("valid/loss", loss, step)
        self._write(step=step, valid_loss=round(loss, 4), samples=[list(pair) for pair in samples])
        print(f"第 {step} 步  留出集损失 {loss:.4f}  {self.describe(loss)}", flush=True)
        for opener, reply in samples:
            print(f"    {opener} → {reply}", flush=True)
        self._board.flush()
        draw_curves(self._records(), self.out / "loss.png")

    def truncate(self, step: int) -> None:
        """Forget records after ``step``: a resumed run writes them again."""
        if not self.is_on:
            return
        kept = [record for record in self._records() if record["step"] <= step]
        text = "".join(json.dumps(record, ensure_ascii=False) + "\n" for record in kept)
        self.history.write_text(text, encoding="utf-8")

    def close(self) -> None:
        """Close the TensorBoard log."""
        if self._board is not None:
            self._board.close()

    def _write(self, **record: Any) -> None:
        with self.history.open("a", encoding="utf-8") as file:
            file.write(json.dumps(record, ensure_ascii=False) + "\n")

    def _records(self) -> list[dict[str, Any]]:
        if not self.history.is_file():
            return []
        records = []
        for line in self.history.read_text("utf-8").splitlines():
            with contextlib.suppress(ValueError):  # a line that a stopped run did not finish
                records.append(json.loads(line))
        return records
