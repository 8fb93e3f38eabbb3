"""Near-duplicates: the index finds exactly the pairs that a comparison of all with all finds."""

import random
import time

import pytest

from training.checks.duplicates import Overlaps, normalise


def overlap(first: tuple[str, ...], second: tuple[str, ...]) -> float:
    bags = []
    for utterances in (first, second):
        texts = [normalise(text) for text in utterances]
        bags.append({text[i : i + 2] for text in texts for i in range(len(text) - 1)})
    return len(bags[0] & bags[1]) / len(bags[0] | bags[1])


def random_dialogues(count: int, seed: int, alphabet: str) -> list[tuple[str, ...]]:
    rng = random.Random(seed)
    return [
        tuple("".join(rng.choices(alphabet, k=rng.randint(2, 12))) for _ in range(4))
        for _ in range(count)
    ]


@pytest.mark.parametrize("threshold", [0.1, 0.25, 0.35, 0.5, 1.0])
def test_same_pairs_as_comparing_all_with_all(threshold: float) -> None:
    dialogues = random_dialogues(120, 0, "天地人你我他")
    dialogues += dialogues[:3]
    expected = {
        (first, second)
        for second in range(len(dialogues))
        for first in range(second)
        if overlap(dialogues[first], dialogues[second]) >= threshold
    }
    found = Overlaps(dialogues).near_duplicates(threshold)
    assert {(pair.first, pair.second) for pair in found} == expected
    assert len(found) == len(expected) >= 3


@pytest.mark.parametrize("threshold", [0.1, 0.25, 0.5, 1.0])
def test_across_are_the_pairs_of_one_apart_and_one_not(threshold: float) -> None:
    dialogues = random_dialogues(120, 1, "天地人你我他")
    dialogues += dialogues[:3]
    is_apart = [number % 7 == 3 or number > 120 for number in range(len(dialogues))]
    expected = [
        pair
        for pair in Overlaps(dialogues).near_duplicates(threshold)
        if is_apart[pair.first] != is_apart[pair.second]
    ]
    assert Overlaps(dialogues).near_across(is_apart, threshold) == expected
    assert expected


def test_retold_dialogue_is_found_and_another_is_not() -> None:
    dialogues = [
        ("我饿了", "想吃热的还是凉的？", "热的", "那来碗牛肉面，又热又香。"),
        ("好饿呀我饿了", "想吃热的还是凉的？", "热的！", "那就来碗牛肉面吧，又香又热。"),
        ("下雨了", "带伞了吗？", "没带", "那就等雨小一点再走吧。"),
    ]
    (pair,) = Overlaps(dialogues).near_duplicates(0.35)
    assert (pair.first, pair.second) == (0, 1)
    assert 0.35 <= pair.overlap < 1


def test_punctuation_case_and_spaces_do_not_count() -> None:
    assert normalise(" Hello，小闲！😀") == "hello小闲"
    (pair,) = Overlaps([("OK 好的", "好呀。"), ("ok好的！", "好呀～")]).near_duplicates(1.0)
    assert pair.overlap == 1.0


def test_dialogues_without_words_are_no_pair() -> None:
    assert Overlaps([("？", "！"), ("？", "！"), ()]).near_duplicates(0.35) == []


def test_ten_thousand_dialogues_in_a_moment() -> None:
    alphabet = "".join(chr(0x4E00 + place) for place in range(1500))
    dialogues = random_dialogues(10_000, 1, alphabet)
    dialogues.append(dialogues[0])
    start = time.process_time()
    assert len(Overlaps(dialogues).near_duplicates(0.25)) == 1
    assert time.process_time() - start < 20
