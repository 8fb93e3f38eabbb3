"""Two contenders in turn on the same prompts: ours, the peer, ours, the peer, …"""

import random
import time
from collections.abc import Iterator
from dataclasses import dataclass
from statistics import median

from benchmarks.contender import Ids, Side
from benchmarks.errors import BenchmarkError
from benchmarks.workload import Workload

# A thread pool looks for more work for a moment before it sleeps, at the other side's cost.
_SETTLE_SECONDS = 0.3


@dataclass(frozen=True)
class Race:
    """Seconds of each measurement, pair by pair.

    Attributes:
        ours, theirs: seconds that the workload's calls took.
    """

    ours: tuple[float, ...]
    theirs: tuple[float, ...]

    @property
    def ratios(self) -> tuple[float, ...]:
        """How many times as fast ours was, in each pair."""
        return tuple(b / a for a, b in zip(self.ours, self.theirs, strict=True))

    @property
    def ratio(self) -> float:
        """The median of the ratios."""
        return median(self.ratios)


def race(workload: Workload, ours: Side, peer: Side, ids: range, *, num_pairs: int) -> Race:
    """Run the workload once each untimed, then ``num_pairs`` times in turn.

    Args:
        ids: that prompts are drawn from.

    Raises:
        BenchmarkError: somebody did not write as many tokens as asked.
    """
    rng = random.Random(0)
    pairs = [_pair(workload, ours, peer, ids, rng) for _ in range(num_pairs + 1)][1:]
    return Race(tuple(pair[0] for pair in pairs), tuple(pair[1] for pair in pairs))


def _pair(
    workload: Workload, ours: Side, peer: Side, ids: range, rng: random.Random
) -> tuple[float, float]:
    """Return the seconds of either side for the same calls."""
    seen: list[list[Ids]] = []

    def asked() -> Iterator[list[Ids]]:
        for _ in range(workload.num_calls):
            seen.append(workload.prompts(ours, ids, rng))
            yield seen[-1]

    first = sum(_seconds(ours, prompts, workload) for prompts in asked())
    time.sleep(_SETTLE_SECONDS)
    second = sum(_seconds(peer, prompts, workload) for prompts in seen)
    time.sleep(_SETTLE_SECONDS)
    return first, second


def _seconds(side: Side, prompts: list[Ids], workload: Workload) -> float:
    replies, seconds = side.answer(prompts, workload.num_new_tokens)
    lengths = [len(reply) for reply in replies]
    if lengths != [workload.num_new_tokens] * len(prompts):
        raise BenchmarkError(
            f"没有按数写满：要 {len(prompts)} × {workload.num_new_tokens} 个词元，得到 {lengths}；"
            "这样比不公平，请查它的参数"
        )
    return seconds
