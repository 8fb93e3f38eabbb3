"""What a checkpoint is asked: held-out dialogues, their exchanges, and prompts of one's own."""

import random
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from training.clean import Cleaner
from training.corpora import Dialogue, read_dialogues, read_texts
from training.errors import CorpusError
from training.sides import Sides

NUM_LAST = 1000
Item = TypeVar("Item")


@dataclass(frozen=True)
class Exchange:
    """A message to be answered.

    Attributes:
        history: earlier utterances, the person's first, an even number.
        message: the person's.
        reference: what the bot said in the corpus; empty when there is none.
        path: the file that it stands in.
        line: of the message in the file; of the dialogue, where a line holds more than one.
    """

    history: tuple[str, ...]
    message: str
    reference: str = ""
    path: Path = Path()
    line: int = 0


def held_out_dialogues(corpus: str | Path) -> list[Dialogue]:
    """Return the held-out side of a corpus as ``prepare`` makes it, past the data gate.

    Raises:
        CorpusError: names file, line and remedy; also when nothing is held out.
    """
    dialogues = list(Cleaner().clean(Sides(corpus).held_out()))
    if not dialogues:
        raise CorpusError(
            corpus, None, "没有留出的对话；至少给几十段对话，或放一个 held_out 文件夹"
        )
    return dialogues


def last_dialogues(path: str | Path, count: int = NUM_LAST) -> list[Dialogue]:
    """Return the last ``count`` dialogues of a corpus file, less what the data gate drops.

    Raises:
        CorpusError: names file, line and remedy; also when the gate leaves nothing.
    """
    dialogues = list(Cleaner().clean(deque(read_dialogues(path), maxlen=count)))
    if not dialogues:
        raise CorpusError(path, None, f"最后 {count} 段清洗之后一段不剩；请检查文件")
    return dialogues


def sample(items: Sequence[Item], count: int, seed: int) -> list[Item]:
    """Return up to ``count`` items, drawn without replacement and left in their order."""
    if count >= len(items):
        return list(items)
    places = sorted(random.Random(seed).sample(range(len(items)), count))
    return [items[place] for place in places]


def exchanges_of(dialogues: Iterable[Dialogue]) -> Iterator[Exchange]:
    """Yield every message that the bot answers in these dialogues, with what it said."""
    for dialogue in dialogues:
        texts = dialogue.utterances
        for place in range(0, len(texts) - 1, 2):
            yield Exchange(
                texts[:place], texts[place], texts[place + 1], dialogue.path, dialogue.line + place
            )


def read_openers(path: Path) -> list[Exchange]:
    """Read messages without history, one a line; blank lines are skipped.

    Raises:
        CorpusError: missing, not UTF-8, or without a line of text.
    """
    found = [Exchange((), item.utterances[0], "", path, item.line) for item in read_texts(path)]
    if not found:
        raise CorpusError(path, None, "里面没有开场白；请一行写一句")
    return found


def read_contexts(path: Path) -> list[Exchange]:
    """Read conversations between blank lines, an utterance a line, the person's first and last.

    Raises:
        CorpusError: missing, not UTF-8, without text, or a conversation that ends with the bot.
    """
    found = []
    for block in _blocks(path):
        texts = tuple(item.utterances[0] for item in block)
        if len(texts) % 2 == 0:
            what = f"这一段有 {len(texts)} 句；人先说、人后说，须是单数句，段与段之间空一行"
            raise CorpusError(path, block[0].line, what)
        found.append(Exchange(texts[:-1], texts[-1], "", path, block[-1].line))
    if not found:
        raise CorpusError(path, None, "里面没有上文；请一行写一句，段与段之间空一行")
    return found


def _blocks(path: Path) -> Iterator[list[Dialogue]]:
    """Yield the lines of each block; a gap in their numbers is a blank line."""
    block: list[Dialogue] = []
    for item in read_texts(path):
        if block and item.line > block[-1].line + 1:
            yield block
            block = []
        block.append(item)
    if block:
        yield block
