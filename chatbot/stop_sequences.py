"""Strings at which a reply is to end, found in text that comes piece by piece."""

from collections.abc import Sequence


class StopSequences:
    """Lets text through up to the first of some strings, which itself does not leave.

    Attributes:
        met: whether one of them has come; everything after it is swallowed.
    """

    def __init__(self, sequences: Sequence[str] = ()) -> None:
        """Look for ``sequences``, none of them empty; without any, all text passes."""
        self.met = False
        self._sequences = tuple(sequences)
        self._held = ""

    def feed(self, text: str) -> str:
        """Take more text; return what can no longer be the beginning of a sequence."""
        if not self._sequences or self.met:
            return "" if self.met else text
        text = self._held + text
        places = [place for item in self._sequences if (place := text.find(item)) >= 0]
        if places:
            self.met, self._held = True, ""
            return text[: min(places)]
        length = max(_overlap(text, item) for item in self._sequences)
        self._held = text[len(text) - length :]
        return text[: len(text) - length]

    def finish(self) -> str:
        """Return what was held back when the text ends without a sequence."""
        held, self._held = self._held, ""
        return held


def _overlap(text: str, sequence: str) -> int:
    """Return the length of the longest end of ``text`` that begins ``sequence``."""
    longest = min(len(text), len(sequence) - 1)
    return next((n for n in range(longest, 0, -1) if text.endswith(sequence[:n])), 0)
