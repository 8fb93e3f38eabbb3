"""Dialogues that tell the same thing twice.

Two dialogues are compared by the Jaccard overlap of their character bigrams. Pairs are found
through an inverted index with prefix filtering (Bayardo, Ma and Srikant 2007, "Scaling Up All
Pairs Similarity Search"): a pair above the threshold must share one of its rarest bigrams, so
only these are indexed. The result is exact.
"""

import math
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

Utterances = Sequence[str]

_ROUNDING = 1e-9


@dataclass(frozen=True)
class Pair:
    """Two dialogues by their places in the list, ``first < second``, and their overlap."""

    first: int
    second: int
    overlap: float


def normalise(text: str) -> str:
    """Return ``text`` in lower case without punctuation, spaces or emoji."""
    return "".join(character for character in text.lower() if character.isalnum())


def near_duplicates(dialogues: Sequence[Utterances], threshold: float) -> list[Pair]:
    """Return every pair whose bigram overlap is at least ``threshold`` (0 < threshold <= 1)."""
    bags = _ranked(dialogues)
    sets = [frozenset(bag) for bag in bags]
    index: defaultdict[int, list[int]] = defaultdict(list)
    pairs = []
    for number in sorted(range(len(bags)), key=lambda place: len(bags[place])):
        bag = bags[number]
        candidates: set[int] = set()
        needed = math.ceil(threshold * len(bag) - _ROUNDING)
        for rank in bag[: len(bag) - needed + 1]:
            candidates.update(index[rank])
            index[rank].append(number)
        for other in candidates:
            if len(sets[other]) < needed:
                continue
            shared = len(sets[other] & sets[number])
            overlap = shared / (len(sets[other]) + len(bag) - shared)
            if overlap >= threshold - _ROUNDING:
                pairs.append(Pair(min(other, number), max(other, number), overlap))
    return sorted(pairs, key=lambda pair: (pair.first, pair.second))


def _ranked(dialogues: Sequence[Utterances]) -> list[list[int]]:
    """Return each dialogue's bigrams as ranks in ascending order, the rarest bigram first."""
    bags = [_bigrams(utterances) for utterances in dialogues]
    counts = Counter(bigram for bag in bags for bigram in bag)
    by_rarity = sorted(counts, key=lambda bigram: (counts[bigram], bigram))
    ranks = {bigram: rank for rank, bigram in enumerate(by_rarity)}
    return [sorted(ranks[bigram] for bigram in bag) for bag in bags]


def _bigrams(utterances: Utterances) -> set[str]:
    texts = (normalise(text) for text in utterances)
    return {text[place : place + 2] for text in texts for place in range(len(text) - 1)}
