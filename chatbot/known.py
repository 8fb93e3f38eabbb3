"""Known replies: what the corpus answers to messages like this one, proposed beside generation.

XiaoIce pairs retrieval with generation so (Zhou et al. 2020, "The Design and Implementation of
XiaoIce"); here the same model ranks both. Messages are compared by the cosine of their character
unigrams and bigrams, weighted by inverse document frequency.
"""

import math
import random
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from chatbot.errors import CheckpointError

MAX_KNOWN = 100_000  # an index of them takes about 150 MB
MIN_SIMILARITY = 0.2
_LEFT_OUT = 0.25  # chance, by the seed, so that asking again may bring something else
_NUM_CONSIDERED = 400
_LATER = 0.85  # trust in an exchange that came later in its dialogue
_SHORT = 4  # a message there of so few characters (哈哈, 好吧) is answered by what came before it
_MARK = "接"  # in the file, of an exchange that is not the first of its dialogue


@dataclass(frozen=True)
class KnownReply:
    """An exchange of a corpus.

    Attributes:
        message: what the person said.
        reply: what the bot said to it.
        needs: bigrams that the reply takes up from what was said before; whoever has not said
            them (a name, a time, a dish) must not get it.
        opens: whether it is the first of its dialogue.
    """

    message: str
    reply: str
    needs: frozenset[str]
    opens: bool = True

    @property
    def trust(self) -> float:
        """How far its message alone tells when the reply fits, 0 to 1."""
        return 1.0 if self.opens else _LATER


@dataclass(frozen=True)
class Match:
    """A known reply, and how much like its message the asked one is, 0 to 1."""

    reply: str
    similarity: float


def known_replies(utterances: Sequence[str]) -> list[KnownReply]:
    """Return the exchanges of a dialogue, but for later ones whose message alone says nothing."""
    found: list[KnownReply] = []
    said: frozenset[str] = frozenset()
    for message, reply in zip(utterances[::2], utterances[1::2], strict=False):
        said |= _bigrams(message)
        item = KnownReply(message, reply, said & _bigrams(reply), opens=not found)
        if item.opens or item.needs or len(_normalise(message)) > _SHORT:
            found.append(item)
        said |= _bigrams(reply)
    return found


class KnownReplies:
    """An index over known replies by their messages."""

    def __init__(self, known: Iterable[KnownReply]) -> None:
        self._known = list(known)
        bags = [_grams(item.message) for item in self._known]
        num, counts = len(bags), Counter(gram for bag in bags for gram in bag)
        self._idf = {gram: math.log((1 + num) / count) for gram, count in counts.items()}
        postings: defaultdict[str, list[int]] = defaultdict(list)
        for place, bag in enumerate(bags):
            for gram in bag:
                postings[gram].append(place)
        self._postings = {gram: np.array(rows, np.int32) for gram, rows in postings.items()}
        self._norms = np.array([self._norm(bag) for bag in bags], np.float32)
        self._trust = np.array([item.trust for item in self._known], np.float32)

    def propose(
        self,
        history: Sequence[str],
        message: str,
        *,
        count: int,
        seed: int,
        min_coverage: float = 0.0,
    ) -> list[Match]:
        """Return up to ``count`` different replies, those to the likest messages first.

        Args:
            min_coverage: how much of the message's characters, by their inverse document
                frequency, a known message must hold: 法国的首都 is like 德国的首都, and not the same.
        """
        if not self._known:
            return []
        similarity = self._similarity(_grams(message)) * self._trust
        said = frozenset[str]().union(_bigrams(message), *map(_bigrams, history))
        chance = random.Random(seed)
        found: dict[str, Match] = {}
        near_enough = np.flatnonzero(similarity >= MIN_SIMILARITY)
        order = near_enough[np.argsort(-similarity[near_enough], kind="stable")]
        for place in order[:_NUM_CONSIDERED]:
            if len(found) == count:
                break
            item, near = self._known[place], float(similarity[place])
            if self._coverage(item.message, message) < min_coverage:
                continue
            if item.needs <= said and chance.random() >= _LEFT_OUT:
                found.setdefault(item.reply, Match(item.reply, min(near, 1.0)))
        return list(found.values())

    def _similarity(self, bag: frozenset[str]) -> NDArray[np.float32]:
        """Return the cosine of every known message to these grams, ``(len(self),)``."""
        total = np.zeros(len(self._known), np.float32)
        for gram in bag:
            rows = self._postings.get(gram)
            if rows is not None:
                total[rows] += self._idf[gram] ** 2
        similarity: NDArray[np.float32] = total / np.maximum(self._norms * self._norm(bag), 1e-9)
        return similarity

    def _coverage(self, known: str, message: str) -> float:
        held, asked = set(_normalise(known)), set(_normalise(message))
        return self._norm(frozenset(asked & held)) ** 2 / max(
            self._norm(frozenset(asked)) ** 2, 1e-9
        )

    def _norm(self, bag: frozenset[str]) -> float:
        unseen = math.log(1 + len(self._known))
        return math.sqrt(sum(self._idf.get(gram, unseen) ** 2 for gram in bag))


def write_known(path: Path, known: Iterable[KnownReply]) -> None:
    """Write lines of message, reply, what it needs and a mark if it came later, tabs between.

    White space inside the texts becomes one space.
    """
    with path.open("w", encoding="utf-8", newline="\n") as file:
        for item in known:
            cells = [item.message, item.reply, " ".join(sorted(item.needs))]
            cells += [] if item.opens else [_MARK]
            file.write("\t".join(" ".join(cell.split()) for cell in cells) + "\n")


def read_known(path: Path) -> tuple[KnownReply, ...]:
    """Read what ``write_known`` wrote.

    Raises:
        CheckpointError: not UTF-8, or a line that does not hold its three or four cells.
    """
    try:
        lines = path.read_text(encoding="utf-8").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise CheckpointError(f"{path}: 读不了（{error}）；请重新取得这个文件") from None
    known = []
    for number, line in enumerate(lines, start=1):
        cells = line.split("\t")
        is_row = len(cells) == 3 or cells[3:] == [_MARK]
        if line and not (is_row and cells[0] and cells[1]):
            what = f"须是“消息、回答、前文须有的字”，不是开头的再加“{_MARK}”，用制表符隔开；请改正这一行"
            raise CheckpointError(f"{path}:{number}: {what}")
        if line:
            needs = frozenset(cells[2].split())
            known.append(KnownReply(cells[0], cells[1], needs, opens=len(cells) == 3))
    return tuple(known)


def _normalise(text: str) -> str:
    """Return letters and digits alone, in lower case."""
    return "".join(filter(str.isalnum, text.lower()))


def _bigrams(text: str) -> frozenset[str]:
    text = _normalise(text)
    return frozenset(text[place : place + 2] for place in range(len(text) - 1))


def _grams(message: str) -> frozenset[str]:
    """Return what a message is found by; one of signs alone stands for itself."""
    return frozenset(_normalise(message) or [message.strip()]) | _bigrams(message)
