"""Exchanges: the reply names what was told, and only what was told."""

import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from training.checks.facts import check_facts
from training.checks.form import check_dialogue
from training.corpora import Dialogue
from training.memory.facts import Fact, FactDraw
from training.memory.material import Kind, read_material
from training.memory.scenes import Exchange, Scene, questions_of
from training.memory.voice import fill

MATERIAL = read_material()
KINDS = [pytest.param(kind, id=kind.id) for kind in MATERIAL.kinds]


def facts_of(kind: Kind, count: int = 12) -> Iterator[tuple[Scene, Fact]]:
    rng = random.Random(kind.id)
    draw = FactDraw(MATERIAL, rng, reserved=False)
    for _ in range(count):
        yield Scene(MATERIAL.speech, rng), draw.some(1, [kind])[0]


def holds(text: str, fact: Fact, slot: str) -> bool:
    return any(value in text for value in fact.accepted[slot])


@pytest.mark.parametrize("kind", KINDS)
def test_telling_names_every_value(kind: Kind) -> None:
    for scene, fact in facts_of(kind):
        message, _ = scene.tell(fact, first=True)
        assert all(value in message for value in fact.values)


@pytest.mark.parametrize("kind", KINDS)
def test_answer_names_what_was_told(kind: Kind) -> None:
    for scene, fact in facts_of(kind):
        for question in kind.questions:
            asked, answer = scene.ask(fact, question)
            assert holds(answer, fact, question.slot)
            assert fact.words[question.slot] not in asked


@pytest.mark.parametrize("kind", KINDS)
def test_what_was_never_told_is_not_answered(kind: Kind) -> None:
    for scene, fact in facts_of(kind):
        for question in (question for question in kind.questions if question.untold):
            asked, answer = scene.ask_untold(fact, question)
            assert answer in [fill(text, fact.words) for text in question.untold]
            hidden = [fact.words[s] for s in kind.slots if s not in (kind.key, "day")]
            hidden += [fact.words[question.slot]]
            assert not any(value in asked + answer for value in hidden if len(value) > 1)


@pytest.mark.parametrize("kind", KINDS)
def test_correction_names_the_new_value(kind: Kind) -> None:
    rng = random.Random(1)
    draw = FactDraw(MATERIAL, rng, reserved=False)
    for scene, fact in facts_of(kind):
        new = draw.corrected(fact, [])
        assert new is not None
        message, answer = scene.correct(new)
        assert new.words[kind.fix_slot] in message
        assert new.words[kind.fix_slot] in answer
        assert new.words["old"] not in answer


@pytest.mark.parametrize("kind", KINDS)
def test_confirmation_is_given_or_put_right(kind: Kind) -> None:
    draw = FactDraw(MATERIAL, random.Random(1), reserved=False)
    for scene, fact in facts_of(kind):
        wrong = draw.corrected(fact, [])
        assert wrong is not None
        assert "不" not in scene.confirm(fact, None)[1].replace("不吃", "")
        said, answer = scene.confirm(fact, wrong)
        assert wrong.words[kind.fix_slot] in said
        assert fact.words[kind.fix_slot] in answer
        assert wrong.words[kind.fix_slot] not in answer


def test_own_facts_are_answered_before_the_persons() -> None:
    for kind in MATERIAL.kinds:
        for scene, fact in facts_of(kind, 6) if kind.mirror else ():
            question = kind.questions[0]
            (_, own), (_, answer) = scene.mirror(fact, question)
            assert not holds(own, fact, question.slot)
            assert holds(answer, fact, question.slot)


def test_recap_names_all() -> None:
    rng = random.Random(0)
    draw = FactDraw(MATERIAL, rng, reserved=False)
    for _ in range(50):
        facts = draw.some(3)
        _, answer = Scene(MATERIAL.speech, rng).recap(facts)
        assert all(holds(answer, fact, slot) for fact in facts for slot in fact.kind.slots)


def every_exchange() -> Iterator[Exchange]:
    rng = random.Random(0)
    draw = FactDraw(MATERIAL, rng, reserved=False)
    for _ in range(150):
        scene = Scene(MATERIAL.speech, rng)
        facts = draw.some(2)
        yield scene.tell_both(*facts, first=True)
        pair = draw.two_of_a_kind() or facts
        yield scene.tell_pair(*pair, first=False)
        for fact in facts:
            yield scene.tell(fact, first=False)
            yield scene.use(fact) if fact.kind.use else scene.praise()
            yield scene.open()
            yield scene.ask(fact, questions_of(fact.kind, alone=True)[-1])


def test_every_exchange_keeps_form_and_facts() -> None:
    for exchange in every_exchange():
        dialogue = Dialogue((*exchange, *exchange), Path("a.txt"), 1)
        assert [*check_dialogue(dialogue), *check_facts(dialogue)] == []
