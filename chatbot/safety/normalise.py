"""One spelling for every way to write a phrase, with the way back to the original.

Each character is folded for itself, without looking at its neighbours, so that a text can be
normalised piece by piece as it streams and gives the same result as in one go:

- NFKC and case folding (ｓｂ → sb, ㊙ → 秘), traditional → simplified (OpenCC's t2s, one
  character at a time), look-alikes and animals (Cyrillic ѕ → s, 🐴 → 马);
- zero-width characters, combining marks and variation selectors vanish;
- spaces, symbols and emoji between characters vanish too (傻 逼, 傻.逼), but the marks that end a
  clause (，。！？…) become one space, so that no phrase is found across two clauses;
- a repeated character is kept once (傻傻逼逼), except digits and the characters whose doubling
  makes another word (妈妈 is not 妈, and Niger is a country).
"""

import re
import unicodedata
from dataclasses import dataclass, field
from functools import cache, lru_cache

import opencc

from chatbot.safety.lookalikes import READ_AS

Offsets = list[tuple[int, int]] | tuple[tuple[int, int], ...]
BREAK = " "
_SEPARATOR = "\0"
_CLAUSE_MARKS = frozenset("\n\r，。！？；：、…,!?;:｡､﹐﹑﹔﹕﹖﹗‼⁇⁈⁉︰︙⋯")
_STROKES = frozenset("丶丨丿亅乀乁乄灬")  # Letters to Unicode, but written as separators: 傻丶逼.
_INVISIBLE = frozenset("\u115f\u1160\u3164\uffa0\u17b4\u17b5ˉˊˇˋ˙")  # No glyph, or tones.
_REPEATED_OR_APART = re.compile(rf"(.)\1|{_SEPARATOR}")
_DOUBLING = frozenset("妈爸爷奶姐妹哥弟叔姑舅姨婆公太宝狗g")


@dataclass(frozen=True, slots=True)
class Normalised:
    """A normalised text.

    Attributes:
        text: what phrases are looked up in.
        offsets: for each character of ``text`` the (start, end) of what it stands for in the
            original: repetitions, and whatever vanished right behind it, included.
    """

    text: str
    offsets: tuple[tuple[int, int], ...]

    def span(self, start: int, end: int) -> tuple[int, int]:
        """Return the (start, end) in the original of ``text[start:end]``, which is not empty."""
        return self.offsets[start][0], self.offsets[end - 1][1]

    def is_joined(self, index: int) -> bool:
        """Whether a Latin letter or digit continues the word or number before it."""
        return is_joined(self.text, self.offsets, index)

    def runs_on(self, index: int) -> bool:
        """Whether nothing that separates stands before ``text[index]``, but between words."""
        return runs_on(self.text, self.offsets, index)


@dataclass(slots=True)
class Normaliser:
    """Normalises a text that arrives one character at a time.

    ``text`` and ``offsets`` only ever grow; of what is there, only the end of the last offset
    still moves.
    """

    text: list[str] = field(default_factory=list)
    offsets: list[tuple[int, int]] = field(default_factory=list)
    length: int = 0  # of the original so far

    def push(self, char: str) -> int:
        """Take one character of the original; return how many normalised ones it added."""
        before, position = len(self.text), self.length
        self.length += 1
        folded = fold(char)
        if not folded:
            self._extend(position)
        elif folded != _SEPARATOR:
            for letter in folded:
                self._append(letter, position)
        return len(self.text) - before

    def _extend(self, position: int) -> None:
        if self.offsets and self.offsets[-1][1] == position:
            self.offsets[-1] = (self.offsets[-1][0], position + 1)

    def _append(self, letter: str, position: int) -> None:
        if letter == _SEPARATOR:
            return
        if self._repeats(letter, position):
            self.offsets[-1] = (self.offsets[-1][0], position + 1)
            return
        self.text.append(letter)
        self.offsets.append((position, position + 1))

    def _repeats(self, letter: str, position: int) -> bool:
        return (
            bool(self.text)
            and letter == self.text[-1]
            and not (letter.isdigit() or letter in _DOUBLING)
            and position <= self.offsets[-1][1]  # In "is sb" the second s begins another word.
        )


def normalise(text: str) -> Normalised:
    """Return ``text`` in the one spelling that the lexicon knows, with the way back."""
    normaliser = Normaliser()
    for char in text:
        normaliser.push(char)
    return Normalised("".join(normaliser.text), tuple(normaliser.offsets))


def normal_form(phrase: str) -> str:
    """Return ``normalise(phrase).text``; quick for a phrase that is in that spelling already."""
    is_plain = all(fold(char) == char for char in phrase) and not _REPEATED_OR_APART.search(phrase)
    return phrase if is_plain else normalise(phrase).text


def is_word_char(letter: str) -> bool:
    """Whether ``letter`` is one that forms words without visible borders: a-z or 0-9."""
    return letter.isascii() and letter.isalnum()


def is_adjacent(offsets: Offsets, index: int) -> bool:
    """Whether nothing that separates stands before normalised character ``index``."""
    return index > 0 and offsets[index][0] <= offsets[index - 1][1]


def runs_on(text: str | list[str], offsets: Offsets, index: int) -> bool:
    """Whether the text goes on at ``index`` as written: no separator, but between Latin words."""
    return is_adjacent(offsets, index) or (
        is_word_char(text[index - 1]) and is_word_char(text[index])
    )


def is_joined(text: str | list[str], offsets: Offsets, index: int) -> bool:
    """Whether ``text[index]`` continues the Latin word or number before it."""
    return (
        0 < index < len(text)
        and is_word_char(text[index])
        and is_word_char(text[index - 1])
        and is_adjacent(offsets, index)
    )


@lru_cache(maxsize=65_536)
def fold(char: str) -> str:
    """Return what one character becomes: letters, ``BREAK``, a separator, or nothing."""
    if char in _CLAUSE_MARKS:
        return BREAK
    if char in _STROKES:
        return _SEPARATOR
    folded = unicodedata.normalize("NFKC", char).casefold().translate(READ_AS)
    letters = unicodedata.normalize("NFD", folded)
    kept = "".join(_keep(letter) for letter in letters)
    kept = unicodedata.normalize("NFC", kept)
    if kept.strip(_SEPARATOR) == "":
        return _SEPARATOR if kept else ""
    return kept if kept.isascii() else "".join(_simplify(letter) for letter in kept)


def _keep(letter: str) -> str:
    if letter in _INVISIBLE:
        return ""
    category = unicodedata.category(letter)
    if category[0] in "LN":
        return letter
    if category[0] == "M" or category in ("Cf", "Cn", "Co", "Cs"):
        return ""
    return _SEPARATOR


def _simplify(letter: str) -> str:
    if letter < "\u2e80":
        return letter
    return str(_converter().convert(letter))


@cache
def _converter() -> opencc.OpenCC:
    return opencc.OpenCC("t2s")
