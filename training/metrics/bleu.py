"""BLEU of replies against the held-out ones, and the tokens that all figures of text count.

A token is a character, or a run of Latin letters and digits; white space separates and counts
for nothing; case is folded. Punctuation counts.
"""

import math
import re
from collections import Counter
from collections.abc import Sequence

Tokens = tuple[str, ...]

_TOKEN = re.compile(r"[0-9a-z\u00df-\u024f]+|\S")


def tokenize(text: str) -> Tokens:
    """Return the tokens of a text: ``"我用iPhone 15！"`` → 我 用 iphone 15 ！."""
    return tuple(_TOKEN.findall(text.casefold()))


def ngrams(tokens: Tokens, n: int) -> list[Tokens]:
    """Return the n-grams in order, ``max(len(tokens) - n + 1, 0)`` of them."""
    return [tokens[place : place + n] for place in range(len(tokens) - n + 1)]


def corpus_bleu(replies: Sequence[str], references: Sequence[str], max_n: int) -> float:
    """Return BLEU-``max_n``, 0 to 1: one reference a reply, counts summed over the corpus.

    Papineni et al. 2002, "BLEU: a Method for Automatic Evaluation of Machine Translation":
    clipped n-gram precisions of 1 to ``max_n``, their geometric mean, brevity penalty. Smoothing
    is Lin and Och's (2004, "ORANGE"): one is added to both counts of every precision but the
    first. Without a shared token it is 0.

    Raises:
        ValueError: the lists differ in length.
    """
    pairs = [
        (tokenize(reply), tokenize(reference))
        for reply, reference in zip(replies, references, strict=True)
    ]
    length = sum(len(reply) for reply, _ in pairs)
    reference_length = sum(len(reference) for _, reference in pairs)
    log_precision = 0.0
    for n in range(1, max_n + 1):
        hits, total = _matches(pairs, n)
        if n > 1:
            hits, total = hits + 1, total + 1
        if not hits:
            return 0.0
        log_precision += math.log(hits / total) / max_n
    brevity = min(0.0, 1 - reference_length / length)
    return math.exp(log_precision + brevity)


def _matches(pairs: Sequence[tuple[Tokens, Tokens]], n: int) -> tuple[int, int]:
    """Return how many n-grams of the replies their references hold, and how many there are."""
    hits = total = 0
    for reply, reference in pairs:
        counts = Counter(ngrams(reply, n))
        hits += (counts & Counter(ngrams(reference, n))).total()
        total += counts.total()
    return hits, total
