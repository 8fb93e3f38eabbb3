from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chatbot.decoding.ranking import (
    RankingWeights,
    Scored,
    overlap,
    rank,
    score,
    split_utterances,
)

PLAIN = RankingWeights(sampled=0, likely=1, mmi=0, repeat=0, loop=0, echo=0, recall=0)


def reply(ids: tuple[int, ...], log_prob: float, alone: float = 0.0) -> Scored:
    return Scored(ids, log_prob=log_prob, log_prob_alone=alone)


def proposal(ids: tuple[int, ...], prior: float) -> Scored:
    return Scored(ids, prior=prior)


def test_a_score_is_per_token_the_stop_id_counted() -> None:
    assert score(reply((5, 6, 7), -8.0), [(9,)], PLAIN) == pytest.approx(-2.0)
    cut = Scored((5, 6, 7, 8), has_stop=False, log_prob=-8.0)
    assert score(cut, [(9,)], PLAIN) == pytest.approx(-2.0)


def test_what_is_likely_anywhere_loses() -> None:
    dull, apt = reply((5, 6), -3.0, alone=-3.0), reply((7, 8), -4.5, alone=-12.0)
    assert rank([dull, apt], [(9,)], PLAIN) == [0, 1]
    assert rank([dull, apt], [(9,)], replace(PLAIN, mmi=0.3)) == [1, 0]
    assert rank([dull, apt], [(9,)], RankingWeights()) == [1, 0]


def test_a_sampled_reply_is_worth_a_share_and_a_little_for_every_nat() -> None:
    weights = replace(PLAIN, sampled=0.3, likely=0.1, mmi=0.5)
    assert score(reply((5, 6), -6.0, alone=-9.0), [(9,)], weights) == pytest.approx(
        0.3 + 0.1 * (-6.0 + 0.5 * 9.0) / 3
    )


def test_repeating_an_own_reply_costs_and_so_does_echoing_the_message() -> None:
    utterances = [(20, 21), (5, 6, 7), (30, 31, 32)]
    own, echo, new = (reply(ids, -4.0) for ids in [(5, 6, 7), (30, 31, 32), (40, 41, 42)])
    weights = replace(PLAIN, repeat=2.0, echo=1.0)
    scores = [score(item, utterances, weights) for item in (own, echo, new)]
    assert scores == pytest.approx([-3.0, -2.0, -1.0])
    partner_before = reply((20, 21), -3.0)  # what the partner said two turns ago costs nothing
    assert score(partner_before, utterances, weights) == pytest.approx(-1.0)


def test_looking_back_at_what_was_told_counts_but_not_what_was_just_said() -> None:
    utterances = [(20, 21, 22), (5, 6, 7), (30, 31, 32)]
    weights = replace(PLAIN, recall=3.0)
    told, own, just = (reply(ids, -4.0) for ids in [(20, 21, 22), (5, 6, 7), (30, 31, 32)])
    assert [score(item, utterances, weights) for item in (told, own, just)] == pytest.approx(
        [2.0, -1.0, -1.0]
    )
    assert score(told, utterances[-1:], weights) == pytest.approx(-1.0)  # nothing was told yet


def test_going_round_in_a_loop_costs() -> None:
    weights = replace(PLAIN, loop=2.0)
    once, thrice, round_and_round = (
        reply(ids, -0.0) for ids in [(5, 6, 7, 8), (5, 5, 5, 5), (5, 6, 5, 6, 5)]
    )
    scores = [score(item, [(9,)], weights) for item in (once, thrice, round_and_round)]
    assert scores == pytest.approx([0.0, -4 / 3, -1.0])
    assert score(reply((5,), -0.0), [(9,)], weights) == 0.0


def test_a_proposal_is_worth_how_well_it_fits_however_likely_it_is() -> None:
    weights = RankingWeights(sampled=9, likely=9, mmi=9)  # of a sampled reply alone
    assert score(proposal((5, 6), 0.7), [(9,)], weights) == pytest.approx(0.7)
    assert score(proposal((5, 6), 0.0), [(9,)], weights) == 0.0
    told = Scored((5, 6), prior=0.7, log_prob=-60.0, log_prob_alone=-2.0)
    assert score(told, [(9,)], weights) == pytest.approx(0.7)


def test_a_proposal_too_costs_what_repeats_echoes_and_loops_and_gains_by_recall() -> None:
    utterances = [(20, 21), (5, 6), (30, 31)]
    weights = RankingWeights(repeat=2.0, echo=1.0, recall=3.0, loop=4.0)
    told, own, echo, loop = (proposal(ids, 0.5) for ids in [(20, 21), (5, 6), (30, 31), (7, 7, 7)])
    scores = [score(item, utterances, weights) for item in (told, own, echo, loop)]
    assert scores == pytest.approx([3.5, -1.5, -0.5, -1.5])


def test_by_default_a_proposal_wins_by_fitting() -> None:
    sampled = reply((7, 8), -3.0, alone=-12.0)  # likely here, and not anywhere
    fits, misfit = proposal((5, 6), 0.9), proposal((5, 7), 0.1)
    assert rank([misfit, sampled, fits], [(9,)], RankingWeights()) == [2, 1, 0]


def test_equal_scores_keep_their_order() -> None:
    assert rank([reply((5,), -1.0), reply((6,), -1.0), reply((7,), -0.5)], [], PLAIN) == [2, 0, 1]


def test_overlap_is_a_share_of_the_replys_bigrams() -> None:
    assert overlap((1, 2, 3), (0, 1, 2, 9)) == 0.5
    assert overlap((1,), (1,)) == 1.0
    assert overlap((1,), (1, 2)) == 0.0


def test_utterances_are_what_stands_before_each_stop_id() -> None:
    assert split_utterances([2, 5, 6, 3, 7, 3], frozenset({3})) == [(5, 6), (7,)]


@settings(deadline=None)  # the first call may load a library
@given(st.lists(st.tuples(st.integers(5, 9), st.floats(-50, -0.1)), min_size=1, max_size=6))
def test_every_place_comes_once(items: list[tuple[int, float]]) -> None:
    replies = [reply((token_id,), log_prob, alone=-1.0) for token_id, log_prob in items]
    replies += [proposal((token_id,), -log_prob / 50) for token_id, log_prob in items]
    assert sorted(rank(replies, [(5,)], RankingWeights())) == list(range(2 * len(items)))
