"""The phrases that may not come in or go out, and the innocent contexts that excuse them.

Files of a lexicon folder (UTF-8, one phrase a line, ``#`` begins a comment):

``<category>.txt``   blocked phrases
``allow.txt``        contexts in which a blocked phrase means something else

A line ``< phrase`` holds for what the person writes only, ``> phrase`` for what the bot says only, a
bare one for both.

A found phrase does not count when it lies inside an allowed context, or begins inside one that
began before it: 干活 excuses 干 in 干活, and 体操 excuses 操妈 in 体操妈妈也会, because a reader
has taken 操 with 体 already. A context must be written without separators: 好痛 死了算了 is not
痛死了. Latin phrases count as whole words only.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal, get_args

import ahocorasick

from chatbot.safety.normalise import BREAK, Normalised, normalise

Category = Literal["insult", "obscenity", "hate", "self_harm", "illegal", "personal_data"]
Side = Literal["input", "output"]
CATEGORIES: tuple[Category, ...] = get_args(Category)
_MARKS: dict[str, tuple[Side, ...]] = {"<": ("input",), ">": ("output",)}
_FOLDER = Path(__file__).parent / "lexicon"


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

    def __init__(
        self, blocked: dict[Side, dict[str, Category]], allowed: dict[Side, set[str]]
    ) -> None:
        self.blocked = blocked
        self.allowed = allowed
        self._blocked = {side: _automaton(phrases) for side, phrases in blocked.items()}
        self._allowed = {side: _automaton(contexts) for side, contexts in allowed.items()}

    @classmethod
    @cache
    def default(cls) -> "Lexicon":
        """Return the project's own lexicon, read once."""
        return cls.load(_FOLDER)

    @classmethod
    def load(cls, folder: Path) -> "Lexicon":
        """Read a lexicon folder; categories without a file are empty.

        Raises:
            ValueError: a phrase normalises to nothing, spans two clauses, or stands in two
                categories of one side; names file and line.
        """
        blocked: dict[Side, dict[str, Category]] = {"input": {}, "output": {}}
        for category in CATEGORIES:
            for where, sides, phrase in _read(folder / f"{category}.txt"):
                for side in sides:
                    if blocked[side].setdefault(phrase, category) != category:
                        other = blocked[side][phrase]
                        raise ValueError(f"{where}: {phrase!r} is in {other}.txt already")
        allowed: dict[Side, set[str]] = {"input": set(), "output": set()}
        for _, sides, context in _read(folder / "allow.txt"):
            for side in sides:
                allowed[side].add(context)
        return cls(blocked, allowed)

    def search(self, text: Normalised, side: Side) -> list[Match]:
        """Return the blocked phrases of a whole text that count, by where they end."""
        found = list(self._find(text, side))
        if not found:
            return []
        contexts = [
            (start, end)
            for start, end, _ in _occurrences(self._allowed[side], text.text)
            if text.is_unbroken(start, end)
        ]
        return [match for match in found if not is_excused(match, contexts)]

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


def is_excused(match: Match, contexts: list[tuple[int, int]]) -> bool:
    """Whether an allowed context at (start, end) makes ``match`` innocent."""
    return any(
        (start <= match.start and match.end <= end) or start < match.start < end
        for start, end in contexts
    )


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


def _read(path: Path) -> Iterator[tuple[str, tuple[Side, ...], str]]:
    if not path.is_file():
        return
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        entry = line.partition("#")[0].strip()
        if not entry:
            continue
        where = f"{path}:{number}"
        sides = _MARKS.get(entry[0], get_args(Side))
        phrase = normalise(entry.removeprefix("<").removeprefix(">")).text
        if not phrase or BREAK in phrase:
            raise ValueError(f"{where}: {entry!r} is no phrase: letters of one clause are needed")
        yield where, sides, phrase
