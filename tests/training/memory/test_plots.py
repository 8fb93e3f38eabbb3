"""Plots: what is asked was told, the corrected value counts, and two facts are kept apart."""

import random
from collections.abc import Iterator

import pytest

from training.memory.facts import Fact, FactDraw
from training.memory.material import read_material
from training.memory.plots import Plot, Plots
from training.memory.scenes import Scene

MATERIAL = read_material()
WAYS = ("one", "two", "pair", "three", "corrected", "untold", "mirror", "used", "recap")


def plots_of(way: str, count: int = 120) -> Iterator[Plot]:
    rng = random.Random(way)
    plots = Plots(MATERIAL, FactDraw(MATERIAL, rng, reserved=False), rng)
    for _ in range(count):
        yield plots.ways[way][0](Scene(MATERIAL.speech, rng))


def named(text: str, facts: list[Fact]) -> list[Fact]:
    return [fact for fact in facts if any(value in text for value in fact.answers)]


@pytest.mark.parametrize("way", [*WAYS, "confirmed"])
def test_plot_fits_into_a_dialogue_and_tells_first(way: str) -> None:
    for plot in plots_of(way):
        assert plot.telling
        assert plot.asking
        assert len(plot.telling) + len(plot.asking) <= 5
        told = "".join(message for message, _ in plot.telling)
        assert all(value in told for value in plot.facts[0].values)


@pytest.mark.parametrize("way", ["one", "two", "three", "recap"])
def test_what_is_asked_was_told(way: str) -> None:
    for plot in plots_of(way):
        told = "".join(message for message, _ in plot.telling)
        for _, answer in plot.asking:
            assert named(answer, named(told, list(plot.facts)))


def test_the_one_of_two_that_is_asked_for_is_answered() -> None:
    for plot in plots_of("pair"):
        one, other = plot.facts
        assert one.kind is other.kind
        key = one.kind.key
        assert key
        for asked, answer in plot.asking:
            # The question holds the key of one of them, or its value when the key is asked for.
            right, wrong = (one, other) if named(asked, [one]) else (other, one)
            assert named(answer, [right])
            assert not named(answer, [wrong])


def test_corrected_value_wins() -> None:
    for plot in plots_of("corrected"):
        old, new, *_ = plot.facts
        slot = new.kind.fix_slot
        assert old.words[slot] in plot.telling[0][0]
        assert new.words[slot] in plot.telling[1][0]
        answer = plot.asking[0][1]
        assert any(text in answer for text in new.accepted[slot])
        assert old.words[slot] not in answer


def test_what_was_never_told_stays_unknown_until_it_is_told() -> None:
    ends = set()
    for plot in plots_of("untold", 200):
        told, untold = plot.facts
        first, *rest = plot.asking
        hidden = [s for s in untold.kind.slots if s not in (untold.kind.key, "day")]
        assert not any(t in first[1] for s in hidden for t in untold.accepted[s] if len(t) > 1)
        later = "".join(message for message, _ in rest)
        ends.add((len(rest), bool(named(later, [untold]))))
        last = plot.asking[-1][1]
        assert named(last, [told, untold]) or last == rest[-1][1]
    assert {(1, True), (2, True)} <= ends
    assert any(not found for _, found in ends)


def test_own_answer_stands_before_the_persons() -> None:
    for plot in plots_of("mirror"):
        (_, own), (_, answer) = plot.asking
        assert not named(own, [plot.facts[0]])
        assert named(answer, [plot.facts[0]])


def test_a_fact_is_used_without_being_asked_for() -> None:
    for plot in plots_of("used"):
        message, answer = plot.asking[-1]
        assert named(answer, [plot.facts[0]])
        assert not any(message in q.ask for q in plot.facts[0].kind.questions)


def test_confirmation_keeps_to_what_was_told() -> None:
    for plot in plots_of("confirmed"):
        fact = plot.facts[0]
        assert fact.words[fact.kind.fix_slot] in plot.asking[0][1]


def test_all_ways_are_taken() -> None:
    rng = random.Random(0)
    plots = Plots(MATERIAL, FactDraw(MATERIAL, rng, reserved=True), rng)
    kinds = {f.kind.id for _ in range(800) for f in plots.next(Scene(MATERIAL.speech, rng)).facts}
    assert set(plots.ways) == {*WAYS, "confirmed"}
    assert kinds == {kind.id for kind in MATERIAL.kinds}
