import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatbot.decoding.ranking import (
    RankingWeights,
    Scored,
    overlap,
    rank,
    score,
    split_utterances,
)

PLAIN = RankingWeights(mmi=0, mmi_proposed=0, repeat=0, loop=0, echo=0, recall=0, prior=0)


def reply(ids: tuple[int, ...], log_prob: float, alone: float = 0.0, prior: float = 0.0) -> Scored:
    return Scored(ids, has_stop=True, log_prob=log_prob, log_prob_alone=alone, prior=prior)


def test_a_score_is_per_token_the_stop_id_counted() -> None:
    assert score(reply((5, 6, 7), -8.0), [(9,)], PLAIN) == pytest.approx(-2.0)
    cut = Scored((5, 6, 7, 8), has_stop=False, log_prob=-8.0, log_prob_alone=0.0)
    assert score(cut, [(9,)], PLAIN) == pytest.approx(-2.0)


def test_what_is_likely_anywhere_loses() -> None:
    dull, apt = reply((5, 6), -3.0, alone=-3.0), reply((7, 8), -4.5, alone=-12.0)
    assert rank([dull, apt], [(9,)], PLAIN) == [0, 1]
    assert rank([dull, apt], [(9,)], RankingWeights(mmi=0.3)) == [1, 0]


def test_repeating_an_own_reply_costs_and_so_does_echoing_the_message() -> None:
    utterances = [(20, 21), (5, 6, 7), (30, 31, 32)]
    own, echo, new = (reply(ids, -4.0) for ids in [(5, 6, 7), (30, 31, 32), (40, 41, 42)])
    weights = RankingWeights(mmi=0, repeat=2.0, loop=0, echo=1.0, recall=0, prior=0)
    scores = [score(item, utterances, weights) for item in (own, echo, new)]
    assert scores == pytest.approx([-3.0, -2.0, -1.0])
    partner_before = reply((20, 21), -3.0)  # what the partner said two turns ago costs nothing
    assert score(partner_before, utterances, weights) == pytest.approx(-1.0)


def test_looking_back_at_what_was_told_counts_but_not_what_was_just_said() -> None:
    utterances = [(20, 21, 22), (5, 6, 7), (30, 31, 32)]
    weights = RankingWeights(mmi=0, repeat=0, loop=0, echo=0, recall=3.0, prior=0)
    told, own, just = (reply(ids, -4.0) for ids in [(20, 21, 22), (5, 6, 7), (30, 31, 32)])
    assert [score(item, utterances, weights) for item in (told, own, just)] == pytest.approx(
        [2.0, -1.0, -1.0]
    )
    assert score(told, utterances[-1:], weights) == pytest.approx(-1.0)  # nothing was told yet


def test_going_round_in_a_loop_costs() -> None:
    weights = RankingWeights(mmi=0, repeat=0, loop=2.0, echo=0, recall=0, prior=0)
    once, thrice, round_and_round = (
        reply(ids, -0.0) for ids in [(5, 6, 7, 8), (5, 5, 5, 5), (5, 6, 5, 6, 5)]
    )
    scores = [score(item, [(9,)], weights) for item in (once, thrice, round_and_round)]
    assert scores == pytest.approx([0.0, -4 / 3, -1.0])
    assert score(reply((5,), -0.0), [(9,)], weights) == 0.0


def test_a_prior_counts_for_a_proposal() -> None:
    known, sampled = reply((5, 6), -4.0, prior=1.0), reply((7, 8), -3.0)
    assert rank([sampled, known], [(9,)], PLAIN) == [0, 1]
    assert rank([sampled, known], [(9,)], RankingWeights(mmi=0, prior=0.5)) == [1, 0]


def test_a_proposal_has_a_weight_of_its_own_for_what_is_likely_anywhere() -> None:
    weights = RankingWeights(mmi=0, mmi_proposed=0.5, repeat=0, loop=0, echo=0, recall=0, prior=0)
    sampled, known = reply((5, 6), -6.0, alone=-9.0), reply((5, 6), -6.0, alone=-9.0, prior=0.1)
    assert score(sampled, [(9,)], weights) == pytest.approx(-2.0)
    assert score(known, [(9,)], weights) == pytest.approx(-0.5)


def test_equal_scores_keep_their_order() -> None:
    assert rank([reply((5,), -1.0), reply((6,), -1.0), reply((7,), -0.5)], [], PLAIN) == [2, 0, 1]


def test_overlap_is_a_share_of_the_replys_bigrams() -> None:
    assert overlap((1, 2, 3), (0, 1, 2, 9)) == 0.5
    assert overlap((1,), (1,)) == 1.0
    assert overlap((1,), (1, 2)) == 0.0


def test_utterances_are_what_stands_before_each_stop_id() -> None:
    assert split_utterances([2, 5, 6, 3, 7, 3], frozenset({3})) == [(5, 6), (7,)]


@given(st.lists(st.tuples(st.integers(5, 9), st.floats(-50, -0.1)), min_size=1, max_size=6))
def test_every_place_comes_once(items: list[tuple[int, float]]) -> None:
    replies = [reply((token_id,), log_prob, alone=-1.0) for token_id, log_prob in items]
    assert sorted(rank(replies, [(5,)], RankingWeights())) == list(range(len(items)))
