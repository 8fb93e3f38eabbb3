"""Many phrases in one line: ``[傻煞][逼比]``, ``(你|你个|)笨蛋``, ``{人群}都该死``.

``[…]``       one of the characters
``(…|…|)``    one of the alternatives, which may be empty, and may hold patterns themselves
``{name}``    one of a named list's phrases
``…?``        what stands before it, a character or a bracket, or nothing
"""

from collections.abc import Mapping, Sequence

MAX_PHRASES = 50_000  # of one line; more is an accident
_CLOSING = {"(": ")", "[": "]", "{": "}"}
_MARKS = frozenset("()[]{}|?")

Lists = Mapping[str, Sequence[str]]


class PatternError(ValueError):
    """A pattern cannot be read; says why, in Chinese."""


def expand(pattern: str, lists: Lists) -> list[str]:
    """Return the phrases that a pattern stands for, in the order of its alternatives.

    Raises:
        PatternError: a bracket has no partner, a list has no such name, or the phrases are too
            many.
    """
    reader = _Reader(pattern, lists)
    phrases = reader.read_alternatives()
    if not reader.is_at_end:
        raise PatternError(f"“{reader.peek()}”没有与它成对的括号")
    return phrases


class _Reader:
    """Recursive descent over one pattern."""

    def __init__(self, pattern: str, lists: Lists) -> None:
        self._pattern = pattern
        self._lists = lists
        self._place = 0

    @property
    def is_at_end(self) -> bool:
        return self._place == len(self._pattern)

    def peek(self) -> str:
        return self._pattern[self._place : self._place + 1]

    def read_alternatives(self) -> list[str]:
        phrases = self._read_sequence()
        while self.peek() == "|":
            self._place += 1
            phrases += self._read_sequence()
        return phrases

    def _read_sequence(self) -> list[str]:
        phrases = [""]
        while self.peek() not in ("", "|", ")", "]", "}"):
            parts = self._read_part()
            if self.peek() == "?":
                self._place += 1
                parts.append("")
            if len(phrases) * len(parts) > MAX_PHRASES:
                raise PatternError(f"这一行展开后超过 {MAX_PHRASES:,} 条")
            phrases = [before + part for before in phrases for part in parts]
        return phrases

    def _read_part(self) -> list[str]:
        mark = self.peek()
        self._place += 1
        if mark == "?":
            raise PatternError("“?”前面没有字或括号")
        if mark not in _CLOSING:
            return [mark]
        if mark == "(":
            phrases = self.read_alternatives()
            if self.peek() != ")":
                raise PatternError("“(”没有与它成对的括号")
            self._place += 1
            return phrases
        inside = self._read_until(mark)
        return list(inside) if mark == "[" else self._list(inside)

    def _read_until(self, mark: str) -> str:
        end = self._pattern.find(_CLOSING[mark], self._place)
        inside = self._pattern[self._place : end]
        if end < 0 or not inside or _MARKS & set(inside):
            raise PatternError(f"“{mark}”没有与它成对的括号，或里面是空的")
        self._place = end + 1
        return inside

    def _list(self, name: str) -> list[str]:
        if name not in self._lists:
            raise PatternError(f"没有叫“{name}”的名单")
        return list(self._lists[name])
