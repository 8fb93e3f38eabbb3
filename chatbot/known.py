"""Known replies: answers of the corpus to messages like this one, proposed beside generation.

XiaoIce pairs retrieval with generation so (Zhou et al. 2020, "The Design and Implementation of
XiaoIce"); here the same model ranks both. Messages are compared by the cosine of their character
unigrams and bigrams, weighted by inverse document frequency.
"""

import math
import random
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from chatbot.errors import CheckpointError

MAX_PAIRS = 100_000  # an index of them takes about 60 MB
MIN_SIMILARITY = 0.6
_MARGIN = 0.2  # below the best one; what is further off is not proposed beside it
_NUM_CONSIDERED = 24


@dataclass(frozen=True)
class Known:
    """A reply that the corpus gives, and how much like its message the asked one is, 0 to 1."""

    reply: str
    similarity: float


class KnownReplies:
    """An index over (message, reply) pairs; each message opened its dialogue."""

    def __init__(self, pairs: Iterable[tuple[str, str]]) -> None:
        self._pairs = list(pairs)
        bags = [_grams(message) for message, _ in self._pairs]
        document_counts = Counter(gram for bag in bags for gram in bag)
        num = len(bags)
        self._idf = {gram: math.log((1 + num) / count) for gram, count in document_counts.items()}
        postings: defaultdict[str, list[int]] = defaultdict(list)
        for place, bag in enumerate(bags):
            for gram in bag:
                postings[gram].append(place)
        self._postings = {gram: np.array(rows, np.int32) for gram, rows in postings.items()}
        self._norms = np.array([self._norm(bag) for bag in bags], np.float32)

    def __len__(self) -> int:
        return len(self._pairs)

    def propose(self, message: str, *, count: int, seed: int) -> list[Known]:
        """Return up to ``count`` different replies to messages like this one.

        Among those that are about as near, the seed decides. A reply that takes up words of its
        own message which this one does not hold (a name, a time) is left out.
        """
        bag = _grams(message)
        similarity = self._similarity(bag)
        if not len(similarity):
            return []
        places = np.argsort(-similarity, kind="stable")[:_NUM_CONSIDERED]
        floor = max(MIN_SIMILARITY, float(similarity[places[0]]) - _MARGIN)
        found: dict[str, Known] = {}
        for place in places:
            near = float(similarity[place])
            said, reply = self._pairs[place]
            if near >= floor and _takes_up(said, reply) <= bag:
                found.setdefault(reply, Known(reply, min(near, 1.0)))
        known = list(found.values())
        random.Random(seed).shuffle(known)
        return known[:count]

    def _similarity(self, bag: frozenset[str]) -> NDArray[np.float32]:
        """Return the cosine of every known message to these grams, ``(len(self),)``."""
        total = np.zeros(len(self._pairs), np.float32)
        for gram in bag:
            rows = self._postings.get(gram)
            if rows is not None:
                total[rows] += self._idf[gram] ** 2
        norm = self._norm(bag)
        similarity: NDArray[np.float32] = total / np.maximum(self._norms * norm, 1e-9)
        return similarity

    def _norm(self, bag: frozenset[str]) -> float:
        unseen = math.log(1 + len(self._pairs))
        return math.sqrt(sum(self._idf.get(gram, unseen) ** 2 for gram in bag))


def write_pairs(path: Path, pairs: Iterable[tuple[str, str]]) -> None:
    """Write pairs as lines of message, tab, reply; white space inside them becomes one space."""
    lines = ("\t".join(" ".join(text.split()) for text in pair) + "\n" for pair in pairs)
    path.write_text("".join(lines), encoding="utf-8", newline="\n")


def read_pairs(path: Path) -> tuple[tuple[str, str], ...]:
    """Read what ``write_pairs`` wrote.

    Raises:
        CheckpointError: not UTF-8, or a line is not two texts with one tab between.
    """
    try:
        lines = path.read_text(encoding="utf-8").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise CheckpointError(f"{path}: 读不了（{error}）；请重新取得这个文件") from None
    pairs = []
    for number, line in enumerate(lines, start=1):
        if not line:
            continue
        message, tab, reply = line.partition("\t")
        if not (message and tab and reply) or "\t" in reply:
            raise CheckpointError(f"{path}:{number}: 须是“消息、制表符、回答”；请改正这一行")
        pairs.append((message, reply))
    return tuple(pairs)


def _normalise(text: str) -> str:
    """Return letters and digits alone; a text without any stands for itself."""
    return "".join(filter(str.isalnum, text.lower())) or text.strip()


def _grams(text: str) -> frozenset[str]:
    text = _normalise(text)
    return frozenset(text) | frozenset(text[place : place + 2] for place in range(len(text) - 1))


def _takes_up(message: str, reply: str) -> frozenset[str]:
    """Return the bigrams that a reply has from its message."""
    shared = _grams(message) & _grams(reply)
    return frozenset(gram for gram in shared if len(gram) == 2)
