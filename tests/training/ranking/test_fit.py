import numpy as np
import pytest

from training.ranking.features import ANYWHERE, LIKELY, NAMES, SAMPLED, STATE, WORDS, Judged
from training.ranking.fit import SUBSETS, across_folds, fit, quality

TRUE = np.array([0.4, 0.1, -0.06, 0.4, 0.6], np.float32)
ALL = SUBSETS["再加 λ"]


def conversations(count: int, *, noise: float = 0.0, seed: int = 0) -> list[Judged]:
    """Conversations whose ratings follow the true weights: the best third 2, the worst 0."""
    rng = np.random.default_rng(seed)
    found = []
    for number in range(count):
        rows = np.zeros((9, len(NAMES)), np.float32)
        rows[:4, LIKELY], rows[:4, ANYWHERE] = rng.uniform(-4, -0.5, (2, 4))
        rows[:4, SAMPLED] = 1
        rows[4:, WORDS], rows[4:, STATE] = rng.uniform(0, 1, (2, 5))
        scores = rows @ TRUE + noise * rng.normal(size=9)
        ratings = np.searchsorted(np.quantile(scores, [1 / 3, 2 / 3]), scores)
        found.append(Judged(rows, ratings, is_first=number % 2 == 0))
    return found


def test_the_weights_that_made_the_ratings_are_found_again() -> None:
    found = fit(conversations(800, noise=0.1), ALL)
    assert found[WORDS] + found[STATE] == pytest.approx(1.0)
    assert found == pytest.approx(TRUE, abs=0.05)


def test_only_what_is_chosen_gets_a_weight() -> None:
    found = fit(conversations(50), (SAMPLED, LIKELY, STATE))
    assert set(np.flatnonzero(found)) == {SAMPLED, LIKELY, STATE}


def test_every_conversation_counts_alike() -> None:
    judged = conversations(60, noise=0.1)
    long = judged[0]
    many = Judged(np.repeat(long.features, 40, axis=0), np.repeat(long.ratings, 40), long.is_first)
    assert fit([many, *judged[1:]], ALL) == pytest.approx(fit(judged, ALL), abs=0.05)


def test_quality_counts_what_is_ranked_first() -> None:
    judged = conversations(30)
    best = quality(judged, [item.ratings for item in judged])
    assert (best.good, best.passable, best.bad, best.mean) == (1, 0, 0, 2)
    worst = quality(judged, [-item.ratings for item in judged])
    assert (worst.good, worst.bad, worst.mean) == (0, 1, 0)


def test_more_features_do_better_where_they_were_not_fitted() -> None:
    judged = conversations(200, noise=0.02)
    all_of_them = across_folds(judged, ALL).mean
    assert all_of_them > across_folds(judged, SUBSETS["字面"]).mean + 0.02
    assert all_of_them > across_folds(judged, SUBSETS["状态"]).mean + 0.02


def test_no_conversation_is_judged_by_weights_that_saw_it(monkeypatch: pytest.MonkeyPatch) -> None:
    judged = conversations(10)
    seen: list[list[Judged]] = []

    def spy(items: list[Judged], _chosen: object) -> np.ndarray:
        seen.append(items)
        return TRUE

    monkeypatch.setattr("training.ranking.fit.fit", spy)
    across_folds(judged, ALL)
    assert [len(items) for items in seen] == [8] * 5
    left_out = [sum(item is other for items in seen for other in items) for item in judged]
    assert left_out == [4] * 10
