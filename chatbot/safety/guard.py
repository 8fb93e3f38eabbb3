"""The guard at both doors: what comes in from the person, what goes out from the model.

On the way in only the lexicon decides: what it finds gets a fixed reply. A classifier merely has
replies proposed there: rude words are the model's to answer with good humour, and grave ones need
their category. On the way out both decide. The lexicon can stop a reply while it streams; the classifier judges whole
replies only, so with one a reply is held back until it is whole (60 tokens at most by default).
"""

import os
import zlib
from collections.abc import Callable
from functools import cache, lru_cache
from pathlib import Path
from typing import Protocol

from chatbot.safety.entries import Category
from chatbot.safety.lexicon import SHIPPED_LEXICON
from chatbot.safety.live import LiveLexicon, live_lexicon
from chatbot.safety.normalise import normalise
from chatbot.safety.replies import FALLBACK, REPLIES, RETORTS, TURNS
from chatbot.safety.stream import HoldingFilter, OutputFilter

LEXICON_VARIABLE = "XIANLIAO_LEXICON"
THRESHOLD = 0.5
_NUM_REMEMBERED = 256  # judged replies: a chosen candidate is judged again as it leaves


class Classifier(Protocol):
    """What judges a text by more than its words."""

    def probability(self, text: str) -> float:
        """Return how probable it is that ``text`` offends, 0 to 1."""


class ReplyFilter(Protocol):
    """What a reply passes on its way out.

    Attributes:
        tripped: the reply may not go on; nothing leaves any more.
    """

    @property
    def tripped(self) -> bool: ...

    def feed(self, piece: str) -> str:
        """Take a piece of the reply; return what may leave now, perhaps nothing."""

    def finish(self) -> str:
        """Take the end of the reply; return what was held back, if it may leave."""


class Guard:
    """Decides on whole messages; hands out a filter for replies that stream."""

    def __init__(
        self,
        lexicon: LiveLexicon,
        classifier: Classifier | None = None,
        threshold: float = THRESHOLD,
    ) -> None:
        """Take a lexicon and perhaps a classifier; over ``threshold`` a reply may not leave."""
        self._lexicon = lexicon
        self._threshold = threshold
        self._probability: Callable[[str], float] | None = None
        if classifier is not None:
            self._probability = lru_cache(_NUM_REMEMBERED)(classifier.probability)

    @classmethod
    @cache
    def default(cls) -> "Guard":
        """Return the guard over the project's own lexicon, loaded once."""
        return cls(live_lexicon(SHIPPED_LEXICON))

    @classmethod
    def configured(
        cls, classifier: Classifier | None = None, threshold: float = THRESHOLD
    ) -> "Guard":
        """Return a guard over our lexicon and the operator's, which ``XIANLIAO_LEXICON`` names.

        Raises:
            LexiconError: the operator's is missing or cannot be understood.
        """
        own = os.environ.get(LEXICON_VARIABLE)
        sources = [SHIPPED_LEXICON, *([Path(own)] if own else [])]
        return cls(live_lexicon(*sources), classifier, threshold)

    @property
    def has_classifier(self) -> bool:
        """Whether more than words decides what leaves."""
        return self._probability is not None

    def without_classifier(self) -> "Guard":
        """Return the guard over the same lexicon alone."""
        return Guard(self._lexicon)

    def check_input(self, text: str) -> str | None:
        """Return what to answer instead of asking the model, or None when it may answer itself.

        Insults are the model's to answer, with good humour. The same text gets the same reply.
        """
        found = self._categories(text)
        for category, replies in REPLIES.items():
            if category in found:
                return replies[zlib.crc32(text.encode("utf-8", "replace")) % len(replies)]
        return None

    def retorts(self, text: str) -> tuple[str, ...]:
        """Return replies to be ranked beside the model's; none but to what offends.

        An insult is met with good humour; what only the classifier minds, with a turn of the talk.
        """
        if "insult" in self._categories(text):
            return RETORTS
        return TURNS if self._offends(text) else ()

    def check_output(self, text: str) -> bool:
        """Return whether a whole reply may leave."""
        if self._lexicon.current().search(normalise(text), "output"):
            return False
        return not self._offends(text)

    def stream(self) -> ReplyFilter:
        """Return a fresh filter for one reply that streams."""
        words = OutputFilter(self._lexicon.current())
        return words if self._probability is None else HoldingFilter(words, self.check_output)

    def fallback(self) -> str:
        """Return the kind reply that stands in for one that may not leave."""
        return FALLBACK

    def _offends(self, text: str) -> bool:
        return self._probability is not None and self._probability(text) > self._threshold

    def _categories(self, text: str) -> set[Category]:
        found = self._lexicon.current().search(normalise(text), "input")
        return {match.category for match in found}
