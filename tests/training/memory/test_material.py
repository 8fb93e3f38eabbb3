"""The material: every template can be filled, every answer names its value, both sides exist."""

import pytest

from training.memory.material import RESERVED_SHARE, Kind, Material, Question, read_material
from training.memory.voice import slots_of
from vocab.wordpiece import SHIPPED_VOCAB, load_tokenizer

MATERIAL = read_material()
KINDS = [pytest.param(kind, id=kind.id) for kind in MATERIAL.kinds]
NOT_DRAWN = {"surname", "famous", "common"}


def words_of(kind: Kind) -> set[str]:
    """What a fact of this kind brings along."""
    words = set()
    for slot, pool in kind.slots.items():
        if pool.startswith("@"):
            words |= {slot, f"{slot}_call"}
        else:
            words |= {slot, f"{slot}_a", f"{slot}_b"}
    return words


def templates_of(kind: Kind) -> list[str]:
    texts = [*kind.claim, *kind.tell, *kind.nod, *kind.react, *kind.back, kind.recap]
    texts += [text for pair in (*kind.use, *kind.mirror) for text in pair]
    return texts + [text for q in kind.questions for text in (*q.ask, *q.answer)]


@pytest.mark.parametrize("kind", KINDS)
def test_templates_name_only_the_slots_of_their_kind(kind: Kind) -> None:
    known = words_of(kind)
    assert {s for text in templates_of(kind) for s in slots_of(text)} <= known
    assert {s for text in kind.fix for s in slots_of(text)} <= {*known, "old"}
    assert slots_of(kind.phrase) <= known
    both = {f"{place}.{slot}" for place in "ab" for slot in known}
    assert {s for pair in kind.pair for text in pair for s in slots_of(text)} <= both


@pytest.mark.parametrize("kind", KINDS)
def test_every_answer_and_correction_names_its_value(kind: Kind) -> None:
    for question in kind.questions:
        names = {question.slot, f"{question.slot}_call"}
        assert [text for text in question.answer if not names & slots_of(text)] == []
        assert [text for text in question.ask if names & slots_of(text)] == []
    assert [text for text in kind.fix if kind.fix_slot not in slots_of(text)] == []
    for text in (*kind.tell, *kind.claim, kind.recap):
        assert set(kind.slots) <= slots_of(text)


@pytest.mark.parametrize("kind", KINDS)
def test_there_are_many_ways_to_say_it(kind: Kind) -> None:
    assert len(kind.tell) >= 7
    assert len(kind.react) >= 6
    main, *others = kind.questions
    assert len(main.ask) >= 7
    assert len(main.answer) >= 7
    assert len(main.untold) >= 4
    assert all(len(q.ask) >= 4 and len(q.answer) >= 5 for q in others)
    for texts in (kind.tell, kind.react, main.ask, main.answer, main.untold):
        assert len(set(texts)) == len(texts)
    assert "，" not in kind.claim[0]
    assert any("，" not in nod for nod in kind.nod)


def test_what_was_never_told_is_answered_without_a_value() -> None:
    for kind in MATERIAL.kinds:
        for question in kind.questions:
            told = {s for text in question.untold for s in slots_of(text)}
            assert told <= _known_when_untold(kind, question)
            assert all(text.endswith(("。", "？")) for text in question.untold)


def _known_when_untold(kind: Kind, question: Question) -> set[str]:
    """What the question itself has said: its key, or the day of a plan."""
    return {slot for text in question.ask for slot in slots_of(text)} - {question.slot} | (
        {kind.key} - {question.slot, None}
    )


def test_there_are_kinds_enough_and_they_know_each_other() -> None:
    names = [kind.id for kind in MATERIAL.kinds]
    assert len(names) == len(set(names)) >= 25
    assert {other for kind in MATERIAL.kinds for other in kind.apart} <= set(names)


@pytest.mark.parametrize("pool", sorted(set(MATERIAL.pools) - NOT_DRAWN))
def test_every_pool_has_values_on_both_sides(pool: str) -> None:
    trained, reserved = MATERIAL.sides[pool, False], MATERIAL.sides[pool, True]
    assert len(trained) + len(reserved) == len(set(MATERIAL.pools[pool]))
    assert len(reserved) >= 2
    assert len(reserved) <= 0.4 * len(trained)


def test_about_a_tenth_is_reserved_and_never_the_commonest() -> None:
    values = [
        entry.partition("|")[0]
        for pool, entries in MATERIAL.pools.items()
        if pool not in NOT_DRAWN
        for entry in entries
    ]
    share = sum(map(MATERIAL.reserves, values)) / len(values)
    assert share == pytest.approx(RESERVED_SHARE, abs=0.01)
    assert not any(map(MATERIAL.reserves, MATERIAL.pools["common"]))


def test_a_value_is_on_the_same_side_in_every_pool() -> None:
    sides: dict[str, set[bool]] = {}
    for (_, side), entries in MATERIAL.sides.items():
        for entry in entries:
            sides.setdefault(entry.partition("|")[0], set()).add(side)
    assert {value for value, found in sides.items() if len(found) > 1} == set()


def test_choice_does_not_change_between_versions() -> None:
    some = MATERIAL.pools["place"][:40]
    assert [value for value in some if MATERIAL.reserves(value)] == ["包头", "本溪"]


def test_the_vocabulary_knows_every_character() -> None:
    tokenizer = load_tokenizer(SHIPPED_VOCAB)
    text = "".join(sorted({*_all_text(MATERIAL)} - {"\n", " "}))
    known = set(tokenizer.get_vocab())
    assert {sign for sign in text.lower() if sign not in known and sign.isalnum()} == set()


def _all_text(material: Material) -> str:
    pools = (entry for entries in material.pools.values() for entry in entries)
    return "".join([*pools, *(text for kind in material.kinds for text in templates_of(kind))])
