"""The guard at both doors: what comes in from the person, what goes out from the model."""

import zlib
from functools import cache

from chatbot.safety.lexicon import Lexicon
from chatbot.safety.normalise import normalise
from chatbot.safety.replies import FALLBACK, REPLIES
from chatbot.safety.stream import OutputFilter


class Guard:
    """Decides on whole messages; hands out a filter for replies that stream."""

    def __init__(self, lexicon: Lexicon) -> None:
        self._lexicon = lexicon

    @classmethod
    @cache
    def default(cls) -> "Guard":
        """Return the guard over the project's own lexicon, loaded once."""
        return cls(Lexicon.default())

    def check_input(self, text: str) -> str | None:
        """Return what to answer instead of asking the model, or None when it may answer itself.

        Insults are the model's to answer, with good humour. The same text gets the same reply.
        """
        found = {match.category for match in self._lexicon.search(normalise(text), "input")}
        for category, replies in REPLIES.items():
            if category in found:
                return replies[zlib.crc32(text.encode("utf-8", "replace")) % len(replies)]
        return None

    def check_output(self, text: str) -> bool:
        """Return whether a whole reply may leave."""
        return not self._lexicon.search(normalise(text), "output")

    def stream(self) -> OutputFilter:
        """Return a fresh filter for one reply that streams."""
        return OutputFilter(self._lexicon)

    def fallback(self) -> str:
        """Return the kind reply that stands in for one that may not leave."""
        return FALLBACK
