from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chatbot.dialogue import DialogueEncoder, windows
from vocab.wordpiece import SHIPPED_VOCAB, load_tokenizer

CHARACTERS = "今天你好吗ok 2026！[SEP]😂\u200b龘"


@pytest.fixture(scope="module")
def encoder() -> DialogueEncoder:
    return DialogueEncoder(load_tokenizer(SHIPPED_VOCAB))


def test_a_dialogue_becomes_cls_and_utterances_closed_by_sep(encoder: DialogueEncoder) -> None:
    tokens = encoder.tokenizer.convert_ids_to_tokens(encoder.encode(["你好", "ok呀"]))
    assert tokens == ["[CLS]", "你", "好", "[SEP]", "ok", "呀", "[SEP]"]


@pytest.mark.parametrize("special", ["[SEP]", "[CLS]", "[PAD]", "[UNK]", "[MASK]"])
def test_typed_special_tokens_stay_text(encoder: DialogueEncoder, special: str) -> None:
    (ids,) = encoder.encode_utterances([f"你好{special}再见"])
    assert not set(ids) & {encoder.tokenizer.convert_tokens_to_ids(special)}
    assert encoder.decode(ids) == f"你好{special.lower()}再见"


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.text(CHARACTERS, max_size=8), max_size=12).filter(lambda h: len(h) % 2 == 0),
    st.text(CHARACTERS, min_size=1, max_size=8),
    st.integers(0, 60),
)
def test_a_prompt_keeps_the_newest_whole_turns_that_fit(
    encoder: DialogueEncoder, history: list[str], message: str, room: int
) -> None:
    (message_ids,) = encoder.encode_utterances([message])
    budget = len(message_ids) + 2 + room
    prompt = encoder.encode_prompt(history, message_ids, budget)
    assert len(prompt.ids) <= budget
    assert prompt.history_used + prompt.history_dropped == len(history)
    assert prompt.history_used % 2 == 0
    kept = encoder.encode_utterances(history[prompt.history_dropped :])
    assert prompt.ids == encoder.join([*kept, message_ids])
    sizes = [len(ids) + 1 for ids in encoder.encode_utterances(history)]
    turns = [sum(sizes[start : start + 2]) for start in range(0, len(sizes), 2)]
    dropped = turns[: prompt.history_dropped // 2]
    surplus = sum(turns) - room
    assert bool(dropped) == (surplus > 0)
    if dropped:  # no turn more than brings it to a quarter of the budget, or the surplus
        step = max(budget // 4, 1)
        assert sum(dropped[:-1]) < -(-surplus // step) * step
    if turns and turns[-1] <= room:
        assert prompt.history_used, "the newest turn is kept when it fits"


def test_most_prompts_of_a_long_conversation_begin_like_the_one_before(
    encoder: DialogueEncoder,
) -> None:
    history: list[str] = []
    prompts: list[list[int]] = []
    (message,) = encoder.encode_utterances(["今天吃什么好呢"])
    for turn in range(40):
        prompts.append(encoder.encode_prompt(history, message, 192).ids)
        history += ["今天吃什么好呢", f"第{turn}回吃面吧。"]
    grown = [new[: len(old)] == old for old, new in pairwise(prompts)]
    assert len(prompts[-1]) > 192 // 2
    assert sum(grown) >= 0.7 * len(grown)


lengths = st.lists(st.integers(0, 30), max_size=20)


@given(lengths, st.integers(1, 80))
def test_windows_hold_whole_turns_within_the_limit(sizes: list[int], limit: int) -> None:
    ranges = windows(sizes, limit)
    for start, stop in ranges:
        assert start % 2 == 0
        assert stop % 2 == 0 or stop == len(sizes)
        assert start < stop
        assert 1 + sum(sizes[start:stop]) + stop - start <= limit


@given(lengths, st.integers(1, 80))
def test_windows_cover_every_turn_that_fits_by_itself_once(sizes: list[int], limit: int) -> None:
    covered = [place for start, stop in windows(sizes, limit) for place in range(start, stop)]
    expected = []
    for start in range(0, len(sizes), 2):
        turn = range(start, min(start + 2, len(sizes)))
        if 1 + sum(sizes[place] + 1 for place in turn) <= limit:
            expected += list(turn)
    assert covered == expected


@given(lengths, st.integers(1, 80))
def test_windows_are_as_long_as_they_can_be(sizes: list[int], limit: int) -> None:
    ranges = windows(sizes, limit)
    for (start, stop), (following, _) in pairwise(ranges):
        if stop == following:
            turn = sizes[following : following + 2]
            assert 1 + sum(sizes[start:stop]) + stop - start + sum(turn) + len(turn) > limit


def test_windows_of_examples() -> None:
    assert windows([], 10) == []
    assert windows([2, 2, 2, 2], 100) == [(0, 4)]
    assert windows([2, 2, 2, 2], 7) == [(0, 2), (2, 4)]
    assert windows([2, 2, 50, 2, 2, 2], 7) == [(0, 2), (4, 6)]
