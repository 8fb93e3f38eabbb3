"""Memory dialogues, made up by the program, and probes for recall.

A person tells 小闲 something, talks of something else and asks for it later. What it tells is
drawn from pools so large that the answer cannot be known but from the conversation; about a tenth
of every pool is reserved for the probes and never stands in a dialogue to train on.
"""

import random
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, islice

from training.checks.duplicates import normalise
from training.checks.form import MAX_CHARACTERS, MAX_LINES
from training.errors import ConfigError
from training.memory.facts import Fact, FactDraw
from training.memory.fillers import MIN_FILLERS, Filler, FillerDeck
from training.memory.material import Question, read_material
from training.memory.plots import Plots
from training.memory.scenes import Exchange, Scene, questions_of

DISTANCES = (2, 4, 6, 8, 10, 12)
_MAX_REPEATS = 2_000
_DIGITS = r"0-9"
_NUMERALS = "零一二两三四五六七八九十百"


@dataclass(frozen=True)
class Probe:
    """A conversation that ends with a question, and what its answer must name.

    Attributes:
        history: utterances, the person's first and last; the last is the question.
        expected: strings of which a reply must hold one.
        kind: the kind of fact that is asked for.
        distance: utterances from the one that told it (or corrected it last) to the question.
    """

    history: tuple[str, ...]
    expected: tuple[str, ...]
    kind: str
    distance: int

    def recalled(self, reply: str) -> bool:
        """Whether a reply names what was told; 8 is not found in 18, nor 八点 in 十八点."""
        return any(_whole(text).search(reply) for text in self.expected)


def generate(
    count: int, seed: int, fillers: Sequence[Filler], *, held_out: bool = False
) -> Iterator[tuple[str, ...]]:
    """Yield ``count`` different dialogues of 4 to 10 utterances, the same for the same arguments.

    Args:
        count: dialogues, at least 1.
        seed: of all choices, at least 0.
        fillers: small talk to put between, see ``read_fillers``.
        held_out: use the reserved values, and no other.

    Raises:
        ConfigError: a number out of range, too few fillers, or no more dialogues to be found.
    """
    _require(count, seed, fillers)
    writer = _Writer(seed, fillers, reserved=held_out)
    return islice(_different(writer.dialogue), count)


def probes(count: int, seed: int, fillers: Sequence[Filler]) -> list[Probe]:
    """Return ``count`` probes of reserved values, the distances in turn; arguments as above."""
    _require(count, seed, fillers)
    writer = _Writer(seed, fillers, reserved=True)
    turns = iter(range(count * _MAX_REPEATS))
    made: dict[tuple[str, ...], Probe] = {}
    while len(made) < count:
        if next(turns, None) is None:
            raise ConfigError(_too_many(len(made), "道题"))
        probe = writer.probe(DISTANCES[len(made) % len(DISTANCES)])
        made.setdefault(probe.history, probe)
    return list(made.values())


class _Writer:
    """Writes dialogues and probes from one stream of choices."""

    def __init__(self, seed: int, fillers: Sequence[Filler], *, reserved: bool) -> None:
        self._rng = random.Random(seed)
        self._material = read_material()
        self._deck = FillerDeck(fillers, self._material, self._rng)
        self._draw = FactDraw(self._material, self._rng, reserved=reserved)
        self._plots = Plots(self._material, self._draw, self._rng)

    def dialogue(self) -> tuple[str, ...]:
        """Return one dialogue."""
        rng, scene = self._rng, self._scene()
        plot = self._plots.next(scene)
        room = MAX_LINES // 2 - len(plot.telling) - len(plot.asking)
        opener = [scene.open()] if room and rng.random() < 0.12 else []
        num_fillers = min(room - len(opener), rng.choices((0, 1, 2, 3), (3, 4, 3, 1))[0])
        fillers = self._deck.deal(plot.facts, num_fillers)
        telling = list(plot.telling)
        if plot.gaps and len(telling) > 1 and fillers and rng.random() < 0.3:
            telling.insert(1, fillers.pop())
        exchanges = [*opener, *telling, *fillers, *plot.asking]
        if plot.content and len(exchanges) < MAX_LINES // 2 and rng.random() < 0.12:
            exchanges.append(scene.praise())
        return _utterances(exchanges)

    def probe(self, distance: int) -> Probe:
        """Return one probe of this distance in utterances."""
        rng, scene, between = self._rng, self._scene(), distance // 2 - 1
        facts = self._facts_to_probe(between)
        target, *others = facts
        question: Question = rng.choice(
            questions_of(target.kind, alone=all(f.kind.id != target.kind.id for f in others))
        )
        told = [scene.tell(target, first=True)]
        if question.slot == target.kind.fix_slot and rng.random() < 0.1:
            new = self._draw.corrected(target, others)
            if new is not None:
                target = new
                told.append(scene.correct(new))
        beside = [scene.tell(fact, first=False) for fact in others]
        fillers = self._deck.deal([*facts, target], between - len(beside))
        talk = [*beside, *fillers]
        rng.shuffle(talk)
        asked, _ = scene.ask(target, question, leads=scene.leads_to_ask())
        history = (*_utterances([*told, *talk]), asked)
        expected = target.accepted[question.slot]
        return Probe(history, expected, target.kind.id, 2 * (len(talk) + 1))

    def _facts_to_probe(self, between: int) -> list[Fact]:
        """Return the fact to ask for and up to two more to tell it from."""
        if between and self._rng.random() < 0.15:
            pair = self._draw.two_of_a_kind()
            if pair:
                return pair
        count = min(between, self._rng.choice((0, 0, 0, 1, 1, 2)))
        return self._draw.some(1 + count)

    def _scene(self) -> Scene:
        return Scene(self._material.speech, self._rng)


def _different(make: Callable[[], tuple[str, ...]]) -> Iterator[tuple[str, ...]]:
    """Yield what ``make`` gives and was not given before, fit for a corpus file."""
    seen: set[tuple[str, ...]] = set()
    repeats = 0
    while repeats < _MAX_REPEATS:
        dialogue = make()
        words = tuple(map(normalise, dialogue))
        if words in seen or max(map(len, dialogue)) > MAX_CHARACTERS:
            repeats += 1
            continue
        repeats = 0
        seen.add(words)
        yield dialogue
    raise ConfigError(_too_many(len(seen), "段"))


def _utterances(exchanges: Iterable[Exchange]) -> tuple[str, ...]:
    return tuple(chain.from_iterable(exchanges))


def _require(count: int, seed: int, fillers: Sequence[Filler]) -> None:
    for name, value, least in (("count", count, 1), ("seed", seed, 0)):
        if value < least:
            raise ConfigError(f"{name}={value} 不可用；须至少是 {least}")
    if len(fillers) < MIN_FILLERS:
        raise ConfigError(f"插话只有 {len(fillers)} 组；至少要 {MIN_FILLERS} 组")


def _too_many(found: int, what: str) -> str:
    return f"只凑得出 {found} {what}不同的；请把 count 减到这么多，或给更大的语料"


def _whole(text: str) -> re.Pattern[str]:
    """Return a pattern of the text that does not stand inside a longer number."""
    before = after = ""
    for signs in (_DIGITS, _NUMERALS):
        if re.match(f"[{signs}]", text):
            before = f"(?<![{signs}])"
        if re.search(f"[{signs}]$", text):
            after = f"(?![{signs}])"
    return re.compile(before + re.escape(text) + after, re.IGNORECASE)
