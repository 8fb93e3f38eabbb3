"""What was measured on one machine, kept in a JSON file so that a run may measure a part."""

from dataclasses import dataclass, field
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from benchmarks.errors import BenchmarkError
from benchmarks.machine import Machine
from benchmarks.perplexity import Perplexities
from benchmarks.race import Race


@dataclass(frozen=True, kw_only=True)
class Figure:
    """A race that was run.

    Attributes:
        subject, workload, peer: names in ``SUBJECTS``, ``WORKLOADS`` and ``PEERS``.
        precision: that our engine picked.
        ceiling: tokens a second that memory allows at most, by its measured bandwidth; ``None``
            where more is read than decoded.
        run: when, and by which command.
    """

    subject: str
    workload: str
    peer: str
    race: Race
    precision: str
    ceiling: float | None
    run: str


@dataclass(frozen=True)
class Quality:
    """Perplexities that were measured, and by which run."""

    perplexities: Perplexities
    run: str


@dataclass
class Results:
    """All figures of a machine; a new one takes the place of its forerunner."""

    machine: Machine
    figures: list[Figure] = field(default_factory=list)
    quality: Quality | None = None

    def add(self, figure: Figure) -> None:
        """Take a figure in."""
        key = (figure.subject, figure.workload, figure.peer)
        kept = [f for f in self.figures if (f.subject, f.workload, f.peer) != key]
        self.figures = [*kept, figure]

    @property
    def runs(self) -> list[str]:
        """The runs that figures stem from, each once."""
        quality = [self.quality.run] if self.quality else []
        return list(dict.fromkeys([*(figure.run for figure in self.figures), *quality]))

    def save(self, path: Path) -> None:
        """Write the JSON file."""
        path.write_bytes(_FORM.dump_json(self, indent=1) + b"\n")


_FORM = TypeAdapter(Results)


def load_results(path: Path, machine: Machine) -> Results:
    """Return what the file holds of this machine; nothing when it is another's or is not there.

    Raises:
        BenchmarkError: it is something else.
    """
    if not path.exists():
        return Results(machine)
    try:
        found = _FORM.validate_json(path.read_bytes())
    except ValidationError:
        raise BenchmarkError(f"{path}: 不是以前测得的结果；请删掉它，或用 --out 换个地方") from None
    return found if found.machine == machine else Results(machine)
