"""What quantisation costs: a model's perplexity through our steps of decoding, in two precisions.

Token by token, as replies are written, so that keys and values count as they are kept.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from transformers import BertTokenizerFast, GPT2LMHeadModel

from benchmarks.contender import Ids
from chatbot.decoding.forward import Batch
from chatbot.decoding.params import Precision
from chatbot.decoding.runner import ModelRunner
from chatbot.dialogue import DialogueEncoder, windows

TARGET = 1.01
_BATCH = 16


@dataclass(frozen=True)
class Perplexities:
    """Of the same tokens in int8 and in the reference precision.

    Attributes:
        num_tokens: predicted in each; all of a dialogue but its first.
    """

    int8: float
    float32: float
    num_tokens: int

    @property
    def ratio(self) -> float:
        """How many times as high int8's is."""
        return self.int8 / self.float32


def perplexities(
    model: GPT2LMHeadModel, tokenizer: BertTokenizerFast, dialogues: Sequence[Sequence[str]]
) -> Perplexities:
    """Return both for dialogues; one that outgrows the model is cut into whole turns."""
    encoder = DialogueEncoder(tokenizer)
    rows = [row for texts in dialogues for row in _rows(encoder, texts, model.config.n_positions)]
    rows.sort(key=len)  # so that a batch ends together, nearly
    num_tokens = sum(len(row) - 1 for row in rows)
    int8 = _nats(model, "int8", rows) / num_tokens
    float32 = _nats(model, "float32", rows) / num_tokens
    return Perplexities(math.exp(int8), math.exp(float32), num_tokens)


def _rows(encoder: DialogueEncoder, texts: Sequence[str], limit: int) -> list[Ids]:
    utterances = encoder.encode_utterances(texts)
    ranges = windows([len(ids) for ids in utterances], limit)
    return [encoder.join(utterances[start:stop]) for start, stop in ranges]


@torch.inference_mode()
def _nats(model: GPT2LMHeadModel, precision: Precision, rows: Sequence[Ids]) -> float:
    """Return the negative log-likelihood of all rows behind their first ids; shorter rows first."""
    runner = ModelRunner(model, precision=precision, cache_bytes=0, min_rows=_BATCH)
    total = 0.0
    for start in range(0, len(rows), _BATCH):
        batch = rows[start : start + _BATCH]
        runner.cache.reserve(len(batch), len(batch[-1]), num_used=0)
        for place in range(len(batch[-1]) - 1):
            first = next(row for row, ids in enumerate(batch) if len(ids) > place + 1)
            ids = [row[place] for row in batch[first:]]
            asked = Batch(ids, [place] * len(ids), range(first, len(batch)), [])
            targets = torch.tensor([row[place + 1] for row in batch[first:]])
            log_probs = runner.forward(asked).log_softmax(dim=1)
            total -= float(log_probs.gather(1, targets[:, None]).sum(dtype=torch.float64))
    return total
