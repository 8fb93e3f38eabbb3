"""Known replies: what the corpus answers in places like this one, proposed beside generation.

XiaoIce pairs retrieval with generation so (Zhou et al. 2020, "The Design and Implementation of
XiaoIce"). Two things tell how alike two places are: the words of the messages, by the cosine of
their character unigrams and bigrams, weighted by inverse document frequency; and, where a model's
states are kept (``known_states.py``), what it has made of the whole conversation. How the two are
weighed was fitted to ratings (``training/ranking``).
"""

import lzma
import math
import random
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from chatbot.errors import CheckpointError
from chatbot.known_states import KnownStates

MAX_KNOWN = 120_000  # an index of them takes about 200 MB
MIN_SIMILARITY = 0.2  # in words, where no states are kept
_WORDS, _STATE = 0.4, 0.6  # what each counts
_LEFT_OUT = 0.25  # chance, by the seed, so that asking again may bring something else
_NUM_CONSIDERED = 200
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
        if self.opens:
            return 1.0
        return _LATER if self.needs or len(_normalise(self.message)) > _SHORT else 0.0


@dataclass(frozen=True)
class Match:
    """A known reply, and how well it is known to fit, above 0, at most 1."""

    reply: str
    fit: float


def known_replies(utterances: Sequence[str]) -> list[KnownReply]:
    """Return the exchanges of a dialogue."""
    found: list[KnownReply] = []
    said: frozenset[str] = frozenset()
    for message, reply in zip(utterances[::2], utterances[1::2], strict=False):
        said |= _bigrams(message)
        found.append(KnownReply(message, reply, said & _bigrams(reply), opens=not found))
        said |= _bigrams(reply)
    return found


class KnownReplies:
    """An index over known replies by their messages."""

    def __init__(self, known: Iterable[KnownReply], states: KnownStates | None = None) -> None:
        """Index known replies; ``states`` are theirs, in the same order."""
        self._known, self._states = list(known), states
        bags = [_grams(item.message) for item in self._known]
        num, counts = len(bags), Counter(gram for bag in bags for gram in bag)
        self._idf = {gram: math.log((1 + num) / count) for gram, count in counts.items()}
        self._unseen = math.log(1 + num)
        postings: defaultdict[str, list[int]] = defaultdict(list)
        for place, bag in enumerate(bags):
            for gram in bag:
                postings[gram].append(place)
        self._postings = {gram: np.array(rows, np.int32) for gram, rows in postings.items()}
        self._norms = np.array([self._norm(bag) for bag in bags], np.float32)
        self._trust = np.array([item.trust for item in self._known], np.float32)

    def __len__(self) -> int:
        return len(self._known)

    def propose(
        self,
        history: Sequence[str],
        message: str,
        *,
        count: int,
        seed: int,
        state: NDArray[np.float32] | None = None,
        min_similarity: float = 0.0,
        min_coverage: float = 0.0,
    ) -> list[Match]:
        """Return up to ``count`` different replies, those that fit best first.

        Args:
            state: of the model at the end of the conversation, (D,).
            min_similarity: how like the message a known one must be in words.
            min_coverage: how much of the message's characters, by their inverse document
                frequency, a known message must hold: 法国的首都 is like 德国的首都, and not the same.
        """
        if not self._known:
            return []
        has_state = self._states is not None and state is not None
        words, likeness = self.alike(message, state)
        fit = _WORDS * words + _STATE * likeness if has_state else words
        enough = max(min_similarity, 0.0 if has_state else MIN_SIMILARITY)
        places = _largest(np.where(words >= enough, fit, 0.0), _NUM_CONSIDERED)
        said = frozenset[str]().union(_bigrams(message), *map(_bigrams, history))
        chance = random.Random(seed)
        found: dict[str, Match] = {}
        for place in places:
            if len(found) == count:
                break
            item = self._known[place]
            if self._coverage(item.message, message) < min_coverage:
                continue
            if item.needs <= said and chance.random() >= _LEFT_OUT:
                found.setdefault(item.reply, Match(item.reply, min(float(fit[place]), 1.0)))
        return list(found.values())

    def alike(
        self, message: str, state: NDArray[np.float32] | None
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return how like each known place is in words, as far as they are trusted, and in the
        model's state, (N,) each; without states the latter is 0.
        """
        words = self._similarity(_grams(message)) * self._trust
        if self._states is None or state is None:
            return words, np.zeros_like(words)
        return words, self._states.likeness(state)

    def shared(self, message: str, *texts: str) -> float:
        """Return the inverse document frequency of what a message and texts have in common."""
        common = _grams(message) & frozenset[str]().union(*map(_grams, texts))
        return sum(self._idf.get(gram, self._unseen) for gram in common)

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
        return math.sqrt(sum(self._idf.get(gram, self._unseen) ** 2 for gram in bag))


def _largest(values: NDArray[np.float32], count: int) -> list[int]:
    """Return the places of the ``count`` largest values above 0, the largest first."""
    places = np.flatnonzero(values > 0)
    if count < len(places):
        places = places[np.argpartition(-values[places], count)[:count]]
    largest: list[int] = places[np.argsort(-values[places], kind="stable")].tolist()
    return largest


def write_known(path: Path, known: Iterable[KnownReply]) -> None:
    """Write lines of message, reply, what it needs and a mark if it came later, tabs between, xz.

    White space inside the texts becomes one space.
    """
    with lzma.open(path, "wt", encoding="utf-8", newline="\n") as file:
        for item in known:
            cells = [item.message, item.reply, " ".join(sorted(item.needs))]
            cells += [] if item.opens else [_MARK]
            file.write("\t".join(" ".join(cell.split()) for cell in cells) + "\n")


def read_known(path: Path) -> tuple[KnownReply, ...]:
    """Read what ``write_known`` wrote.

    Raises:
        CheckpointError: not xz, not UTF-8, or a line that does not hold its three or four cells.
    """
    try:
        lines = lzma.decompress(path.read_bytes()).decode("utf-8").split("\n")
    except (OSError, lzma.LZMAError, UnicodeDecodeError) as error:
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
