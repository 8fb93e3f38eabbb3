"""Known replies: the exchanges of a corpus, for a checkpoint to carry along."""

from collections.abc import Iterator
from itertools import chain, islice
from pathlib import Path

from chatbot.known import MAX_KNOWN, KnownReply, known_replies
from training.clean import Cleaner
from training.corpora import Dialogue, corpus_files, is_generated, read_dialogues
from training.split import HELD_OUT, is_held_out


def corpus_replies(corpus: str | Path) -> list[KnownReply]:
    """Return the exchanges that are trained on, at most ``MAX_KNOWN``.

    Generated dialogues and the held-out side are left out, and what the data gate drops.

    Raises:
        CorpusError: names file, line and remedy.
    """
    dialogues = Cleaner().clean(_training_side(Path(corpus)))
    found = chain.from_iterable(known_replies(item.utterances) for item in dialogues)
    return list(islice(found, MAX_KNOWN))


def _training_side(corpus: Path) -> Iterator[Dialogue]:
    is_split = (corpus / HELD_OUT).is_dir()
    for path in corpus_files(corpus):
        if is_generated(path):
            continue
        for dialogue in read_dialogues(path):
            if is_split or not is_held_out(dialogue.utterances):
                yield dialogue
