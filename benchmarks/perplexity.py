"""What quantisation costs: a model's perplexity through our decoder, in two precisions."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from transformers import BertTokenizerFast, GPT2LMHeadModel

from benchmarks.contender import Ids
from chatbot.decoding.model import Decoder
from chatbot.decoding.reading import log_probs
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
    rows.sort(key=len)  # so that little is padded
    num_tokens = sum(len(row) - 1 for row in rows)
    int8 = _nats(Decoder(model, "int8"), rows) / num_tokens
    float32 = _nats(Decoder(model, "float32"), rows) / num_tokens
    return Perplexities(math.exp(int8), math.exp(float32), num_tokens)


def _rows(encoder: DialogueEncoder, texts: Sequence[str], limit: int) -> list[Ids]:
    utterances = encoder.encode_utterances(texts)
    ranges = windows([len(ids) for ids in utterances], limit)
    return [encoder.join(utterances[start:stop]) for start, stop in ranges]


def _nats(decoder: Decoder, rows: Sequence[Ids]) -> float:
    """Return the negative log-likelihood of all rows behind their first ids."""
    total = 0.0
    for start in range(0, len(rows), _BATCH):
        batch = rows[start : start + _BATCH]
        total -= sum(log_probs(decoder, [row[1:] for row in batch], batch[0][0], None))
    return total
