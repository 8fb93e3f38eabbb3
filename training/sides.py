"""The two sides of a corpus: what is trained on, and what is held out."""

from collections.abc import Iterator
from pathlib import Path

from training.corpora import Dialogue, corpus_files, is_generated, read_dialogues
from training.fingerprints import BloomFilter
from training.split import HELD_OUT, is_held_out, opener_of


class Sides:
    """The sides of a corpus file or folder, as streams; no opener stands on both.

    A folder's ``held_out`` subfolder is the held-out side where there is one; otherwise 5 % of the
    dialogues are, by a hash of their opener.

    Args:
        generated: take the generated files too.

    Attributes:
        num_shared: training dialogues left out since a held-out one begins alike.

    Raises:
        CorpusError: names file, line and remedy.
    """

    def __init__(self, corpus: str | Path, *, generated: bool = False) -> None:
        self._corpus = Path(corpus)
        self._generated = generated
        self._is_split = (self._corpus / HELD_OUT).is_dir()
        self.num_shared = 0

    def train(self) -> Iterator[Dialogue]:
        written = self._written(self._corpus)
        if not self._is_split:
            yield from (item for item in written if not is_held_out(item.utterances))
            return
        openers = BloomFilter()
        for item in self.held_out():
            openers.add(opener_of(item.utterances).encode())
        for item in written:
            if opener_of(item.utterances).encode() in openers:
                self.num_shared += 1
            else:
                yield item

    def held_out(self) -> Iterator[Dialogue]:
        if self._is_split:
            return self._written(self._corpus / HELD_OUT)
        return (item for item in self._written(self._corpus) if is_held_out(item.utterances))

    def _written(self, folder: Path) -> Iterator[Dialogue]:
        for path in corpus_files(folder):
            if self._generated or not is_generated(path):
                yield from read_dialogues(path)
