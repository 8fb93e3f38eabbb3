"""A lexicon that follows its files: what an operator changes holds from the next turn on."""

import logging
import threading
import time
from functools import cache
from pathlib import Path

from chatbot.safety.entries import LexiconError, files_of
from chatbot.safety.lexicon import Lexicon

logger = logging.getLogger(__name__)

Stamp = tuple[int, int]  # modification time in nanoseconds, size
_LOOK_EVERY = 1.0  # seconds: a guard asks several times a reply


class LiveLexicon:
    """Lexicon files, and the lexicon that they made last. Any thread may ask.

    A new lexicon takes the place of the old one whole; files that cannot be understood leave the
    old one in its place and are logged once, until they change again.
    """

    def __init__(self, *sources: Path, look_every: float = 0.0) -> None:
        """Read folders or files.

        Args:
            look_every: seconds for which what was seen of the files is believed.

        Raises:
            LexiconError: as ``Lexicon.load``.
        """
        self._sources = sources
        self._look_every = look_every
        self._looked_at = time.monotonic()
        self._lock = threading.Lock()
        self._stamps = self._look()
        self._lexicon = Lexicon.load(*sources)

    def current(self) -> Lexicon:
        """Return the lexicon, read anew when a file has changed; looking costs a stat a file."""
        now = time.monotonic()
        if now - self._looked_at < self._look_every:
            return self._lexicon
        self._looked_at = now
        if self._look() != self._stamps and self._lock.acquire(blocking=False):
            try:
                self._read()
            except LexiconError as error:
                logger.warning("词表没有换上新的，仍用原来的：%s", error)
            finally:
                self._lock.release()
        return self._lexicon

    def reload(self) -> Lexicon:
        """Read the files now, changed or not.

        Raises:
            LexiconError: as ``Lexicon.load``; the old lexicon stays.
        """
        with self._lock:
            self._read()
        return self._lexicon

    def _read(self) -> None:
        self._stamps = self._look()  # before reading: what changes meanwhile is read again
        self._lexicon = Lexicon.load(*self._sources)

    def _look(self) -> tuple[Stamp | None, ...]:
        paths = [path for source in self._sources for path in files_of(source)]
        return tuple(_stamp(path) for path in paths)


@cache
def live_lexicon(*sources: Path) -> LiveLexicon:
    """Return the lexicon that follows these files; there is one of them, loaded once.

    Raises:
        LexiconError: as ``Lexicon.load``.
    """
    return LiveLexicon(*sources, look_every=_LOOK_EVERY)


def _stamp(path: Path) -> Stamp | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size
