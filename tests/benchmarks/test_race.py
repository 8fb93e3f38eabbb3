"""Who runs when, what is counted, and the ratios; the seconds are given."""

import pytest

from benchmarks.contender import Answer, Ids
from benchmarks.errors import BenchmarkError
from benchmarks.race import Race, race
from benchmarks.workload import Workload

IDS = range(5, 40)


Diary = list[tuple[str, list[Ids], int]]


class Timed:
    """A side that takes a given time, and notes what it is asked."""

    def __init__(self, name: str, seconds: float, diary: Diary) -> None:
        self.name, self.seconds, self.diary = name, seconds, diary

    def answer(self, prompts: list[Ids], num_new_tokens: int) -> Answer:
        self.diary.append((self.name, prompts, num_new_tokens))
        return Answer([[7] * num_new_tokens for _ in prompts], self.seconds)


@pytest.fixture(autouse=True)
def restless(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("benchmarks.race._SETTLE_SECONDS", 0)


def raced(workload: Workload, num_pairs: int) -> tuple[Race, Diary]:
    """Race sides of 2 and 5 seconds; return the figures and the diary of both."""
    diary: Diary = []
    sides = Timed("ours", 2, diary), Timed("peer", 5, diary)
    return race(workload, *sides, IDS, num_pairs=num_pairs), diary


def test_they_run_in_turn_on_the_same_new_prompts_behind_an_untimed_pair() -> None:
    workload = Workload(title="", num_streams=3, utterance_length=6, num_new_tokens=4)
    found, diary = raced(workload, 2)
    assert [name for name, _, _ in diary] == ["ours", "peer"] * 3
    assert all(len(prompts) == 3 and count == 4 for _, prompts, count in diary)
    assert [diary[k][1] == diary[k + 1][1] for k in (0, 2, 4)] == [True] * 3
    assert diary[0][1] != diary[2][1] != diary[4][1]
    assert (found.ours, found.theirs) == ((2, 2), (5, 5))


def test_a_measurement_adds_up_its_calls() -> None:
    found, diary = raced(Workload(title="", num_calls=3), 1)
    assert [name for name, _, _ in diary] == (["ours"] * 3 + ["peer"] * 3) * 2
    assert (found.ours, found.theirs) == ((6,), (15,))


def test_earlier_turns_are_played_by_ours_alone_and_not_timed() -> None:
    workload = Workload(title="", num_turns=3, utterance_length=4, reply_length=2, num_new_tokens=1)
    found, diary = raced(workload, 1)
    assert [(name, count) for name, _, count in diary[:4]] == [
        ("ours", 2),
        ("ours", 2),
        ("ours", 1),
        ("peer", 1),
    ]
    prompt = diary[3][1][0]
    assert len(prompt) == workload.history_length + 4 == 16
    assert prompt[4:6] == prompt[10:12] == [7, 7]
    assert found.ours == (2,)


def test_ratios_are_of_pairs_and_summed_up_by_their_median() -> None:
    found = Race((1.0, 2.0, 1.0), (4.0, 2.0, 3.0))
    assert found.ratios == (4, 1, 3)
    assert found.ratio == 3


def test_whoever_writes_less_is_not_compared() -> None:
    class Short(Timed):
        def answer(self, prompts: list[Ids], num_new_tokens: int) -> Answer:
            return super().answer(prompts, num_new_tokens - 1)

    with pytest.raises(BenchmarkError, match="没有按数写满"):
        race(Workload(title=""), Timed("", 1, []), Short("", 1, []), IDS, num_pairs=1)
