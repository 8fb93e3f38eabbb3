"""Small talk to put between telling and asking: first exchanges of written dialogues.

The first exchange of a dialogue needs no context. What speaks of names, numbers or the person's
life is left out, lest it contradict the facts told around it; so is what is too heavy to be
passed over, and what begins a game.
"""

import random
import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from training.checks.facts import check_facts
from training.checks.form import check_dialogue
from training.corpora import Dialogue
from training.errors import CorpusError
from training.memory.facts import Fact
from training.memory.material import Material, SmallTalk, read_material
from training.sides import Sides

Filler = tuple[str, str]

MIN_FILLERS = 20  # a probe of the longest distance takes five, none that speaks of its facts
MAX_MESSAGE = 16
MAX_REPLY = 22
_ASKING_SHARE = 0.25


def read_fillers(corpus: str | Path) -> list[Filler]:
    """Return the usable (message, reply) pairs of the training side of a corpus, in its order.

    Raises:
        CorpusError: nothing can be read there, or too few dialogues open with usable small talk.
    """
    small_talk = read_material().small_talk
    found: dict[str, Filler] = {}
    for dialogue in Sides(corpus).train():
        message, reply = dialogue.utterances[:2]
        if _usable(message, reply, small_talk):
            found.setdefault(message, (message, reply))
    if len(found) < MIN_FILLERS:
        what = (
            f"可作插话的开头只有 {len(found)} 组，至少要 {MIN_FILLERS} 组；请换一个更大的手写语料"
        )
        raise CorpusError(corpus, None, what)
    return list(found.values())


class FillerDeck:
    """Deals fillers that fit the facts of a dialogue; each is dealt before one comes again."""

    def __init__(self, fillers: Sequence[Filler], material: Material, rng: random.Random) -> None:
        self._material = material
        self._rng = rng
        home_and_work = _any_of(material, ("place", "spot", "job"))
        fit = [filler for filler in fillers if not home_and_work.search("\n".join(filler))]
        rng.shuffle(fit)
        # A question that the person passes over is rarer here than in the corpus.
        self._asking = [filler for filler in fit if filler[1].endswith("？")]
        self._plain = [filler for filler in fit if not filler[1].endswith("？")]

    def deal(self, facts: Sequence[Fact], count: int) -> list[Filler]:
        """Return ``count`` fillers, or fewer when no more fit."""
        about = self._about(facts)
        dealt: list[Filler] = []
        for _ in range(count):
            asking = self._rng.random() < _ASKING_SHARE
            decks = [self._asking, self._plain] if asking else [self._plain, self._asking]
            for deck in decks:
                found = (f for f in deck if f not in dealt and not about.search("\n".join(f)))
                filler = next(found, None)
                if filler is not None:
                    deck.remove(filler)
                    deck.append(filler)
                    dealt.append(filler)
                    break
        return dealt

    def _about(self, facts: Sequence[Fact]) -> re.Pattern[str]:
        """Return a pattern of whatever touches these facts or could pass for one of them."""
        values = {text for fact in facts for text in fact.answers}
        pools = {pool for fact in facts for pool in fact.kind.slots.values()}
        clashes = {fact.kind.clash for fact in facts}
        parts = [*sorted(clashes), *map(re.escape, sorted(values))]
        return re.compile("|".join([*parts, _any_of(self._material, sorted(pools)).pattern]))


def _any_of(material: Material, pools: Iterable[str]) -> re.Pattern[str]:
    """Return a pattern of all values of these pools but the single characters."""
    entries = (entry.partition("|")[0] for pool in pools for entry in material.pools.get(pool, ()))
    return re.compile("|".join(re.escape(entry) for entry in entries if len(entry) > 1) or "(?!)")


def _usable(message: str, reply: str, small_talk: SmallTalk) -> bool:
    if not 4 <= len(message) <= MAX_MESSAGE or len(reply) > MAX_REPLY:
        return False
    if small_talk.greeting.match(message) or small_talk.unclear.search(message):
        return False
    if small_talk.avoided.search(message) or small_talk.avoided.search(reply):
        return False
    dialogue = Dialogue((message, reply) * 2, Path(), 1)
    return not [*check_dialogue(dialogue), *check_facts(dialogue)]
