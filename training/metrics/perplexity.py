"""Perplexity of a held-out set: e to the mean negative log-likelihood (Jelinek et al. 1977).

Per token it depends on the vocabulary: a table with longer pieces has fewer, harder tokens. Per
character it does not: exp(total nats / number of characters), where the characters are the code
points of the utterances after the data gate, plus one for the end of each utterance, because the
model is asked for that end (``[SEP]``) as well. Both have the same nats: those of every id but
``[CLS]``. An unknown character costs a model what ``[UNK]`` costs, so ``num_unknown`` belongs
beside the figures.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from training.metrics.intervals import Estimate, bootstrap_ratio


@dataclass(frozen=True)
class Tally:
    """What was counted in one dialogue.

    Attributes:
        nats: negative log-likelihood of its tokens.
        num_tokens: tokens that were predicted, the ends of utterances among them.
        num_characters: code points of the text, and one for each end of an utterance.
        num_unknown: tokens that are ``[UNK]``.
    """

    nats: float = 0.0
    num_tokens: int = 0
    num_characters: int = 0
    num_unknown: int = 0

    def __add__(self, other: "Tally") -> "Tally":
        return Tally(
            self.nats + other.nats,
            self.num_tokens + other.num_tokens,
            self.num_characters + other.num_characters,
            self.num_unknown + other.num_unknown,
        )


def per_token(tallies: Sequence[Tally], *, seed: int) -> Estimate:
    """Return the perplexity per token, with a bootstrap interval over dialogues."""
    return _perplexity(tallies, [tally.num_tokens for tally in tallies], seed)


def per_character(tallies: Sequence[Tally], *, seed: int) -> Estimate:
    """Return the perplexity per character, with a bootstrap interval over dialogues."""
    return _perplexity(tallies, [tally.num_characters for tally in tallies], seed)


def _perplexity(tallies: Sequence[Tally], counts: Sequence[int], seed: int) -> Estimate:
    nats = bootstrap_ratio([tally.nats for tally in tallies], counts, seed=seed)
    return Estimate(math.exp(nats.value), math.exp(nats.low), math.exp(nats.high))
