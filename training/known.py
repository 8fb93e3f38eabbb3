"""Known replies: the exchanges of a corpus, for a checkpoint to carry along."""

from itertools import chain, islice
from pathlib import Path

from chatbot.known import MAX_KNOWN, KnownReply, known_replies
from training.clean import Cleaner
from training.sides import Sides


def corpus_replies(corpus: str | Path) -> list[KnownReply]:
    """Return the exchanges that are trained on, at most ``MAX_KNOWN``.

    Generated dialogues and the held-out side are left out, and what the data gate drops.

    Raises:
        CorpusError: names file, line and remedy.
    """
    dialogues = Cleaner().clean(Sides(corpus).train())
    found = chain.from_iterable(known_replies(item.utterances) for item in dialogues)
    return list(islice(found, MAX_KNOWN))
