"""The phrases that may not come in or go out, and the innocent contexts that excuse them.

How files are written: see ``entries``. A found phrase does not count when it lies inside an allowed
context, or begins inside one that began before it: 干活 excuses 干 in 干活, and 体操 excuses 操妈 in
体操妈妈也会, because a reader has taken 操 with 体 already; 才不想 excuses 想死 in 才不想死. Outside
the phrase a context must be written without separators, other than between Latin words: 好痛 死了算了
is not 痛死了, but 路口 交警 is 路口. Latin phrases count as whole words only.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ahocorasick

from chatbot.safety.entries import KINDS, Category, Entry, Side, read_entries
from chatbot.safety.normalise import Normalised

SHIPPED_LEXICON = Path(__file__).parent / "lexicon"

Blocked = dict[Side, dict[str, Category]]
Allowed = dict[Side, set[str]]
Span = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Match:
    """A blocked phrase found at ``[start, end)`` of a normalised text."""

    start: int
    end: int
    category: Category


class Lexicon:
    """Blocked phrases by side and category, and allowed contexts, in Aho-Corasick automata.

    Attributes:
        blocked: for each side, normalised phrase → category.
        allowed: for each side, normalised contexts.
    """

    def __init__(self, blocked: Blocked, allowed: Allowed) -> None:
        self.blocked = blocked
        self.allowed = allowed
        self._blocked = {side: _automaton(phrases) for side, phrases in blocked.items()}
        self._allowed = {side: _automaton(contexts) for side, contexts in allowed.items()}

    @classmethod
    def load(cls, *sources: Path) -> "Lexicon":
        """Read folders or files.

        A phrase that stands in two categories belongs to the graver one, or to that of the later
        source; an evasion of a phrase never outdoes what was written.

        Raises:
            LexiconError: a source is missing, or a line cannot be understood; names file and line.
        """
        blocked: Blocked = {"input": {}, "output": {}}
        allowed: Allowed = {"input": set(), "output": set()}
        lists: dict[str, list[str]] = {}
        for source in sources:
            entries = sorted(read_entries(source, lists), key=_gravity)
            for side in blocked:
                held = [entry for entry in entries if side in entry.sides]
                for entry in held:
                    if entry.kind == "allow":
                        allowed[side] |= entry.phrases | entry.respelled
                    else:
                        blocked[side] |= dict.fromkeys(entry.respelled, entry.kind)
                for entry in held:
                    if entry.kind != "allow":
                        blocked[side] |= dict.fromkeys(entry.phrases, entry.kind)
        return cls(blocked, allowed)

    def search(self, text: Normalised, side: Side) -> list[Match]:
        """Return the blocked phrases of a whole text that count, by where they end."""
        found = list(self._find(text, side))
        if not found:
            return []
        contexts = [(start, end) for start, end, _ in _occurrences(self._allowed[side], text.text)]
        return [
            match
            for match in found
            if not any(excuses(context, match, text.runs_on) for context in contexts)
        ]

    def begins_blocked(self, piece: str, side: Side) -> bool:
        """Whether some blocked phrase begins with (or is) ``piece``."""
        return bool(self._blocked[side].match(piece))

    def begins_allowed(self, piece: str, side: Side) -> bool:
        """Whether some allowed context begins with (or is) ``piece``."""
        return bool(self._allowed[side].match(piece))

    def _find(self, text: Normalised, side: Side) -> Iterator[Match]:
        for start, end, phrase in _occurrences(self._blocked[side], text.text):
            if not text.is_joined(start) and not text.is_joined(end):
                yield Match(start, end, self.blocked[side][phrase])


def excuses(context: Span, match: Match, runs_on: Callable[[int], bool]) -> bool:
    """Whether an allowed context at (start, end) makes ``match`` innocent."""
    start, end = context
    covers = start <= match.start and match.end <= end
    return (covers or start < match.start < end) and is_unbroken(context, match, runs_on)


def is_unbroken(context: Span, match: Match, runs_on: Callable[[int], bool]) -> bool:
    """Whether no separator stands in the context, other than inside ``match``."""
    start, end = context
    return all(match.start < index < match.end or runs_on(index) for index in range(start + 1, end))


def _gravity(entry: Entry) -> int:
    return -KINDS.index(entry.kind)


def _automaton(phrases: Iterable[str]) -> Any:
    automaton = ahocorasick.Automaton()
    for phrase in phrases:
        automaton.add_word(phrase, phrase)
    automaton.make_automaton()
    return automaton


def _occurrences(automaton: Any, text: str) -> Iterator[tuple[int, int, str]]:
    if len(automaton) == 0:  # It cannot be searched then.
        return
    for last, phrase in automaton.iter(text):
        yield last + 1 - len(phrase), last + 1, phrase
