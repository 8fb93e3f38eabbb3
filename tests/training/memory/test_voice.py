"""The voice: 小闲 writes cleanly, the person loosely, and a value is never touched."""

import random

from training.memory.voice import Voice, fill, slots_of

WORDS = {"pet": "什么都行，好", "item_a": "只"}


def test_slots_are_found_and_filled() -> None:
    assert slots_of("{a.pet}和{b.pet}，{item_a}") == {"a.pet", "b.pet", "item_a"}
    assert fill("有{item_a}猫叫{pet}", WORDS) == "有只猫叫什么都行，好"


def test_person_types_loosely_but_values_stay() -> None:
    said = [
        Voice(random.Random(n)).message("记得吗，我家的叫{pet}", WORDS, ["对了，"])
        for n in range(300)
    ]
    assert all("什么都行，好" in text for text in said)
    assert {text[:3] for text in said} == {"对了，", "对了 "}
    assert any("记的" in text for text in said)
    assert any("记得吗 我" in text for text in said)
    assert any(not text.endswith("好") for text in said)


def test_lead_is_left_out_before_a_template_that_has_its_own() -> None:
    for seed in range(50):
        said = Voice(random.Random(seed)).question("考考你，我叫啥", {}, ["对了，"])
        assert said.startswith("考考你")
        assert said.rstrip("?？").endswith("我叫啥")


def test_replies_are_clean() -> None:
    voice = Voice(random.Random(0))
    templates = [f"{sign}叫{{pet}}。" for sign in "甲乙丙丁"]
    replies = [voice.reply(templates, WORDS) for _ in range(4)]
    assert sorted(replies) == sorted(fill(text, WORDS) for text in templates)


def test_questions_back_are_the_exception() -> None:
    templates = ["叫{pet}。", "叫{pet}？"]
    asked = sum(Voice(random.Random(n)).reply(templates, WORDS).endswith("？") for n in range(1000))
    assert 50 < asked < 250


def test_template_that_speaks_of_the_value_itself_is_not_picked() -> None:
    templates = ["我喜欢7。", "我喜欢八。"]
    for seed in range(20):
        assert Voice(random.Random(seed)).pick(templates, {"lucky": "7"}) == "我喜欢八。"
