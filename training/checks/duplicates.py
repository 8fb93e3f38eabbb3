"""Dialogues that tell the same thing twice.

Two dialogues are compared by the Jaccard overlap of their character bigrams. Pairs are found
through an inverted index with prefix filtering (Bayardo, Ma and Srikant 2007, "Scaling Up All
Pairs Similarity Search"): a pair above the threshold must share one of its rarest bigrams, so
only these are indexed; of those compared in order of size, fewer still (Xiao et al. 2008, "Efficient
Similarity Joins for Near Duplicate Detection"). The result is exact.
"""

import math
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain

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


class Overlaps:
    """Dialogues to be compared with each other."""

    def __init__(self, dialogues: Sequence[Utterances]) -> None:
        self._bags = _ranked(dialogues)
        self._sets = [frozenset(bag) for bag in self._bags]

    def near_duplicates(self, threshold: float) -> list[Pair]:
        """Return every pair whose bigram overlap is at least ``threshold`` (0 < threshold <= 1)."""
        # Whoever comes later is no smaller, so that twice the overlap is shared by both together.
        index = self._index(threshold, added_threshold=2 * threshold / (1 + threshold))
        pairs: list[Pair] = []
        for number in sorted(range(len(self._bags)), key=lambda place: len(self._bags[place])):
            pairs += index.like(number)
            index.add(number)
        return sorted(pairs, key=lambda pair: (pair.first, pair.second))

    def near_across(self, is_apart: Sequence[bool], threshold: float) -> list[Pair]:
        """Return the pairs of one that stands apart and one that does not; far sooner if few do."""
        index = self._index(threshold, added_threshold=threshold)
        for number, apart in enumerate(is_apart):
            if apart:
                index.add(number)
        found = (index.like(number) for number, apart in enumerate(is_apart) if not apart)
        return sorted(chain.from_iterable(found), key=lambda pair: (pair.first, pair.second))

    def _index(self, threshold: float, *, added_threshold: float) -> "_Index":
        return _Index(self._bags, self._sets, threshold, added_threshold)


class _Index:
    """Dialogues by the rarest bigrams of theirs, one of which every like one shares.

    ``added_threshold`` is the share of an added one's bigrams that any like one must hold.
    """

    def __init__(
        self,
        bags: Sequence[Sequence[int]],
        sets: Sequence[frozenset[int]],
        threshold: float,
        added_threshold: float,
    ) -> None:
        self._bags, self._sets = bags, sets
        self._threshold, self._added_threshold = threshold, added_threshold
        self._places: defaultdict[int, list[int]] = defaultdict(list)

    def add(self, number: int) -> None:
        for rank in self._prefix(number, self._added_threshold):
            self._places[rank].append(number)

    def like(self, number: int) -> list[Pair]:
        """Return the pairs of a dialogue with those that were added."""
        own, pairs = self._sets[number], []
        prefix = self._prefix(number, self._threshold)
        for other in {place for rank in prefix for place in self._places[rank]}:
            sizes = len(self._sets[other]), len(own)
            if min(sizes) < self._threshold * max(sizes) - _ROUNDING:
                continue
            shared = len(self._sets[other] & own)
            overlap = shared / (sum(sizes) - shared)
            if overlap >= self._threshold - _ROUNDING:
                pairs.append(Pair(min(other, number), max(other, number), overlap))
        return pairs

    def _prefix(self, number: int, threshold: float) -> Sequence[int]:
        bag = self._bags[number]
        return bag[: len(bag) - math.ceil(threshold * len(bag) - _ROUNDING) + 1]


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
