"""What a run measures, one race after another."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace

import torch

from benchmarks.ceiling import bandwidth, ceiling
from benchmarks.child import OURS, Child, Entry
from benchmarks.contender import Side
from benchmarks.errors import BenchmarkError
from benchmarks.peers import PEERS
from benchmarks.race import Race, race
from benchmarks.results import Figure
from benchmarks.subjects import SUBJECTS, Subject, words
from benchmarks.workload import WORKLOADS, Workload
from chatbot.decoding.linear import pick_precision

PERPLEXITY = "perplexity"
ROWS = (*WORKLOADS, PERPLEXITY)


@dataclass(frozen=True, kw_only=True)
class Program:
    """A choice among everything that can be measured.

    Attributes:
        rows: names in ``ROWS``.
        subjects, peers: names in ``SUBJECTS`` and ``PEERS``.
        num_pairs: measurements of either side in a race.
        num_threads: that each contender gets.
        run: when, and by which command.
    """

    rows: Collection[str] = ROWS
    subjects: Collection[str] = tuple(SUBJECTS)
    peers: Collection[str] = tuple(PEERS)
    num_pairs: int = 5
    num_threads: int = 2
    run: str = ""

    def __post_init__(self) -> None:
        """Refuse names that stand for nothing.

        Raises:
            BenchmarkError: names the ones that do.
        """
        _require(self.rows, ROWS)
        _require(self.subjects, SUBJECTS)
        _require(self.peers, PEERS)

    def figures(self) -> Iterator[Figure]:
        """Run the races, each when it is asked for; prints which peers are not installed.

        Raises:
            BenchmarkError: somebody did not write as many tokens as asked.
        """
        for name in self.subjects:
            subject = SUBJECTS[name]
            workloads = {row: WORKLOADS[row] for row in subject.workloads if row in self.rows}
            if workloads and (subject.device == "cpu" or torch.cuda.is_available()):
                yield from self._subject_figures(name, subject, workloads)

    def _subject_figures(
        self, name: str, subject: Subject, workloads: Mapping[str, Workload]
    ) -> Iterator[Figure]:
        model, tokenizer = subject.build()
        precision = pick_precision("auto", torch.device(subject.device))
        weight_bytes = getattr(torch, precision).itemsize
        read_speed = bandwidth(subject.device)
        entry = Entry(
            name=OURS,
            build=subject.build,
            device=subject.device,
            num_threads=self.num_threads,
            num_streams=max(workload.num_streams for workload in workloads.values()),
        )
        with Child(entry) as ours:
            for peer in self.peers:
                races = self._races(replace(entry, name=peer), ours, workloads, words(tokenizer))
                for row, found in races:
                    yield Figure(
                        subject=name,
                        workload=row,
                        peer=peer,
                        race=found,
                        precision=precision,
                        ceiling=ceiling(model, workloads[row], weight_bytes, read_speed),
                        run=self.run,
                    )

    def _races(
        self, entry: Entry, ours: Side, workloads: Mapping[str, Workload], ids: range
    ) -> Iterator[tuple[str, Race]]:
        peer = PEERS[entry.name]
        asked = {row: work for row, work in workloads.items() if peer.can(work, entry.device)}
        if not asked:
            return
        if not peer.is_installed:
            print(f"跳过 {peer.title}：没有安装；用 make bench 运行会装好它", flush=True)
            return
        with Child(entry) as side:
            for row, workload in asked.items():
                yield row, race(workload, ours, side, ids, num_pairs=self.num_pairs)


def _require(names: Collection[str], known: Collection[str]) -> None:
    unknown = [name for name in names if name not in known]
    if unknown:
        raise BenchmarkError(f"没有叫 {'、'.join(unknown)} 的；可用的有 {'、'.join(known)}")
