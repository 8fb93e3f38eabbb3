"""Plots of memory dialogues: which facts are told, what is asked of them, and in what order."""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from training.memory.facts import Fact, FactDraw
from training.memory.material import Kind, Material, Question
from training.memory.scenes import Exchange, Scene, questions_of


@dataclass(frozen=True)
class Plot:
    """Exchanges that tell and exchanges that ask; small talk goes between them.

    Attributes:
        facts: all that the small talk may not speak of.
        telling: what comes first.
        asking: what comes after the small talk.
        gaps: small talk may also stand between two exchanges of ``telling``.
        content: the person may praise 小闲 for it.
    """

    facts: Sequence[Fact]
    telling: Sequence[Exchange]
    asking: Sequence[Exchange]
    gaps: bool = False
    content: bool = True


class Plots:
    """Makes plots in several ways, drawn by weight; ``ways`` has them by name."""

    def __init__(self, material: Material, draw: FactDraw, rng: random.Random) -> None:
        self._kinds = material.kinds
        self._draw = draw
        self._rng = rng
        self.ways: dict[str, tuple[Callable[[Scene], Plot], int]] = {
            "one": (self._one, 20),
            "two": (self._two, 25),
            "pair": (self._pair, 13),
            "three": (self._three, 7),
            "corrected": (self._corrected, 9),
            "untold": (self._untold, 10),
            "mirror": (self._mirror, 6),
            "used": (self._used, 11),
            "recap": (self._recap, 5),
            "confirmed": (self._confirmed, 5),
        }

    def next(self, scene: Scene) -> Plot:
        """Return a plot told in ``scene``."""
        ways, weights = zip(*self.ways.values(), strict=True)
        way: Callable[[Scene], Plot] = self._rng.choices(ways, weights)[0]
        return way(scene)

    def _one(self, scene: Scene) -> Plot:
        (fact,) = self._draw.some(1)
        telling = [scene.tell(fact, first=True)]
        asked = self._rng.sample(questions_of(fact.kind, alone=True), 1)
        if len(fact.kind.questions) > 1 and scene.voice.chance(0.3):
            asked = list(fact.kind.questions)
        return Plot([fact], telling, self._asks(scene, [(fact, q) for q in asked]))

    def _two(self, scene: Scene) -> Plot:
        facts = self._draw.some(2)
        telling = self._tell_two(scene, facts)
        asked = self._rng.sample(facts, self._rng.choice((1, 1, 2)))
        return Plot(facts, telling, self._asks(scene, self._with_questions(asked)), gaps=True)

    def _three(self, scene: Scene) -> Plot:
        facts = self._draw.some(3)
        both = scene.tell_both(*facts[:2], first=True)
        telling = [both, scene.tell(facts[2], first=False)]
        asked = self._rng.sample(facts, self._rng.choice((1, 2, 2)))
        return Plot(facts, telling, self._asks(scene, self._with_questions(asked)), gaps=True)

    def _pair(self, scene: Scene) -> Plot:
        facts = self._draw.two_of_a_kind()
        if facts is None:
            return self._two(scene)
        if facts[0].kind.pair and scene.voice.chance(0.6):
            telling = [scene.tell_pair(*facts, first=True)]
        else:
            telling = [scene.tell(facts[0], first=True), scene.tell(facts[1], first=False)]
        asked = self._rng.sample(facts, self._rng.choice((1, 1, 2)))
        pairs = [(fact, self._question(fact, alone=False)) for fact in asked]
        return Plot(facts, telling, self._asks(scene, pairs), gaps=True)

    def _corrected(self, scene: Scene) -> Plot:
        facts = self._draw.some(self._rng.choice((1, 1, 2)))
        old, *others = facts
        new = self._draw.corrected(old, others)
        if new is None:
            return self._one(scene)
        telling = [scene.tell(old, first=True), scene.correct(new)]
        telling += [scene.tell(fact, first=False) for fact in others]
        asked = [new, *others][: self._rng.choice((1, 1, 2))]
        # Of two slots the corrected one is asked for.
        right = [q for q in new.kind.questions if q.slot == new.kind.fix_slot]
        questions = [(f, right[0] if f is new else self._question(f)) for f in asked]
        return Plot([old, new, *others], telling, self._asks(scene, questions))

    def _untold(self, scene: Scene) -> Plot:
        facts = self._draw.two_of_a_kind() if scene.voice.chance(0.3) else None
        told, untold = facts or self._draw.some(2)
        same = told.kind.id == untold.kind.id
        asked = [q for q in questions_of(untold.kind, alone=not same) if q.untold]
        question = self._rng.choice(asked)
        asking = [scene.ask_untold(untold, question)]
        if scene.voice.chance(0.55):
            asking.append(scene.tell(untold, first=False, lead=False))
            if scene.voice.chance(0.6):
                asking.append(scene.ask(untold, question))
        else:
            own = self._question(told, alone=not same)
            asking.append(scene.ask(told, own, leads=scene.leads_to_next()))
        telling = [scene.tell(told, first=True)]
        return Plot([told, untold], telling, asking, content=False)

    def _mirror(self, scene: Scene) -> Plot:
        facts = self._draw.some(self._rng.choice((1, 2)), self._those("mirror"))
        mirrored = facts[0]
        telling = self._tell_two(scene, facts) if len(facts) == 2 else []
        telling = telling or [scene.tell(mirrored, first=True)]
        question = mirrored.kind.questions[0]
        return Plot(facts, telling, scene.mirror(mirrored, question))

    def _used(self, scene: Scene) -> Plot:
        facts = self._draw.some(self._rng.choice((1, 1, 2)), self._those("use"))
        telling = [scene.tell(facts[0], first=True)]
        telling += [scene.tell(fact, first=False) for fact in facts[1:]]
        asked = [(facts[0], self._question(facts[0]))] if scene.voice.chance(0.3) else []
        asking = [*self._asks(scene, asked), scene.use(facts[0])]
        return Plot(facts, telling, asking, gaps=True, content=False)

    def _recap(self, scene: Scene) -> Plot:
        facts = self._draw.some(self._rng.choice((2, 2, 3)))
        telling = self._tell_two(scene, facts[:2])
        telling += [scene.tell(fact, first=False) for fact in facts[2:]]
        return Plot(facts, telling, [scene.recap(facts)], gaps=True)

    def _confirmed(self, scene: Scene) -> Plot:
        facts = self._draw.some(self._rng.choice((1, 2)))
        fact = facts[0]
        wrong = self._draw.corrected(fact, facts[1:]) if scene.voice.chance(0.5) else None
        telling = [scene.tell(fact, first=True)]
        telling += [scene.tell(other, first=False) for other in facts[1:]]
        said = [wrong] if wrong else []
        return Plot([*facts, *said], telling, [scene.confirm(fact, wrong)], content=not wrong)

    def _tell_two(self, scene: Scene, facts: Sequence[Fact]) -> list[Exchange]:
        one, other = facts
        if scene.voice.chance(0.3):
            return [scene.tell_both(one, other, first=True)]
        return [scene.tell(one, first=True), scene.tell(other, first=False)]

    def _those(self, having: str) -> list[Kind]:
        return [kind for kind in self._kinds if getattr(kind, having)]

    def _question(self, fact: Fact, *, alone: bool = True) -> Question:
        return self._rng.choice(questions_of(fact.kind, alone=alone))

    def _with_questions(self, facts: Sequence[Fact]) -> list[tuple[Fact, Question]]:
        return [(fact, self._question(fact)) for fact in facts]

    def _asks(self, scene: Scene, asked: Sequence[tuple[Fact, Question]]) -> list[Exchange]:
        leads = [scene.leads_to_ask(), scene.leads_to_next()]
        return [
            scene.ask(fact, question, leads=lead)
            for (fact, question), lead in zip(asked, leads, strict=False)
        ]
