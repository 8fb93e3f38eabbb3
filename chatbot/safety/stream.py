"""The output guard of a reply that streams: no piece of a blocked phrase ever leaves.

The reply is read one character at a time, however it arrives, so the pieces make no difference to
what leaves or to the verdict.
"""

from collections.abc import Callable

from chatbot.safety.lexicon import Lexicon, Match, Span, excuses, is_unbroken
from chatbot.safety.normalise import Normaliser, is_joined, is_word_char, runs_on


class OutputFilter:
    """Lets a reply pass, less the longest end that could still become a blocked phrase.

    Attributes:
        tripped: a blocked phrase came; nothing leaves any more.
    """

    def __init__(self, lexicon: Lexicon) -> None:
        self.tripped = False
        self._lexicon = lexicon
        self._original: list[str] = []
        self._released = 0  # characters of the original
        self._normaliser = Normaliser()
        self._size = 0  # normalised characters read
        self._open_blocked: list[int] = []  # where the ends start that begin a blocked phrase
        self._open_allowed: list[int] = []  # where the ends start that begin an allowed context
        self._contexts: list[Span] = []  # allowed contexts found
        self._pending: list[Match] = []  # blocked phrases found, perhaps excused by what follows

    def feed(self, piece: str) -> str:
        """Take a piece of the reply; return what may leave now, perhaps nothing."""
        for char in piece:
            if self.tripped:
                break
            self._original.append(char)
            for _ in range(self._normaliser.push(char)):
                self._step()
        return self._release()

    def finish(self) -> str:
        """Take the end of the reply; return what was held back, less a blocked phrase."""
        if not self.tripped:
            self._open_blocked.clear()
            self._open_allowed.clear()
            self._judge(at_end=True)
        return self._release()

    def _step(self) -> None:
        """Read one more normalised character."""
        if self.tripped:  # By an earlier letter of the same character, as in ㏄.
            return
        self._size += 1
        last = self._size - 1
        if not self._is_joined(last):
            self._open_blocked.append(last)
        self._open_allowed.append(last)
        self._open_blocked = [
            start
            for start in self._open_blocked
            if self._lexicon.begins_blocked(self._piece(start), "output")
        ]
        self._open_allowed = [
            start
            for start in self._open_allowed
            if self._lexicon.begins_allowed(self._piece(start), "output")
        ]
        self._collect()
        self._judge(at_end=False)

    def _collect(self) -> None:
        """Note the phrases and contexts that end here."""
        blocked, allowed = self._lexicon.blocked["output"], self._lexicon.allowed["output"]
        for start in self._open_blocked:
            if category := blocked.get(self._piece(start)):
                self._pending.append(Match(start, self._size, category))
        for start in self._open_allowed:
            if self._piece(start) in allowed:
                self._contexts.append((start, self._size))

    def _judge(self, *, at_end: bool) -> None:
        """Drop the found phrases that are innocent; trip on one that cannot become so."""
        self._pending = [match for match in self._pending if not self._is_innocent(match)]
        self.tripped = any(at_end or not self._may_be_excused(match) for match in self._pending)

    def _is_innocent(self, match: Match) -> bool:
        goes_on = match.end < self._size and self._is_joined(match.end)
        return goes_on or any(excuses(c, match, self._runs_on) for c in self._contexts)

    def _may_be_excused(self, match: Match) -> bool:
        if match.end == self._size and is_word_char(self._normaliser.text[match.end - 1]):
            return True  # The word may go on.
        return any(
            start <= match.start and is_unbroken((start, self._size), match, self._runs_on)
            for start in self._open_allowed
        )

    def _is_joined(self, index: int) -> bool:
        return is_joined(self._normaliser.text, self._normaliser.offsets, index)

    def _runs_on(self, index: int) -> bool:
        return runs_on(self._normaliser.text, self._normaliser.offsets, index)

    def _piece(self, start: int) -> str:
        return "".join(self._normaliser.text[start : self._size])

    def _release(self) -> str:
        held = [*self._open_blocked, *(match.start for match in self._pending)]
        end = self._normaliser.offsets[min(held)][0] if held else len(self._original)
        piece = "".join(self._original[self._released : end])
        self._released = max(self._released, end)
        return piece


class HoldingFilter:
    """Holds a reply back until it is whole, and then lets all of it pass or nothing."""

    def __init__(self, words: OutputFilter, may_leave: Callable[[str], bool]) -> None:
        """Stop early at what ``words`` stops; ask ``may_leave`` about the whole reply."""
        self.tripped = False
        self._words = words
        self._may_leave = may_leave
        self._text = ""

    def feed(self, piece: str) -> str:
        """Take a piece of the reply; nothing leaves yet."""
        self._text += self._words.feed(piece)
        self.tripped = self._words.tripped
        return ""

    def finish(self) -> str:
        """Take the end of the reply; return it whole, or nothing."""
        self._text += self._words.finish()
        self.tripped = self._words.tripped or not self._may_leave(self._text)
        return "" if self.tripped else self._text
