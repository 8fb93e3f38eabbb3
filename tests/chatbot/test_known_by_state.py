"""Known replies found by the model's state, beside words: what finds, what decides, what limits."""

import numpy as np
import pytest
from numpy.typing import NDArray

from chatbot.known import KnownReplies, KnownReply, Match, known_replies
from chatbot.known_states import _UNIT, KnownStates

Floats = NDArray[np.float32]
SEEDS = range(12)
NONE = frozenset[str]()
SAID = [
    KnownReply("加班到很晚", "辛苦了，歇会儿吧。", NONE),
    KnownReply("我想养一只狗", "想好养哪种了吗？", NONE),
    KnownReply("法国的首都是哪里", "巴黎。", NONE),
    KnownReply("好吧", "那就说定啦。", NONE, opens=False),
    KnownReply("两岁了 它叫啥来着", "豆包呀。", frozenset({"豆包"}), opens=False),
]
LATE, DOG, PARIS, SETTLED, CAT = (item.reply for item in SAID)


def standing(*rows: tuple[float, ...]) -> KnownStates:
    """States of this length one, on axes as they are."""
    size = len(rows[0])
    vectors = np.round(np.array(rows) * _UNIT).astype(np.int8)
    return KnownStates(np.zeros(size, np.float32), np.eye(size, dtype=np.float32), vectors)


def state(*numbers: float) -> Floats:
    return np.array(numbers, np.float32)


def only(place: int) -> Floats:
    """The state in which the reply at ``place`` was said."""
    row: Floats = np.eye(len(SAID), dtype=np.float32)[place]
    return row


@pytest.fixture
def known() -> KnownReplies:
    """Each was said from a state of its own."""
    return KnownReplies(SAID, standing(*(tuple(row) for row in np.eye(len(SAID)))))


def proposed(
    known: KnownReplies,
    message: str,
    where: Floats | None,
    history: tuple[str, ...] = (),
    min_similarity: float = 0.0,
    min_coverage: float = 0.0,
) -> dict[str, float]:
    """Each reply that one seed or another brings, and how well it fits."""
    found: list[Match] = []
    for seed in SEEDS:
        found += known.propose(
            history,
            message,
            count=9,
            seed=seed,
            state=where,
            min_similarity=min_similarity,
            min_coverage=min_coverage,
        )
    fits = {item.reply: item.fit for item in found}
    assert all(fits[item.reply] == item.fit for item in found), "a seed changes no fit"
    return fits


def test_a_reply_whose_message_shares_no_character_is_found_by_its_state(
    known: KnownReplies,
) -> None:
    assert set("刚下课") & set(SAID[0].message) == set()
    assert proposed(known, "刚下课", only(0)) == {LATE: pytest.approx(0.6, abs=0.01)}
    assert proposed(known, "刚下课", None) == {}
    assert proposed(KnownReplies(SAID), "刚下课", only(0)) == {}


def test_its_words_find_one_whose_state_is_unlike() -> None:
    known = KnownReplies(SAID[:2], standing((1, 0), (0, 1)))
    fits = proposed(known, "我想养一只狗", state(1, 0))
    assert fits == {DOG: pytest.approx(0.4, abs=0.01), LATE: pytest.approx(0.6, abs=0.01)}


def test_the_same_words_in_the_same_state_fit_wholly(known: KnownReplies) -> None:
    assert proposed(known, "加班到很晚！", only(0)) == {LATE: pytest.approx(1.0, abs=0.01)}
    for seed in SEEDS:
        fits = [
            item.fit
            for item in known.propose(
                [], "加班到很晚", count=9, seed=seed, state=state(9, 1, 1, 1, 1)
            )
        ]
        assert fits == sorted(fits, reverse=True)
        assert all(0 < fit <= 1 for fit in fits)


def test_words_and_state_decide_together() -> None:
    """Of two whose words are alike the state chooses; of two like states the words."""
    said = [
        KnownReply("今天好累", "上班累的吧。", NONE),
        KnownReply("今天好累", "玩累了就睡。", NONE),
        KnownReply("好累啊今天", "抱抱你。", NONE),
    ]
    known = KnownReplies(said, standing((1, 0), (0, 1), (0, 1)))

    def best(message: str, where: Floats) -> str:
        fits = proposed(known, message, where)
        return max(fits, key=lambda reply: fits[reply])

    assert best("今天好累", state(1, 0.1)) == "上班累的吧。"
    assert best("今天好累", state(0.1, 1)) == "玩累了就睡。"
    assert best("好累啊今天", state(0.1, 1)) == "抱抱你。"
    assert best("好累啊今天", state(0, 0)) == "抱抱你。"


def test_one_that_was_said_from_the_opposite_state_is_not_proposed() -> None:
    known = KnownReplies(SAID[:2], standing((1, 0), (0, 1)))
    assert proposed(known, "加班到很晚", state(-1, 0)) == {}
    assert proposed(known, "没有一字相同", state(-1, -1)) == {}


def test_what_answers_the_talk_before_it_is_found_by_its_state_alone(known: KnownReplies) -> None:
    assert SAID[3].trust == 0
    assert proposed(known, "好吧", None) == {}
    by_state = proposed(known, "好吧", only(3))
    assert by_state == {SETTLED: pytest.approx(0.6, abs=0.01)}  # its words add nothing
    assert proposed(known, "刚下课", only(3)) == by_state


def test_a_state_brings_nothing_that_takes_up_what_was_not_said(known: KnownReplies) -> None:
    assert proposed(known, "刚下课", only(4)) == {}
    assert set(proposed(known, "刚下课", only(4), ("我家猫叫豆包", "好名字。"))) == {CAT}


@pytest.mark.parametrize(
    ("message", "min_similarity", "min_coverage", "found"),
    [
        ("刚下课", 0.01, 0.0, set()),
        ("法国的首都是哪里", 0.9, 0.9, {PARIS}),
        ("德国的首都是哪里", 0.45, 0.0, {PARIS}),
        ("德国的首都是哪里", 0.0, 0.9, set()),
    ],
)
def test_what_must_be_like_in_words_must_be_so_in_any_state(
    known: KnownReplies,
    message: str,
    min_similarity: float,
    min_coverage: float,
    found: set[str],
) -> None:
    limits = {"min_similarity": min_similarity, "min_coverage": min_coverage}
    assert set(proposed(known, message, only(2), (), **limits)) == found


def test_a_state_of_zeros_leaves_the_words_alone(known: KnownReplies) -> None:
    fits = proposed(known, "加班到很晚", state(0, 0, 0, 0, 0))
    assert fits == {LATE: pytest.approx(0.4, abs=0.01)}


def test_a_reply_that_was_said_in_several_places_is_proposed_once_as_it_fits_best() -> None:
    said = [*known_replies(("在吗", "在呢。")), *known_replies(("你还醒着", "在呢。"))]
    known = KnownReplies(said, standing((1, 0), (0.8, 0.6)))
    for seed in SEEDS:
        found = known.propose([], "有人没", count=9, seed=seed, state=state(1, 0))
        assert len(found) <= 1
    fits = [
        item.fit
        for seed in SEEDS
        for item in known.propose([], "有人没", count=9, seed=seed, state=state(1, 0))
    ]
    assert max(fits) == pytest.approx(0.6, abs=0.01)


def test_how_like_it_is_tells_words_and_state_apart(known: KnownReplies) -> None:
    words, likeness = known.alike("加班到很晚", only(2))
    assert words.tolist() == pytest.approx([1, 0, 0, 0, 0], abs=1e-5)
    assert likeness.tolist() == pytest.approx([0, 0, 1, 0, 0], abs=1e-5)
    words, likeness = KnownReplies(SAID).alike("好吧", only(3))
    assert words.tolist() == pytest.approx([0, 0, 0, 0, 0], abs=1e-5)
    assert likeness.tolist() == [0, 0, 0, 0, 0]
