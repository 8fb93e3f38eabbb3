"""Over-long dialogues -> overlapping windows of whole turns."""

from collections.abc import Sequence
from typing import NamedTuple

_MOST_CONTEXT = 4  # at most a quarter of a window repeats what the one before it held


class Window(NamedTuple):
    """Utterances ``[start, stop)`` of a dialogue.

    Those before ``fresh`` were in the window before: they are read, but not learnt from again.
    """

    start: int
    fresh: int
    stop: int


def overlapping_windows(lengths: Sequence[int], limit: int) -> list[Window]:
    """Cut a dialogue into windows of whole turns, each at most ``limit`` ids once joined.

    Args:
        lengths: ids of each utterance, specials not counted.
        limit: ids a window may have, ``[CLS]`` and every ``[SEP]`` counted.

    Returns:
        Windows in order; every start is even, so the bot keeps its voice, and each utterance is
        fresh in one window. A turn longer than the limit by itself belongs to no window, and the
        window after it begins anew.
    """
    if 1 + sum(lengths) + len(lengths) <= limit:
        return [Window(0, 0, len(lengths))] if lengths else []
    sizes = [
        sum(turn) + len(turn) for turn in (lengths[k : k + 2] for k in range(0, len(lengths), 2))
    ]
    found: list[Window] = []
    start = fresh = 0
    while fresh < len(sizes):
        if 1 + sizes[fresh] > limit:
            start = fresh = fresh + 1
            continue
        stop, total = fresh, 1 + sum(sizes[start:fresh])
        while stop < len(sizes) and total + sizes[stop] <= limit:
            total += sizes[stop]
            stop += 1
        found.append(Window(2 * start, 2 * fresh, min(2 * stop, len(lengths))))
        start, fresh = _context(sizes, start, stop, limit), stop
    return found


def _context(sizes: Sequence[int], earliest: int, fresh: int, limit: int) -> int:
    """Return the first turn to repeat before ``fresh``, so that its turn still has room."""
    following = sizes[fresh] if fresh < len(sizes) else 0
    room = min(limit // _MOST_CONTEXT, limit - 1 - following)
    start, total = fresh, 0
    while start > earliest and total + sizes[start - 1] <= room:
        start -= 1
        total += sizes[start]
    return start
