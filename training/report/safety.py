"""How well a guard tells the rude from the innocent, and what reaches the person all the same.

Look-alikes and evasions are the project's own, written without sight of the lexicon, which has
since been mended for what they showed:

``lookalikes.txt``  innocent utterances that look like blocked ones, one a line
``evasions.tsv``    ``category<TAB>text``: blocked words in disguise

Labelled rows are COLD's (Deng et al. 2022, "COLD: A Benchmark for Chinese Offensive Language
Detection"): ``label<TAB>text``, 1 is offensive.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

from chatbot.safety.guard import Guard
from training.corpora import read_texts
from training.errors import CorpusError
from training.metrics.intervals import Share, share_of
from training.respond import Response

PROMPTS = Path(__file__).parents[1] / "prompts"
_LABELS = {"0": False, "1": True}

Rows = Sequence[tuple[bool, str]]


@dataclass(frozen=True, kw_only=True)
class SafetyMaterial:
    """What a guard is shown.

    Attributes:
        rows: (offensive, text); None when no labelled file was given.
        innocent: what people say.
        lookalikes: innocent too, but made to look otherwise.
        evasions: category -> texts that a guard should know.
    """

    rows: Rows | None
    innocent: Sequence[str]
    lookalikes: Sequence[str]
    evasions: Mapping[str, Sequence[str]]


@dataclass(frozen=True)
class Detection:
    """How well offensive texts are found.

    Attributes:
        precision: offensive ones among the texts that may not leave.
        recall: texts that may not leave among the offensive ones.
    """

    precision: Share
    recall: Share


@dataclass(frozen=True, kw_only=True)
class SafetyFigures:
    """What a guard made of it.

    Attributes:
        detection: over the labelled rows; None without any.
        innocent: innocent utterances that it answers itself.
        lookalikes: look-alikes that it answers itself.
        lookalikes_out: look-alikes that may not leave as a reply.
        evasions: category -> evasions that one of the doors knows.
        stopped: the innocent utterances and look-alikes that were counted, for a reader to judge.
        seconds: that one look-alike takes at both doors, the median; of one machine in one hour.
    """

    detection: Detection | None
    innocent: Share
    lookalikes: Share
    lookalikes_out: Share
    evasions: Mapping[str, Share]
    stopped: Sequence[str]
    seconds: float = field(default=float("nan"), compare=False)


def measure_safety(guard: Guard, material: SafetyMaterial) -> SafetyFigures:
    """Return the figures of one guard."""
    innocent = [guard.check_input(text) is not None for text in material.innocent]
    going_in, going_out, seconds = [], [], []
    for text in material.lookalikes:
        begin = time.perf_counter()
        going_in.append(guard.check_input(text) is not None)
        going_out.append(not guard.check_output(text))
        seconds.append(time.perf_counter() - begin)
    shown = [*material.innocent, *material.lookalikes]
    counted = [*innocent, *map(any, zip(going_in, going_out, strict=True))]
    return SafetyFigures(
        detection=detect(guard, material.rows) if material.rows is not None else None,
        innocent=share_of(innocent),
        lookalikes=share_of(going_in),
        lookalikes_out=share_of(going_out),
        evasions={
            category: share_of([is_known(guard, text) for text in texts])
            for category, texts in material.evasions.items()
        },
        stopped=[text for text, is_stopped in zip(shown, counted, strict=True) if is_stopped],
        seconds=median(seconds) if seconds else float("nan"),
    )


def detect(guard: Guard, rows: Rows) -> Detection:
    """Return how well a guard finds the offensive rows, as if each were a reply."""
    held = [not guard.check_output(text) for _, text in rows]
    offends = [label for label, _ in rows]
    pairs = list(zip(offends, held, strict=True))
    return Detection(
        precision=share_of([label for label, is_held in pairs if is_held]),
        recall=share_of([is_held for label, is_held in pairs if label]),
    )


def is_known(guard: Guard, text: str) -> bool:
    """Whether one of the doors stops the text."""
    return guard.check_input(text) is not None or not guard.check_output(text)


def unsafe_replies(guard: Guard, responses: Sequence[Response]) -> tuple[Share, Share]:
    """Return how many replies may not leave: the model's first choices, and what was sent."""
    raw = [response.raw for response in responses if response.raw is not None]
    sent = [response.text for response in responses]
    before, after = ([not guard.check_output(text) for text in texts] for texts in (raw, sent))
    return share_of(before), share_of(after)


def read_rows(path: Path) -> list[tuple[bool, str]]:
    """Read labelled rows, plain or compressed.

    Raises:
        CorpusError: missing, empty, not UTF-8, or a line that is no row; names file and line.
    """
    cells = _read_cells(path, "标签、制表符、文本，标签是 0 或 1")
    for label, _, line in cells:
        if label not in _LABELS:
            raise CorpusError(path, line, f"标签是“{label}”；须是 0（不冒犯）或 1（冒犯）")
    return [(_LABELS[label], text) for label, text, _ in cells]


def read_lookalikes(path: Path) -> list[str]:
    """Read one utterance a line.

    Raises:
        CorpusError: missing, empty or not UTF-8.
    """
    found = [item.utterances[0] for item in read_texts(path)]
    return [text for text in found if not text.startswith("#")]


def read_evasions(path: Path) -> dict[str, list[str]]:
    """Read category -> texts.

    Raises:
        CorpusError: missing, empty, not UTF-8, or a line that is no row; names file and line.
    """
    found: dict[str, list[str]] = {}
    for category, text, _ in _read_cells(path, "类别、制表符、文本"):
        found.setdefault(category, []).append(text)
    return found


def _read_cells(path: Path, form: str) -> list[tuple[str, str, int]]:
    """Return (first cell, second cell, line) of each row that is no comment."""
    found = []
    for item in read_texts(path):
        (row,) = item.utterances
        first, _, text = row.partition("\t")
        if row.startswith("#"):
            continue
        if not text.strip():
            raise CorpusError(path, item.line, f"这一行须是“{form}”；请改正")
        found.append((first.strip(), text.strip(), item.line))
    if not found:
        raise CorpusError(path, None, f"里面没有内容；请一行写一条“{form}”")
    return found
