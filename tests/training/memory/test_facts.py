"""Facts: drawn from one side only, fit to stand together, corrected in one slot."""

import random

import pytest

from training.memory.facts import Fact, FactDraw, agree
from training.memory.material import Kind, read_material

MATERIAL = read_material()
BY_ID = {kind.id: kind for kind in MATERIAL.kinds}
NAMES = [kind for kind in MATERIAL.kinds if any(p.startswith("@") for p in kind.slots.values())]


def drawing(reserved: bool, seed: int = 0) -> FactDraw:
    return FactDraw(MATERIAL, random.Random(seed), reserved=reserved)


def is_on_side(fact: Fact, slot: str, reserved: bool) -> bool:
    value, pool = fact.words[slot], fact.kind.slots[slot]
    if not pool.startswith("@"):
        return MATERIAL.reserves(value) is reserved
    surname = value[:2] if value[:2] in MATERIAL.pools["surname"] else value[:1]
    cores = {value, value.removeprefix(surname), value.strip("小阿哥姐")}
    side = {entry for pool in ("given", "nick_char") for entry in MATERIAL.sides[pool, reserved]}
    return MATERIAL.reserves(value) is reserved or bool(cores & side)


@pytest.mark.parametrize("reserved", [False, True])
def test_every_value_is_of_the_side_asked_for(reserved: bool) -> None:
    draw = drawing(reserved)
    for kind in MATERIAL.kinds:
        for _ in range(40):
            (fact,) = draw.some(1, [kind])
            assert [s for s in kind.slots if not is_on_side(fact, s, reserved)] == []


def test_a_full_name_is_known_by_its_given_name_too() -> None:
    draw = drawing(False)
    forms = set()
    for _ in range(300):
        (fact,) = draw.some(1, NAMES)
        slot = next(s for s, pool in fact.kind.slots.items() if pool.startswith("@"))
        name, call = fact.words[slot], fact.words[f"{slot}_call"]
        assert fact.accepted[slot] == ((name,) if name == call else (name, call))
        assert len(call) >= 2
        assert name.endswith(call)
        assert name not in MATERIAL.pools["famous"]
        forms.add((name == call, len(name)))
    assert {(False, 3), (True, 2), (True, 5)} <= forms


def test_two_of_a_kind_differ_in_key_and_value() -> None:
    draw = drawing(False)
    kinds = set()
    for _ in range(200):
        pair = draw.two_of_a_kind()
        assert pair is not None
        one, other = pair
        kinds.add(one.kind.id)
        assert one.kind is other.kind
        for text in one.values:
            assert not any(text in value or value in text for value in other.values)
    assert kinds == {kind.id for kind in MATERIAL.kinds if kind.key}


@pytest.mark.parametrize("reserved", [False, True])
def test_correction_changes_one_slot(reserved: bool) -> None:
    draw = drawing(reserved)
    for kind in MATERIAL.kinds:
        old, *others = draw.some(2, [kind])
        new = draw.corrected(old, others)
        assert new is not None
        slot = kind.fix_slot
        assert new.words["old"] == old.words[slot] != new.words[slot]
        assert new.words[slot] in new.accepted[slot]
        assert {s: new.words[s] for s in kind.slots if s != slot} == {
            s: old.words[s] for s in kind.slots if s != slot
        }
        assert is_on_side(new, slot, reserved)
        assert agree([new, *others])


def test_price_fits_the_thing() -> None:
    draw = drawing(False)
    for _ in range(200):
        (fact,) = draw.some(1, [BY_ID["purchase"]])
        new = draw.corrected(fact, [])
        assert new is not None
        for some in (fact, new):
            assert some.words["price"] in MATERIAL.pools[f"price_{fact.words['item_b']}"]


def fact(kind: Kind, *values: str) -> Fact:
    words = dict(zip(kind.slots, values, strict=True))
    return Fact(kind, words, {slot: (text, text[-2:]) for slot, text in words.items()})


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        (("dish", "红烧肉"), ("avoid", "香菜"), True),
        (("dish", "红烧肉"), ("avoid", "肥肉"), False),
        (("age", "38"), ("purchase", "袜子", "38"), False),
        (("pet", "猫", "豆豆"), ("pet", "狗", "毛毛"), True),
        (("pet", "猫", "豆豆"), ("pet", "猫", "毛毛"), False),
        (("pet", "猫", "豆豆"), ("pet", "狗", "豆豆"), False),
        (("colour", "红色"), ("colour", "蓝色"), False),
        (("grade", "初二"), ("job", "焊工"), False),
        (("hometown", "洛阳"), ("residence", "西安"), True),
        (("hometown", "西安"), ("residence", "西安"), False),
        (("name", "陆小川"), ("friend", "同事", "王小川"), False),
    ],
)
def test_what_one_person_may_tell(
    one: tuple[str, ...], other: tuple[str, ...], expected: bool
) -> None:
    facts = [fact(BY_ID[kind], *values) for kind, *values in (one, other)]
    assert agree(facts) is agree(facts[::-1]) is expected
