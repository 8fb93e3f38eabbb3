"""Known replies: the first exchanges of a corpus, for a checkpoint to carry along."""

from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from chatbot.known import MAX_PAIRS
from training.clean import Cleaner
from training.corpora import Dialogue, corpus_files, is_generated, read_dialogues
from training.split import HELD_OUT, is_held_out


def known_pairs(corpus: str | Path) -> list[tuple[str, str]]:
    """Return (opener, reply) of the dialogues that are trained on, at most ``MAX_PAIRS``.

    Only openers: what stands further on leans on what was said before. Generated dialogues and
    the held-out side are left out, and what the data gate drops.

    Raises:
        CorpusError: names file, line and remedy.
    """
    return list(islice(_pairs(Path(corpus)), MAX_PAIRS))


def _pairs(corpus: Path) -> Iterator[tuple[str, str]]:
    for dialogue in Cleaner().clean(_training_side(corpus)):
        if len(dialogue.utterances) >= 2:
            yield dialogue.utterances[0], dialogue.utterances[1]


def _training_side(corpus: Path) -> Iterator[Dialogue]:
    is_split = (corpus / HELD_OUT).is_dir()
    for path in corpus_files(corpus):
        if is_generated(path):
            continue
        for dialogue in read_dialogues(path):
            if is_split or not is_held_out(dialogue.utterances):
                yield dialogue
