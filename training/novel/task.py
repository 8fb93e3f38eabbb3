"""The character GPT as a task: windows of a novel, each character guessed from those before it."""

import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from chatbot.models.char_gpt import CharGPT
from chatbot.novelist import Novelist
from chatbot.writing import WritingParams
from training.collate import IGNORE
from training.config import TrainConfig
from training.novel.text import split_novel
from training.novel.windows import WindowBatch, Windows
from training.state import Progress

_SAMPLE = WritingParams(max_new_chars=80, seed=0)


def loss_sum(model: CharGPT, batch: WindowBatch) -> Tensor:
    """Return the summed cross-entropy of a batch in nats, a float32 scalar.

    The labels are shifted already (windows.py), so the logits are compared as they stand.
    """
    logits = model(batch.input_ids).flatten(0, 1).float()  # (B * T, V)
    return cross_entropy(logits, batch.labels.flatten(), ignore_index=IGNORE, reduction="sum")


class NovelTask:
    """A ``CharGPT`` that learns a novel; the end of the text is held out."""

    unit = "字"
    loss_sum = staticmethod(loss_sum)

    def __init__(
        self, novelist: Novelist, text: str, config: TrainConfig, facts: Mapping[str, Any]
    ) -> None:
        """Take everything over.

        Args:
            text: the end of it is held out.
            config: ``row_length`` is the model's window.
            facts: for the manifests.

        Raises:
            ConfigError: the text is shorter than two windows.
        """
        self.model: nn.Module = novelist.model
        self.novelist, self.config, self.facts = novelist, config, facts
        vocab = novelist.vocab
        self._train, self._held_out = (
            Windows(vocab.encode(part), length=config.row_length, num_rows=config.batch_rows)
            for part in split_novel(text)
        )
        self.num_tokens = self._train.num_targets

    def num_batches(self, epoch: int) -> int:
        """Return how many batches an epoch has."""
        return len(self._train.shuffled(epoch, seed=self.config.seed))

    def batches(self, epoch: int, begin: int, end: int) -> Iterator[WindowBatch]:
        """Yield batches ``[begin, end)`` of an epoch."""
        starts = self._train.shuffled(epoch, seed=self.config.seed)
        return map(self._train.batch, starts[begin:end])

    def held_out(self) -> Iterator[WindowBatch]:
        """Yield the batches of the end of the text."""
        return self._held_out.in_order()

    def describe(self, loss: float) -> str:
        """Return a loss in bits a character, in words."""
        return f"每字 {bits(loss):.2f} 比特"

    def save(self, folder: Path, progress: Progress, loss: float) -> None:
        """Write the model as a novelist's folder."""
        facts = {
            **self.facts,
            "steps": progress.step,
            "chars": progress.num_tokens,
            "held_out_bits_per_char": round(bits(loss), 3),
        }
        self.novelist.save(folder, facts=facts)

    def samples(self) -> list[tuple[str, str]]:
        """Return the beginning of a chapter, its lines joined."""
        return [("（新的一回）", "".join(self.novelist.write("", _SAMPLE)).replace("\n", " "))]


def bits(loss: float) -> float:
    """Return nats as bits."""
    return loss / math.log(2)
